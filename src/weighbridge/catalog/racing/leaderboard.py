"""Who is best now, by kind of work: a composite over many benchmarks (ability.py), with its evidence beside it.

Each model counts with its best setting on each benchmark, measured by somebody else than its lab; of Elo boards the
newest full snapshot counts, since their scale drifts. Shown on a scale on which 50 is the mean of all models fitted
and 10 one standard deviation of general ability.
A model is listed when it was run on enough benchmarks; one that was not is not placed, however good its one score is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weighbridge.catalog.racing.ability import (
    ELO_A_LOGIT,
    Fitted,
    Observations,
    fit_abilities,
    share_to_logit,
)
from weighbridge.catalog.racing.benchmarks import BENCHMARKS, KINDS, Benchmark, WorkKind
from weighbridge.catalog.racing.entries import Entry, field_of
from weighbridge.catalog.racing.race import FEWEST
from weighbridge.catalog.records import Catalogue, Score

Z80 = 1.2815515655446004
FEWEST_MODELS = 5
"""Models that a benchmark must have been run on, to say how they compare."""
FEWEST_OVERALL = 4
FEWEST_IN_KIND = 2
DRAWS = 4_000
INDEX = "Epoch Capabilities Index"
"""An independent composite, over other benchmarks too, that ours is held against."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One model's place in one kind of work, or overall."""

    entry: Entry
    """Its newest row; for who and what it is."""
    score: float
    low: float
    high: float
    """An 80% interval."""
    chance_of_lead: float
    """Share of draws in which it is the best of those listed."""
    benchmarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    kind: WorkKind | None
    """None for all work together."""
    placed: tuple[Placed, ...]
    benchmarks: tuple[str, ...]
    fewest: int
    """Benchmarks of the kind that a model must have been run on to be listed."""
    too_few: int
    """Models seen on the kind, but on too few benchmarks."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    boards: tuple[Board, ...]
    models: int
    scores: int
    agreement: float | None
    """Rank correlation with Epoch's index over the models both place; None with fewer than ten of them."""
    compared: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The best score of each model on each benchmark."""

    benchmarks: tuple[Benchmark, ...]
    models: tuple[str, ...]
    newest: dict[str, Entry]
    best: dict[tuple[str, str], Entry]

    def on(self, model: str, kind: WorkKind | None) -> tuple[str, ...]:
        """Names of the benchmarks of a kind (None: of all) that the model was run on."""
        return tuple(
            each.name for each in self.benchmarks if kind in (None, each.kind) and (model, each.name) in self.best
        )


def rank_now(
    catalogue: Catalogue,
    scores: Sequence[Score],
    *,
    fewest: int | None = None,
    licence: str = "any",
    open_only: bool = False,
    seed: int = 0,
) -> Leaderboard:
    """The boards of all work and of each kind. `fewest` benchmarks of a kind are asked for, where it has so many.

    Everybody is fitted; the licence filter (of open weights) and `open_only` say who is listed.
    """
    seen = collect_best(catalogue, scores)
    fitted = fit_best(seen)
    listed = seen if licence == "any" else collect_best(catalogue, scores, licence)
    allowed = {model for model in listed.models if seen.newest[model].is_open or not open_only}
    boards = tuple(_board(seen, fitted, kind, fewest=fewest, allowed=allowed, seed=seed) for kind in (None, *KINDS))
    everybody = _board(seen, fitted, None, fewest=None, allowed=set(seen.models), seed=seed)
    agreement, compared = _agreement(catalogue, scores, everybody)
    return Leaderboard(boards, len(seen.models), len(seen.best), agreement, compared)


def collect_best(catalogue: Catalogue, scores: Sequence[Score], licence: str = "any") -> Seen:
    """Everybody who was measured on at least two benchmarks of any kind of work."""
    best: dict[tuple[str, str], Entry] = {}
    for benchmark in BENCHMARKS.values():
        if benchmark.kind is None:
            continue
        entries = _newest_full(catalogue, scores, benchmark, licence)
        if len({entry.key for entry in entries}) < FEWEST_MODELS:
            continue
        for entry in entries:
            key = entry.key, benchmark.name
            if key not in best or entry.score > best[key].score:
                best[key] = entry
    counts: dict[str, int] = {}
    for model, _ in best:
        counts[model] = counts.get(model, 0) + 1
    best = {key: entry for key, entry in best.items() if counts[key[0]] > 1}
    newest = {model: entry for (model, _), entry in best.items()}
    used = {name for _, name in best}
    return Seen(tuple(each for each in BENCHMARKS.values() if each.name in used), tuple(sorted(newest)), newest, best)


def _newest_full(catalogue: Catalogue, scores: Sequence[Score], benchmark: Benchmark, licence: str) -> Sequence[Entry]:
    """Everybody on a benchmark; of an Elo board the newest snapshot that is more than its top."""
    if benchmark.scale != "elo":
        return field_of(catalogue, scores, benchmark.name, licence=licence).entries
    for day in sorted({row.date for row in scores if row.benchmark == benchmark.name}, reverse=True):
        entries = field_of(catalogue, scores, benchmark.name, licence=licence, snapshot=day).entries
        if len(entries) >= FEWEST:
            return entries
    return ()


def fit_best(seen: Seen) -> Fitted:
    """Abilities of `seen.models`, in their order; kinds of work in the order of KINDS."""
    place = {model: number for number, model in enumerate(seen.models)}
    column = {benchmark.name: number for number, benchmark in enumerate(seen.benchmarks)}
    kinds = list(KINDS)
    values = [_on_one_scale(entry.score, BENCHMARKS[name]) for (_, name), entry in seen.best.items()]
    observations = Observations(
        np.array([place[model] for model, _ in seen.best]),
        np.array([column[name] for _, name in seen.best]),
        np.array([y for y, _ in values]),
        np.array([variance for _, variance in values]),
    )
    kind_of = [kinds.index(each.kind) for each in seen.benchmarks if each.kind]
    return fit_abilities(observations, kind_of, len(seen.models), len(kinds))


def _on_one_scale(score: float, benchmark: Benchmark) -> tuple[float, float]:
    if benchmark.scale == "elo":
        return score / ELO_A_LOGIT, 0.0
    if benchmark.scale == "minutes":
        return float(np.log(max(score, 1e-3))), 0.0
    return share_to_logit(score, benchmark.tasks)


def _board(
    seen: Seen, fitted: Fitted, kind: WorkKind | None, *, fewest: int | None, allowed: set[str], seed: int
) -> Board:
    names = tuple(each.name for each in seen.benchmarks if kind in (None, each.kind))
    usual = FEWEST_OVERALL if kind is None else FEWEST_IN_KIND
    asked = max(1, min(usual if fewest is None else fewest, len(names)))
    run = {model: seen.on(model, kind) for model in seen.models if model in allowed}
    listed = [model for model, on in run.items() if len(on) >= asked]
    mean, deviation = fitted.ability(None if kind is None else list(KINDS).index(kind))
    rows = [seen.models.index(model) for model in listed]
    draws = np.random.default_rng(seed).normal(mean[rows], deviation[rows], (DRAWS, len(rows)))
    leads = np.bincount(draws.argmax(axis=1), minlength=len(rows)) / DRAWS if rows else np.zeros(0)
    placed = [
        Placed(seen.newest[model], _shown(m), _shown(m - Z80 * s), _shown(m + Z80 * s), float(lead), run[model])
        for model, m, s, lead in zip(listed, mean[rows], deviation[rows], leads, strict=True)
    ]
    placed.sort(key=lambda each: (-each.score, each.entry.name))
    return Board(kind, tuple(placed), names, asked, sum(0 < len(on) < asked for on in run.values()))


def _shown(deviations: float) -> float:
    return 50 + 10 * float(deviations)


def _agreement(catalogue: Catalogue, scores: Sequence[Score], overall: Board) -> tuple[float | None, int]:
    theirs = {entry.key: entry.score for entry in field_of(catalogue, scores, INDEX).entries}
    both = [(each.score, theirs[each.entry.key]) for each in overall.placed if each.entry.key in theirs]
    if len(both) < 10:
        return None, len(both)
    ranks = [np.argsort(np.argsort([pair[side] for pair in both])) for side in (0, 1)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1]), len(both)
