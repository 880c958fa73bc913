"""Joins what a verdict on recorded results takes: find the logs, read them, weigh, write the report."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.cli.changes import Changes
from weighbridge.cli.compose import ruled, write_page
from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.cli.reading import ReadingLine
    from weighbridge.weigh.imports.recorded import Taken
    from weighbridge.weigh.records import Report


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about results to read."""

    paths: tuple[str, ...]
    metric: str | None = None
    scale: str | None = None
    where: tuple[str, ...] = ()
    columns: str | None = None
    tags: str | None = None
    rows_are_items: bool = False
    again_is_repeat: bool = False


def weigh_recorded(
    asked: Asked, changes: Changes, settings: Settings, *, report: Path | None, line: ReadingLine
) -> Report:
    """Read, weigh, write the report (None: in the data directory). Raises InputError, UsageError."""
    from weighbridge.dispatch import SystemClock
    from weighbridge.stats import Rule
    from weighbridge.weigh.imports.find import find_logs
    from weighbridge.weigh.imports.gather import Wanted, gather
    from weighbridge.weigh.imports.naming import named
    from weighbridge.weigh.imports.report import make_report
    from weighbridge.weigh.imports.scale import Scale, read_scale
    from weighbridge.weigh.imports.views import item_views
    from weighbridge.weigh.imports.weighing import weigh_sheet
    from weighbridge.weigh.report import render

    clock = SystemClock()
    began = clock.elapsed()
    scale = Scale() if asked.scale is None else read_scale(asked.scale)
    rule = ruled(Rule(), changes)
    logs = named(find_logs(asked.paths, _taken(asked, changes)))
    gathered = gather(logs, Wanted(metric=asked.metric, scale=scale), line.reading)
    could_be = (name for log in logs for name in log.could_be)
    names = _chosen(tuple(gathered.sheet.columns), changes.only, tuple(could_be))
    seed = changes.seed or 0
    weighed = weigh_sheet(gathered.sheet, names, rule, seed=seed, max_items=changes.max_items, tell=line.weighing)
    found = make_report(
        logs=logs,
        gathered=gathered,
        weighed=weighed,
        names=names,
        rule=rule,
        scale=scale,
        seed=seed,
        items=item_views(logs, gathered, weighed, names),
        started_at=clock.now(),
        elapsed_s=clock.elapsed() - began,
    )
    path = (report or settings.data_dir / "reports" / f"{_name(found, names, seed)}.html").absolute()
    result = msgspec.structs.replace(found.result, report=str(path))
    provenance = {**found.provenance, "command": ["weighbridge", *sys.argv[1:]]}
    found = msgspec.structs.replace(found, result=result, provenance=provenance)
    write_page(path, render(found))
    return found


def _taken(asked: Asked, changes: Changes) -> Taken:
    from weighbridge.weigh.imports.fields import NAMES
    from weighbridge.weigh.imports.recorded import Taken

    where = dict(_pair(one, "--where COLUMN=VALUE") for one in asked.where)
    columns = dict(_pair(one, "--columns item=ID,score=SCORE") for one in _split(asked.columns))
    for role in columns:
        if role not in NAMES:
            raise UsageError(f"--columns knows no {role!r}", next_move=did_you_mean(role, NAMES))
    return Taken(
        where=where,
        columns=columns,
        tags=(*_split(asked.tags), *([changes.cluster] if changes.cluster else [])),
        candidates=changes.only,
        rows_are_items=asked.rows_are_items,
        repeats=asked.again_is_repeat,
    )


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _pair(text: str, usage: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise UsageError(f"{text!r} says nothing", next_move=f"Write {usage}.")
    return name.strip(), value.strip()


def _chosen(known: Sequence[str], only: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Candidates to weigh: those asked for, else all. others: columns that were not asked for, to be named as choices.
    Raises UsageError."""
    everybody = tuple(dict.fromkeys((*known, *others)))
    for name in only:
        if name not in known:
            what = f"no candidate {name!r} in these results" if name not in others else f"{name!r} has no score at all"
            raise UsageError(what, next_move=did_you_mean(name, [one for one in everybody if one != name]))
        if only.count(name) > 1:
            raise UsageError(f"candidate {name!r} is named twice", next_move="Name each candidate once.")
    if len(only) == 1:
        what = f"{only[0]!r} is the only candidate asked for, and a comparison needs two"
        raise UsageError(what, next_move=f"There are: {', '.join(everybody[:20])}.")
    names = tuple(only) or tuple(known)
    if len(names) < 2:
        what = f"{names[0]!r} is the only candidate" if names else "there is no candidate"
        left = [name for name in everybody if name not in names]
        shown = ", ".join(left[:5])
        why = f"Not taken for candidates, for most of their cells hold no finite number: {shown}. " if left else ""
        raise UsageError(
            f"{what} in these results, and a comparison needs two",
            next_move=f"{why}Add the results of another one; give runs of one model names of their own: --from "
            "base=out/a tuned=out/b.",
        )
    return names


def _name(report: Report, names: Sequence[str], seed: int) -> str:
    """The same for the same results, candidates and rule."""
    what = msgspec.json.encode([report.result.recorded, names, report.rule, seed])
    name = re.sub(r"[^A-Za-z0-9]+", "-", report.result.task).strip("-").lower()[:40] or "results"
    return f"recorded-{name}-{hashlib.blake2b(what, digest_size=6).hexdigest()}"
