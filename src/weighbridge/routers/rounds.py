"""Cheap models asked in rounds: after each one the answer is taken, more of them are asked, or the strong model is.

    accept     the answer is taken where the expected gain of the strong model is at most this
    give up    the strong model is asked at once where it is at least this; between the two the next round is asked

Both follow from one number, the price of a strong call in quality (`price`), backwards from the last round:

    value of taking it    - gain
    of the strong model   - price
    of going on           what the next round is worth on items of about this gain, less price x what its calls cost,
                          as a share of what a call of the strong model costs

so that a dearer strong call means that more is taken, and each price is one setting that can be tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Flags, Floats, Whole
from .cascade_model import CascadeModel, Vote

ALL = 10.0
"""A gain that none comes up to."""
STEPS = 100
"""Settings that are made: prices at which 1%, 2% ... of the items learned from would be taken in the last round."""
WIDTH = 0.06
"""Of the gains that count as about the same: standard deviation of the kernel."""
GRID = 101


class Stop(NamedTuple):
    """Of one round; in the last one both are equal."""

    accept: float
    give_up: float


Setting = tuple[Stop, ...]


class Round(NamedTuple):
    voters: int
    """How many have answered once it is over."""
    model: CascadeModel


class Step(NamedTuple):
    """What comes next."""

    voter: int | None
    """Whose answer is taken."""
    goes_on: bool
    """Whether the next round is asked; with neither it is the strong model."""


class Rounds(NamedTuple):
    each: tuple[Round, ...]

    def step(self, setting: Setting, votes: Sequence[Vote], prompt_chars: int) -> Step:
        """votes: of the voters that were asked so far, which are those of whole rounds."""
        place = [each.voters for each in self.each].index(len(votes))
        chosen = self.each[place].model.choose(votes, prompt_chars)
        stop = setting[place]
        if chosen.gain <= stop.accept:
            return Step(chosen.voter, False)
        return Step(None, place + 1 < len(self.each) and not chosen.gain >= stop.give_up)


class Prospects(NamedTuple):
    """Of n items after each of R rounds; a router that reads the prompt has one."""

    gains: Floats
    """(R, n) expected of the strong model."""
    taken: Floats
    """(R, n) scores of the answers that would be taken."""


class Followed(NamedTuple):
    """What one setting makes of n items."""

    to_weak: Flags
    rounds: Whole
    """(n,) how many were asked."""
    weak: Floats
    """(n,) scores of the answers of the weak side: where it was given up, of the last one it had."""


def follow(setting: Setting, prospects: Prospects) -> Followed:
    count = prospects.gains.shape[1]
    to_weak, open_ = np.zeros(count, bool), np.ones(count, bool)
    rounds = np.zeros(count, np.int64)
    weak = np.zeros(count)
    for stop, gains, taken in zip(setting, prospects.gains, prospects.taken, strict=True):
        rounds[open_] += 1
        weak[open_] = taken[open_]
        accepted = open_ & (gains <= stop.accept)
        to_weak |= accepted
        open_ &= ~accepted & ~(gains >= stop.give_up)
    return Followed(to_weak, rounds, weak)


def make_settings(gains: Floats, costs: Sequence[float]) -> list[Setting]:
    """The safest first. gains: (R, n) of items like those that will come, by models that did not know them; costs: (R,)
    of each round's calls, as shares of a strong call's."""
    prices = np.quantile(gains[-1], np.linspace(1 / STEPS, 1, STEPS))
    prices[-1] = max(float(prices[-1]), ALL)  # everything to the weak side
    return [_setting(gains, costs, float(price)) for price in prices]


def _setting(gains: Floats, costs: Sequence[float], price: float) -> Setting:
    stops = [Stop(price, price)]
    value = np.maximum(-gains[-1], -price)
    for place in range(len(gains) - 2, -1, -1):
        here, paid = gains[place], max(price, 0.0) * costs[place + 1]
        grid = np.linspace(float(here.min()), float(here.max()), GRID)
        stops.append(_stop(grid, _smooth(here, value, grid) - paid, price))
        value = np.maximum(np.maximum(-here, -price), _smooth(here, value, here) - paid)
    return tuple(reversed(stops))


def _stop(grid: Floats, going_on: Floats, price: float) -> Stop:
    """Taken from the lowest gain on while that is best, given up from the highest one down."""
    taking = -grid >= np.maximum(-price, going_on)
    giving_up = -price >= np.maximum(-grid, going_on)
    taken = len(grid) if taking.all() else int(np.argmin(taking))
    kept = len(grid) if not giving_up.any() else len(grid) - int(np.argmin(giving_up[::-1]))
    if giving_up.all():
        kept = 0
    accept = ALL if taken == len(grid) else float(grid[taken - 1]) if taken else -ALL
    return Stop(accept, max(float(grid[kept]) if kept < len(grid) else ALL, accept))


def _smooth(x: Floats, y: Floats, at: Floats) -> Floats:
    """Mean of y (n,) near x = at (m,)."""
    near = np.exp(-0.5 * ((at[:, None] - x) / WIDTH) ** 2) + 1e-12
    smoothed: Floats = near @ y / near.sum(axis=1)
    return smoothed
