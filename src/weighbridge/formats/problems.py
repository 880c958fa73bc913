"""A mistake in a file the user wrote: where it is, what it is and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import msgspec

from weighbridge.errors import InputError

MOST_PROBLEMS = 100
"""A check lists at most this many; a file with more has one mistake many times."""
MOST_TOLD = 20
"""In one error."""


class Problem(msgspec.Struct, frozen=True):
    """One mistake. `line` counts from 1 and is None where the whole file is meant; `field` is a path like
    `candidate[0].prompt.user`, or an item's field."""

    file: str
    line: int | None
    field: str | None
    what: str
    next_move: str | None = None

    @property
    def where(self) -> str:
        """`items.jsonl:17: text`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return place if self.field is None else f"{place}: {self.field}"

    def __str__(self) -> str:
        """Place and mistake on one line, the next move on one of its own."""
        first = f"{self.where}: {self.what}"
        return first if self.next_move is None else f"{first}\n  {self.next_move}"

    def error(self) -> InputError:
        """The same to be raised."""
        return InputError(self.what, where=self.where, next_move=self.next_move)


class Problems:
    """Collects mistakes; made with `first_raises`, the first one is raised instead."""

    def __init__(self, *, first_raises: bool = False) -> None:
        self.found: list[Problem] = []
        """Each once, at most MOST_PROBLEMS."""
        self.count = 0
        """How often something was found wrong; grows even where `found` does not."""
        self._first_raises = first_raises

    @property
    def full(self) -> bool:
        """Whether looking for more is of no use."""
        return len(self.found) >= MOST_PROBLEMS

    def add(self, problem: Problem) -> None:
        """Keep a mistake, or raise it as InputError where the first one ends the check."""
        if self._first_raises:
            raise problem.error()
        self.count += 1
        if not self.full and problem not in self.found:
            self.found.append(problem)

    def error(self) -> InputError:
        """All that was found, as one error: the first line of the file first."""
        first, *others = sorted(self.found, key=lambda problem: problem.line or 0)
        error = first.error()
        also = [str(problem).replace("\n", "\n  ") for problem in others[: MOST_TOLD - 1]]
        if self.count > MOST_TOLD:
            also.append(f"There is more to mend; these are the first {MOST_TOLD}.")
        error.next_move = "\n  ".join(part for part in (error.next_move, *also) if part)
        return error


def nearest(word: str, known: Iterable[str]) -> str | None:
    """`Did you mean 'deepseek'?`; None where nothing is near: a list of hundreds would help nobody."""
    name = _near({str(name).casefold(): str(name) for name in known}, word)
    return None if name is None else f"Did you mean {name!r}?"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`Did you mean 'text'? Known: id, label, text.`; None where nothing is known."""
    names = sorted({str(name) for name in known})
    if not names:
        return None
    shown = ", ".join(name[:80] for name in names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    name = _near({name.casefold(): name for name in names}, word)
    return f"Did you mean {name!r}? Known: {shown}." if name is not None else f"Known: {shown}."


def _near(by_folded: Mapping[str, str], word: str) -> str | None:
    """The name most like the word; a hostile file's endless words and lists take no longer than others."""
    close = get_close_matches(word[:100].casefold(), list(by_folded)[:1000], n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
