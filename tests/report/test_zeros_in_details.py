"""What `xbench report --details` tells of the zeros that were followed."""

from __future__ import annotations

from records_by_hand import comparison, group, record, variant

from xbench.records.audit import OptimisedAudit
from xbench.report.markdown import render


def test_the_table_of_zeros_and_what_could_not_be_followed():
    optimised = {
        "dense": OptimisedAudit(note="no weight of the file holds a zero"),
        "pruned": OptimisedAudit(weights=3, followed=2, file_zeros=900, zeros=600, unfollowed=("fc (MatMul): gone",)),
    }
    text = render(record(groups=(group([comparison()], optimised=optimised),)), details=True)
    table = text.partition("### Zeros in the optimised graph")[2].partition("\n### ")[0]
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in table.splitlines()
        if line.startswith("|")
    }
    assert rows["dense"] == ["0", "-", "0", "-", "no weight of the file holds a zero"]
    assert rows["pruned"] == ["3", "2", "900", "600", "fc (MatMul): gone"]
    assert "Zeros in the optimised graph" not in render(record(), details=True), "older records have none"


def test_what_was_seen_when_a_file_was_made():
    made = variant("pruned", zeros=500)
    audit = made.artifact.audit.model_copy(update={"missing_modules": ("pooler",)})
    file = made.artifact.model_copy(update={"audit": audit, "notes": ("fc is multiplied by its mask",)})
    shown = record(variants=(variant("dense", baseline=True), made.model_copy(update={"artifact": file})))
    text = render(shown, details=True)
    assert "pruned: fc is multiplied by its mask" in text
    assert "pruned: not in the file as weights of their own: pooler" in text
