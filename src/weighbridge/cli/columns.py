"""Text in columns for a terminal: wrapped within the width, wide characters counted as two."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata
from collections.abc import Sequence

GAP = "  "
NARROWEST = 12


def terminal_width() -> int:
    """Columns to write in: the terminal's or COLUMNS, 100 where neither is known, never under 40."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def known_width() -> int | None:
    """Width of a terminal that is there, or of COLUMNS; None where output goes to a file or another program."""
    return shutil.get_terminal_size((0, 0)).columns or None


def visible(text: str) -> str:
    """The text with what cannot be seen written out, so that it cannot move the cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def width_of(text: str) -> int:
    """Columns a text takes."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def in_columns(rows: Sequence[Sequence[str]], *, width: int | None = None, wrap: bool = True) -> str:
    """Rows of equally many cells, as wide as they need; the widest give way where there is no room."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(width_of(row[place]) for row in cells) for place in range(len(cells[0]))]
    room = (width or terminal_width()) - len(GAP) * (len(widths) - 1)
    while wrap and sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return "\n".join(line for row in cells for line in _lines(row, widths))


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row as lines, each cell wrapped in its column."""
    parts = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts))):
        texts = [part[number] if number < len(part) else "" for part in parts]
        padded = [text + " " * (width - width_of(text)) for text, width in zip(texts, widths, strict=True)]
        lines.append(GAP.join(padded).rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
