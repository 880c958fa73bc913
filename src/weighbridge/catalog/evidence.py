"""What was measured of a model: for each benchmark, and whoever ran it, the newest result.

Results are only held beside each other when the same people ran the same benchmark: prompts, tries and tools differ.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weighbridge.catalog.records import Score

TRUST = ("independent", "third-party", "mixed", "aggregator", "submitted", "self-reported")
"""Who measured, the least interested first."""


class Measure(msgspec.Struct, frozen=True, order=True):
    """A benchmark as somebody runs it."""

    benchmark: str
    metric: str
    measured_by: str


def newest(scores: Iterable[Score], model: str) -> dict[Measure, Score]:
    """Newest result of each measure; of one day the highest, since efforts and prompts are settings of one model."""
    found: dict[Measure, Score] = {}
    for score in scores:
        if score.model != model:
            continue
        measure = Measure(score.benchmark, score.metric, score.measured_by)
        held = found.get(measure)
        if held is None or (score.date, score.score) > (held.date, held.score):
            found[measure] = score
    return dict(sorted(found.items(), key=lambda pair: _rank(pair[1])))


def _rank(score: Score) -> tuple[int, tuple[int, ...], str]:
    """The least interested first, then the newest; what is undated last."""
    return TRUST.index(score.independence), tuple(-ord(letter) for letter in score.date or "0"), score.benchmark


def said(score: Score) -> str:
    """`89.3 (2026-08-11)`, and the setting where the name shows one."""
    return f"{score.score:.4g} ({score.date or 'undated'})"
