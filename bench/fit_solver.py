"""Fits the factors of a sum of terms to measured seconds, shrunk towards what physics expects.

    seconds(row) = sum over terms of x(row, term) x exp(sum of the parameters that act on this term in this row)

Each parameter has a prior (mean, sigma): the base factor of a term around what is expected of it, the factor of a cell
around 1. The loss is Cauchy's on the log of seconds, so that rows that measure something else than they say pull
little; it is minimised by damped Gauss-Newton steps. Deterministic; numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weighbridge.fit.efficiencies import GROUPS, TERMS, Cell

Array = NDArray[np.float64]
SCALE = 0.2
"""Of the loss: log errors well below it count as squares, those above hardly more than it."""
MOST_STEPS, TRIES, ENOUGH = 60, 8, 1e-6


Parameter = tuple[str, str, str]
"""(kind, cell, group); for base factors ("terms", "", term)."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected before a row is seen."""

    base: Mapping[str, float]
    """Factor of each term."""
    sigma: float
    """Of the log of a base factor."""
    cells: Mapping[str, float]
    """Kind of cell to sigma of the log of its factors; kinds left out have none."""
    single: Mapping[Parameter, float] = field(default_factory=dict)
    """The same for a single parameter that is known better, or that its kind has none of."""
    expected: Mapping[Parameter, float] = field(default_factory=dict)
    """Factor of a cell that is expected to differ from 1, whether or not a row is of it."""

    def width(self, kind: str, cell: str, group: str) -> float | None:
        """Sigma of one parameter; None where it has none."""
        usual = self.sigma if kind == "terms" else self.cells.get(kind)
        return self.single.get((kind, cell, group), usual)

    def mean(self, kind: str, cell: str, group: str) -> float:
        """Factor that one parameter is held to."""
        return self.base[group] if kind == "terms" else self.expected.get((kind, cell, group), 1.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Measured rows of one model."""

    terms: Array
    """(rows, terms), at stated rates."""
    log_seconds: Array
    weights: Array
    cells: tuple[Cell, ...]
    groups: tuple[str, ...]

    def take(self, which: NDArray[np.bool_]) -> Rows:
        kept = np.flatnonzero(which)
        return Rows(
            self.terms[kept],
            self.log_seconds[kept],
            self.weights[kept],
            tuple(self.cells[at] for at in kept),
            tuple(self.groups[at] for at in kept),
        )


@dataclass(frozen=True, slots=True)
class Solution:
    """Logs of all factors."""

    name: str
    values: dict[Parameter, float]

    def log_seconds(self, rows: Rows) -> Array:
        """Predicted; cells that were not fitted have the factor 1."""
        names = TERMS[self.name]
        logs = np.array([[self._log(name, cell) for name in names] for cell in rows.cells]).reshape(-1, len(names))
        return np.asarray(np.log((rows.terms * np.exp(logs)).sum(axis=1)))

    def _log(self, term: str, cell: Cell) -> float:
        total = self.values["terms", "", term]
        for kind, groups in GROUPS[self.name].items():
            for group, terms in groups.items():
                if term in terms:
                    total += self.values.get((kind, getattr(cell, kind), group), 0.0)
        return total


def solve(name: str, rows: Rows, prior: Prior) -> Solution:
    """The factors of one model."""
    parameters, acting = _design(name, rows, prior)
    mean = np.array([np.log(prior.mean(*key)) for key in parameters])
    sigma = np.array([prior.width(*key) for key in parameters], dtype=float)
    found = _minimise(rows, acting, mean, sigma)
    expected = {key: float(np.log(value)) for key, value in prior.expected.items()}
    return Solution(name, expected | dict(zip(parameters, found.tolist(), strict=True)))


def _design(name: str, rows: Rows, prior: Prior) -> tuple[list[Parameter], Array]:
    """Parameters, and which act on which term of which row: (terms, rows, parameters) of 0 and 1."""
    index: dict[Parameter, int] = {("terms", "", term): at for at, term in enumerate(TERMS[name])}
    hits: list[tuple[int, int, int]] = []
    for at, term in enumerate(TERMS[name]):
        for row, cell in enumerate(rows.cells):
            hits.append((at, row, index["terms", "", term]))
            for kind, groups in GROUPS[name].items():
                for group, terms in groups.items():
                    key = (kind, getattr(cell, kind), group)
                    if term in terms and prior.width(*key) is not None:
                        hits.append((at, row, index.setdefault(key, len(index))))
    acting = np.zeros((len(TERMS[name]), len(rows.cells), len(index)))
    terms, which, parameters = np.array(hits, dtype=int).reshape(-1, 3).T
    acting[terms, which, parameters] = 1.0
    return list(index), acting


def _minimise(rows: Rows, acting: Array, mean: Array, sigma: Array) -> Array:
    theta, damping = mean.copy(), 1.0
    parts, error = _errors(rows, acting, theta)
    cost = _cost(rows, error, theta, mean, sigma)
    for _ in range(MOST_STEPS):
        share = parts / parts.sum(axis=1, keepdims=True)
        slope = np.einsum("nj,jnp->np", share, acting)
        pull = rows.weights * 2 / (1 + (error / SCALE) ** 2) / SCALE**2
        curve = (slope * pull[:, None]).T @ slope + np.diag(1 / sigma**2)
        force = (slope * pull[:, None]).T @ error - (theta - mean) / sigma**2
        for _ in range(TRIES):
            step = np.clip(np.linalg.solve(curve + 0.1 * damping * np.diag(np.diag(curve)), force), -1.0, 1.0)
            new_parts, new_error = _errors(rows, acting, theta + step)
            new_cost = _cost(rows, new_error, theta + step, mean, sigma)
            if new_cost < cost:
                break
            damping *= 4
        else:
            return theta
        gained, theta = cost - new_cost, theta + step
        parts, error, cost, damping = new_parts, new_error, new_cost, max(damping / 3, 1e-6)
        if gained < ENOUGH * abs(cost):
            return theta
    return theta


def _errors(rows: Rows, acting: Array, theta: Array) -> tuple[Array, Array]:
    """Seconds by term, and log(measured / predicted)."""
    parts = rows.terms * np.exp((acting @ theta).T)
    return parts, rows.log_seconds - np.log(parts.sum(axis=1))


def _cost(rows: Rows, error: Array, theta: Array, mean: Array, sigma: Array) -> float:
    loss = (rows.weights * np.log1p((error / SCALE) ** 2)).sum()
    return float(loss + 0.5 * (((theta - mean) / sigma) ** 2).sum())


def leave_out(name: str, rows: Rows, prior: Prior, labels: Sequence[str]) -> Array:
    """log(measured / predicted) of each row by factors fitted without the rows of its label."""
    errors = np.zeros(len(rows.cells))
    marks = np.array(labels)
    for label in sorted(set(labels)):
        out = marks == label
        found = solve(name, rows.take(~out), prior)
        errors[out] = rows.log_seconds[out] - found.log_seconds(rows.take(out))
    return errors
