"""Who can be compared with whom: ratings exist only among models that beat each other, directly or round about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def components(games: NDArray[np.floating]) -> NDArray[np.integer]:
    """For each model the number of its group: models linked by any votes. Shape (models,)."""
    return _reach(games > 0)


def strong_components(scored: NDArray[np.floating]) -> NDArray[np.integer]:
    """For each model the number of its group: models each of which has won against each other by some chain."""
    reached = _closure(scored > 0)
    both = reached & reached.T
    return np.unique(both.argmax(axis=1), return_inverse=True)[1]


def levels_of(scored: NDArray[np.floating]) -> list[list[int]]:
    """Strongly connected groups, strongest first: each of a later one has lost to, and never beaten, an earlier one."""
    strong = strong_components(scored)
    members = [list(np.flatnonzero(strong == number)) for number in range(int(strong.max()) + 1)]
    won = scored.sum(axis=1) / np.maximum(1e-12, (scored + scored.T).sum(axis=1))
    beats = np.zeros((len(members), len(members)), bool)
    winner, loser = np.nonzero(scored)
    beats[strong[winner], strong[loser]] = True
    np.fill_diagonal(beats, val=False)
    waits = beats.sum(axis=0)
    share = np.array([won[each].mean() for each in members])
    left = np.ones(len(members), bool)
    order: list[list[int]] = []
    while left.any():
        best = int(np.where(left & (waits == 0), share, -np.inf).argmax())
        order.append([int(place) for place in members[best]])
        left[best] = False
        waits -= beats[best]
    return order


def _reach(linked: NDArray[np.bool_]) -> NDArray[np.integer]:
    closed = _closure(linked | linked.T)
    return np.unique(closed.argmax(axis=1), return_inverse=True)[1]


def _closure(linked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which model is reached from which, itself included; by squaring."""
    reached = linked | np.eye(len(linked), dtype=bool)
    while True:
        further = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
        if (further == reached).all():
            return reached
        reached = further
