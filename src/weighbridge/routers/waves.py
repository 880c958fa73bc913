"""Ridge regression on smooth bends of a few numbers: what a straight line misses, and no more.

    x        standardised, then held within LIMIT deviations, so that a strange text is no stranger than the strangest
    waves    cos(x directions + offsets), random Fourier features of Gaussian kernels of several widths
    y        x, waves and a constant, times coefficients; the penalty is on all but the constant

Source: Rahimi and Recht (2007), Random features for large-scale kernel machines.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import Floats

LIMIT = 4.0
WAVES = 240
WIDTHS = (0.01, 0.03)
"""Gammas of the kernels exp(-gamma |x - y|^2); half the waves each."""
PENALTY = 3.0


class Waves(NamedTuple):
    centre: Floats
    """(d,)"""
    spread: Floats
    """(d,)"""
    directions: Floats
    """(d, WAVES)"""
    offsets: Floats
    """(WAVES,)"""
    coefficients: Floats
    """(d + WAVES + 1,), the constant last"""

    def predict(self, x: Floats) -> Floats:
        """(n, d) to (n,)."""
        return _bent(x, self.centre, self.spread, self.directions, self.offsets) @ self.coefficients


def fit_waves(x: Floats, y: Floats, rng: np.random.Generator) -> Waves:
    """x (n, d), y (n,)."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    gammas = np.repeat(WIDTHS, WAVES // len(WIDTHS))
    directions = rng.normal(size=(x.shape[1], WAVES)) * np.sqrt(2 * gammas)
    offsets = rng.uniform(0, 2 * np.pi, WAVES)
    bent = _bent(x, centre, spread, directions, offsets)
    coefficients = solve_ridge(bent, y, PENALTY)
    return Waves(centre, spread, directions, offsets, coefficients)


def solve_ridge(x: Floats, y: Floats, penalty: float) -> Floats:
    """Coefficients of x (n, d), whose last column is the constant and is not penalised."""
    square: Floats = x.T @ x
    square[np.diag_indices_from(square)] += penalty
    square[-1, -1] -= penalty
    solved: Floats = np.linalg.solve(square, x.T @ y).astype(np.float64)
    return solved


def _bent(x: Floats, centre: Floats, spread: Floats, directions: Floats, offsets: Floats) -> Floats:
    z = np.clip((x - centre) / spread, -LIMIT, LIMIT)
    waves = np.cos(z @ directions + offsets) * np.sqrt(2.0 / len(offsets))
    return np.hstack([z, waves, np.ones((len(z), 1))])
