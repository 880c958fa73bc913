"""Reading all logs into one sheet: which metric counts, what its values mean, what comes twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import did_you_mean

from .recorded import Log, Recorded
from .scale import Scale, number_of, on_scale, scored
from .sheet import Column, Sheet

PEEKED = 50
"""Samples of a log from which it is known which metrics it has."""
EVERY = 2_000
"""Samples between two tellings of how far the reading is."""
NO_SCORE = "no score"

Tell = Callable[[str, int], None]
"""Told the file being read and how many samples of it were."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How scores are to be read."""

    metric: str | None = None
    scale: Scale = Scale()


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    sheet: Sheet
    metrics: Mapping[str, str]
    """By task, the metric that counts."""
    others: tuple[str, ...]
    """Metrics that are there too."""
    samples: Mapping[str, int]
    """Samples taken, by the log's path."""
    blank: int
    """Answers without a score in tables: left out as if they were not there."""
    by_content: Mapping[str, bool]
    """By task: whether items are paired by content rather than by id."""
    with_texts: frozenset[str]
    """Paths of the logs that hold questions or answers."""


def gather(logs: Sequence[Log], wanted: Wanted, tell: Tell) -> Gathered:
    """Raises InputError with file and line for what cannot be a score, UsageError for a metric that is not there."""
    peeked = {id(log): list(_scoring(log)) for log in logs}
    metrics = _metrics(logs, peeked, wanted)
    reader = _Reader(wanted, metrics, _by_content(logs, peeked))
    samples = {}
    for log in logs:
        samples[str(log.path)] = reader.read(log, tell)
    reader.settle_names(logs)
    _check_found(reader, wanted)
    chosen = set(metrics.values())
    return Gathered(
        sheet=reader.sheet,
        metrics=metrics,
        others=tuple(name for name in reader.seen if name not in chosen),
        samples=samples,
        blank=reader.blank,
        by_content=reader.by_content,
        with_texts=frozenset(str(log.path) for log in logs if any(map(_has_text, peeked[id(log)]))),
    )


def candidate_of(log: Log, sample: Recorded) -> str:
    """Whose sample it is, as long as the logs are being read."""
    if sample.candidate is None:
        return log.candidate or log.path.stem
    return sample.candidate if log.given is None else f"{log.given} · {sample.candidate}"


def _has_text(sample: Recorded) -> bool:
    return bool(sample.asked or sample.answer or sample.expected or sample.note or sample.failed)


def _scoring(log: Log) -> Iterator[Recorded]:
    """The first samples of a log; the file is closed again."""
    samples = log.read()
    yield from islice(samples, PEEKED)
    close = getattr(samples, "close", None)
    if close is not None:
        close()


def _by_content(logs: Sequence[Log], peeked: Mapping[int, list[Recorded]]) -> dict[str, bool]:
    """A task's items are paired by content only where every log of it says what that is."""
    found: dict[str, bool] = defaultdict(lambda: True)
    for log in logs:
        found[log.task] &= all(sample.key is not None for sample in peeked[id(log)])
    return dict(found)


def _metrics(logs: Sequence[Log], peeked: Mapping[int, list[Recorded]], wanted: Wanted) -> dict[str, str]:
    """By task the metric asked for, or the first one that every log of the task has."""
    common: dict[str, list[str]] = {}
    for log in logs:
        names = list(dict.fromkeys(name for sample in peeked[id(log)] for name in _usable(sample)))
        if not names:
            continue
        common[log.task] = [name for name in common.get(log.task, names) if name in names]
    if not common:
        where = ", ".join(log.name for log in logs[:3])
        raise InputError("no answer in these logs has a score", where=where, next_move=_why_none(peeked))
    if wanted.metric is not None:
        return dict.fromkeys({log.task for log in logs}, wanted.metric.removesuffix(",none"))
    for task, names in common.items():
        if not names:
            raise UsageError(
                f"the logs{f' of {task}' if task else ''} have no metric in common",
                next_move="--metric NAME takes one that all of them have under another order of scorers.",
            )
    metrics = {task: _first(task, names, logs, peeked, wanted) for task, names in common.items()}
    for log in logs:
        _check_direction(log, metrics.get(log.task, ""), wanted)
    return metrics


def _why_none(peeked: Mapping[int, list[Recorded]]) -> str:
    """What to say where no sample that was looked at has a score."""
    samples = [sample for samples in peeked.values() for sample in samples]
    broken = next((sample for sample in samples if sample.failed), None)
    if broken is not None:
        return f"Were they scored at all? The first one failed: {broken.error[:200] or broken.failed}."
    held = next((sample.scores for sample in samples if sample.scores), {})
    if any(value is not None for value in held.values()):
        said = ", ".join(f"{name} holds {str(value)[:40]}" for name, value in list(held.items())[:3])
        return f"A score is one number, true or false, or one of C, I, P, N for each answer; {said}."
    return "Were they scored at all?"


def _first(
    task: str, names: Sequence[str], logs: Sequence[Log], peeked: Mapping[int, list[Recorded]], wanted: Wanted
) -> str:
    """The first metric; of logs that hold several, the first of which more is better and whose values lie on the scale,
    where there is one. What is left out is said beside."""
    own = [log for log in logs if log.task == task and not log.blank_is_missing]
    less = {name for log in own for name in log.lower_is_better} if wanted.scale.worst < wanted.scale.best else set()
    values = [sample.scores for log in own for sample in peeked[id(log)]]
    fitting = (
        name for name in names if name not in less and all(on_scale(one.get(name), wanted.scale) for one in values)
    )
    return next(fitting, names[0])


def _usable(sample: Recorded) -> Iterator[str]:
    """Metrics whose value is a number or stands for one."""
    return (name for name, value in sample.scores.items() if isinstance(number_of(value), float))


def _check_direction(log: Log, metric: str, wanted: Wanted) -> None:
    if metric in log.lower_is_better and wanted.scale.worst < wanted.scale.best:
        raise UsageError(
            f"of {metric!r} less is better, and scores go up to the best",
            where=log.name,
            next_move="Name the worst and the best value: --scale 100..0; or another metric: --metric NAME.",
        )


class _Reader:
    """Adds one log after the other to the sheet."""

    def __init__(self, wanted: Wanted, metrics: Mapping[str, str], by_content: Mapping[str, bool]) -> None:
        self.sheet = Sheet()
        self.by_content = by_content
        self.blank = 0
        self.seen: dict[str, None] = {}
        self.scores = 0
        self._wanted = wanted
        self._metrics = metrics
        self._shapes: set[tuple[str, ...]] = set()
        self._once: set[tuple[int, str, str]] = set()
        self._of_log: dict[int, set[str]] = defaultdict(set)

    def read(self, log: Log, tell: Tell) -> int:
        metric = self._metrics.get(log.task, "")
        _check_direction(log, metric, self._wanted)
        taken = 0
        for number, sample in enumerate(log.read(), 1):
            taken += self._take(log, sample, metric)
            if number % EVERY == 0:
                tell(log.name, number)
        return taken

    def settle_names(self, logs: Sequence[Log]) -> None:
        """`NAME=PATH` is the whole name where the file turned out to hold one candidate only."""
        for log in logs:
            names = self._of_log[id(log)]
            if log.given is not None and len(names) == 1 and log.given not in self.sheet.columns:
                self.sheet.rename(names.pop(), log.given)

    def _take(self, log: Log, sample: Recorded, metric: str) -> bool:
        """Whether the sample counts."""
        self._look(sample)
        where = f"{log.name}:{sample.line}" if sample.line is not None else f"{log.name}: {sample.item}"
        where += f": {sample.candidate}" if sample.candidate else ""
        score = scored(sample.scores.get(metric), self._wanted.scale, where, metric)
        if score is None and not sample.failed:
            if sample.scores and metric not in sample.scores:
                return False  # a line of another filter, a sample of another scorer
            if log.blank_is_missing:
                self.blank += 1
                return False
        name = candidate_of(log, sample)
        self._of_log[id(log)].add(name)
        row = self.sheet.row(log.task, sample, by_content=self.by_content[log.task])
        column = self.sheet.column(name)
        if not log.repeats_are_meant:
            self._check_once(row, column, sample, where)
        column.add(row, score, sample, sample.failed or NO_SCORE)
        self.scores += score is not None
        return True

    def _look(self, sample: Recorded) -> None:
        shape = tuple(sample.scores)
        if shape not in self._shapes:
            self._shapes.add(shape)
            self.seen |= dict.fromkeys(shape)

    def _check_once(self, row: int, column: Column, sample: Recorded, where: str) -> None:
        """In a table the same item twice may be a mistake, unless it says which repeat each is."""
        key = (row, column.name, sample.repeat or "")
        if key in self._once if sample.repeat else column.has(row):
            which = f" (repeat {sample.repeat})" if sample.repeat else ""
            raise InputError(
                f"item {sample.item!r} of candidate {column.name!r}{which} stands there twice",
                where=where,
                next_move="If they are several answers to one question, say so with --again-is-repeat or give them a "
                "column `repeat`; if they differ in another column, take one of its values with --where COLUMN=VALUE "
                "or make it part of the item: --columns item=ID+COLUMN; where no column is an id, --rows-are-items.",
            )
        if sample.repeat:
            self._once.add(key)


def _check_found(reader: _Reader, wanted: Wanted) -> None:
    if reader.scores:
        return
    if wanted.metric is not None and wanted.metric.removesuffix(",none") not in reader.seen:
        what = f"there is no metric {wanted.metric!r}"
        raise UsageError(what, next_move=did_you_mean(wanted.metric, reader.seen) or "These logs name none.")
    raise InputError("no answer has a score", next_move="Were they scored at all? --metric takes another metric.")
