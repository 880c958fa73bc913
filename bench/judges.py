"""What do corrections for length and by labels do on judgements of real models?

Data: wide tables with a column per model (the judge's preference for it over the baseline, 0 to 1; the characters of
its answers), and a long table of the same answers scored by two judges (version, judge, model, session_id, score). No
ceiling but the truth: for labels the mean of all of them, of which a sample is drawn.

    length      win rates raw and at equal length. A correction that works brings a model told to be brief or wordy
                closer to itself; an entry that games the judge without length must not be hidden by it
    two judges  agreement on the same answers, per answer and on the order of models
    labels      one judge plays the people: n of its labels are drawn 400 times and correct the other judge. Coverage of
                95% intervals, their width against labels alone, how many labels the judge is worth; a shuffled judge as
                the one that knows nothing. It would be wrong if coverage fell below labels alone's, or the width of a
                useless judge's interval above it

    OMP_NUM_THREADS=1 python bench/judges.py FOLDER      last line: one JSON object
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from weighbridge.stats.agreement import kappa, krippendorff
from weighbridge.stats.coarse import Ends
from weighbridge.stats.length_bias import paired_effect, relative
from weighbridge.stats.ppi import corrected_mean

BASELINE = "gpt4_1106_preview"
GAMING = ("NullModel", "gpt4_gamed")
VOICES = {
    "alpaca-7b": ("alpaca-7b_concise", "alpaca-7b", "alpaca-7b_verbose"),
    "gpt-3.5-turbo-1106": ("gpt-3.5-turbo-1106_concise", "gpt-3.5-turbo-1106", "gpt-3.5-turbo-1106_verbose"),
    "claude-2.1": ("claude-2.1_concise", "claude-2.1"),
}
"""One model told to write briefly, as it likes, and at length."""
DRAWS = 400
PASSES = (3, 6)
"""Marks of 10 from which an answer passes: 97% and 72% of them do. Labels are then right or wrong."""
ENDS = {"means": Ends(0.0, 1.0), "differences": Ends(-1.0, 1.0, differences=True)}
Sets = list[tuple[np.ndarray, np.ndarray]]
"""Labels and judgements, one pair for each model or pair of models."""


def wide(path: Path) -> tuple[list[str], np.ndarray]:
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))
    return rows[0][1:], np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])


def lengths(folder: Path) -> dict[str, object]:
    models, preferred = wide(folder / "alpaca_eval2_pref.csv.gz")
    names, chars = wide(folder / "alpaca_output_chars.csv.gz")
    size = {name: chars[: len(preferred), names.index(name)] for name in models if name in names}
    kept = [name for name in models if name in size and name != BASELINE and (size[name] >= 0).mean() > 0.98]
    who, p, x, items = [], [], [], []
    for number, name in enumerate(kept):
        known = ~np.isnan(preferred[:, models.index(name)]) & (size[name] >= 0)
        who.append(np.full(known.sum(), number))
        p.append(preferred[known, models.index(name)])
        x.append(relative(size[name], size[BASELINE])[known])
        items.append(np.flatnonzero(known))
    started = time.process_time()
    found = paired_effect(*(np.concatenate(part) for part in (who, p, x, items)))
    used = time.process_time() - started
    assert found is not None
    raw, even = dict(zip(kept, found.raw, strict=True)), dict(zip(kept, found.corrected, strict=True))
    print(
        f"length: {len(kept)} models, {found.items} items, twice as long is worth {found.twice_as_long:+.3f} "
        f"(error {found.error:.3f}), {used:.2f} s of processor time"
    )
    shown = [name for name in (*GAMING, *itertools.chain(*VOICES.values())) if name in raw]
    for name in shown:
        at_equal = "never as long" if even[name] is None else f"{even[name]:.3f}"
        chars = size[name]
        print(f"  {name:<28} raw {raw[name]:.3f}, even {at_equal}, chars {chars.mean():.0f} +- {np.std(chars):.0f}")
    closer = {model: gap for model, voices in VOICES.items() if (gap := between(voices, raw, even)) is not None}
    for model, (before, after) in closer.items():
        print(f"  {model}: log-odds between its voices {before:.2f} raw, {after:.2f} at equal length")
    order = sorted((name for name in kept if even[name] is not None), key=lambda name: -(even[name] or 0.0))
    constant = [name for name in kept if np.std(size[name]) == 0]
    print(f"  one answer to every question, told by its length alone: {constant}")
    gaming = {
        name: {"raw": raw[name], "even": even[name], "place": order.index(name) + 1 if name in order else None}
        for name in GAMING
    }
    return {
        "twice_as_long": found.twice_as_long, "error": found.error, "voices": closer, "gaming": gaming,
        "models": len(kept), "constant_length": constant,
    }  # fmt: skip


def between(voices: tuple[str, ...], *means: dict[str, float | None]) -> list[float] | None:
    """Largest less smallest log-odds among one model's voices, for each set of means; None where one is not known."""
    found = []
    for values in means:
        known = [values.get(voice) for voice in voices]
        if None in known:
            return None
        found.append(round(float(np.ptp([np.log(p / (1 - p)) for p in known if p is not None])), 3))
    return found


def judged(folder: Path) -> tuple[dict[str, dict[str, tuple[float, float]]], tuple[str, str]]:
    """By model: session to the scores of both judges."""
    scores: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with gzip.open(folder / "wildbench_scores_two_judges_long.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["version"] == "v2.0522":
                scores[row["model"], row["session_id"]][row["judge"]] = float(row["score"])
    judges = sorted({judge for both in scores.values() for judge in both})
    found: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for (model, session), both in scores.items():
        if len(both) == 2:
            found[model][session] = (both[judges[0]], both[judges[1]])
    return found, (judges[0], judges[1])


def two_judges(table: dict[str, dict[str, tuple[float, float]]], judges: tuple[str, str]) -> dict[str, object]:
    first, second = (np.array([pair[n] for both in table.values() for pair in both.values()]) for n in (0, 1))
    means = [[np.mean([pair[n] for pair in both.values()]) for both in table.values()] for n in (0, 1)]
    agreed, weighted = kappa(first, second), kappa(first, second, "quadratic")
    alphas = {level: krippendorff(np.array([first, second]), level) for level in ("nominal", "ordinal", "interval")}
    order = [np.argsort(np.argsort(one)) for one in means]
    rho = float(np.corrcoef(*order)[0, 1])
    assert agreed.value is not None
    assert weighted.value is not None
    print(
        f"two judges: {judges[0]} and {judges[1]} on {len(first)} answers of {len(table)} models: alike "
        f"{np.mean(first == second):.3f}, kappa {agreed.value:.3f}, weighted {weighted.value:.3f}, alpha "
        + ", ".join(f"{level} {value:.3f}" for level, value in alphas.items() if value is not None)
        + f", order of models rho {rho:.3f}, mean {first.mean():.2f} against {second.mean():.2f}"
    )
    return {"answers": len(first), "models": len(table), "alike": float(np.mean(first == second)),
            "kappa": agreed.value, "weighted": weighted.value, "alpha": alphas, "rho": rho}  # fmt: skip


def labels(table: dict[str, dict[str, tuple[float, float]]]) -> list[dict[str, object]]:
    """The first judge's scores are the labels, the second's the judgements."""
    rng = np.random.default_rng(7)
    names = [name for name, both in table.items() if len(both) >= 500]
    found = []
    cases: dict[str, Sets] = {kind: [] for kind in (*ENDS, *(f"{kind}, {mark}+" for kind in ENDS for mark in PASSES))}
    for name in names:
        pairs = np.array(list(table[name].values()))
        cases["means"].append((pairs[:, 1], pairs[:, 0]))
        for mark in PASSES:
            cases[f"means, {mark}+"].append(((pairs[:, 1] >= mark) * 1.0, (pairs[:, 0] >= mark) * 1.0))
    for one, other in itertools.pairwise(names):
        shared = sorted(set(table[one]) & set(table[other]))
        both = np.array([(table[one][item], table[other][item]) for item in shared])
        for kind, marked in (("", both), *((f", {mark}+", (both >= mark) * 1.0) for mark in PASSES)):
            gap = marked[:, 0] - marked[:, 1]
            cases[f"differences{kind}"].append((gap[:, 1], gap[:, 0]))
    for kind, sets in cases.items():
        ends = ENDS[kind.partition(",")[0]] if "," in kind else None
        for n in (25, 50, 100, 200):
            for judge in ("the other judge", "shuffled"):
                found.append(
                    {"of": kind, "labels": n, "judge": judge} | _draws(sets, n, rng, judge == "shuffled", ends)
                )
                line = found[-1]
                print(
                    f"labels: {kind:<15} n {n:>3}, {judge:<15} covers {line['covers']:.3f} (labels alone "
                    f"{line['alone_covers']:.3f}), width {line['width']:.3f} of labels alone, worth "
                    f"{line['worth']:.2f} x, wider in {line['wider']}"
                )
    return found


def _draws(sets: Sets, n: int, rng: np.random.Generator, shuffled: bool, ends: Ends | None) -> dict[str, float]:
    """Each draw is a world of its own: units with replacement, so that the mean of all rows is the truth."""
    held = alone = wider = 0
    widths = []
    for draw in range(DRAWS):
        y, f = sets[draw % len(sets)]
        take = rng.integers(0, len(y), n + len(y))
        judged_here = rng.permutation(f)[take] if shuffled else f[take]
        made = corrected_mean(y[take[:n]], judged_here[:n], judged_here[n:], ends=ends)
        low, high = made.interval.low, made.interval.high
        alone_low, alone_high = made.labels_alone_interval.low, made.labels_alone_interval.high
        held += low <= y.mean() <= high
        alone += alone_low <= y.mean() <= alone_high
        wider += high - low > alone_high - alone_low + 1e-12
        widths.append((high - low) / (alone_high - alone_low))
    ratio = float(np.mean(widths))
    return {
        "covers": held / DRAWS,
        "alone_covers": alone / DRAWS,
        "width": ratio,
        "worth": 1 / ratio**2,
        "wider": wider,
    }


def main(folder: Path) -> None:
    started = time.process_time()
    length = lengths(folder)
    table, judges = judged(folder)
    both = two_judges(table, judges)
    found = {"length": length, "two_judges": both, "labels": labels(table)}
    print(json.dumps(found | {"cpu_seconds": round(time.process_time() - started, 1)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
