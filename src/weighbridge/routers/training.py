"""From samples to a router whose promise was tested, or to the distance that it missed it by.

    1  items are split by prompt: some are learned from, the rest tests the promise
    2  a model of the gain is learned, and rounded to what the artefact holds
    3  settings, from the safest on, are tested on the rest until one fails (promise.py)

Nothing is refitted after the test: what was tested is what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from weighbridge.errors import InputError

from .arrays import Floats, Whole
from .artefact import Artefact, JudgeRecord, Promise, Provenance, StopRule
from .fitting import Method, choose_method, features_of, learn
from .judging import JudgeSaid
from .packed import pack
from .promise import Tested, fixed_sequence
from .rounds import Followed, Prospects, Setting, follow, make_settings
from .router import pack_model, unpack_model
from .samples import Samples, check_columns, means_of
from .savings import saved_at, saved_by_chance, saved_by_oracle
from .scoring import prospects
from .spending import Spending, calls_of, round_shares, spending
from .splits import check_split, split

LEAST_SPLIT = 25
CASCADE_SHARE = 0.7
"""Of the items, to test the promise on: a cascade has few numbers to learn, and a promise needs items."""
SHARE, LARGE_SHARE, MANY = 0.5, 0.65, 5_000
"""The same of routers that read the prompt, and of theirs from MANY items on: what is learned from the other 35% is as
good there, and the margin of the promise is smaller."""


class Goal(NamedTuple):
    keep: float
    alpha: float = 0.05
    method: Method = "auto"
    """auto: a cascade where several models' answers or a judge's scores were recorded, else ridge."""
    calibrate: float | None = None
    """Share of the items that the promise is tested on, where the samples do not say; None is what fits the method."""
    seed: int = 0
    answer_from: str = "whole"
    rounds: tuple[int, ...] = ()
    """Of a cascade: voters that have answered after each round; empty is all of them in one."""
    judge: JudgeSaid = JudgeSaid()
    """Whose scores the samples hold, if they hold any."""
    prices: tuple[tuple[str, str], ...] = ()
    """Whose prices dollars were reckoned from, by model; written down as it is."""


class Beside(NamedTuple):
    """Strong calls that others would avoid on the same calibration items, at the promised quality, at best."""

    chance: float
    length: float
    oracle: float
    ours: float
    """At the best point of our own curve, without the margin that the promise needs."""
    chance_here: float
    """That chance avoids at the quality that was measured of the setting taken."""


class Trained(NamedTuple):
    artefact: Artefact | None
    """None where the promise could not be shown."""
    tested: Tested
    beside: Beside
    promise: Promise
    """Of the chosen setting, or of the safest one that failed."""
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
    sizes = (goal.rounds or (len(voters),)) if method == "cascade" else (1,)
    inside, outside = split(samples, goal.calibrate or _share(method, len(samples)), goal.seed)
    check_split(inside, outside, LEAST_SPLIT)
    taught, held = samples.only(inside), samples.only(outside)
    learned = learn(taught, voters, strong, method, sizes=sizes, seed=goal.seed, tell=tell)
    judge = _judge(samples, voters, goal) if method == "cascade" else None
    name = judge.name if judge is not None else None
    settings = make_settings(learned.unseen, round_shares(taught, voters, sizes, strong, costs, judge=name))
    arrays = pack_model(learned.model)
    model = unpack_model(arrays, len(voters))
    trial = _try(settings, prospects(model, held, voters), held, strong, goal)
    asked = calls_of(held, voters, strong, trial.followed, sizes=sizes if method == "cascade" else (), judge=judge)
    spent = spending(held, asked, costs)
    promise, beside = trial.promise(goal), trial.beside(held, goal.keep)
    if trial.tested.chosen is None:
        return Trained(None, trial.tested, beside, promise, spent)
    features = features_of(taught, voters, method)
    artefact = Artefact(
        "weighbridge.router/2",
        "cascade" if method == "cascade" else "prompt",
        tuple(voters),
        strong,
        tuple(StopRule(*stop) for stop in trial.setting),
        goal.answer_from,
        promise,
        Provenance(
            samples.digest,
            samples.rows,
            samples.left_out,
            len(taught),
            goal.seed,
            made,
            method,
            features,
            versions,
            dict(goal.prices),
        ),
        costs,
        arrays,
        pack(np.unique(samples.only(inside | outside).groups & 0xFFFFFFFF), "u4"),
        judge,
    )
    return Trained(artefact, trial.tested, beside, promise, spent)


class _Trial(NamedTuple):
    """How settings did on items that nothing was learned from."""

    tested: Tested
    settings: Sequence[Setting]
    every: Sequence[Followed]
    """By setting."""
    weak: Floats
    """(n,) scores of what the weak side says in the last round."""
    strong: Floats
    """(n,)"""
    witnesses: Whole
    """(n,)"""

    @property
    def setting(self) -> Setting:
        """The chosen one, or the safest, which failed."""
        return self.settings[self.tested.chosen or 0]

    @property
    def followed(self) -> Followed:
        return self.every[self.tested.chosen or 0]

    def promise(self, goal: Goal) -> Promise:
        found, asked = self.followed, means_of(self.witnesses, self.strong)
        return Promise(
            goal.keep,
            goal.alpha,
            len(asked),
            float(means_of(self.witnesses, routed(found, self.strong)).mean() / asked.mean()),
            self.tested.bound,
            float(found.to_weak.mean()),
            float(self.weak.mean()),
            float(self.strong.mean()),
        )

    def beside(self, held: Samples, keep: float) -> Beside:
        weak = self.weak
        enough = [one for one in self.every if routed(one, self.strong).mean() >= keep * self.strong.mean()]
        return Beside(
            saved_by_chance(weak, self.strong, keep),
            saved_at(np.array(held.prompt_chars, dtype=np.float64), weak, self.strong, keep),
            saved_by_oracle(weak, self.strong, keep),
            max((float(one.to_weak.mean()) for one in enough), default=0.0),
            saved_by_chance(weak, self.strong, float(routed(self.followed, self.strong).mean() / self.strong.mean())),
        )


def _try(settings: Sequence[Setting], seen: Prospects, held: Samples, strong: str, goal: Goal) -> _Trial:
    best = held.scores[strong]
    if not best.any():
        raise InputError(f"every score of {strong} on the items that test the promise is 0")
    every = [follow(setting, seen) for setting in settings]
    witnesses = held.witnesses()
    shown = [means_of(witnesses, routed(one, best)) for one in every]
    tested = fixed_sequence(shown, means_of(witnesses, best), goal.keep, goal.alpha)
    return _Trial(tested, settings, every, seen.taken[-1], best, witnesses)


def routed(found: Followed, strong: Floats) -> Floats:
    """(n,) scores of what the client gets."""
    return np.where(found.to_weak, found.weak, strong)


def _share(method: str, items: int) -> float:
    if method == "cascade":
        return CASCADE_SHARE
    return SHARE if items < MANY else LARGE_SHARE


def _judge(samples: Samples, voters: Sequence[str], goal: Goal) -> JudgeRecord | None:
    scored = tuple(voter for voter in voters if voter in samples.judged)
    if not scored:
        return None
    return JudgeRecord(goal.judge.name, scored, goal.judge.instructions, goal.judge.out_of)
