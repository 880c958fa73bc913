"""How far an audit is, on a terminal: one line on standard error that is gone when it is done."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

from weighbridge.units import format_bytes

EVERY_S = 0.2
PATIENCE_S = 1.0
"""An audit that is done by then shows nothing."""


class AuditBar:
    """Hears of bytes hashed and files looked into, from any thread."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._next = self._begun + PATIENCE_S
        self._bytes = self._files = 0
        self._shown = False
        self._lock = threading.Lock()
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            _write("")

    def hashed(self, count: int) -> None:
        with self._lock:
            self._bytes += count
            self._show("hashing")

    def looked(self, name: str) -> None:
        with self._lock:
            self._files += 1
            self._show(name)

    def _show(self, what: str) -> None:
        now = time.monotonic()
        if not self._is_terminal or now < self._next:
            return
        self._next, self._shown = now + EVERY_S, True
        seconds = now - self._begun
        line = f"{format_bytes(self._bytes)} hashed, {self._files:,} files looked into, {seconds:.0f} s: {what}"
        plain = "".join(letter for letter in line if letter.isprintable())[:100]
        _write(plain)


def _write(line: str) -> None:
    """In place of what the line held."""
    sys.stderr.write(f"\r\033[K{line}")
    sys.stderr.flush()
