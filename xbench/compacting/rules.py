"""Which rule goes with which operator."""

from __future__ import annotations

import onnx

from ..onnxfile.walk import STANDARD_DOMAINS
from . import rules_axes, rules_elementwise, rules_layout, rules_products
from .rules_elementwise import Rule

_STANDARD = {**rules_elementwise.RULES, **rules_products.RULES, **rules_axes.RULES, **rules_layout.RULES}


def rule_of(node: onnx.NodeProto) -> Rule | None:
    """The rule of a node's operator; None where it is not understood."""
    if node.domain in STANDARD_DOMAINS:
        return _STANDARD.get(node.op_type)
    return rules_elementwise.MICROSOFT.get(node.op_type) if node.domain == "com.microsoft" else None
