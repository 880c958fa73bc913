"""How transfers look on a terminal: one bar each, with size, speed and time left; without a terminal, plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from weighbridge.units import format_bytes, format_duration


class _Speed(ProgressColumn):
    """Bytes a second in the units of the sizes beside it."""

    def render(self, task: Task) -> Text:
        return Text(f"{format_bytes(round(task.speed))}/s" if task.speed else "")


class TransferBars:
    """A pull's Progress on standard error; use it in a `with` block."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._console = console or Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn(
                "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
            ),
            BarColumn(bar_width=16),
            DownloadColumn(binary_units=True, table_column=Column(no_wrap=True, min_width=15)),
            _Speed(table_column=Column(no_wrap=True, min_width=10)),
            TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
            expand=True,
            console=self._console,
            transient=True,
            get_time=clock,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def note(self, text: str) -> None:
        self._bars.refresh()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: int | None) -> Iterator[_TransferBar]:
        began = self._clock()
        task = self._bars.add_task(label, total=total)
        bar = _TransferBar(self._bars, task)
        try:
            yield bar
        finally:
            self._bars.remove_task(task)
        if not bar.done:
            return
        seconds = self._clock() - began
        came = bar.done - bar.before
        rate = f", {format_bytes(round(came / seconds))}/s" if seconds >= 0.5 else ""
        self.note(f"  {label}: {format_bytes(bar.done)} in {format_duration(seconds)}{rate}")


class _TransferBar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task
        self._begun = False
        self.done = 0
        self.before = 0
        """Bytes that were there before: they are shown, but they are no speed."""

    def at(self, done: int, total: int | None = None) -> None:
        if not self._begun:
            self._begun, self.before = True, done
            self._bars.reset(self._task, completed=done)
        self.done = done
        if total is None:
            self._bars.update(self._task, completed=done)
        else:
            self._bars.update(self._task, completed=done, total=total)
