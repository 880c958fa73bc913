"""From what a log holds to a score in [0, 1]: never by guessing, and never by cutting off."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from weighbridge.errors import InputError, UsageError

WORDS: Mapping[str, float] = {
    "c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0,
    "correct": 1.0, "incorrect": 0.0, "partial": 0.5, "noanswer": 0.0,
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "pass": 1.0, "fail": 0.0, "passed": 1.0, "failed": 0.0,
}  # fmt: skip
"""Inspect's letters and the words it and others write for right and wrong; N, no answer, is 0 as Inspect counts it."""
NOTHING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})
"""A cell that holds no score."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SCALE = re.compile(r"\s*(\S+?)\s*\.\.\s*(\S+)\s*")
SLACK = 1e-9
"""Of the scale: what rounding may add to a mean of ones."""


class Scale(msgspec.Struct, frozen=True):
    """Which value is worst and which is best; best may be the smaller one."""

    worst: float = 0.0
    best: float = 1.0

    @property
    def given(self) -> bool:
        return (self.worst, self.best) != (0.0, 1.0)

    def __str__(self) -> str:
        return f"{self.worst:g}..{self.best:g}"


def read_scale(text: str) -> Scale:
    """`1..10`, or `100..0` where less is better. Raises UsageError."""
    match = SCALE.fullmatch(text)
    ends = [float(end) if NUMBER.fullmatch(end) else math.nan for end in match.groups()] if match else [math.nan]
    if len(ends) != 2 or not all(map(math.isfinite, ends)) or ends[0] == ends[1]:
        raise UsageError(
            f"a scale is WORST..BEST with two different numbers, got {text!r}",
            next_move="`--scale 1..10` for marks from 1 to 10; `--scale 100..0` where less is better.",
        )
    return Scale(*ends)


def number_of(value: object) -> float | str | None:
    """A raw score as a number; None where there is none; the value as text where it is no score."""
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return str(value)[:40]
        return None if math.isnan(number) else number
    if isinstance(value, str):
        text = value.strip()
        folded = text.casefold()
        if folded in NOTHING:
            return None
        if NUMBER.fullmatch(text):
            return float(text)
        return WORDS.get(folded, text[:40])
    return str(value)[:40]


def on_scale(value: object, scale: Scale) -> bool:
    """Whether a value is a score, or none at all."""
    number = number_of(value)
    if number is None or _is_word(value):
        return True
    if isinstance(number, str):
        return False
    share = (number - scale.worst) / (scale.best - scale.worst)
    return -SLACK <= share <= 1.0 + SLACK


def scored(value: object, scale: Scale, where: str, metric: str) -> float | None:
    """A score in [0, 1], None where the log has none. Raises InputError for what is no score or off the scale."""
    number = number_of(value)
    if number is None:
        return None
    if isinstance(number, float) and _is_word(value):
        return number
    if isinstance(number, str):
        raise InputError(
            f"{metric!r} holds {number!r}, which is no score",
            where=where,
            next_move="A score is a number, true or false, or one of C, I, P, N. --metric takes another one.",
        )
    share = (number - scale.worst) / (scale.best - scale.worst)
    if -SLACK <= share <= 1.0 + SLACK:
        return min(max(share, 0.0), 1.0)
    known = "is not on the scale " + str(scale) if scale.given else "is not from 0 to 1"
    raise InputError(
        f"the score {number:g} of {metric!r} {known}",
        where=where,
        next_move="Name the worst and the best score there can be, such as --scale 1..10; or take another metric: "
        "--metric NAME. A column that holds no scores is left out by naming the candidates: --candidates A,B.",
    )


def _is_word(value: object) -> bool:
    """Right and wrong are 1 and 0 whatever the scale of numbers beside them."""
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().casefold() in WORDS)
