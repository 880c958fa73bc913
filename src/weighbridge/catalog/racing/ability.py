"""Latent ability over many benchmarks: what lets a model be placed by the benchmarks it was run on, and no others.

    score       y = offset + slope x (general + special of that kind of work) + error
    y           logit of a share, ln of minutes, Elo / 173.7 (one logit): all on one scale
    general     one number a model, normal with deviation 1 over the models
    special     one number a model and kind of work, normal around 0, its deviation estimated for each kind
    slope       of a benchmark, positive; drawn towards the median slope, the more the fewer models it has
    error       the benchmark's own deviation (estimated), and the sampling error of the score: 1 / (tasks p (1 - p))

Fitted by expectation-maximisation: given the benchmarks, each model's abilities are a ridge regression with a known
covariance; given those, each benchmark's line is one. A saturated benchmark takes itself out, as p (1 - p) goes to
nothing. A model's interval holds its own uncertainty, not that of the benchmarks' lines; models run on few benchmarks
have wide ones. What it cannot know: which benchmarks a model was tuned for, and what was never measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]
ELO_A_LOGIT = 400 / np.log(10)
USUAL_TASKS = 100
"""Taken for a benchmark whose number of tasks is not known."""
ROUNDS = 80
SLOPE_SPREAD = 0.5
"""Slopes are expected within this share of the median slope."""
ERROR_PRIOR = (4.0, 0.3)
"""As if so many scores with this deviation had been seen on each benchmark, in logits."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Scores as parallel arrays, (n,)."""

    model: Indices
    benchmark: Indices
    y: Numbers
    sampling: Numbers
    """Variance of sampling, in logits squared."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Abilities of models in deviations of general ability over all models."""

    mean: Numbers
    """(models, 1 + kinds): general, then what is special to each kind."""
    covariance: Numbers
    """(models, 1 + kinds, 1 + kinds)"""
    slope: Numbers
    offset: Numbers
    error: Numbers
    """(benchmarks,): the line of each and its own deviation, in logits."""
    spread: Numbers
    """(1 + kinds,): deviation of each ability over the models; the first is 1."""

    def ability(self, kind: int | None) -> tuple[Numbers, Numbers]:
        """Mean and deviation of each model's ability in general, or in one kind of work; both (models,)."""
        pick = np.zeros(self.mean.shape[1])
        pick[[0] if kind is None else [0, 1 + kind]] = 1
        variance = np.einsum("i,nij,j->n", pick, self.covariance, pick)
        return self.mean @ pick, np.sqrt(variance)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Of each benchmark, (benchmarks,)."""

    slope: Numbers
    offset: Numbers
    error: Numbers


def share_to_logit(percent: float, tasks: int | None) -> tuple[float, float]:
    """A percent score as a logit, and its variance of sampling; never from closer to 0 or 100 than half a task."""
    count = tasks or USUAL_TASKS
    floor = 0.5 / count
    share = min(max(percent / 100, floor), 1 - floor)
    return float(np.log(share / (1 - share))), 1 / (count * share * (1 - share))


def fit_abilities(seen: Observations, kind_of: Sequence[int], models: int, kinds: int) -> Fitted:
    """Abilities and benchmarks together. `kind_of` gives the kind of each benchmark."""
    design = np.zeros((len(seen.y), 1 + kinds))
    design[:, 0] = 1
    design[np.arange(len(seen.y)), 1 + np.asarray(kind_of)[seen.benchmark]] = 1
    benchmarks = len(kind_of)
    offset = _mean_by(seen.benchmark, seen.y, np.ones_like(seen.y), benchmarks)
    lines = _Lines(np.ones(benchmarks), offset, np.full(benchmarks, 0.5))
    spread = np.array([1.0] + [0.4] * kinds)
    for _ in range(ROUNDS):
        mean, covariance = _abilities(seen, design, lines, spread, models)
        theta = np.einsum("nd,nd->n", design, mean[seen.model])
        doubt = np.einsum("nd,nde,ne->n", design, covariance[seen.model], design)
        lines = _lines(seen, theta, doubt, lines)
        second = mean**2 + np.einsum("ndd->nd", covariance)
        spread = np.sqrt(second.mean(axis=0))
        lines, spread = replace(lines, slope=lines.slope * spread[0]), spread / spread[0]
        spread[1:] = np.clip(spread[1:], 0.05, 1.0)
    mean, covariance = _abilities(seen, design, lines, spread, models)
    return Fitted(mean, covariance, lines.slope, lines.offset, lines.error, spread)


def _abilities(
    seen: Observations, design: Numbers, lines: _Lines, spread: Numbers, models: int
) -> tuple[Numbers, Numbers]:
    """Posterior means (models, d) and covariances (models, d, d), given the benchmarks."""
    weight = 1 / (lines.error[seen.benchmark] ** 2 + seen.sampling)
    row = design * lines.slope[seen.benchmark][:, None]
    precision = np.zeros((models, row.shape[1], row.shape[1])) + np.diag(1 / spread**2)
    np.add.at(precision, seen.model, weight[:, None, None] * row[:, :, None] * row[:, None, :])
    pull = np.zeros((models, row.shape[1]))
    np.add.at(pull, seen.model, (weight * (seen.y - lines.offset[seen.benchmark]))[:, None] * row)
    covariance: Numbers = np.linalg.inv(precision).astype(np.float64)
    return np.asarray(np.einsum("nde,ne->nd", covariance, pull)), covariance


def _lines(seen: Observations, theta: Numbers, doubt: Numbers, before: _Lines) -> _Lines:
    """The line of each benchmark, given abilities and their variances at each score."""
    size = len(before.slope)
    weight = 1 / (before.error[seen.benchmark] ** 2 + seen.sampling)
    centre = _mean_by(seen.benchmark, theta, weight, size)
    middle = _mean_by(seen.benchmark, seen.y, weight, size)
    apart, rise = theta - centre[seen.benchmark], seen.y - middle[seen.benchmark]
    usual = float(np.median(before.slope))
    pull = 1 / (SLOPE_SPREAD * usual) ** 2
    new = (_sum_by(seen.benchmark, weight * apart * rise, size) + pull * usual) / (
        _sum_by(seen.benchmark, weight * (apart**2 + doubt), size) + pull
    )
    new = np.maximum(new, 0.1 * usual)
    offset = middle - new * centre
    residual = (seen.y - offset[seen.benchmark] - new[seen.benchmark] * theta) ** 2
    own = residual + new[seen.benchmark] ** 2 * doubt - seen.sampling
    count, deviation = ERROR_PRIOR
    variance = (_sum_by(seen.benchmark, own, size) + count * deviation**2) / (
        _sum_by(seen.benchmark, np.ones_like(own), size) + count
    )
    return _Lines(new, offset, np.sqrt(np.maximum(variance, 0.05**2)))


def _sum_by(index: Indices, values: Numbers, size: int) -> Numbers:
    return np.asarray(np.bincount(index, values, size), np.float64)


def _mean_by(index: Indices, values: Numbers, weight: Numbers, size: int) -> Numbers:
    return _sum_by(index, weight * values, size) / np.maximum(_sum_by(index, weight, size), 1e-12)
