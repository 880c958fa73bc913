"""How many calls does a verdict take, and how often is it another one than all the calls would give?

Tables are wide: a CSV (or .csv.gz), first column the item, one column per candidate, scores in [0, 1], blank is
missing. Pairs of columns are replayed in random order; `close` pairs differ by less than 10 points on all items.

    share       items drawn over all items (both candidates are asked, so also the share of calls)
    disagrees   the decision (first, second, neither) is not that of the paired z-test at 5% on all items
    direction   the other candidate was named than the one that is ahead on all items
    best of 8   eight columns drawn at random, or neighbours in rank, with the goal `near-best` and a regret of 1 point:
                share of all calls, and how often the chosen one is more than 1 and 2 points below the best on all items
    null        a winner is named although every item's scores were swapped at random (only for `work`: on the finite
                set the swapped scores do differ, and saying so is no error)

Ceiling: no method beats the full set's own test at share 1. Methods beside ours: the z-test after all items (fixed),
O'Brien-Fleming with 10 looks, mSPRT with a normal mixture (tau 0.1), and the z-test after every item from the 20th on
(peeking: invalid, see its null). `ordered` is ours with the items drawn by predicted discordance: what the other
columns scored is known beforehand, the pair's own scores are not.

It would prove us wrong if `null` exceeded 5% by more than chance, or if the share
were no better than O'Brien-Fleming's.

    python bench/sequential.py TABLE.csv.gz ... [--pairs 100] [--seed 0] | tail -1
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weighbridge.stats import Contest, Rule
from weighbridge.stats.discordance import EarlierScores
from weighbridge.stats.draws import Draws, by_weight, thin

Floats = npt.NDArray[np.float64]
OBF_LAST, OBF_LOOKS = 2.086, 10
"""O'Brien-Fleming, two-sided 5%, 10 equal looks (Jennison and Turnbull 2000, table 2.3)."""
MSPRT_TAU = 0.1
PEEK_FROM = 20
FEWEST_SHARED = 2
"""Items that both columns of a pair have a score for."""


def read_table(path: Path) -> tuple[list[str], Floats]:
    """Names and scores (items, candidates) of the columns that are scores; other columns are left out."""
    csv.field_size_limit(1 << 24)
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    rows = list(csv.reader(io.StringIO(text)))
    names, columns = [], []
    for i, name in enumerate(rows[0][1:], start=1):
        scores = _scores([row[i] for row in rows[1:]])
        if scores is not None:
            names.append(name)
            columns.append(scores)
    return names, np.array(columns).T


def _scores(cells: list[str]) -> Floats | None:
    try:
        scores = np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return None
    return scores if np.all(np.isnan(scores) | ((scores >= 0) & (scores <= 1))) and len(scores) else None


def z_path(gaps: Floats) -> Floats:
    """Paired z after every item, 0 until two different values were seen."""
    n = np.arange(1, len(gaps) + 1)
    sums, squares = gaps.cumsum(), (gaps**2).cumsum()
    variance = np.maximum(squares - sums**2 / n, 0.0) / np.maximum(n - 1, 1)
    z: Floats = np.divide(sums, np.sqrt(n * variance), out=np.zeros(len(gaps)), where=variance > 1e-12)
    return z


def fixed(gaps: Floats) -> tuple[int, int]:
    z = z_path(gaps)[-1]
    return len(gaps), int(np.sign(z)) if abs(z) > 1.96 else 0


def obrien_fleming(gaps: Floats) -> tuple[int, int]:
    z = z_path(gaps)
    for look in range(1, OBF_LOOKS + 1):
        n = round(len(gaps) * look / OBF_LOOKS)
        if n > 1 and abs(z[n - 1]) > OBF_LAST * (OBF_LOOKS / look) ** 0.5:
            return n, int(np.sign(z[n - 1]))
    return len(gaps), 0


def msprt(gaps: Floats) -> tuple[int, int]:
    """Johari et al. (2022): the variance is taken from the data so far."""
    n = np.arange(1, len(gaps) + 1)
    sums = gaps.cumsum()
    variance = np.maximum((gaps**2).cumsum() / n, 1e-12)
    scale = variance + n * MSPRT_TAU**2
    log_ratio = 0.5 * np.log(variance / scale) + MSPRT_TAU**2 * sums**2 / (2 * variance * scale)
    found = np.flatnonzero((log_ratio > np.log(1 / 0.05)) & (n >= PEEK_FROM))
    return (int(found[0]) + 1, int(np.sign(sums[found[0]]))) if len(found) else (len(gaps), 0)


def peeking(gaps: Floats) -> tuple[int, int]:
    z = z_path(gaps)
    found = np.flatnonzero(np.abs(z[PEEK_FROM - 1 :]) > 1.96)
    return (int(found[0]) + PEEK_FROM, int(np.sign(z[found[0] + PEEK_FROM - 1]))) if len(found) else (len(gaps), 0)


class Ours:
    """The contest that `weighbridge weigh` runs; counts its own time."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seconds = 0.0
        self.items = 0

    def __call__(self, scores: Floats) -> tuple[int, int]:
        contest = Contest(("first", "second"), self.rule, len(scores))
        rows = scores.tolist()
        start = time.process_time()
        for row in rows:
            contest.add(row)
            if contest.decided:
                break
        verdict = contest.finish()
        self.seconds += time.process_time() - start
        self.items += contest.drawn
        return contest.drawn, {"first": 1, "second": -1, None: 0}[verdict.winner]


class Ordered:
    """The same with items drawn by the discordance that earlier candidates predict; rows come in random order."""

    def __init__(self, rule: Rule, rng: np.random.Generator) -> None:
        self.rule = rule
        self._rng = rng

    def __call__(self, scores: Floats, discordance: Floats) -> tuple[int, int]:
        order, draws = self._drawn(discordance)
        contest = Contest(
            ("first", "second"), self.rule, len(scores) if self.rule.scope == "items" else len(order), draws
        )
        for row in scores[order].tolist():
            contest.add(row)
            if contest.decided:
                break
        return contest.drawn, {"first": 1, "second": -1, None: 0}[contest.finish().winner]

    def _drawn(self, discordance: Floats) -> tuple[npt.NDArray[np.int64], Draws]:
        tosses = self._rng.random(len(discordance))
        return by_weight(discordance, 1.0 - tosses) if self.rule.scope == "items" else thin(discordance, tosses)


def predicted(others: Floats) -> Floats:
    """Mean squared difference of two candidates on each item, from other candidates' scores (items, candidates)."""
    earlier = EarlierScores(len(others))
    for column in others.T:
        earlier.add_all(column)
    return earlier.predict()


def draw_pairs(scores: Floats, close: bool, pairs: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    means = np.nanmean(scores, axis=0)
    k = len(means)
    there = ~np.isnan(scores)
    shared = there.T.astype(np.int64) @ there.astype(np.int64)
    pairs_left = [(i, j) for i in range(k) for j in range(i + 1, k) if shared[i, j] >= FEWEST_SHARED]
    fitting = [(i, j) for i, j in pairs_left if not close or abs(means[i] - means[j]) < 0.1]
    return [fitting[i] for i in rng.integers(len(fitting), size=pairs)] if fitting else []


def replay(scores: Floats, close: bool, pairs: int, seed: int) -> dict[str, dict[str, float]]:
    """Shares and error rates of every method over randomly drawn pairs."""
    rng = np.random.default_rng(seed)
    drawn = draw_pairs(scores, close, pairs, rng)
    methods = {"fixed": fixed, "obrien_fleming": obrien_fleming, "msprt": msprt, "peeking": peeking}
    ours = {"ours_work": Ours(Rule()), "ours_items": Ours(Rule(scope="items"))}
    tosses = np.random.default_rng(seed)
    ordered = {"work_ordered": Ordered(Rule(), tosses), "items_ordered": Ordered(Rule(scope="items"), tosses)}
    seen: dict[str, list[tuple[float, bool, bool, bool]]] = {name: [] for name in [*methods, *ours]}
    if scores.shape[1] > 3:
        seen |= {name: [] for name in ordered}
    for i, j in drawn:
        both, others = scores[:, [i, j]], np.delete(scores, [i, j], axis=1)
        there = np.flatnonzero(~np.isnan(both).any(axis=1))
        shuffled = there[rng.permutation(len(there))]
        both, discordance = both[shuffled], predicted(others[shuffled])
        flip = rng.random(len(both)) < 0.5
        swapped = np.where(flip[:, None], both[:, ::-1], both)
        gaps, null_gaps = both[:, 0] - both[:, 1], swapped[:, 0] - swapped[:, 1]
        truth, ahead = fixed(gaps)[1], np.sign(round(gaps.sum(), 9))
        for name, rows in seen.items():
            if name in ordered:
                method = ordered[name]
                (n, decision) = method(both, discordance)
                null = method(swapped, discordance)[1] if name == "work_ordered" else 0
            elif name in ours:
                (n, decision), (_, null) = ours[name](both), ours[name](swapped) if name == "ours_work" else (0, 0)
            else:
                (n, decision), (_, null) = methods[name](gaps), methods[name](null_gaps)
            rows.append((n / len(gaps), decision != truth, decision * ahead < 0, null != 0))
    fields = ("share", "disagrees", "direction", "null")
    result = {name: dict(zip(fields, np.mean(rows, axis=0).tolist(), strict=True)) for name, rows in seen.items()}
    for name in {"ours_items", "items_ordered"} & set(result):
        result[name].pop("null")
    for name, one in ours.items():
        result[name]["us_per_item"] = 1e6 * one.seconds / max(one.items, 1)
    return result


def draw_eights(scores: Floats, neighbours: bool, runs: int, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    k = scores.shape[1]
    ranked = np.argsort(-np.nanmean(scores, axis=0))
    if not neighbours:
        return [rng.choice(k, 8, replace=False) for _ in range(runs)]
    return [rng.permutation(ranked[at : at + 8]) for at in rng.integers(k - 7, size=runs)]


def best_of_8(scores: Floats, neighbours: bool, runs: int, seed: int) -> dict[str, float]:
    """What choosing one of eight takes, and how far below the best the chosen one is."""
    rng = np.random.default_rng(seed)
    rows = []
    for columns in draw_eights(scores, neighbours, runs, rng):
        x = scores[:, columns]
        x = x[~np.isnan(x).any(axis=1)]
        x = x[rng.permutation(len(x))]
        contest = Contest([f"m{i}" for i in range(8)], Rule(goal="near-best", regret=0.01), len(x))
        calls = 0
        for row in x.tolist():
            calls += len(contest.active)
            contest.add(row)
            if contest.decided:
                break
        verdict = contest.finish()
        means = x.mean(axis=0)
        regret = means.max() - means[int((verdict.chosen or verdict.winner or "m0")[1:])]
        rows.append((calls / x.size, regret > 0.01 + 1e-9, regret > 0.02 + 1e-9))
    return dict(zip(("share", "regret_above_1", "regret_above_2"), np.mean(rows, axis=0).tolist(), strict=True))


def pace(scores: Floats, candidates: int) -> float:
    """Microseconds per item with this many candidates, none of which ever leaves: all look the same on average."""
    rng = np.random.default_rng(0)
    rows = rng.permuted(scores[:, rng.integers(scores.shape[1], size=candidates)], axis=1).tolist()
    contest = Contest([f"c{i}" for i in range(candidates)], Rule(futility=False, alpha=1e-6), len(rows))
    start = time.process_time()
    for row in rows:
        contest.add(row)
    return 1e6 * (time.process_time() - start) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=100, help="pairs drawn per table, of each kind")
    parser.add_argument("--eights", type=int, default=60, help="draws of eight columns per table, of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for path in options.tables:
        _, scores = read_table(path)
        if scores.ndim != 2 or scores.shape[1] < 2:
            sys.exit(f"{path}: fewer than two columns of scores in [0, 1]")
        results[path.name] = {}
        for kind in ("random", "close"):
            if not draw_pairs(scores, kind == "close", 1, np.random.default_rng(0)):
                continue
            results[path.name][kind] = found = replay(scores, kind == "close", options.pairs, options.seed)
            print(f"\n{path.name} {scores.shape[0]} x {scores.shape[1]}, {kind} pairs, {options.pairs} replays")
            print(f"{'':16}{'share':>8}{'disagrees':>11}{'direction':>11}{'null':>8}{'us/item':>9}")
            for name, row in found.items():
                null, us = row.get("null"), row.get("us_per_item")
                print(
                    f"{name:16}{row['share']:8.3f}{row['disagrees']:11.3f}{row['direction']:11.3f}"
                    f"{'-' if null is None else f'{null:.3f}':>8}{'' if us is None else f'{us:.0f}':>9}"
                )
        if scores.shape[1] >= 8 and options.eights:
            for kind in ("random", "neighbours"):
                chosen = best_of_8(scores, kind == "neighbours", options.eights, options.seed)
                results[path.name][f"best_of_8_{kind}"] = {"ours": chosen}
                above = f"above 1 point {chosen['regret_above_1']:.3f}, above 2 {chosen['regret_above_2']:.3f}"
                print(f"\n{path.name}, best of 8, {kind}: share {chosen['share']:.3f}, regret {above}")
    us_per_item = {k: pace(scores, k) for k in (2, 10)}
    print(f"\ndeciding after each item: {us_per_item[2]:.0f} us with 2 candidates, {us_per_item[10]:.0f} us with 10")
    print(json.dumps({"pairs": options.pairs, "seed": options.seed, "us_per_item": us_per_item, "tables": results}))


if __name__ == "__main__":
    main()
