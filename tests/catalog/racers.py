"""Entries, and a catalogue with scores small enough to count by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from weighbridge.catalog.racing.entries import Entry
from weighbridge.catalog.records import Score

DAY_ONE = date(2025, 1, 1)


def entry(name: str, day: int, score: float, **more: Any) -> Entry:
    """Released so many days after 1 January 2025."""
    known: dict[str, Any] = {"low": None, "high": None, "is_open": True, "region": "China", "access": "", "model": None}
    return Entry(name=name, released=DAY_ONE + timedelta(days=day), score=score, **(known | more))


def score(name: str, value: float, *, is_open: bool | None = True, **more: Any) -> Score:
    """A row as an independent source writes it."""
    known: dict[str, Any] = {
        "benchmark": "Puzzles",
        "metric": "percent",
        "model": None,
        "date": "2026-08-11",
        "independence": "independent",
        "measured_by": "Somebody",
        "source": "measured",
        "released": "2026-01-10",
        "country": "CN",
    }
    return Score(model_name=name, score=value, open_weights=is_open, **(known | more))
