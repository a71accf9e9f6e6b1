"""The little language in which a suite tells a slice: `len(text) > 200 and language in ['de', 'fr']`.

It looks like Python and is parsed by Python's own parser, but is never run by Python: what is not on the list of what
is taken is refused, and the rest is computed here, for many examples at once. Whatever is asked of a missing value is
false.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows
from . import values
from .asking import require_columns
from .values import Value

MAX_LENGTH = 1000
MAX_DEPTH = 30
"""Of the tree that Python's parser makes: what is computed here is computed branch by branch."""

_ALLOWED = (
    "taken are columns, constants, and, or, not, == != < <= > >=, in, not in, + - * / %, len(), lower(), missing(), "
    "column('NAME'), COLUMN.startswith('...') and COLUMN.endswith('...')"
)
_SIGNS: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition on examples. `columns` are those that it looks at."""

    text: str
    columns: tuple[str, ...]
    tree: ast.expr

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """For which of these examples it holds, (examples,).

        Raises InputError for a column that is not there, and for values of another kind than it asks for.
        """
        require_columns(self.columns, tuple(rows), f"of the slice {self.text!r}")
        return _Evaluation(rows, len(rows[self.columns[0]])).truth(self.tree)


def parse(text: str) -> Expression:
    """Read an expression. Raises InputError that says what is not taken, and what is."""
    if len(text) > MAX_LENGTH:
        raise InputError(f"A slice's expression has {len(text):,} characters", f"{MAX_LENGTH:,} are taken")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"The slice's expression {text!r} cannot be read", reason, _ALLOWED) from error
    _require_shallow(tree, text)
    columns: list[str] = []
    _check(tree, columns, text)
    if not columns:
        raise InputError(f"The slice's expression {text!r} names no column", "", _ALLOWED)
    return Expression(text, tuple(dict.fromkeys(columns)), tree)


def _require_shallow(tree: ast.expr, text: str) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise InputError(
            f"The slice's expression {text[:80]!r} is nested too deeply", f"{MAX_DEPTH} levels are taken"
        )


def _check(node: ast.expr, columns: list[str], text: str) -> None:
    """Raises InputError for what is not on the list; notes the columns."""
    name = _column_of(node)
    if name is not None:
        columns.append(name)
        return
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.BoolOp(values=parts):
            children = parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            children = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            children = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _SIGNS for op in ops):
            children = [left, *(other for op, other in zip(ops, others, strict=True) if not _listed(op, other))]
        case ast.Call(func=ast.Name(id="len" | "lower" | "missing"), args=[argument], keywords=[]):
            children = [argument]
        case ast.Call(
            func=ast.Attribute(value=owner, attr="startswith" | "endswith"),
            args=[ast.Constant(value=str())],
            keywords=[],
        ):
            children = [owner]
        case _:
            _refuse(node, text)
    for child in children:
        _check(child, columns, text)


def _refuse(node: ast.expr, text: str) -> NoReturn:
    found = ast.unparse(node)[:100]
    hint = (
        "" if not isinstance(node, ast.Constant) else "; a gap is found by missing(COLUMN)" if found == "None" else ""
    )
    raise InputError(f"The slice's expression {text!r} cannot be used", f"{found!r} is not taken{hint}", _ALLOWED)


def _column_of(node: ast.expr) -> str | None:
    """The name of a column: bare, or `column('a name that Python does not take')`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str() as name)], keywords=[]):
            return name
    return None


def _listed(op: ast.cmpop, other: ast.expr) -> bool:
    """Whether `other` is a list of constants, behind `in`."""
    return (
        isinstance(op, ast.In | ast.NotIn)
        and isinstance(other, ast.List | ast.Tuple | ast.Set)
        and all(_constant(item) is not None for item in other.elts)
    )


def _constant(node: ast.expr) -> bool | int | float | str | None:
    """A number, text or truth value; a number may have a minus before it. None for all else."""
    match node:
        case ast.Constant(value=(bool() | int() | float() | str()) as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as value)):
            return -value
    return None


class _Evaluation:
    """Computes a checked tree for some examples."""

    def __init__(self, rows: Rows, count: int) -> None:
        self._rows = rows
        self._count = count

    def truth(self, node: ast.expr) -> NDArray[np.bool_]:
        """A condition. Raises InputError for a number or a text in its place."""
        value = self._value(node)
        if value.kind not in ("truth", "nothing"):
            raise values.unfit(f"{ast.unparse(node)[:80]!r} as a condition", "compare it with something")
        return value.data.astype(np.bool_) & value.there

    def _value(self, node: ast.expr) -> Value:
        name = _column_of(node)
        if name is not None:
            return values.of_column(self._rows[name])
        match node:
            case ast.Constant(value=(bool() | int() | float() | str()) as constant):
                return values.of_constant(constant, self._count)
            case ast.BoolOp(op=op, values=parts):
                together = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return self._sure(together.reduce([self.truth(part) for part in parts]))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._sure(~self.truth(operand))
            case ast.UnaryOp(operand=operand):
                return values.calculated("-", values.of_constant(0, self._count), self._value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return values.calculated(_SIGNS[type(op)], self._value(left), self._value(right))
            case ast.Compare():
                return self._sure(self._comparison(node))
            case ast.Call():
                return self._called(node)
        raise AssertionError(ast.dump(node))

    def _comparison(self, node: ast.Compare) -> NDArray[np.bool_]:
        """`a < b < c` holds where both do."""
        found = np.ones(self._count, dtype=np.bool_)
        left = self._value(node.left)
        for op, other in zip(node.ops, node.comparators, strict=True):
            sign = _SIGNS[type(op)]
            if isinstance(other, ast.List | ast.Tuple | ast.Set):
                found &= self._among(left, other, sign == "not in")
                continue
            right = self._value(other)
            if sign in ("in", "not in"):
                lies = values.contained(left, right)
                found &= (~lies & left.there & right.there) if sign == "not in" else lies
            else:
                found &= values.compared(sign, left, right)
            left = right
        return found

    def _among(self, left: Value, listed: ast.List | ast.Tuple | ast.Set, negated: bool) -> NDArray[np.bool_]:
        found = np.zeros(self._count, dtype=np.bool_)
        for item in listed.elts:
            constant = _constant(item)
            if constant is not None:
                found |= values.compared("==", left, values.of_constant(constant, self._count))
        return ~found & left.there if negated else found

    def _called(self, node: ast.Call) -> Value:
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=[ast.Constant(value=str() as part)]):
                return values.begun(self._value(owner), method, part)
            case ast.Call(func=ast.Name(id="missing"), args=[argument]):
                return self._sure(~self._value(argument).there)
            case ast.Call(func=ast.Name(id="lower"), args=[argument]):
                return values.lowered(self._value(argument))
        return values.lengths(self._value(node.args[0]))

    def _sure(self, data: Any) -> Value:
        return Value("truth", np.asarray(data, dtype=np.bool_), np.ones(self._count, dtype=np.bool_))
