"""All samples of all logs, added up per item and candidate: what a verdict, repeats and costs are made from.

Numbers only, in arrays: an item costs its id and some 100 bytes for each candidate, however long its texts are.
Items are paired by task and key, which is their content where a log says what that is, else by their id.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from itertools import islice

import numpy as np
import numpy.typing as npt

from weighbridge.stats.arrays import Floats
from weighbridge.stats.repeats import PASSES, Answers

from .recorded import Recorded

MOST_RUNS = 1_000
"""Repeats that are told apart as runs; later ones count in their item only."""

Rows = npt.NDArray[np.intp]


class Column:
    """One candidate's samples."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count, self.failed = array("I"), array("I")
        """Scored samples, and failed ones, by item."""
        self.total, self.square, self.passes = array("d"), array("d"), array("I")
        self.usd, self.seconds = _Optional(), _Optional()
        self.tokens_in, self.tokens_out = _Optional(), _Optional()
        self.samples = 0
        self._runs: dict[tuple[str, int], array[float]] = {}
        """By the log's name for a repeat, and which of several so called: scores by item, NaN where there is none."""
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def grow(self, items: int) -> None:
        """Room for so many items."""
        missing = items - len(self.count)
        if missing > 0:
            for counts in (self.count, self.failed, self.passes):
                counts.extend(array("I", bytes(counts.itemsize * missing)))
            for sums in (self.total, self.square):
                sums.extend(array("d", bytes(8 * missing)))

    def add(self, row: int, score: float | None, sample: Recorded, reason: str) -> None:
        """A sample of item number `row`; without a score it failed for the reason."""
        self.grow(row + 1)
        self.samples += 1
        self.usd.add(row, sample.usd)
        self.seconds.add(row, sample.latency_s)
        self.tokens_in.add(row, sample.tokens_in)
        self.tokens_out.add(row, sample.tokens_out)
        self._add_to_run(row, score, sample.repeat or "")
        if score is None:
            self.failed[row] += 1
            self.reasons[reason] += 1
            self.examples.setdefault(reason, sample.error or reason)
            return
        self.count[row] += 1
        self.total[row] += score
        self.square[row] += score * score
        self.passes[row] += score >= PASSES

    def has(self, row: int) -> bool:
        """Whether there is a sample of the item, scored or failed."""
        return row < len(self.count) and (self.count[row] > 0 or self.failed[row] > 0)

    def means(self, items: int) -> Floats:
        """(items,) mean score, NaN where there is none."""
        self.grow(items)
        count = np.array(self.count, dtype=np.float64)
        total = np.array(self.total)
        means: Floats = np.divide(total, count, out=np.full(items, math.nan), where=count > 0)
        return means

    def answers(self, rows: Rows) -> Answers:
        """What it answered to these items."""
        runs = [_picked(run, rows) for run in self._runs.values()]
        counts = [np.isfinite(run) for run in runs]
        return Answers(
            name=self.name,
            count=np.array(self.count, dtype=np.float64)[rows],
            total=np.array(self.total)[rows],
            square=np.array(self.square)[rows],
            passes=np.array(self.passes, dtype=np.float64)[rows],
            run_count=np.array([count.sum() for count in counts], dtype=np.float64),
            run_total=np.array([run[count].sum() for run, count in zip(runs, counts, strict=True)]),
        )

    def answered(self, items: int) -> npt.NDArray[np.uint32]:
        """(items,) samples, scored and failed."""
        self.grow(items)
        return np.array(self.count, dtype=np.uint32) + np.array(self.failed, dtype=np.uint32)

    def present(self, items: int) -> npt.NDArray[np.bool_]:
        """(items,) whether there is a sample, scored or failed."""
        seen: npt.NDArray[np.bool_] = self.answered(items) > 0
        return seen

    def _add_to_run(self, row: int, score: float | None, repeat: str) -> None:
        """To the run that the log says, whatever the order of its lines; a failed answer takes its place there."""
        number = 0 if repeat else self.count[row] + self.failed[row]
        while (run := self._runs.get((repeat, number))) is not None and row < len(run) and not math.isnan(run[row]):
            number += 1
        if run is None:
            if len(self._runs) >= MOST_RUNS:
                return
            run = self._runs[repeat, number] = array("d")
        if row >= len(run):
            run.extend(array("d", (math.nan,)) * (row + 1 - len(run)))
        run[row] = math.inf if score is None else score


def _picked(run: array[float], rows: Rows) -> Floats:
    """(rows,) scores of a run, not finite where it has none."""
    out = np.full(len(rows), math.nan)
    there = rows < len(run)
    out[there] = np.array(run)[rows[there]]
    return out


class _Optional:
    """A quantity that not every sample has: sums by item, and whether all of an item's samples said it."""

    def __init__(self) -> None:
        self._sums: array[float] = array("d")
        self._counts: array[int] = array("I")
        self.known = 0
        self.unknown = 0

    def add(self, row: int, value: float | None) -> None:
        if value is None:
            self.unknown += 1
            return
        self.known += 1
        missing = row + 1 - len(self._sums)
        if missing > 0:
            missing = max(missing, len(self._sums) // 2)
            self._sums.extend(array("d", bytes(8 * missing)))
            self._counts.extend(array("I", bytes(4 * missing)))
        self._sums[row] += value
        self._counts[row] += 1

    def means(self, items: int) -> Floats:
        """(items,) mean of an item's samples, NaN where none said it."""
        size = min(items, len(self._sums))
        out = np.full(items, math.nan)
        counts = np.array(self._counts[:size], dtype=np.float64)
        np.divide(np.array(self._sums[:size]), counts, out=out[:size], where=counts > 0)
        return out

    def total(self, rows: Rows) -> float | None:
        """The sum over these items; None as soon as one sample anywhere did not say: unknown is not zero."""
        if self.unknown or not self.known:
            return None
        return float(np.array(self._sums)[rows[rows < len(self._sums)]].sum())


class Sheet:
    """Rows are items, in the order they were first seen; columns are candidates."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.items: list[str] = []
        """Ids for people."""
        self.tasks = array("I")
        """Each item's task, as a place in `task_names`."""
        self.task_names: dict[str, int] = {}
        self.tags: dict[str, array[int]] = {}
        """By tag: per item 0 for none, else the place of its value, from 1."""
        self.tag_values: dict[str, dict[str, int]] = {}
        self.rivals = 0
        """Items that have the id of another one and another content."""
        self._rows: dict[str, dict[str, int]] = {}
        """By task and key."""
        self._by_id: dict[str, dict[str, int]] = {}

    def column(self, name: str) -> Column:
        found = self.columns.get(name)
        if found is None:
            found = self.columns[name] = Column(name)
        return found

    def row(self, task: str, sample: Recorded, *, by_content: bool) -> int:
        """The item's row, a new one where it was not seen before."""
        rows = self._rows.setdefault(task, {})
        key = sample.key if by_content and sample.key else sample.item
        row = rows.get(key)
        if row is None:
            row = rows[key] = len(self.items)
            self.items.append(sample.item)
            self.tasks.append(self.task_names.setdefault(task, len(self.task_names)))
            if by_content and self._by_id.setdefault(task, {}).setdefault(sample.item, row) != row:
                self.rivals += 1
        for tag, value in sample.tags.items():
            self._tag(row, tag, value)
        return row

    def find(self, task: str, sample: Recorded, *, by_content: bool) -> int | None:
        """The row of an item that was read before."""
        return self._rows.get(task, {}).get(sample.key if by_content and sample.key else sample.item)

    def tags_of_row(self, row: int) -> dict[str, str]:
        """What an item can be grouped by."""
        codes = {tag: known[row] for tag, known in self.tags.items() if row < len(known) and known[row]}
        return {tag: next(islice(self.tag_values[tag], code - 1, None)) for tag, code in codes.items()}

    def rename(self, old: str, new: str) -> None:
        column = self.columns.pop(old)
        column.name = new
        self.columns[new] = column

    def _tag(self, row: int, tag: str, value: str) -> None:
        codes = self.tags.setdefault(tag, array("I"))
        missing = row + 1 - len(codes)
        if missing > 0:
            codes.extend(array("I", bytes(4 * missing)))
        if not codes[row]:
            values = self.tag_values.setdefault(tag, {})
            codes[row] = values.setdefault(value, len(values) + 1)
