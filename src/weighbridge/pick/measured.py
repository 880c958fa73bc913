"""Every score that says something of a model's ability, one for each benchmark, on one scale.

independent     the best setting of a model on a benchmark, measured by others than its lab: as the leaderboard
                counts it (catalog/racing), also of models that were run on one benchmark only
self-reported   where nobody else has run that benchmark; its error is made larger by SELF_ERROR
Elo boards      the newest snapshot a model stands in, moved to the scale of the fullest one by the models that
                stand in both; boards drift, so a snapshot with fewer than COMMON models in both is left out
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from statistics import median

import msgspec

from weighbridge.catalog.racing.ability import ELO_A_LOGIT, share_to_logit
from weighbridge.catalog.racing.benchmarks import BENCHMARKS, Benchmark, WorkKind
from weighbridge.catalog.racing.entries import TRUSTED
from weighbridge.catalog.records import Score

SELF_ERROR = 0.4
"""Deviation in logits that a lab's own figure has beside its sampling error: in the six cases of the catalogue where a
lab and somebody else ran the same benchmark, the two differ by 0.41 (root mean square around their mean)."""
ELO_ERROR = 0.05
"""Deviation in logits of a board's rating (about 9 points), beside the benchmark's own."""
COMMON = 8
FEWEST_MODELS = 5
"""Models that a benchmark must have been run on, to say how they compare."""


class Measured(msgspec.Struct, frozen=True):
    """One model on one benchmark."""

    model: str
    """Catalogue id."""
    benchmark: str
    kind: WorkKind
    y: float
    """Logit of a share, ln of minutes, or Elo / 173.7."""
    variance: float
    shown: float
    """The score as its source has it."""
    date: str
    is_own: bool
    """The lab's own figure."""


def measured(scores: Iterable[Score]) -> list[Measured]:
    """One entry for each model of the catalogue and each benchmark of a known kind."""
    rows: dict[str, list[Score]] = {}
    for row in scores:
        known = BENCHMARKS.get(row.benchmark)
        if row.model is not None and known is not None and known.kind is not None:
            rows.setdefault(row.benchmark, []).append(row)
    found: list[Measured] = []
    for name, of_benchmark in rows.items():
        one = BENCHMARKS[name]
        kept = _elo(of_benchmark, one) if one.scale == "elo" else _best(of_benchmark, one)
        if len(kept) >= FEWEST_MODELS:
            found += kept
    return found


def _best(rows: Sequence[Score], benchmark: Benchmark) -> list[Measured]:
    """The best setting of each model, others' measurements before the lab's own."""
    best: dict[str, Score] = {}
    for row in sorted(rows, key=lambda row: (row.independence in TRUSTED, row.score)):
        if row.independence in TRUSTED or row.independence == "self-reported":
            best[row.model or ""] = row
    return [_on_one_scale(row, benchmark) for row in best.values()]


def _on_one_scale(row: Score, benchmark: Benchmark) -> Measured:
    is_own = row.independence not in TRUSTED
    if benchmark.scale == "minutes":
        y, variance = log(max(row.score, 1e-3)), 0.0
    else:
        y, variance = share_to_logit(row.score, benchmark.tasks)
    variance += SELF_ERROR**2 if is_own else 0.0
    assert row.model is not None
    assert benchmark.kind is not None
    return Measured(row.model, benchmark.name, benchmark.kind, y, variance, row.score, row.date, is_own)


def _elo(rows: Sequence[Score], benchmark: Benchmark) -> list[Measured]:
    """Each model's newest rating, on the scale of the snapshot that holds most models."""
    snapshots: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.independence in TRUSTED:
            day = snapshots.setdefault(row.date, {})
            day[row.model or ""] = max(row.score, day.get(row.model or "", row.score))
    if not snapshots:
        return []
    moved = _aligned(snapshots)
    newest: dict[str, tuple[str, float]] = {}
    for when in sorted(moved):
        for model, rating in moved[when].items():
            newest[model] = (when, rating)
    assert benchmark.kind is not None
    return [
        Measured(
            model, benchmark.name, benchmark.kind, rating / ELO_A_LOGIT, ELO_ERROR**2, snapshots[at][model], at, False
        )
        for model, (at, rating) in newest.items()
    ]


def _aligned(snapshots: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Every snapshot that shares enough models with the fullest one (of several the newest), on that one's scale."""
    base = max(snapshots, key=lambda day: (len(snapshots[day]), day))
    aligned = {}
    for day, ratings in snapshots.items():
        both = [snapshots[base][model] - ratings[model] for model in ratings.keys() & snapshots[base].keys()]
        if day == base or len(both) >= COMMON:
            shift = 0.0 if day == base else median(both)
            aligned[day] = {model: rating + shift for model, rating in ratings.items()}
    return aligned
