"""Tables of plain text that line up although a Korean letter is two columns wide.

This room changes when the look of tables changes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def columns(text: str) -> int:
    """How many columns of a terminal the text takes.

    >>> columns("KRX"), columns("삼성전자")
    (3, 8)
    """
    return sum(0 if unicodedata.combining(each) else 2 if _is_wide(each) else 1 for each in text)


def cell(text: str, width: int, align: str = "<") -> str:
    """The text cut and padded to exactly ``width`` columns; ``align`` is ``<`` or ``>``.

    >>> cell("삼성전자", 10) + "|"
    '삼성전자  |'
    """
    while columns(text) > width:
        text = text[:-1]
    padding = " " * (width - columns(text))
    return padding + text if align == ">" else text + padding


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], aligns: str) -> str:
    """The rows under their titles; ``aligns`` has ``<`` or ``>`` for each column."""
    body = [list(row) for row in rows]
    widths = [max(columns(row[at]) for row in [list(titles), *body]) for at in range(len(titles))]
    lines = [list(titles), ["-" * width for width in widths], *body]
    return "\n".join(
        "  ".join(
            cell(text, width, align) for text, width, align in zip(line, widths, aligns, strict=True)
        ).rstrip()
        for line in lines
    )


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"
