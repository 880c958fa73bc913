"""How many strong calls do our routers save at a promised quality, beside chance, prompt length and an oracle?

    saved at k    share of strong calls avoided while the mean of what is routed is at least k times the strong model's
                  mean. Out of fold: each item is scored by a model that saw no item of its fold, and equal prompts are
                  in one fold; the threshold (of a cascade in rounds: the setting of all its rounds) is the best on the
                  pooled scores, the same for every row of the table (savings.py). Intervals are 95%, percentiles of a
                  bootstrap over items, the threshold chosen anew in each.
    nested        the threshold of each fold is chosen on the other folds' out-of-fold scores, so that nothing at all is
                  chosen on the items it is measured on: the saving, and the quality that came of it
    promised      what `weighbridge route train` writes: a tested lower bound at k with 95% confidence, on a held-out
                  split; the middle of SPLITS splits, and how often nothing could be promised
    asked, money  calls an item at the pooled threshold, and with --cost what is saved, every call counted: a cascade
                  asks all models of a round at once, a later round only where the ones before leave doubt
    left out      with --leave-out COLUMN: what is kept where a whole category is new to the router, threshold included

The ceiling is the oracle, which knows both scores. A router that saves no more than prompt length would be proved
useless by this table.

    OMP_NUM_THREADS=1 python bench/routing.py prompt SCORES.csv.gz --weak A --strong B --keep 0.95 --keep 0.98
    OMP_NUM_THREADS=1 python bench/routing.py cascade SCORES.csv.gz --answers F --lengths F --prompts F \
        --weak A --weak B --then C,D --strong E --keep 0.97 --cost A=1,B=1,C=4,D=4,E=30

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
from weighbridge.routers.arrays import Flags, Floats
from weighbridge.routers.fitting import Method, learn
from weighbridge.routers.rounds import Followed, Prospects, follow, make_settings
from weighbridge.routers.savings import interval_of, kept_interval, saved_at, saved_by_chance, saved_by_oracle
from weighbridge.routers.scoring import prospects
from weighbridge.routers.spending import calls_of, round_shares, spending
from weighbridge.routers.splits import fold_of

SPLITS = 5
RESAMPLES = 400


class Work(NamedTuple):
    """What is measured."""

    samples: Samples
    voters: tuple[str, ...]
    sizes: tuple[int, ...]
    """Voters that have answered after each round; (1,) for a router that reads the prompt."""
    strong: str
    costs: dict[str, float | None]
    folds: int

    @property
    def best(self) -> Floats:
        return self.samples.scores[self.strong]


def out_of_fold(work: Work, method: str, *, seed: int) -> Prospects:
    """Of every item, by a model that did not know it."""
    fold = fold_of(work.samples.groups, seed, work.folds)
    shape = (len(work.sizes), len(work.samples))
    found = Prospects(np.zeros(shape), np.zeros(shape))
    for number in range(work.folds):
        part = _scored(work, method, fold != number, fold == number, seed=seed)
        found.gains[:, fold == number], found.taken[:, fold == number] = part
    return found


def _scored(work: Work, method: str, inside: Flags, outside: Flags, *, seed: int) -> Prospects:
    taught = work.samples.only(inside)
    made = learn(taught, work.voters, work.strong, method, sizes=work.sizes, seed=seed, tell=lambda _: None)
    return prospects(made.model, work.samples.only(outside), work.voters)


class Curve:
    """What a score, or settings of several rounds, make of the items."""

    def __init__(self, work: Work, seen: Prospects) -> None:
        self._work = work
        self._seen = seen
        self.weak = seen.taken[-1]
        shares = round_shares(work.samples, work.voters, work.sizes, work.strong, work.costs, judge=None)
        self.every = [follow(setting, seen) for setting in make_settings(seen.gains, shares)]
        self._routed = np.array([np.where(one.to_weak, one.weak, work.best) for one in self.every])
        self._to_weak = np.array([one.to_weak.mean() for one in self.every])

    def saved(self, keep: float) -> float:
        if len(self._seen.gains) == 1:
            return saved_at(self._seen.gains[0], self._seen.taken[0], self._work.best, keep)
        return self._at(np.ones(len(self._work.samples)), keep)[0]

    def interval(self, keep: float) -> list[float]:
        rng = np.random.default_rng(0)
        if len(self._seen.gains) == 1:
            found = interval_of(self._seen.gains[0], self._seen.taken[0], self._work.best, keep, rng=rng)
            return [found.low, found.high]
        count = len(self._work.samples)
        drawn = [np.bincount(rng.integers(0, count, count), minlength=count).astype(float) for _ in range(RESAMPLES)]
        low, high = np.quantile([self._at(one, keep)[0] for one in drawn], [0.025, 0.975])
        return [float(low), float(high)]

    def chosen(self, keep: float, of: Flags) -> Followed | None:
        """The best setting on the items `of`; None where every one loses too much."""
        place = self._at(of.astype(np.float64), keep)[1]
        return None if place is None else self.every[place]

    def _at(self, weights: Floats, keep: float) -> tuple[float, int | None]:
        """Strong calls avoided by the best setting, on items that count so often."""
        enough = np.flatnonzero(self._routed @ weights >= keep * (self._work.best @ weights) - 1e-9)
        if not len(enough):
            return 0.0, None
        avoided = np.array([self.every[place].to_weak @ weights for place in enough]) / weights.sum()
        return float(avoided.max()), int(enough[int(np.argmax(avoided))])


def nested(work: Work, curve: Curve, fold: Any, keep: float) -> dict[str, Any]:
    """The setting of each fold from the others, whose items are other ones: (n,) numbers of folds, or categories."""
    to_weak, weak = np.zeros(len(work.samples), bool), np.zeros(len(work.samples))
    for number in np.unique(fold):
        here = fold == number
        chosen = curve.chosen(keep, ~here)
        if chosen is not None:
            to_weak[here], weak[here] = chosen.to_weak[here], chosen.weak[here]
    routed = np.where(to_weak, weak, work.best)
    interval = kept_interval(routed, work.best, np.random.default_rng(0))
    return {
        "saved": float(to_weak.mean()),
        "kept": float(routed.mean() / work.best.mean()),
        "kept_interval": [interval.low, interval.high],
    }


def left_out(work: Work, method: str, keep: float) -> dict[str, Any]:
    """Whole categories by a router that never saw them, model and threshold; what all keep, and the worst of them. A
    tenth of the categories (of ten folds) are left out together."""
    names = np.array(work.samples.categories)
    shape = (len(work.sizes), len(names))
    seen = Prospects(np.zeros(shape), np.zeros(shape))
    part = np.unique(names, return_inverse=True)[1] % work.folds
    for number in np.unique(part):
        scored = _scored(work, method, part != number, part == number, seed=0)
        seen.gains[:, part == number], seen.taken[:, part == number] = scored
    curve = Curve(work, seen)
    found = nested(work, curve, part, keep)
    below = {}
    for name in np.unique(names).tolist():
        here = names == name
        chosen = curve.chosen(keep, part != part[here][0])
        if chosen is not None and work.best[here].any():
            routed = np.where(chosen.to_weak[here], chosen.weak[here], work.best[here])
            below[name] = float(routed.mean() / work.best[here].mean())
    worst = sorted(below, key=lambda name: below[name])[:5]
    found["categories"] = len(below)
    found["below"] = sum(kept < keep for kept in below.values())
    found["worst"] = {name: below[name] for name in worst}
    return found


def promised(work: Work, method: Method, keep: float) -> dict[str, Any]:
    found = []
    for seed in range(SPLITS):
        goal = Goal(keep, method=method, seed=seed, rounds=work.sizes if method == "cascade" else ())
        voters, samples = work.voters, work.samples
        made = train(samples, voters, work.strong, goal, made="2000-01-01", versions={}, costs=work.costs)
        found.append(made.promise.saved if made.artefact is not None else 0.0)
    return {"saved": float(np.median(found)), "refused": sum(share == 0 for share in found), "splits": SPLITS}


def measure(work: Work, args: argparse.Namespace) -> dict[str, Any]:
    methods: list[Method] = ["cascade"] if args.kind == "cascade" else ["ridge", "knn"]
    length = np.array(work.samples.prompt_chars, dtype=np.float64)
    curves: dict[Method, list[Curve]] = {}
    for method in methods:
        started = time.process_time()
        curves[method] = [Curve(work, out_of_fold(work, method, seed=seed)) for seed in range(args.seeds)]
        took = time.process_time() - started
        print(f"{method}: {args.seeds} x {args.folds} folds in {took:.0f} s of processor time")
    first = curves[methods[0]][0]
    weak = first.weak  # what the weak side says once everybody was asked
    found = {
        "items": len(work.samples),
        "weak": float(work.samples.scores[work.voters[0]].mean()),
        "weak_side": float(weak.mean()),
        "strong": float(work.best.mean()),
        "folds": args.folds,
        "at": {},
    }
    print("{items} items; weak {weak:.3f}, weak side {weak_side:.3f}, strong {strong:.3f}".format(**found))
    for keep in args.keep:
        at: dict[str, Any] = {
            "random": {"saved": saved_by_chance(weak, work.best, keep), "interval": None},
            "length": _with_interval(length, weak, work.best, keep),
            "oracle": {"saved": saved_by_oracle(weak, work.best, keep), "interval": None},
        }
        for method in methods:
            each = [curve.saved(keep) for curve in curves[method]]
            at[method] = {"saved": float(np.mean(each)), "interval": curves[method][0].interval(keep), "seeds": each}
            fold = fold_of(work.samples.groups, 0, work.folds)
            at[method]["nested"] = nested(work, curves[method][0], fold, keep)
        at["promised"] = promised(work, methods[0], keep)
        at["spending"] = _spent(work, first, keep, cascade=args.kind == "cascade")
        if args.leave_out:
            at["left_out"] = left_out(work, methods[0], keep)
        found["at"][f"{keep:g}"] = at
        _print(keep, at, methods)
    return found


def _with_interval(score: Floats, weak: Floats, strong: Floats, keep: float) -> dict[str, Any]:
    found = interval_of(score, weak, strong, keep, rng=np.random.default_rng(0))
    return {"saved": saved_at(score, weak, strong, keep), "interval": [found.low, found.high]}


def _spent(work: Work, curve: Curve, keep: float, *, cascade: bool) -> dict[str, Any]:
    chosen = curve.chosen(keep, np.ones(len(work.samples), bool))
    if chosen is None:
        return {"asked": {}, "saved": None}
    sizes = work.sizes if cascade else ()
    calls = calls_of(work.samples, work.voters, work.strong, chosen, sizes=sizes, judge=None)
    spent = spending(work.samples, calls, work.costs)
    return {"asked": dict(spent.asked), "saved": spent.saved}


def _print(keep: float, at: dict[str, Any], methods: list[Method]) -> None:
    print(f"at {100 * keep:g}% of the strong model's quality, strong calls avoided:")
    for name in ("random", "length", *methods, "oracle"):
        low_high = at[name]["interval"]
        said = f" ({100 * low_high[0]:.1f} to {100 * low_high[1]:.1f})" if low_high else ""
        print(f"  {name:8s} {100 * at[name]['saved']:5.1f}%{said}")
    for method in methods:
        _print_kept(f"{method}, nested", at[method]["nested"])
    print(f"  promised with 95% confidence: {100 * at['promised']['saved']:.1f}%, refused {at['promised']['refused']}")
    print("  calls an item: " + ", ".join(f"{name} {calls:.2f}" for name, calls in at["spending"]["asked"].items()))
    if at["spending"]["saved"] is not None:
        print(f"  money saved, all calls counted: {100 * at['spending']['saved']:.1f}%")
    if "left_out" in at:
        _print_kept("whole categories new", at["left_out"])
        below, count = at["left_out"]["below"], at["left_out"]["categories"]
        print(f"  {below} of {count} of them below; worst: {at['left_out']['worst']}")


def _print_kept(name: str, found: dict[str, Any]) -> None:
    low, high = found["kept_interval"]
    saved, kept = found["saved"], found["kept"]
    print(f"  {name}: {100 * saved:.1f}% avoided, {100 * kept:.2f}% kept ({100 * low:.2f} to {100 * high:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["prompt", "cascade"])
    parser.add_argument("scores", type=Path)
    for name in ("answers", "lengths", "prompts", "judged"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--prompt", default="prompt")
    parser.add_argument("--weak", action="append", required=True)
    parser.add_argument("--then", action="append", default=[], metavar="NAME,NAME")
    parser.add_argument("--strong", required=True)
    parser.add_argument("--keep", type=float, action="append", required=True)
    parser.add_argument("--cost", default="")
    parser.add_argument("--leave-out", metavar="COLUMN")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    kinds = {"answers": "answer", "lengths": "chars", "prompts": "prompt", "judged": "judge"}
    sides = {kind: getattr(args, name) for name, kind in kinds.items() if getattr(args, name) is not None}
    voters, sizes = list(args.weak), [len(args.weak)]
    for names in args.then:
        voters += names.split(",")
        sizes.append(len(voters))
    costs: dict[str, float | None] = {}
    for part in filter(None, args.cost.split(",")):
        name, _, number = part.rpartition("=")
        costs[name] = float(number)
    places = Places(args.scores, sides, prompt=args.prompt, category=args.leave_out or "category")
    samples = read_samples(places, voters, args.strong)
    if args.kind == "prompt":
        sizes = [1]
    work = Work(samples, tuple(voters), tuple(sizes), args.strong, costs, args.folds)
    print(json.dumps({"bench": "routing", "kind": args.kind, "voters": voters, "rounds": sizes, **measure(work, args)}))


if __name__ == "__main__":
    main()
