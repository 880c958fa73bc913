"""How a run looks on a terminal while it is under way; without a terminal, a plain line now and then.

Everything goes to standard error, so that standard output carries the result alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from weighbridge.units import format_duration, format_usd
from weighbridge.weigh.progress import CandidateProgress, Progress
from weighbridge.weigh.report.names import short_names

PLAIN_EVERY_S = 15.0
"""Seconds between two lines where there is no terminal."""
MOST_ROWS = 20
"""Candidates that are shown; the best ones."""
LONGEST_NAME = 32
"""Characters of a candidate's name in the table."""
NARROW = 80
"""Columns below which only name, score and cost are shown."""


class RunTable:
    """Told how a run stands; use it in a `with` block. Draws nothing before it is told something."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(file=sys.stderr)
        self._clock = clock
        self._next_line = clock()
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        if self._live is not None:
            self._live.start()  # does nothing the second time
            self._live.update(_table(progress, self._console.width >= NARROW), refresh=True)
            return
        now = self._clock()
        if now >= self._next_line or progress.stage != "running":
            self._next_line = now + PLAIN_EVERY_S
            self._console.print(plain_line(progress), markup=False, highlight=False, soft_wrap=True)


def plain_line(progress: Progress) -> str:
    """`120 of 800 items, small 0.71 (0.60 to 0.81), large 0.82 (0.72 to 0.90), $0.0421, 2 min 3 s left at most`."""
    scores = [
        f"{one.name} {_number(one.score)} ({one.interval.low:.2f} to {one.interval.high:.2f})"
        for one in _ranked(progress)
        if one.active
    ]
    failed = sum(one.failed for one in progress.candidates)
    return ", ".join(
        [f"{progress.items:,} of {progress.total:,} items", *scores]
        + ([f"{failed} failed"] if failed else [])
        + [*_money(progress), *_left(progress)]
        + (["finishing the calls under way; Ctrl-C again gives them up"] if progress.stage == "stopping" else [])
    )


def _table(progress: Progress, roomy: bool) -> Group:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("candidate", no_wrap=True, max_width=LONGEST_NAME)
    for name in (
        ("score", "interval", "calls", "failed", "cost", "tokens/s") if roomy else ("score", "interval", "cost")
    ):
        table.add_column(name, justify="right", no_wrap=True)
    ranked = _ranked(progress)
    names = short_names([one.name for one in ranked], LONGEST_NAME)
    for one in ranked:
        cells = [_number(one.score), f"{one.interval.low:.2f}-{one.interval.high:.2f}"]
        if roomy:
            cells += [f"{one.calls:,}", f"{one.failed:,}" if one.failed else ""]
        cells.append(format_usd(one.usd))
        if roomy:
            cells.append("unknown" if one.tokens_per_s is None else f"{one.tokens_per_s:,.0f}")
        table.add_row(Text(names[one.name]), *cells, style=None if one.active else "dim")
    head = ", ".join([f"{progress.items:,} of {progress.total:,} items", *_money(progress), *_left(progress)])
    if progress.stage == "stopping":
        head += ". Stopping: finishing the calls under way; Ctrl-C again gives them up"
    return Group(Text(head), table, Text(progress.state, style="dim"))


def _ranked(progress: Progress) -> list[CandidateProgress]:
    """The best first: those still asked, then by score."""

    def place(one: CandidateProgress) -> tuple[bool, float]:
        return not one.active, -(one.score if one.score is not None else -1.0)

    return sorted(progress.candidates, key=place)[:MOST_ROWS]


def _money(progress: Progress) -> list[str]:
    """Nothing where no candidate has a price: what is unknown is said candidate by candidate."""
    return [f"{format_usd(progress.spent_usd)} spent"] if progress.spent_usd else []


def _left(progress: Progress) -> list[str]:
    if progress.stage != "running" or progress.left_s is None:
        return []
    return [f"{format_duration(progress.left_s)} left at most"]


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"
