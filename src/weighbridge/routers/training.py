"""From samples to a router whose promise was tested, or to the distance that it missed it by.

    1  items are split by prompt: some are learned from, the rest tests the promise
    2  a model of the gain is learned, and rounded to what the artefact holds
    3  thresholds, from the safest on, are tested on the rest until one fails (promise.py)

Nothing is refitted after the test: what was tested is what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from weighbridge.errors import InputError, UsageError

from .arrays import Flags, Floats
from .artefact import JUDGED, Artefact, Promise, Provenance
from .cascade_model import CascadeModel, fit_cascade_model
from .grams import SURFACE, read_text
from .neighbours import fit_neighbours
from .packed import pack
from .promise import Tested, fixed_sequence
from .prompt_model import FOLDS, fit_prompt_model
from .router import Model, pack_model, unpack_model
from .samples import Samples, check_columns
from .savings import saved_at, saved_by_chance, saved_by_oracle
from .scoring import cascade_scores, prompt_scores
from .spending import Spending, spending
from .splits import check_split, fold_of, split

Method = Literal["auto", "ridge", "knn", "cascade"]
LEAST_SPLIT = 25
SHARES = {"ridge": 0.5, "knn": 0.5, "cascade": 0.7}
"""A cascade has few numbers to learn, and a promise needs items."""
ALL = 10.0
"""A threshold that no expected gain passes."""
STEPS = 50
"""Thresholds that are tried: those at which 2%, 4% ... of the items learned from would go to the weak side."""


class Goal(NamedTuple):
    keep: float
    alpha: float = 0.05
    method: Method = "auto"
    """auto: a cascade where several models' answers or a judge's scores were recorded, else ridge."""
    calibrate: float | None = None
    """Share of the items that the promise is tested on, where the samples do not say; None is SHARES."""
    seed: int = 0
    answer_from: str = "whole"


class Beside(NamedTuple):
    """Strong calls that others would avoid on the same calibration items, at the promised quality, at best."""

    chance: float
    length: float
    oracle: float
    ours: float
    """At the best point of our own curve, without the margin that the promise needs."""


class Trained(NamedTuple):
    artefact: Artefact | None
    """None where the promise could not be shown."""
    tested: Tested
    beside: Beside
    promise: Promise
    """Of the chosen threshold, or of the safest one that failed."""
    spending: Spending
    """On the items that tested it."""


def train(
    samples: Samples,
    voters: Sequence[str],
    strong: str,
    goal: Goal,
    *,
    made: str,
    versions: dict[str, str],
    costs: dict[str, float | None],
    tell: Callable[[float], None] = lambda _: None,
) -> Trained:
    """Raises InputError for samples that nothing can be learned from, UsageError for a method they do not allow."""
    check_columns(samples, voters, strong)
    method = choose_method(samples, voters, goal.method)
    learn, test = split(samples, goal.calibrate or SHARES[method], goal.seed)
    check_split(learn, test, LEAST_SPLIT)
    taught, held = samples.only(learn), samples.only(test)
    fitted, expected = _fit(taught, voters, strong, method, seed=goal.seed, tell=tell)
    arrays = pack_model(fitted)
    trial = _try_thresholds(unpack_model(arrays, len(voters)), expected, held, voters, strong=strong, goal=goal)
    promise = trial.promise(goal)
    spent = spending(held, voters, strong, costs, trial.to_weak, cascade=method == "cascade")
    if trial.tested.chosen is None:
        return Trained(None, trial.tested, trial.beside(held, goal.keep), promise, spent)
    features = _features(taught, voters, method)
    artefact = Artefact(
        "weighbridge.router/1",
        "cascade" if method == "cascade" else "prompt",
        tuple(voters),
        strong,
        trial.threshold,
        goal.answer_from,
        promise,
        Provenance(
            samples.digest, samples.rows, samples.left_out, len(taught), goal.seed, made, method, features, versions
        ),
        costs,
        arrays,
        pack(np.unique(samples.only(learn | test).groups & 0xFFFFFFFF), "u4"),
    )
    return Trained(artefact, trial.tested, trial.beside(held, goal.keep), promise, spent)


class _Trial(NamedTuple):
    """How thresholds did on items that nothing was learned from; all (n,)."""

    tested: Tested
    threshold: float
    """The chosen one, or the safest, which failed."""
    gains: Floats
    weak: Floats
    strong: Floats

    @property
    def to_weak(self) -> Flags:
        return self.gains <= self.threshold

    def promise(self, goal: Goal) -> Promise:
        best = float(self.strong.mean())
        routed = np.where(self.to_weak, self.weak, self.strong)
        return Promise(
            goal.keep,
            goal.alpha,
            len(self.strong),
            float(routed.mean()) / best,
            self.tested.bound,
            float(self.to_weak.mean()),
            float(self.weak.mean()),
            best,
        )

    def beside(self, held: Samples, keep: float) -> Beside:
        return Beside(
            saved_by_chance(self.weak, self.strong, keep),
            saved_at(np.array(held.prompt_chars, dtype=np.float64), self.weak, self.strong, keep),
            saved_by_oracle(self.weak, self.strong, keep),
            saved_at(self.gains, self.weak, self.strong, keep),
        )


def _try_thresholds(
    model: Model, expected: Floats, held: Samples, voters: Sequence[str], *, strong: str, goal: Goal
) -> _Trial:
    """expected: gains of the items that were learned from, which say where thresholds lie."""
    gains, weak = score_items(model, held, voters)
    best = held.scores[strong]
    if not best.any():
        raise InputError(f"every score of {strong} on the items that test the promise is 0")
    thresholds = np.quantile(expected, np.linspace(1 / STEPS, 1, STEPS))
    thresholds[-1] = max(thresholds[-1], ALL)  # everything to the weak side
    routed = [np.where(gains <= threshold, weak, best) for threshold in thresholds]
    tested = fixed_sequence(routed, best, goal.keep, goal.alpha)
    return _Trial(tested, float(thresholds[tested.chosen or 0]), gains, weak, best)


def choose_method(samples: Samples, voters: Sequence[str], wanted: Method) -> Literal["ridge", "knn", "cascade"]:
    """UsageError, with what is missing, for a method that the samples do not allow."""
    judged = any(voter in samples.judged for voter in voters)
    agree = len(voters) > 1 and samples.has_answers(voters)
    recorded = judged or samples.has_answers(voters) or any(voter in samples.chars for voter in voters)
    if recorded and (wanted == "cascade" or (wanted == "auto" and (judged or agree or not samples.has_prompts()))):
        return "cascade"
    if wanted == "cascade":
        raise UsageError(
            "a cascade judges answers, and no answers, lengths or judge's scores of the weak side were recorded",
            next_move=f"Give columns {voters[0]}.answer or {voters[0]}.chars, or a table: --answers FILE.",
        )
    if len(voters) > 1:
        raise UsageError(
            f"{len(voters)} weak models and no answers of theirs: before a call only one of them can be chosen",
            next_move="Name one with --weak, or give their answers with --answers FILE.",
        )
    if not samples.has_prompts():
        raise UsageError(
            "the samples hold no prompts, and no answers either",
            next_move="Name the column with --prompt, or the table that holds them with --prompts FILE.",
        )
    return "knn" if wanted == "knn" else "ridge"


def score_items(model: Model, samples: Samples, voters: Sequence[str]) -> tuple[Floats, Floats]:
    """(n,) expected gains, and (n,) scores of the weak side's answer."""
    if isinstance(model, CascadeModel):
        return cascade_scores(model, samples, voters)
    return prompt_scores(model, samples), samples.scores[voters[0]]


def _fit(
    samples: Samples, voters: Sequence[str], strong: str, method: str, *, seed: int, tell: Callable[[float], None]
) -> tuple[Model, Floats]:
    """The model, and the gains (n,) that it expects on items like those it was taught, for choosing thresholds."""
    weak, best = samples.scores[voters[0]], samples.scores[strong]
    rng = np.random.default_rng(seed)
    if method == "cascade":
        marks = np.column_stack([samples.scores[voter] for voter in voters])
        cascade = fit_cascade_model(samples.votes(voters), marks, best, samples.prompt_chars)
        return cascade, cascade_scores(cascade, samples, voters)[0]
    texts = [read_text(prompt) for prompt in samples.prompts]
    if method == "ridge":
        return fit_prompt_model(texts, weak, best, folds=fold_of(samples.groups, seed + 1, FOLDS), rng=rng, tell=tell)
    folds = fold_of(samples.groups, seed + 1, 2)  # each half is known by the neighbours in the other
    expected = np.zeros(len(texts))
    for half in (0, 1):
        inside = np.flatnonzero(folds != half)
        near = fit_neighbours([texts[n] for n in inside], weak[inside], best[inside])
        for n in np.flatnonzero(folds == half).tolist():
            expected[n] = near.gain(texts[n])
    return fit_neighbours(texts, weak, best), expected


def _features(samples: Samples, voters: Sequence[str], method: str) -> tuple[str, ...]:
    if method == "ridge":
        return ("words and pairs of words, hashed", "runs of 3 and 5 characters, hashed", *SURFACE)
    if method == "knn":
        return ("words and pairs of words, hashed",)
    found = ["agreement of answers"] if samples.has_answers(voters) else []
    found += ["length of replies"] if any(voter in samples.chars for voter in voters) else []
    found += [JUDGED] if any(voter in samples.judged for voter in voters) else []
    return (*found, "length of the prompt")
