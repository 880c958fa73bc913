"""Logistic regression on a few features, by Newton's method: probabilities from small samples, strongly shrunk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import Floats

STEPS = 40


class Logistic(NamedTuple):
    centre: Floats
    """(d,)"""
    spread: Floats
    """(d,)"""
    coefficients: Floats
    """(d + 1,), the constant last"""

    def predict(self, x: Floats) -> Floats:
        """(n, d) to probabilities (n,)."""
        z = (x - self.centre) / self.spread @ self.coefficients[:-1] + self.coefficients[-1]
        return _sigmoid(z)


def fit_logistic(x: Floats, y: Floats, penalty: float) -> Logistic:
    """x (n, d); y (n,) in [0, 1], fractions too; penalty on the squared coefficients of standardised features."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    z = np.hstack([(x - centre) / spread, np.ones((len(x), 1))])
    ridge = np.full(z.shape[1], penalty)
    ridge[-1] = 1e-3  # keeps the constant finite when all outcomes agree
    w = np.zeros(z.shape[1])
    for _ in range(STEPS):
        p = _sigmoid(z @ w)
        slope = z.T @ (y - p) - ridge * w
        bend = (z * (p * (1 - p))[:, None]).T @ z + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        w += step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return Logistic(centre, spread, w)


def _sigmoid(z: Floats) -> Floats:
    probability: Floats = 1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))
    return probability
