"""How good each model is at a kind of work, as far as anybody measured it; the rest from what models like it reach.

    ability    general + special of the kind of work, fitted to all benchmarks at once (catalog/racing/ability.py)
    prior      of general ability, from all models that were measured: size, active share, date (which bends: progress
               slows or speeds up), reasoning, and the lab, drawn towards none; what models of one lab and equal
               figures still differ by is its spread (tau)
    shown      50 is the mean of all models measured, 10 one standard deviation of general ability

A model with many scores is placed by them; one with few is drawn towards models like it, and one with none stands where
those stand, with the interval that its absence of evidence deserves. bench/pick_prior.py measures how often the
intervals hold, for one model left out at a time and for models newer than all others. Open and closed models have a
line each; of closed ones no size is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from weighbridge.catalog.racing.ability import Fitted, Observations, fit_abilities
from weighbridge.catalog.racing.benchmarks import BENCHMARKS, KINDS, WorkKind
from weighbridge.pick.measured import Measured

Numbers = NDArray[np.float64]
Z80 = 1.2815515655446004
FEWEST = 12
"""Measured models from which a line is drawn; with fewer the prior is that of all models."""
LEAST_SPREAD = 0.08
ROUNDS = 60
USUAL_SIZE, DAY_ZERO = 24.0, date(2025, 1, 1)
"""ln of parameters (26 billion) and the day that the line is counted from."""


class Traits(msgspec.Struct, frozen=True):
    """What a model's ability is expected from before anybody measures it."""

    lab: str
    released: date
    reasons: bool
    parameters: float | None
    """None for closed models."""
    active: float | None


class Quality(msgspec.Struct, frozen=True):
    """One model at one mix of work."""

    value: float
    low: float
    high: float
    """An 80% interval."""
    of_work: tuple[Measured, ...]
    """Scores on benchmarks of this work, the least interested measurer and the newest first."""
    of_other: int
    """Scores on benchmarks of other work."""

    @property
    def deviation(self) -> float:
        """Standard deviation of a normal distribution with this 80% interval."""
        return (self.high - self.low) / (2 * Z80)


@dataclass(frozen=True, slots=True)
class Abilities:
    """Everybody that can be placed."""

    place: Mapping[str, int]
    mean: Numbers
    """(models, 1 + kinds): general, then what is special to each kind."""
    covariance: Numbers
    """(models, 1 + kinds, 1 + kinds)"""
    scores: Mapping[str, tuple[Measured, ...]]

    def quality(self, model: str, mix: Mapping[WorkKind, float]) -> Quality | None:
        """At a mix of kinds whose weights add up to 1; None for a model of which nothing is known."""
        at = self.place.get(model)
        if at is None:
            return None
        weights = np.array([1.0, *(mix.get(kind, 0.0) for kind in KINDS)])
        middle = float(self.mean[at] @ weights)
        deviation = float(np.sqrt(weights @ self.covariance[at] @ weights))
        mine = self.scores.get(model, ())
        of_work = sorted(
            (each for each in mine if not mix or each.kind in mix), key=lambda each: each.date, reverse=True
        )
        of_work.sort(key=lambda each: each.is_own)
        value, reach = 50 + 10 * middle, 10 * Z80 * deviation
        return Quality(value, value - reach, value + reach, tuple(of_work), len(mine) - len(of_work))


def judge_abilities(seen: Sequence[Measured], traits: Mapping[str, Traits]) -> Abilities:
    """Fit everything. `traits` are those of all models that are to be placed, measured or not."""
    models = tuple(dict.fromkeys([*(each.model for each in seen), *traits]))
    place = {model: number for number, model in enumerate(models)}
    information, pull, spread = _information(seen, place)
    prior_mean, prior_variance = _priors(models, traits, information, pull, spread)
    precision = information + _diagonals(1 / prior_variance, spread)
    covariance = np.asarray(np.linalg.inv(precision), np.float64)
    towards = pull.copy()
    towards[:, 0] += prior_mean / prior_variance
    mine: dict[str, list[Measured]] = {}
    for each in seen:
        mine.setdefault(each.model, []).append(each)
    mean = np.asarray(np.einsum("nij,nj->ni", covariance, towards), np.float64)
    return Abilities(place, mean, covariance, {model: tuple(scores) for model, scores in mine.items()})


def general_ability(seen: Sequence[Measured]) -> tuple[dict[str, float], dict[str, float]]:
    """General ability of each measured model by its own scores alone, and its variance, in standard deviations."""
    place = {model: number for number, model in enumerate(dict.fromkeys(each.model for each in seen))}
    mean, variance = _alone(*_information(seen, place))
    return {model: float(mean[at]) for model, at in place.items()}, {
        model: float(variance[at]) for model, at in place.items()
    }


def _information(seen: Sequence[Measured], place: Mapping[str, int]) -> tuple[Numbers, Numbers, Numbers]:
    """What the scores alone say: precision (models, d, d), precision x mean (models, d), and spread of kinds (d,)."""
    size, models = 1 + len(KINDS), len(place)
    information, pull = np.zeros((models, size, size)), np.zeros((models, size))
    if not seen:
        return information, pull, np.array([1.0] + [0.2] * len(KINDS))
    fitted, rows = _fit(seen)
    precision = np.linalg.inv(fitted.covariance)
    at = [place[model] for model in rows]
    pull[at] = np.einsum("nij,nj->ni", precision, fitted.mean)
    information[at] = precision - np.diag(1 / fitted.spread**2)
    return information, pull, fitted.spread


def _fit(seen: Sequence[Measured]) -> tuple[Fitted, list[str]]:
    rows = list(dict.fromkeys(each.model for each in seen))
    columns = list(dict.fromkeys(each.benchmark for each in seen))
    row = {model: number for number, model in enumerate(rows)}
    column = {name: number for number, name in enumerate(columns)}
    kinds = list(KINDS)
    observations = Observations(
        np.array([row[each.model] for each in seen]),
        np.array([column[each.benchmark] for each in seen]),
        np.array([each.y for each in seen]),
        np.array([each.variance for each in seen]),
    )
    kind_of = [kinds.index(BENCHMARKS[name].kind or "knowledge") for name in columns]
    return fit_abilities(observations, kind_of, len(rows), len(kinds)), rows


def _priors(
    models: Sequence[str], traits: Mapping[str, Traits], information: Numbers, pull: Numbers, spread: Numbers
) -> tuple[Numbers, Numbers]:
    """Mean and variance of each model's general ability before its own scores, (models,) both."""
    mean, variance = np.zeros(len(models)), np.ones(len(models))
    for is_open in (True, False):
        group = [
            number
            for number, model in enumerate(models)
            if model in traits and (traits[model].parameters is not None) == is_open
        ]
        mine = [traits[models[number]] for number in group]
        line = draw_line(mine, *_alone(information[group], pull[group], spread)) if group else None
        if line is not None:
            mean[group], variance[group] = line.expects(mine)
    return mean, variance


def _alone(information: Numbers, pull: Numbers, spread: Numbers) -> tuple[Numbers, Numbers]:
    """General ability by the scores alone, and its variance; infinite for a model without scores."""
    precision = information + _diagonals(np.full(len(information), 1e-9), spread)
    covariance = np.linalg.inv(precision)
    variance = covariance[:, 0, 0]
    unmeasured = ~information.any(axis=(1, 2))
    return np.einsum("nj,nj->n", covariance[:, 0], pull), np.where(unmeasured, np.inf, variance)


def _diagonals(first: Numbers, spread: Numbers) -> Numbers:
    """(models, d, d): the prior precision of each model, `first` of general ability."""
    diagonals = np.tile(np.concatenate([[0.0], 1 / spread[1:] ** 2]), (len(first), 1))
    diagonals[:, 0] = first
    return np.asarray(diagonals[:, :, None] * np.eye(len(spread)), np.float64)


def _row(traits: Traits) -> list[float]:
    """1, years, years squared, reasons; of open models ln size, its square, ln of the share that is active."""
    years = (traits.released - DAY_ZERO).days / 365.25
    row = [1.0, years, years * years, float(traits.reasons)]
    if traits.parameters is None:
        return row
    size = float(np.log(traits.parameters)) - USUAL_SIZE
    return [*row, size, size * size, float(np.log((traits.active or traits.parameters) / traits.parameters))]


@dataclass(frozen=True, slots=True)
class PriorLine:
    """Ability expected from traits."""

    slope: Numbers
    """Of the columns of _row, then of each lab."""
    doubt: Numbers
    """Covariance of the slopes."""
    labs: tuple[str, ...]
    tau: float
    """Deviation of models of one lab with equal traits."""
    apart: float
    """Deviation of labs."""

    def expects(self, traits: Sequence[Traits]) -> tuple[Numbers, Numbers]:
        """Mean and variance of each one's ability, the doubt about the line included."""
        design = _design(traits, self.labs)
        doubt = np.einsum("ij,jk,ik->i", design, self.doubt, design)
        stranger = np.array([each.lab not in self.labs for each in traits])
        return design @ self.slope, self.tau**2 + doubt + np.where(stranger, self.apart**2, 0.0)


def draw_line(traits: Sequence[Traits], ability: Numbers, variance: Numbers) -> PriorLine | None:
    """A mixed model by expectation-maximisation: fixed slopes, labs drawn towards none; None with too few models
    measured. Models whose variance is infinite are left out."""
    known = [number for number, value in enumerate(variance) if np.isfinite(value)]
    if len(known) < FEWEST:
        return None
    mine, y, v = [traits[number] for number in known], ability[known], variance[known]
    labs = tuple(sorted({each.lab for each in mine}))
    x = _design(mine, labs)
    fixed = x.shape[1] - len(labs)
    tau2, apart2 = 0.03, 0.02
    for _ in range(ROUNDS):
        weight = 1 / (v + tau2)
        penalty = np.diag([1e-6] * fixed + [1 / apart2] * len(labs))
        doubt = np.linalg.inv((x * weight[:, None]).T @ x + penalty)
        slope = doubt @ ((x * weight[:, None]).T @ y)
        leverage = np.einsum("ij,jk,ik->i", x, doubt, x)
        kept = tau2 / (tau2 + v)
        tau2 = float(np.mean((kept * (y - x @ slope)) ** 2 + tau2 * (1 - kept) + kept**2 * leverage))
        tau2 = max(LEAST_SPREAD**2, tau2)
        apart2 = max(LEAST_SPREAD**2, float(np.mean(slope[fixed:] ** 2 + np.diag(doubt)[fixed:])))
    numbers = np.asarray(slope, np.float64), np.asarray(doubt, np.float64)
    return PriorLine(*numbers, labs, float(np.sqrt(tau2)), float(np.sqrt(apart2)))


def _design(traits: Sequence[Traits], labs: Sequence[str]) -> Numbers:
    """(models, columns of _row + labs)"""
    own = [[float(each.lab == lab) for lab in labs] for each in traits]
    return np.array([[*_row(each), *lab] for each, lab in zip(traits, own, strict=True)])
