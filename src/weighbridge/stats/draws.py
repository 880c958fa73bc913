"""Drawing units (items, or clusters of them) with unequal chances, so that those that tell most come up more often.

A unit on which the candidates will most likely score alike tells little and costs as much as any other. Where earlier
scores say how likely a difference is, units are drawn accordingly, and each score counts by one over the chance it had,
so that the claim stays about all of them. No chance is ever zero. Two schemes, one for each scope:

    work    units come in random order, and each is asked with a chance of its own, tossed once; else it is passed
            over. A score s that was asked with chance c counts as s / c, one that was passed over as 0: on average the
            score of a unit drawn from the work, whatever the chances are.
    items   the set is drawn without replacement, each time in proportion to the weights of those left. A drawn unit
            counts (mean weight of those left) / (its weight): on average the mean of those left, whatever the weights.

Where chances were foolish each count is still right on average; the test is slower. Chances go by the square root of
the predicted squared difference, which makes the variance of the weighted sum least (Neyman 1934).

Sources: Horvitz and Thompson (1952), A generalization of sampling without replacement from a finite universe; Shekhar,
Xu, Lipton, Liang and Ramdas (2023), Risk-limiting financial audits via weighted sampling without replacement; Zrnic and
Candes (2024), Active statistical inference; Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .arrays import Floats

LEAST_CHANCE = 0.6
"""Scope `work`: the smallest chance to be asked, and so the largest count is 1.67."""
SURE = 1.3
"""Scope `work`: a unit is asked for certain where its prediction is so many times the mean of those before it."""
LIGHTEST, HEAVIEST = 0.6, 1.5
"""Scope `items`: the weight of a unit, over the mean, lies between these."""
Order = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draws:
    """What each drawn unit stands for, in drawn order. Everything about a draw but its `weight` is known before it."""

    weight: Floats
    """(n,) how many times its scores count; 1 on average."""
    most: Floats
    """(n,) the largest weight that could have come up."""
    clock: Floats
    """(n + 1,) share of all the evidence expected that came before: 0 at first, 1 at the end."""
    passed: Floats
    """(n,) units passed over, unasked, since the draw before; 0 in scope `items`."""
    total: int
    """Units there are."""

    def first(self, draws: int) -> Draws:
        """Only so many of them."""
        return Draws(self.weight[:draws], self.most[:draws], self.clock[: draws + 1], self.passed[:draws], self.total)


def effective(weight: Floats) -> float:
    """The number of equal draws that would tell as much about the mean of any score (Kish 1965)."""
    return float(weight.sum() ** 2 / np.square(weight).sum()) if len(weight) else 0.0


def thin(discordance: Floats, coins: Floats) -> tuple[Order, Draws]:
    """Scope `work`: which of the units that come one after the other are asked, and what each counts.

    discordance: (n,) predicted mean squared difference of two candidates, of units in random order; coins: (n,) from
    [0, 1). A chance depends on the units up to it and on no later one: the next is then still a draw from the work.
    """
    total = len(discordance)
    chance = chances(discordance)
    asked = np.flatnonzero(coins < chance)
    clock = np.append(asked / max(total, 1), 1.0)
    passed = np.diff(asked, prepend=-1) - 1.0
    most = np.full(len(asked), 1.0 / LEAST_CHANCE)
    return asked, Draws(1.0 / chance[asked], most, clock, passed, total)


def chances(discordance: Floats) -> Floats:
    """(n,) chance of each to be asked, in the order they come."""
    telling = np.sqrt(discordance)
    before = np.concatenate([[0.0], telling.cumsum()[:-1]])[: len(telling)]
    mean = before / np.maximum(np.arange(len(telling)), 1)
    share = np.divide(telling, SURE * mean, out=np.ones(len(telling)), where=mean > 0)
    return np.clip(share, LEAST_CHANCE, 1.0)


def by_weight(discordance: Floats, uniform: Floats) -> tuple[Order, Draws]:
    """Scope `items`: the order in which a finite set is drawn, and what each unit counts. uniform: (n,) from (0, 1)."""
    telling = np.sqrt(discordance)
    mean = float(telling.mean()) if len(telling) else 0.0
    weight = np.clip(telling / mean, LIGHTEST, HEAVIEST) if mean > 0 else np.ones(len(telling))
    order = np.argsort(-np.log(uniform) / weight, kind="stable")
    drawn = weight[order]
    ahead = drawn[::-1].cumsum()[::-1]  # weight of all that is left before each draw
    level = ahead / np.arange(len(drawn), 0, -1)
    lightest = np.minimum.accumulate(drawn[::-1])[::-1]
    clock = np.append(1.0 - ahead / ahead[0], 1.0) if len(drawn) else np.ones(1)
    return order, Draws(level / drawn, level / lightest, clock, np.zeros(len(drawn)), len(drawn))
