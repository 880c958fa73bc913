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
    labels = [_label([log.path.absolute().parts for log in several]) for several in ways.values()]
    for place, (label, several) in enumerate(zip(labels, ways.values(), strict=True), 1):
        plain = label and labels.count(label) == 1
        for log in several:
            log.candidate = clipped(f"{name} ({label if plain else f'settings {place}'})")
    logs[0].notes.append(
        f"{name!r} was run with {len(ways)} different settings, which are weighed as different candidates"
    )


def _label(paths: list[tuple[str, ...]]) -> str:
    """The folder that holds the model's own, or the file itself where it stands alone."""
    if len(paths) == 1:
        return paths[0][-1].rsplit(".", 1)[0][:80]
    return paths[0][-3] if len(paths[0]) > 2 else ""
