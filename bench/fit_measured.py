"""A row of measurements as a run whose speed can be predicted."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.fit.hardware import Hardware
from weighbridge.fit.speed_run import Run
from weighbridge.fit.speed_work import Work

STEPS = ("decode", "tpot", "decode_total")
"""Metrics of a step; the others are of a prompt."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row that was placed."""

    number: int
    """Line of the file, from 1, the header left out."""
    group: str
    model: str
    engine: str
    metric: str
    source: str
    """Who measured, shortened so that rows of one campaign share it."""
    value: float
    """As the row states it: tokens a second, or milliseconds."""
    seconds: float
    """Of a step, or until the prompt is read."""
    work: Work
    kind: str
    run: Run
    hardware: Hardware
    label: str
    """Id of the point in aiconfigurator's table; empty elsewhere."""

    @property
    def collection(self) -> str:
        """Who gathered it: the first word of its source."""
        return self.source.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Placed:
    rows: tuple[Measured, ...]
    skipped: dict[str, int]

    @property
    def total(self) -> int:
        return len(self.rows) + sum(self.skipped.values())
