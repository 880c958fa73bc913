"""Joins the parts: the only place that knows how a ledger, engines, dispatch and a run belong together."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from weighbridge.cli.changes import Changes
from weighbridge.errors import InputError, UsageError
from weighbridge.formats.problems import nearest
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.cli.compose_weigh_policy import TaskRules
    from weighbridge.dispatch import Door
    from weighbridge.dispatch.call import Call
    from weighbridge.engines import BackendRecord, Engine
    from weighbridge.engines.pull import Progress, Pulled
    from weighbridge.ledger import Ledger
    from weighbridge.stats import Rule
    from weighbridge.weigh.earlier import Earlier
    from weighbridge.weigh.progress import Tell
    from weighbridge.weigh.records import Report
    from weighbridge.weigh.task import Task

RUNS_HERE = frozenset({"llamacpp"})
"""Kinds whose weights are pulled and whose process shares this machine's threads."""
RULE = ("alpha", "margin", "scope", "min_items", "goal", "regret", "baseline", "cluster")
"""What a command line may change of the rule that decides."""


def pull_weights(
    records: Iterable[BackendRecord], folder: Path, settings: Settings, progress: Progress
) -> dict[str, Pulled]:
    """Weights of every backend that runs here, by backend; those in the cache need no network.

    A relative `file:` path counts from `folder`, the task's. Nothing is pulled for an engine that is not installed, and
    nothing is handed on that fails its audit.
    """
    from weighbridge.cli.compose_audit import vetted
    from weighbridge.engines.llamacpp.installed import check_installed
    from weighbridge.engines.pull import pull

    sources = [(record, record.source) for record in records if record.kind in RUNS_HERE and record.source]
    for record, _ in sources:
        check_installed(record.name)
    pulled = {
        record.name: pull(source, settings=settings, sha256=record.sha256, progress=progress, folder=folder)
        for record, source in sources
    }
    for one in pulled.values():
        vetted(one, settings)
    return pulled


@asynccontextmanager
async def open_door(
    records: Iterable[BackendRecord],
    weights: Mapping[str, Pulled],
    ledger: Ledger,
    settings: Settings,
    *,
    decided: Callable[[Call], str | None] | None = None,
) -> AsyncIterator[Door]:
    """The door to these backends: engines started together, and stopped when the block ends, whatever happened.

    Engines that run here share the machine's threads evenly. `decided` names the policy's decision behind a call.
    """
    from random import Random

    from weighbridge.dispatch import Door, SystemClock
    from weighbridge.engines.registry import make_engine
    from weighbridge.net.calls import Calls

    by_name = {record.name: record for record in records}
    threads = threads_of([name for name, record in by_name.items() if record.kind in RUNS_HERE])
    async with AsyncExitStack() as stack:
        calls = await stack.enter_async_context(Calls(environ=settings.environ))
        engines: dict[str, Engine] = {}
        for name, record in by_name.items():
            engine = make_engine(
                record,
                calls=calls,
                environ=settings.environ,
                weights=weights[name].path if name in weights else None,
                threads=threads.get(name),
                locks=settings.data_dir / "engines",
            )
            stack.push_async_callback(engine.close)
            engines[name] = engine
        await _start_together(engines.values())
        yield Door(engines, by_name, ledger, clock=SystemClock(), rng=Random(), decided=decided)


async def _start_together(engines: Iterable[Engine]) -> None:
    """Start all; the first failure is raised after the others have settled, so that each can be closed."""
    import asyncio

    outcomes = await asyncio.gather(*(engine.start() for engine in engines), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


def threads_of(names: Sequence[str]) -> dict[str, int]:
    """The machine's threads, shared evenly by engines of these names that run here."""
    if not names:
        return {}
    from weighbridge.engines.llamacpp import machine_threads, share_threads

    return dict(zip(names, share_threads(machine_threads(), len(names)), strict=True))


def change(task: Task, changes: Changes) -> Task:
    """The task as this run weighs it. Raises UsageError for a candidate it does not have."""
    names = [candidate.name for candidate in task.candidates]
    for name in changes.only:
        if name not in names:
            hint = f"{near} " if (near := nearest(name, names)) else ""
            raise UsageError(
                f"the task has no candidate {name!r}",
                where=str(task.folder / "task.toml"),
                next_move=f"{hint}It has: {', '.join(names)}.",
            )
    rule = ruled(task.rule, changes)
    limits = replaced(
        task.limits, changes, ("seed", "max_usd", "max_items", "max_failed", "repeats", "order", "earlier")
    )
    if changes.earlier is not None:
        limits = msgspec.structs.replace(limits, earlier=str(changes.earlier.absolute()))
    kept = tuple(one for one in task.candidates if not changes.only or one.name in changes.only)
    return replace(task, rule=rule, limits=limits, candidates=kept)


def ruled(rule: Rule, changes: Changes) -> Rule:
    """The rule as the command line changes it. Raises UsageError for a regret that no goal asks about."""
    found: Rule = replaced(rule, changes, RULE)
    if changes.regret is not None and found.goal != "near-best":
        what = f"--regret goes with --goal near-best, and the goal is {found.goal!r}"
        raise UsageError(what, next_move="Differences that do not matter are --margin.")
    return found


def replaced(record: Any, changes: Changes, fields: tuple[str, ...]) -> Any:
    """The record with those of its fields that the changes name."""
    given = {name: value for name in fields if (value := getattr(changes, name)) is not None}
    return msgspec.structs.replace(record, **given)


def weigh_task(
    folder: Path, changes: Changes, settings: Settings, *, report: Path | None, tell: Tell, transfers: Progress
) -> Report:
    """Pull what is missing, start the engines, weigh, write the report (None: in the data directory).

    Where items leave this machine, the hosts are named on `transfers` before the first call.
    """
    import uvloop

    from weighbridge.cli.compose_order import earlier_for
    from weighbridge.cli.compose_weigh_policy import rules_of_task
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.report import render
    from weighbridge.weigh.run import name_run
    from weighbridge.weigh.task import load_task

    task = change(load_task(folder, cache_dir=settings.cache_dir), changes)
    try:
        records = task.backends()
        rules = rules_of_task(task, changes, settings)
        if rules is not None:
            rules.allow()
        announce(records.values(), transfers)
        weights = pull_weights(records.values(), task.folder, settings, transfers)
        if rules is not None and weights:
            rules.allow(weights)
        run_id = name_run(task, task.limits.seed)
        path = (report or settings.data_dir / "reports" / f"{run_id}.html").absolute()
        with Ledger(settings.data_dir) as ledger:
            earlier = earlier_for(task, ledger, settings, run_id)
            weighing = _weigh(
                task=task,
                records=records,
                weights=weights,
                ledger=ledger,
                settings=settings,
                run_id=run_id,
                tell=tell,
                rules=rules,
                earlier=earlier,
            )
            found = uvloop.run(weighing)
        result = msgspec.structs.replace(found.result, report=str(path))
        provenance = {**found.provenance, "command": ["weighbridge", *sys.argv[1:]]}
        found = msgspec.structs.replace(found, result=result, provenance=provenance)
        write_page(path, render(found))
        return found
    finally:
        task.close()


def write_page(path: Path, page: str) -> None:
    """The whole page or nothing: a full disk leaves the report of an earlier run as it was."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise InputError(
            f"the report cannot be written: {error.strerror}",
            where=str(path),
            next_move="Free space or name another place with --report; the same command asks nothing again.",
        ) from error


def announce(records: Iterable[BackendRecord], transfers: Progress) -> None:
    """Name every host that items leave this machine for."""
    from weighbridge.dispatch.price import host_of

    for record in records:
        host = host_of(record)
        if host is not None:
            transfers.note(f"items leave this machine for {host} (backend {record.name})")


async def _weigh(
    *,
    task: Task,
    records: Mapping[str, BackendRecord],
    weights: Mapping[str, Pulled],
    ledger: Ledger,
    settings: Settings,
    run_id: str,
    tell: Tell,
    rules: TaskRules | None = None,
    earlier: Earlier | None = None,
) -> Report:
    from weighbridge.weigh.run import weigh

    about = {
        name: {"licence": one.licence.name, "weights": one.pinned, "sha256": one.sha256}
        for name, one in weights.items()
    }
    decided = None if rules is None else rules.decided
    async with open_door(records.values(), weights, ledger, settings, decided=decided) as door:
        return await weigh(
            task,
            door,
            clock=door.clock,
            run_id=run_id,
            seed=task.limits.seed,
            abilities={name: engine.abilities for name, engine in door.engines.items()},
            progress=tell,
            about=about,
            earlier=earlier,
        )
