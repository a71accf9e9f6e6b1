"""What the suite that a search for widths writes says of them."""

from __future__ import annotations

from collections.abc import Mapping


def widths_of(widths: Mapping[str, int], dense: Mapping[str, int]) -> dict[str, int]:
    """The widths that say something: those of groups that lose units."""
    return {name: width for name, width in widths.items() if width < dense[name]}
