"""Makes text from files safe to show: in a terminal, and in Markdown."""

from __future__ import annotations

import re
import unicodedata

# Control characters can move a terminal's cursor or recolour it; format characters turn text around.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#!~])")


def visible(text: str) -> str:
    """Every character that would not be seen as itself is written as its code point."""
    if text.isprintable():  # then none is of those kinds, and a table of 100,000 rows is written in seconds
        return text
    return "".join(
        f"\\x{ord(c):02x}" if unicodedata.category(c) in _HIDDEN and ord(c) < 256
        else f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN
        else c
        for c in text
    )  # fmt: skip


def markdown(text: str) -> str:
    """Visible text in which nothing is markup or HTML."""
    return _MARKDOWN.sub(r"\\\1", visible(text).replace("&", "&amp;"))
