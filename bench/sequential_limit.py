"""How few calls could any stopping rule take, that sees one pair's differences in random order?

An oracle is played: it knows how the z-scores of the table's pairs are distributed, and the variance of the pair's
differences, and it names winners without any guarantee. For a price of a decision unlike the full set's, backward
induction finds where it stops; no rule that knows less, or guarantees anything, can do better on that table at the same
disagreement. `limited` is the same oracle under the guarantee: in a finite set whose sum is 0, either direction is
named with probability at most 2.5%.

Method: the sum over its standard deviation at the end is a Brownian bridge to the z-score, in 100 steps; the z-score is
one of the table's. Normal sums are assumed, as in the plan of `weighbridge.stats`. It would prove us wrong if
`bench/sequential.py` measured less for any method, by more than the noise of its pairs.

    python bench/sequential_limit.py TABLE.csv.gz ... [--pairs 1000] | tail -1
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sequential import draw_pairs, read_table, z_path

Floats = npt.NDArray[np.float64]
STEPS, NEEDED, ATOMS = 100, 1.96, 60
LEVEL = 0.025
WIDTH = 0.07
X: Floats = np.arange(-7.0, 7.0001, WIDTH)
MIDDLE = len(X) // 2
PRICES = (0.8, 1.2, 1.7, 2.5, 3.5)
NEITHER, GO_ON = 0, 3


def z_scores(scores: Floats, close: bool, pairs: int, rng: np.random.Generator) -> Floats:
    """|z| of the paired test on all items, for pairs of columns drawn at random."""
    found = []
    for i, j in draw_pairs(scores, close, pairs, rng):
        gaps = scores[:, i] - scores[:, j]
        found.append(abs(z_path(gaps[~np.isnan(gaps)])[-1]))
    return np.array(found)


def moves(mean: Floats, t: float) -> Floats:
    """Chances to move from each x to each x, for a bridge that is at `mean` one step later on average."""
    dt = 1.0 / STEPS
    variance = max(dt * (1.0 - t - dt) / (1.0 - t), (0.5 * WIDTH) ** 2)
    weights: Floats = np.exp(-0.5 * (X[None, :] - np.clip(mean, X[0], X[-1])[:, None]) ** 2 / variance)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


class Oracle:
    """What is known at (step, x): chances of each decision of the full set, and of each next x."""

    def __init__(self, z: Floats) -> None:
        ends = np.quantile(np.clip(z, 0.0, 14.0), (np.arange(ATOMS) + 0.5) / ATOMS)
        ends = np.concatenate([-ends, ends])
        self.truth: list[Floats] = []
        self.next: list[Floats] = []
        self.null: list[Floats] = []
        self.odds: list[Floats] = []
        for k in range(STEPS):
            t = k / STEPS
            posterior, odds = _seen(ends, t)
            groups = (np.abs(ends) <= NEEDED, ends > NEEDED, ends < -NEEDED)
            self.truth.append(np.stack([posterior[:, group].sum(axis=1) for group in groups]))
            self.odds.append(odds)
            left = (1.0 / STEPS) / (1.0 - t)
            self.next.append(
                sum(posterior[:, [i]] * moves(X + (end - X) * left, t) for i, end in enumerate(ends)) + np.zeros(1)
            )
            self.null.append(moves(X - X * left, t))

    def actions(self, price: float, toll: float) -> list[npt.NDArray[np.int64]]:
        """Stop with neither, first or second, or go on; toll: what naming one costs where the sum will be 0."""
        worth, rows = np.zeros(len(X)), []
        for k in range(STEPS - 1, -1, -1):
            fee = np.stack([0.0 * X, toll * self.odds[k], toll * self.odds[k]])
            stop = price * (1.0 - self.truth[k]) + fee
            go_on = 1.0 / STEPS + (self.next[k] @ worth if k < STEPS - 1 else 0.0)  # the last look knows
            rows.append(np.where(go_on < stop.min(axis=0), GO_ON, stop.argmin(axis=0)))
            worth = np.minimum(go_on, stop.min(axis=0))
        return rows[::-1]

    def reach(self, actions: list[npt.NDArray[np.int64]]) -> float:
        """Chance that the first is named although the sum will be 0."""
        chance = np.zeros(len(X))
        for k in range(STEPS - 1, -1, -1):
            on = self.null[k] @ chance if k < STEPS - 1 else 0.0 * chance
            chance = np.where(actions[k] == 1, 1.0, np.where(actions[k] == GO_ON, on, 0.0))
        return float(chance[MIDDLE])

    def limited(self, price: float) -> list[npt.NDArray[np.int64]]:
        """The best actions that name either direction with probability at most LEVEL where the sum will be 0."""
        low, high = 1e-4, 1e5
        if self.reach(self.actions(price, low)) <= LEVEL:
            return self.actions(price, low)
        for _ in range(20):
            toll = (low * high) ** 0.5
            low, high = (toll, high) if self.reach(self.actions(price, toll)) > LEVEL else (low, toll)
        return self.actions(price, high)

    def play(self, actions: list[npt.NDArray[np.int64]]) -> tuple[float, float]:
        """Share of the items drawn, and of decisions unlike the full set's."""
        here, share, unlike = np.zeros(len(X)), 0.0, 0.0
        here[MIDDLE] = 1.0
        for k in range(STEPS):
            for action in (NEITHER, 1, 2):
                stopped = here * (actions[k] == action)
                share += stopped.sum() * k / STEPS
                unlike += float((stopped * (1.0 - self.truth[k][action])).sum())
            here = here * (actions[k] == GO_ON)
            if k < STEPS - 1:
                here = here @ self.next[k]
        return float(share + here.sum()), unlike


def _seen(ends: Floats, t: float) -> tuple[Floats, Floats]:
    """(X, ends) chances of each end seen at x, and (X,) density at x where the end is 0 over that of the table."""
    if t == 0.0:
        return np.full((len(X), len(ends)), 1.0 / len(ends)), np.ones(len(X))
    log = -((X[:, None] - ends * t) ** 2) / (2 * t * (1.0 - t))
    top = log.max(axis=1)
    weights = np.exp(log - top[:, None])
    total = weights.sum(axis=1)
    null = -(X**2) / (2 * t * (1.0 - t))
    return weights / total[:, None], np.exp(np.minimum(null - top - np.log(total / len(ends)), 50.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=1000, help="pairs drawn per table, of each kind")
    options = parser.parse_args()
    results: dict[str, dict[str, dict[str, list[tuple[float, float]]]]] = {}
    for kind in ("random", "close"):
        for path in options.tables:
            z = z_scores(read_table(path)[1], kind == "close", options.pairs, np.random.default_rng(0))
            if not len(z):
                continue
            oracle = Oracle(z)
            found = {
                "oracle": [oracle.play(oracle.actions(price, 0.0)) for price in PRICES],
                "limited": [oracle.play(oracle.limited(price)) for price in PRICES],
            }
            results.setdefault(kind, {})[path.name] = found
            for name, points in found.items():
                print(
                    f"{path.name} {kind} {name:8}", "  ".join(f"{share:.3f}/{unlike:.3f}" for share, unlike in points)
                )
        for name in ("oracle", "limited"):
            tables = results.get(kind, {}).values()
            means = np.mean([one[name] for one in tables], axis=0) if tables else []
            print(f"{'mean':12} {kind} {name:8}", "  ".join(f"{share:.3f}/{unlike:.3f}" for share, unlike in means))
    print(json.dumps({"pairs": options.pairs, "prices": PRICES, "tables": results}))


if __name__ == "__main__":
    main()
