"""What every scorer is: a pure function of an answer's text and an item's fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from weighbridge.chat import Choice
from weighbridge.errors import InputError


class Mark(NamedTuple):
    """A score in [0, 1], and what the scorer saw, for people."""

    score: float
    note: str = ""


class Scorer(Protocol):
    """Grades one answer. Has no state that changes, reads no clock and no file."""

    needs_reference: bool
    """Whether `[[score]] reference` must name a field."""

    def fault(self, reference: Any) -> str | None:
        """What is wrong with a reference value, before any model is asked; None if it can be used."""
        ...

    def mark(self, text: str, reference: Any) -> Mark:
        """Grade an answer whose reasoning was taken out. `reference` has no fault, or is None without one."""
        ...


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[score.options]` of a scorer that has none."""


class BadOption(ValueError):
    """An option that cannot be used; `option` is its name, None where the scorer as a whole is meant."""

    def __init__(self, option: str | None, what: str, next_move: str | None = None) -> None:
        super().__init__(what)
        self.option = option
        self.next_move = next_move


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scorer may know about its task."""

    choice: Choice | None = None
    """The choice it looks at."""
    several: bool = False
    """Whether the answer holds several choices, as a JSON object or as lines with leads."""
    schema: Mapping[str, Any] | None = field(default=None)
    """`[answer] schema`."""
    question: str | None = None
    """`[prompt] user`, for a scorer that shows what was asked."""


def in_range(mark: Mark, name: str) -> Mark:
    """The mark itself, its score a float in [0, 1]. Raises InputError for anything else: a score that is no number
    must not reach a mean."""
    score = mark.score
    if isinstance(score, (int, float)) and math.isfinite(score) and 0 <= score <= 1:
        return Mark(float(score), mark.note)
    raise InputError(
        f"scorer {name!r} gave {score!r}; a score is a number from 0 to 1",
        where=f"task.toml: score {name}",
        next_move="The sample counts as failed; please report this scorer.",
    )


def accepted(reference: Any) -> list[Any]:
    """All values that count as right: a list offers several."""
    return reference if isinstance(reference, list) else [reference]


def shown(text: str, most: int = 60) -> str:
    """A text in quotes on one line, cut for a note."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= most else f'"{line[:most]}..."'
