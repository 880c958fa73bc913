"""What votes so far leave open about strengths, and which pair's vote would tell most. Pure arrays.

    prior       strengths independent, normal with variance PRIOR (in logits; 1 is 174 Elo points)
    likelihood  Bradley-Terry, a tie half a win each
    posterior   normal at the mode, with the inverse of the negative Hessian (Laplace)
    gain(i, j)  H(E p) - E H(p), p = 1 / (1 + e^-d), d = s_i - s_j: the mutual information of the next vote and the
                strengths, in nats (Lindley 1956; the same quantity as BALD, Houlsby et al. 2011, arXiv 1112.5745)

Votes with the greatest gain are those whose winner is open because the strengths are unknown, not because they are
known to be equal: a pair that ties for ever stops being asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR = 1.5
"""Variance: candidates 300 Elo points apart are nothing unusual."""
STEPS = 30
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


class Posterior(NamedTuple):
    """Strengths in logits: mode (k,), covariance (k, k)."""

    mode: Floats
    covariance: Floats

    def gains(self) -> Floats:
        """Nats that a vote on each pair tells; shape (k, k), 0 on the diagonal."""
        mean = self.mode[:, None] - self.mode[None, :]
        spread = np.diag(self.covariance)
        variance = np.maximum(spread[:, None] + spread[None, :] - 2 * self.covariance, 0.0)
        d = mean[..., None] + np.sqrt(variance)[..., None] * NODES
        p = 1 / (1 + np.exp(-np.clip(d, -30, 30)))
        share = WEIGHTS / WEIGHTS.sum()
        told: Floats = _entropy(p @ share) - _entropy(p) @ share
        np.fill_diagonal(told, 0.0)
        return np.maximum(told, 0.0)


def posterior(scored: Floats) -> Posterior:
    """From wins with half ties, scored[i, j] of i over j; shape (k, k)."""
    games = scored + scored.T
    mode = np.zeros(len(scored))
    precision = np.eye(len(scored)) / PRIOR
    hessian = precision
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-np.clip(mode[:, None] - mode[None, :], -30, 30)))
        gradient = (scored - games * likely).sum(axis=1) - mode / PRIOR
        weight = games * likely * (1 - likely)
        hessian = np.diag(weight.sum(axis=1)) - weight + precision
        step = np.linalg.solve(hessian, gradient)
        mode = mode + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return Posterior(mode, np.asarray(np.linalg.inv(hessian), dtype=np.float64))


def _entropy(p: Floats) -> Floats:
    """Of a coin, in nats."""
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-(q * np.log(q) + (1 - q) * np.log(1 - q)))
