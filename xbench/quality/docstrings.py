"""275 pairs of real text out of the docstrings of Python's standard library.

The first paragraph of a docstring is the query, the rest of it the document. Nothing is imported or run: the
sources are parsed. The pairs differ a little between Python versions, so the record holds their digest.
"""

from __future__ import annotations

import ast
import hashlib
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

PAIRS = 275
# A query has to say something, and a document has to be more than a signature.
_QUERY_CHARACTERS = (20, 200)
_DOCUMENT_CHARACTERS = (100, 2000)


@dataclass(frozen=True, slots=True)
class TextPairs:
    """Queries and documents; the i-th query belongs to the i-th document. `sha256` is of all that text.

    `unscored` are other texts of the same kind, queries and documents in turn, none of which is among the pairs.
    `modules` are the names of the files that the pairs are from.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    sha256: str
    unscored: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


def docstring_pairs() -> TextPairs:
    """The pairs, in an order that does not depend on the file system. Raises InputError without the sources."""
    library = Path(sysconfig.get_path("stdlib"))
    found: dict[str, str] = {}
    modules: dict[str, str] = {}
    for file in sorted(library.glob("*.py")):
        for query, document in _pairs_of(file):
            found.setdefault(query, document)
            modules.setdefault(query, file.stem)
    if len(found) < PAIRS:
        raise InputError(
            f"The docstrings dataset needs {PAIRS} pairs",
            f"the standard library of this Python has sources for {len(found)}",
            "use a Python that was installed with its sources",
        )
    # By digest: a choice that is spread over the whole library, and the same at each run.
    ordered = sorted(found, key=lambda query: hashlib.sha256(query.encode()).digest())
    chosen = ordered[:PAIRS]
    text = "\0".join(f"{query}\0{found[query]}" for query in chosen)
    scored = {*chosen, *(found[query] for query in chosen)}
    others = (text for query in ordered[PAIRS:] for text in (query, found[query]))
    return TextPairs(
        queries=tuple(chosen),
        documents=tuple(found[query] for query in chosen),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        unscored=tuple(dict.fromkeys(one for one in others if one not in scored)),
        modules=tuple(modules[query] for query in chosen),
    )


def _pairs_of(file: Path) -> Iterator[tuple[str, str]]:
    tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(node) or ""
            query, _, document = text.partition("\n\n")
            query, document = " ".join(query.split()), " ".join(document.split())
            if _within(query, _QUERY_CHARACTERS) and _within(document, _DOCUMENT_CHARACTERS):
                yield query, document


def _within(text: str, bounds: tuple[int, int]) -> bool:
    return bounds[0] <= len(text) <= bounds[1]
