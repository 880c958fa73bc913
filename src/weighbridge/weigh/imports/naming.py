"""Which candidate each log belongs to, and what becomes of logs that say the same twice.

Logs of one model that differ in their settings (arguments, shots, solver) are different candidates, told apart by their
folder or file; logs of one model with the same settings over the same task are runs of it, and their answers repeats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .recorded import Log, clipped


def named(logs: Iterable[Log]) -> list[Log]:
    """The logs that count, in order, each with its candidate's final name."""
    kept = _whole(list(logs))
    by_name: dict[str, list[Log]] = defaultdict(list)
    for log in kept:
        if log.candidate is not None:
            by_name[log.candidate].append(log)
    for name, several in by_name.items():
        by_task: dict[str, set[str]] = defaultdict(set)
        for log in several:
            by_task[log.task].add(log.settings)
        if any(len(settings) > 1 for settings in by_task.values()):
            _tell_apart(name, several)
    return kept


def _whole(logs: list[Log]) -> list[Log]:
    """Without runs that were tried again: the whole log of the same task and model holds what they began."""
    whole = {(log.candidate, log.task, log.identity) for log in logs if log.identity and log.complete}
    kept = []
    for log in logs:
        if not log.complete and (log.candidate, log.task, log.identity) in whole:
            other = next(one for one in logs if one.complete and one.identity == log.identity)
            other.notes.append(f"{log.name} is an earlier try of the same run and is left out")
        else:
            kept.append(log)
    return kept


def _tell_apart(name: str, logs: list[Log]) -> None:
    """A name for each way the model was asked, from the first part of the path that differs."""
    ways: dict[str, list[Log]] = defaultdict(list)
    for log in logs:
        ways[log.settings].append(log)
    labels = _labels([several[0].path.absolute().parts for several in ways.values()])
    for label, several in zip(labels, ways.values(), strict=True):
        for log in several:
            log.candidate = clipped(f"{name} ({label})")
    logs[0].notes.append(
        f"{name!r} was run with {len(ways)} different settings, which are weighed as different candidates"
    )


def _labels(paths: list[tuple[str, ...]]) -> list[str]:
    """What tells paths apart: the first part in which any two differ, a number where that is not enough."""
    differing = next((place for place, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), -1)
    labels = [path[differing].removesuffix(".eval").removesuffix(".jsonl")[:80] for path in paths]
    return [
        label if labels.count(label) == 1 else f"{label}, settings {number}" for number, label in enumerate(labels, 1)
    ]
