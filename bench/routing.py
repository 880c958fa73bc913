"""How many strong calls do our routers save at a promised quality, beside chance, prompt length and an oracle?

    saved at k    share of strong calls avoided while the mean of what is routed is at least k times the strong model's
                  mean. Out of fold: each item is scored by a model that saw no item of its fold, and equal prompts are
                  in one fold; the threshold is the best on the pooled scores, the same for every row of the table
                  (savings.py). Intervals are 95%, percentiles of a bootstrap over items.
    nested        the threshold of each fold is chosen on the other folds' out-of-fold scores, so that nothing at all is
                  chosen on the items it is measured on: the saving, and the quality that came of it
    promised      what `weighbridge route train` writes: a tested lower bound at k with 95% confidence, on a held-out
                  split; the middle of SPLITS splits, and how often nothing could be promised
    dollars       with --cost, every call counted: a cascade asks each cheap model every time

The ceiling is the oracle, which knows both scores. A router that saves no more than prompt length would be proved
useless by this table.

    OMP_NUM_THREADS=1 python bench/routing.py prompt SCORES.csv.gz --weak A --strong B --keep 0.95 --keep 0.98
    OMP_NUM_THREADS=1 python bench/routing.py cascade SCORES.csv.gz --answers F --lengths F --prompts F \
        --weak A --weak B --strong C --keep 0.97 --cost A=1,B=1,C=30

Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weighbridge.routers import Goal, Places, Samples, read_samples, train
from weighbridge.routers.arrays import Floats
from weighbridge.routers.cascade_model import fit_cascade_model
from weighbridge.routers.grams import read_text
from weighbridge.routers.neighbours import fit_neighbours
from weighbridge.routers.prompt_model import FOLDS, fit_prompt_model
from weighbridge.routers.savings import interval_of, kept_interval, saved_at, saved_by_chance, saved_by_oracle
from weighbridge.routers.scoring import cascade_scores, prompt_scores
from weighbridge.routers.spending import spending
from weighbridge.routers.splits import fold_of

SPLITS = 5


class Scored(NamedTuple):
    """Of every item, out of fold."""

    gain: Floats
    weak: Floats
    """Score of the weak side's answer."""


def out_of_fold(samples: Samples, voters: list[str], strong: str, method: str, *, folds: int, seed: int) -> Scored:
    fold = fold_of(samples.groups, seed, folds)
    gain, weak = np.zeros(len(samples)), np.zeros(len(samples))
    for number in range(folds):
        inside, outside = samples.only(fold != number), samples.only(fold == number)
        gain[fold == number], weak[fold == number] = _scores(inside, outside, voters, strong, method=method, seed=seed)
    return Scored(gain, weak)


def _scores(
    inside: Samples, outside: Samples, voters: list[str], strong: str, *, method: str, seed: int
) -> tuple[Floats, Floats]:
    best, weak = inside.scores[strong], inside.scores[voters[0]]
    if method == "cascade":
        marks = np.column_stack([inside.scores[voter] for voter in voters])
        model = fit_cascade_model(inside.votes(voters), marks, best, inside.prompt_chars)
        return cascade_scores(model, outside, voters)
    texts = [read_text(prompt) for prompt in inside.prompts]
    if method == "knn":
        return prompt_scores(fit_neighbours(texts, weak, best), outside), outside.scores[voters[0]]
    folds = fold_of(inside.groups, seed + 1, FOLDS)
    made, _ = fit_prompt_model(texts, weak, best, folds=folds, rng=np.random.default_rng(seed))
    return prompt_scores(made, outside), outside.scores[voters[0]]


def nested(scored: Scored, strong: Floats, groups: Any, keep: float, *, folds: int, seed: int) -> dict[str, Any]:
    """The threshold of each fold from the others."""
    fold = fold_of(groups, seed, folds)
    to_weak = np.zeros(len(strong), bool)
    for number in range(folds):
        others = fold != number
        share = saved_at(scored.gain[others], scored.weak[others], strong[others], keep)
        if share:
            to_weak[fold == number] = scored.gain[fold == number] <= np.quantile(scored.gain[others], share)
    routed = np.where(to_weak, scored.weak, strong)
    interval = kept_interval(routed, strong, np.random.default_rng(0))
    return {
        "saved": float(to_weak.mean()),
        "kept": float(routed.mean() / strong.mean()),
        "kept_interval": [interval.low, interval.high],
    }


def promised(samples: Samples, voters: list[str], strong: str, method: str, keep: float) -> dict[str, Any]:
    found = []
    for seed in range(SPLITS):
        goal = Goal(keep, method=method, seed=seed)
        trained = train(samples, voters, strong, goal, made="2000-01-01", versions={}, costs={})
        found.append(trained.promise.saved if trained.artefact is not None else 0.0)
    return {"saved": float(np.median(found)), "refused": sum(share == 0 for share in found), "splits": SPLITS}


def measure(samples: Samples, args: argparse.Namespace) -> dict[str, Any]:
    strong = samples.scores[args.strong]
    methods = ["cascade"] if args.kind == "cascade" else ["ridge", "knn"]
    length = np.array(samples.prompt_chars, dtype=np.float64)
    found: dict[str, Any] = {"items": len(samples), "strong": float(strong.mean()), "folds": args.folds, "at": {}}
    runs = {}
    for method in methods:
        started = time.process_time()
        runs[method] = [
            out_of_fold(samples, args.weak, args.strong, method, folds=args.folds, seed=seed)
            for seed in range(args.seeds)
        ]
        print(f"{method}: {args.seeds} x {args.folds} folds in {time.process_time() - started:.0f} s of processor time")
    weak = runs[methods[0]][0].weak
    found["weak"] = float(samples.scores[args.weak[0]].mean())
    found["weak_side"] = float(weak.mean())
    means = f"weak {found['weak']:.3f}, weak side {found['weak_side']:.3f}, strong {found['strong']:.3f}"
    print(f"{len(samples)} items; {means}")
    for keep in args.keep:
        rows = {
            "random": (saved_by_chance(weak, strong, keep), None),
            "length": _with_interval(length, weak, strong, keep),
            "oracle": (saved_by_oracle(weak, strong, keep), None),
        }
        at: dict[str, Any] = {}
        for method in methods:
            each = [saved_at(run.gain, run.weak, strong, keep) for run in runs[method]]
            rows[method] = (float(np.mean(each)), _with_interval(*runs[method][0], strong, keep)[1])
            at[f"{method}_seeds"] = each
            at[f"{method}_nested"] = nested(runs[method][0], strong, samples.groups, keep, folds=args.folds, seed=0)
        at |= {name: {"saved": saved, "interval": interval} for name, (saved, interval) in rows.items()}
        at["promised"] = promised(samples, args.weak, args.strong, methods[0], keep)
        if args.cost:
            at["dollars_saved"] = _dollars(samples, args, runs[methods[0]][0], strong, keep)
        found["at"][f"{keep:g}"] = at
        _print(keep, at, methods)
    return found


def _with_interval(score: Floats, weak: Floats, strong: Floats, keep: float) -> tuple[float, list[float]]:
    found = interval_of(score, weak, strong, keep, rng=np.random.default_rng(0))
    return saved_at(score, weak, strong, keep), [found.low, found.high]


def _dollars(samples: Samples, args: argparse.Namespace, run: Scored, strong: Floats, keep: float) -> float | None:
    share = saved_at(run.gain, run.weak, strong, keep)
    to_weak = run.gain <= np.quantile(run.gain, share) if share else np.zeros(len(strong), bool)
    costs = {name: float(number) for name, _, number in (part.rpartition("=") for part in args.cost.split(","))}
    spent = spending(samples, args.weak, args.strong, costs, to_weak, cascade=args.kind == "cascade")
    return spent.saved


def _print(keep: float, at: dict[str, Any], methods: list[str]) -> None:
    print(f"at {100 * keep:g}% of the strong model's quality, strong calls avoided:")
    for name in ("random", "length", *methods, "oracle"):
        low_high = at[name]["interval"]
        said = f" ({100 * low_high[0]:.1f} to {100 * low_high[1]:.1f})" if low_high else ""
        print(f"  {name:8s} {100 * at[name]['saved']:5.1f}%{said}")
    for method in methods:
        inner = at[f"{method}_nested"]
        low, high = inner["kept_interval"]
        print(
            f"  {method}, nested: {100 * inner['saved']:.1f}% avoided, {100 * inner['kept']:.2f}% kept "
            f"({100 * low:.2f} to {100 * high:.2f})"
        )
    print(f"  promised with 95% confidence: {100 * at['promised']['saved']:.1f}%, refused {at['promised']['refused']}")
    if at.get("dollars_saved") is not None:
        print(f"  dollars saved, all calls counted: {100 * at['dollars_saved']:.1f}%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["prompt", "cascade"])
    parser.add_argument("scores", type=Path)
    for name in ("answers", "lengths", "prompts", "judged"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--prompt", default="prompt")
    parser.add_argument("--weak", action="append", required=True)
    parser.add_argument("--strong", required=True)
    parser.add_argument("--keep", type=float, action="append", required=True)
    parser.add_argument("--cost", default="")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    kinds = {"answers": "answer", "lengths": "chars", "prompts": "prompt", "judged": "judge"}
    sides = {kind: getattr(args, name) for name, kind in kinds.items() if getattr(args, name) is not None}
    samples = read_samples(Places(args.scores, sides, prompt=args.prompt), args.weak, args.strong)
    print(json.dumps({"bench": "routing", "kind": args.kind, "voters": args.weak, **measure(samples, args)}))


if __name__ == "__main__":
    main()
