"""What a comparison takes: a rule that makes sense, candidates it speaks of, scores that are scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from weighbridge.errors import InputError

from .arrays import Floats
from .draws import Draws
from .records import Rule


def check_contest(names: Sequence[str], rule: Rule, total: int) -> None:
    """Raise InputError for fewer than two names, names said twice, or a rule that does not fit them."""
    if len(names) < 2 or len(set(names)) != len(names):
        raise InputError(
            f"a comparison needs at least two candidates with different names, got {list(names)}",
            next_move="Name two candidates or more, each once.",
        )
    if total < 0:
        raise InputError(f"the number of items cannot be {total}")
    check_rule(rule, names)


def check_scores(scores: Sequence[float], names: Sequence[str], drawn: int) -> Floats:
    """(k,) scores of one item, NaN where there is none; drawn: items before it, for the error."""
    if len(scores) != len(names):
        raise InputError(f"expected {len(names)} scores, one per candidate, got {len(scores)}")
    x = np.array(scores, dtype=np.float64)
    if not ((x >= 0.0) & (x <= 1.0)).all():
        for name, value in zip(names, x.tolist(), strict=True):
            if not (0.0 <= value <= 1.0 or math.isnan(value)):
                raise InputError(
                    f"score {value!r} of candidate {name!r} is not in [0, 1]",
                    where=f"item {drawn + 1} in drawn order",
                    next_move="Scale scores to [0, 1]; leave a failed sample out (NaN).",
                )
    return x


def check_rule(rule: Rule, names: Sequence[str] = ()) -> None:
    """Raise InputError for numbers that make no sense, or a goal that lacks what it needs.

    names: the candidates; where none are given, the baseline's name is not looked up.
    """
    if not 0.0 < rule.alpha < 1.0:
        raise InputError(f"alpha must lie between 0 and 1, got {rule.alpha!r}", where="weigh.alpha")
    if not 0.0 <= rule.margin < 1.0:
        raise InputError(f"margin must be at least 0 and below 1, got {rule.margin!r}", where="weigh.margin")
    if rule.min_items < 0:
        raise InputError(f"min_items must be at least 0, got {rule.min_items!r}", where="weigh.min_items")
    if rule.goal == "near-best":
        _check_near_best(rule)
    if rule.goal == "not-worse":
        _check_not_worse(rule, names)
    elif rule.baseline is not None:
        raise InputError(
            f"a baseline ({rule.baseline!r}) is only for the goal `not-worse`, and the goal is {rule.goal!r}",
            where="weigh.baseline",
            next_move='Add `goal = "not-worse"`, or drop the baseline.',
        )


def _check_near_best(rule: Rule) -> None:
    if not 0.0 < rule.regret < 1.0:
        raise InputError(
            f"the goal `near-best` needs a regret above 0 and below 1, got {rule.regret!r}",
            where="weigh.regret",
            next_move="0.01 is one point of the score.",
        )
    if rule.margin:
        raise InputError(
            f"the goal `near-best` knows no ties, so a margin ({rule.margin:g}) has no meaning",
            where="weigh.margin",
            next_move="Say with `regret` how far from the best the chosen one may be.",
        )


def _check_not_worse(rule: Rule, names: Sequence[str]) -> None:
    if not rule.margin:
        raise InputError(
            "the goal `not-worse` needs a margin: how much worse than the baseline is still good enough",
            where="weigh.margin",
            next_move="0.02 allows two points of the score.",
        )
    if names and rule.baseline not in names:
        folded = {name.lower(): name for name in names}
        close = get_close_matches((rule.baseline or "").lower(), folded, n=1)
        hint = f"Did you mean {folded[close[0]]!r}? " if close else ""
        raise InputError(
            "the goal `not-worse` needs a baseline"
            + ("" if rule.baseline is None else f", and {rule.baseline!r} is no candidate"),
            where="weigh.baseline",
            next_move=f"{hint}It must be one of: {', '.join(names)}.",
        )


def check_draws(rule: Rule, draws: Draws | None, total: int) -> None:
    """Raise InputError where weighted draws do not fit the comparison."""
    if draws is None:
        return
    if rule.goal == "near-best":
        raise InputError(
            "the goal `near-best` is a forecast that was measured on random order, and no other is known to suit it",
            where="weigh.order",
            next_move='Leave the order random, or ask for a goal that guarantees something: goal = "better".',
        )
    if total != (draws.total if rule.scope == "items" else len(draws.weight)):
        raise InputError(f"the draws are of {len(draws.weight)} items, and {total} were announced")


def check_room(drawn: int, total: int) -> None:
    """Raise InputError where all items were drawn."""
    if drawn >= total:
        raise InputError(f"all {total} items were already added", next_move="Give the true number of items.")
