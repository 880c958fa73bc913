"""From what each judge of a panel said to one mark, with what they said kept for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median
from typing import NamedTuple

from weighbridge.weigh.scorers import Mark
from weighbridge.weigh.scorers.judge import Combine

LONGEST_REASON = 400


class Heard(NamedTuple):
    """What one judge made of one answer."""

    judge: str
    value: float | None
    """0 to 1; None where no reply of it could be used."""
    said: str
    """`7`, or `A then tie`: in its own terms; else why there is nothing."""
    reason: str = ""


class NoQuorum(NamedTuple):
    """Half of the panel or more said nothing that can be used."""

    said: str


def combined(heard: Sequence[Heard], combine: Combine, *, graded: bool) -> Mark | NoQuorum:
    """One mark of a panel of which more than half has ruled."""
    values = [one.value for one in heard if one.value is not None]
    if 2 * len(values) <= len(heard):
        silent = [f"{one.judge}: {one.said}" for one in heard if one.value is None]
        return NoQuorum("; ".join(silent))
    score = _majority(values, graded=graded) if combine == "majority" else median(values)
    if combine == "mean":
        score = fmean(values)
    return Mark(min(max(score, 0.0), 1.0), "; ".join(_noted(one) for one in heard))


def _majority(values: Sequence[float], *, graded: bool) -> float:
    """The value most judges gave; of pairs, the side most are on. Where none has most, the middle of them."""
    votes = list(values) if graded else [0.0 if value < 0.5 else 1.0 if value > 0.5 else 0.5 for value in values]
    (first, count), *rest = Counter(votes).most_common()
    return median(votes) if rest and rest[0][1] == count else first


def _noted(one: Heard) -> str:
    reason = " ".join(one.reason.split())
    cut = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"
    return f"{one.judge}: {one.said}" + (f" ({cut})" if cut else "")
