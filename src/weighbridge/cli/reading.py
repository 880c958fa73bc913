"""How far the reading of recorded results is: one line on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO


class ReadingLine:
    """A line that is written over and cleared at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("")

    def reading(self, name: str, samples: int) -> None:
        self._say(f"reading {name}: {samples:,} answers")

    def weighing(self, items: int, total: int) -> None:
        self._say(f"weighing: {items:,} of {total:,} items")

    def _say(self, text: str) -> None:
        if not self._shown:
            return
        line = "".join(letter if letter.isprintable() else "?" for letter in text)[:100]
        self._stream.write("\r" + line.ljust(self._width) + ("\r" if not line else ""))
        self._stream.flush()
        self._width = len(line)
