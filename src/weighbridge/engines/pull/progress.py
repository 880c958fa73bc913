"""How a pull says what it is doing; the command line draws it, everybody else stays silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    def at(self, done: int, total: int | None = None) -> None:
        """`done` bytes of `total` (None: as before, perhaps unknown)."""
        ...


class Progress(Protocol):
    """Called from whichever thread is at work."""

    def note(self, text: str) -> None:
        """One line worth reading."""
        ...

    def bar(self, label: str, total: int | None) -> AbstractContextManager[Bar]:
        """A transfer that begins here and ends with the block."""
        ...


class _SilentBar:
    def at(self, done: int, total: int | None = None) -> None:
        """Nobody is looking."""


class Silent:
    def note(self, text: str) -> None:
        """Nobody is listening."""

    @contextmanager
    def bar(self, label: str, total: int | None) -> Iterator[Bar]:
        yield _SilentBar()
