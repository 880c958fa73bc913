"""What several answers to the same question say: how often one is right, how often all are, and where scores come from.

    pass@k     chance that at least one of k answers passes    1 - C(n - c, k) / C(n, k), averaged over items
    pass^k     chance that all k answers pass                  C(c, k) / C(n, k), averaged over items
    within     variance of one item's answers                  mean over items of s_i^2, weighted by n_i - 1
    between    variance of items' true means                   (MSB - MSW) / n0, at least 0

n answers of an item, c of which pass; both estimators are unbiased for any n >= k, items with fewer answers are left
out and counted. n0 = (N - sum n_i^2 / N) / (items - 1) takes unequal numbers of answers into account (one-way random
effects). An answer passes with a full score. Intervals are over items, which are the sample; answers of one item are
not independent.

Sources: Chen et al. (2021), Evaluating large language models trained on code (pass@k); Yao et al. (2024), tau-bench
(pass^k); Searle, Casella and McCulloch (1992), Variance components, section 3.6.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from .arrays import Floats
from .intervals import mean_interval
from .records import Interval

PASSES = 1.0 - 1e-9
"""A score from which an answer passes; a weighted mean of ones may round below 1."""
KS = (1, 2, 3, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100)
"""Which k are reported, as far as there are so many answers; the largest number of answers itself is added."""
NAMED = 20
"""Flaky items that are named, the flakiest first."""


class PassRate(msgspec.Struct, frozen=True):
    """Both chances for one k, with 95% intervals for a sample of items of fixed size."""

    k: int
    items: int
    """Items with at least k answers."""
    any: float
    """pass@k."""
    any_interval: Interval
    all: float
    """pass^k."""
    all_interval: Interval


class Repeatability(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate's repeated answers say."""

    name: str
    items: int
    """Items with two answers or more."""
    answers: int
    """Scored answers to those items."""
    fewest: int
    most: int
    """Answers of one item."""
    within_sd: float
    """Standard deviation of answers to one and the same item."""
    between_sd: float
    """Standard deviation of items' means, had each been answered for ever."""
    runs: tuple[float, ...]
    """Mean score of each run (the first answers, the second ones, ...), over the items it has."""
    run_sd: float | None
    """Standard deviation of those means; None for a single run."""
    standard_error: float
    """Of the mean score over these items, as work of this kind varies."""
    standard_error_once: float
    """The same, had each item been answered once."""
    pass_rates: tuple[PassRate, ...]
    flaky: int
    """Items whose answers do not all score the same."""
    flaky_items: tuple[str, ...]
    """The flakiest of them, at most NAMED."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of one candidate, summed per item: n, sum, sum of squares and passes, each (items,)."""

    name: str
    count: Floats
    total: Floats
    square: Floats
    passes: Floats
    run_count: Floats
    """(runs,) items that run number r has a score for."""
    run_total: Floats


def repeatability(answers: Answers, items: Sequence[str]) -> Repeatability | None:
    """None where no item was answered twice. items: ids, in the order of the arrays."""
    repeated = np.flatnonzero(answers.count >= 2)
    if not len(repeated):
        return None
    n, total = answers.count[repeated], answers.total[repeated]
    squares_within = np.maximum(answers.square[repeated] - total * total / n, 0.0)
    within, between = _components(n, total, squares_within)
    seen = answers.run_count > 0
    runs = answers.run_total[seen] / answers.run_count[seen]
    spread = squares_within / n
    flaky = np.flatnonzero(spread > 1e-12)
    ranked = flaky[np.argsort(-spread[flaky], kind="stable")][:NAMED]
    inverse = float((1.0 / n).mean())
    return Repeatability(
        name=answers.name,
        items=len(repeated),
        answers=int(n.sum()),
        fewest=int(n.min()),
        most=int(n.max()),
        within_sd=within**0.5,
        between_sd=between**0.5,
        runs=tuple(runs.tolist()),
        run_sd=float(runs.std(ddof=1)) if len(runs) > 1 else None,
        standard_error=((between + within * inverse) / len(n)) ** 0.5,
        standard_error_once=((between + within) / len(n)) ** 0.5,
        pass_rates=_pass_rates(n, answers.passes[repeated]),
        flaky=len(flaky),
        flaky_items=tuple(items[repeated[place]] for place in ranked),
    )


def pass_at(n: Floats, c: Floats, k: int) -> Floats:
    """(items,) chance that at least one of k of the n answers, c of which pass, passes; n >= k."""
    missed = np.ones_like(n, dtype=np.float64)
    for j in range(k):
        missed *= np.maximum(n - c - j, 0.0) / (n - j)
    return 1.0 - missed


def pass_hat(n: Floats, c: Floats, k: int) -> Floats:
    """(items,) chance that all of k of the n answers pass; n >= k."""
    chance = np.ones_like(n, dtype=np.float64)
    for j in range(k):
        chance *= np.maximum(c - j, 0.0) / (n - j)
    return chance


def _pass_rates(n: Floats, passes: Floats) -> tuple[PassRate, ...]:
    most = int(n.max())
    rates = []
    for k in sorted({k for k in KS if k <= most} | {most}):
        enough = n >= k
        some, every = pass_at(n[enough], passes[enough], k), pass_hat(n[enough], passes[enough], k)
        rates.append(
            PassRate(
                k=k,
                items=int(enough.sum()),
                any=float(some.mean()),
                any_interval=mean_interval(some.tolist()),
                all=float(every.mean()),
                all_interval=mean_interval(every.tolist()),
            )
        )
    return tuple(rates)


def _components(n: Floats, total: Floats, squares_within: Floats) -> tuple[float, float]:
    """Variance within items and between them."""
    answers, items = float(n.sum()), len(n)
    within = float(squares_within.sum()) / (answers - items)
    if items < 2:
        return within, 0.0
    grand = float(total.sum()) / answers
    mean_square = float((n * (total / n - grand) ** 2).sum()) / (items - 1)
    size = (answers - float((n * n).sum()) / answers) / (items - 1)
    return within, max(0.0, (mean_square - within) / size)
