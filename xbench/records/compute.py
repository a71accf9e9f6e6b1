"""What one inference must compute and fetch: the ground on which an ideal speedup stands."""

from __future__ import annotations

from .base import Record


class ComputeCost(Record):
    """One inference at known shapes.

    `macs` counts multiply-accumulates of matrix products and convolutions. In `effective_macs` each node
    counts by the share of its weights that are not zero; a node without weights counts in full.
    `weight_bytes` is the size, as stored, of the weights of the counted nodes, each once. `uncounted`
    names every node whose work is not in these figures, and why: unless it is empty, they are too low.
    """

    macs: int
    effective_macs: int
    weight_bytes: int
    uncounted: tuple[str, ...] = ()

    def ideal_speedup(self, candidate: ComputeCost) -> tuple[float | None, str]:
        """(how many times less the candidate computes if every zero were free, "") or (None, the reason)."""
        for cost, which in ((self, "baseline"), (candidate, "candidate")):
            if cost.uncounted:
                more = f" and {len(cost.uncounted) - 1} more" if len(cost.uncounted) > 1 else ""
                return None, f"the {which}'s work is not fully counted: {cost.uncounted[0]}{more}"
        if not self.effective_macs or not candidate.effective_macs:
            return None, "there are no matrix products or convolutions left to compare"
        return self.effective_macs / candidate.effective_macs, ""
