"""Joins the parts: the only place that knows how a ledger, engines, dispatch and a run belong together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

from weighbridge.settings import Settings, read_settings

if TYPE_CHECKING:
    from weighbridge.dispatch import Door
    from weighbridge.engines import BackendRecord, Engine
    from weighbridge.engines.pull import Progress, Pulled
    from weighbridge.ledger import Ledger

RUNS_HERE = frozenset({"llamacpp"})
"""Kinds whose weights are pulled and whose process shares this machine's threads."""


def settings_from_environment() -> Settings:
    """What the environment says; no other module looks."""
    return read_settings(os.environ)


def pull_weights(records: Iterable[BackendRecord], settings: Settings, progress: Progress) -> dict[str, Pulled]:
    """Weights of every backend that runs here, by backend; those in the cache need no network."""
    from weighbridge.engines.pull import pull

    return {
        record.name: pull(record.source, settings=settings, sha256=record.sha256, progress=progress)
        for record in records
        if record.kind in RUNS_HERE and record.source
    }


@asynccontextmanager
async def open_door(
    records: Iterable[BackendRecord], weights: Mapping[str, Pulled], ledger: Ledger, settings: Settings
) -> AsyncIterator[Door]:
    """The door to these backends: engines started together, and stopped when the block ends, whatever happened.

    Engines that run here share the machine's threads evenly.
    """
    from weighbridge.dispatch import Door, SystemClock
    from weighbridge.engines.registry import make_engine
    from weighbridge.net.calls import Calls

    by_name = {record.name: record for record in records}
    threads = _threads(by_name.values())
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
            )
            stack.push_async_callback(engine.close)
            engines[name] = engine
        await _start_together(engines.values())
        yield Door(engines, by_name, ledger, clock=SystemClock(), rng=Random())


async def _start_together(engines: Iterable[Engine]) -> None:
    """Start all; the first failure is raised after the others have settled, so that each can be closed."""
    outcomes = await asyncio.gather(*(engine.start() for engine in engines), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


def _threads(records: Iterable[BackendRecord]) -> dict[str, int]:
    here = [record.name for record in records if record.kind in RUNS_HERE]
    if not here:
        return {}
    from weighbridge.engines.llamacpp import machine_threads, share_threads

    return dict(zip(here, share_threads(machine_threads(), len(here)), strict=True))
