"""Joins the gateway: config, doors to backends, routes, the ledger, worker processes."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.errors import InputError, UsageError
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.dispatch.policy import Policy
    from weighbridge.engines import BackendRecord
    from weighbridge.gateway.config import Config, ServerTable
    from weighbridge.gateway.routes import Door, Parts, Route
    from weighbridge.gateway.tracing import Tracer

SHORTEST_ADMIN_KEY = 16
RESTART_S = 0.5
"""A worker that ended by itself is started again after so long."""


def config_for(path: Path | None, settings: Settings) -> Config:
    """The config that was named, else `weighbridge.toml` in this folder, else one for the model that was pulled."""
    from weighbridge.gateway.config import FILE, load_config

    if path is not None:
        return load_config(path)
    if Path(FILE).is_file():
        return load_config(Path(FILE))
    from weighbridge.cli.compose_local import local_config

    return local_config(settings)


def write_starter(path: Path | None) -> Path:
    """A commented config to start from, in this folder unless a file is named. UsageError where there is one."""
    from importlib.resources import files

    from weighbridge.gateway.config import FILE

    place = path or Path(FILE)
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(files("weighbridge.gateway").joinpath("starter.toml").read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise UsageError(f"there is a {place} already", next_move="Name another file with --config.") from error
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror}", next_move="Name another file.") from error
    return place


def ledger_dir(path: Path | None, settings: Settings) -> Path:
    """Where keys and calls are: what the config says, else the XDG data directory."""
    from weighbridge.gateway.config import data_dir_of

    config = config_at(path)
    return settings.data_dir if config is None else data_dir_of(config, settings.data_dir)


def config_at(path: Path | None) -> Config | None:
    """The config that `--config` names, else the one in this folder; None where there is none."""
    from weighbridge.gateway.config import FILE, load_config

    if path is None and not Path(FILE).is_file():
        return None
    return load_config(path or Path(FILE))


def make_parts(config: Config, settings: Settings) -> Parts:
    """Doors, routes and purses of a config. Raises InputError, before anything listens, for what cannot work."""
    from weighbridge.cli.compose_prices import catalogue_prices
    from weighbridge.dispatch.allowance import parse_allowance
    from weighbridge.dispatch.purse import Purse
    from weighbridge.gateway.routes import Parts, Route
    from weighbridge.gateway.run import tls_of

    server = _placed(config)
    tls_of(server)  # whoever listens reads it anew
    doors = _doors(config, settings)
    prices = catalogue_prices(config)
    routes = {table.model: Route(table, doors, prices) for table in config.routes}
    _add_routers(config, routes)
    teams = {
        team.name: Purse("team", team.name, parse_allowance(team.budget))
        for team in config.teams
        if team.budget is not None
    }
    policy, admin = _policy(config, settings), _admin_digest(config, settings)
    return Parts(server, routes, doors, teams, policy, admin, tracer=_tracer(config, settings))


def _add_routers(config: Config, routes: Mapping[str, Route]) -> None:
    """Read the routers of cascades. InputError, with the file and the route, for what does not fit."""
    for table in config.routes:
        if table.router is not None:
            from weighbridge.cli.compose_route import load_router
            from weighbridge.gateway.cascade import Cascade

            router = load_router(config.folder / Path(table.router).expanduser())
            routes[table.model].cascade = Cascade(router, table, routes[table.model].aims)


def _tracer(config: Config, settings: Settings) -> Callable[[], Tracer] | None:
    """What makes the tracer of a worker. InputError where the extra is missing, or a header's secret."""
    table = config.traces
    if table is None:
        return None
    try:
        from weighbridge.gateway.otel import OtelTracer
    except ImportError as error:
        raise InputError(
            f"traces need a package that is not installed: {error.name}",
            where="[traces]",
            next_move="pip install 'weighbridge[otel]'",
        ) from error
    headers = {name: _looked_up(value, settings) for name, value in table.headers.items()}
    return lambda: OtelTracer(table, headers)


def _looked_up(value: str, settings: Settings) -> str:
    if not value.startswith("env:"):
        return value
    found = settings.environ.get(value.removeprefix("env:"))
    if found is None:
        raise InputError(f"the environment variable {value.removeprefix('env:')} is not set", where="[traces]: headers")
    return found


def _policy(config: Config, settings: Settings) -> Policy:
    """The rules of `[server] policy`, read again when the file changes; without one everything is allowed."""
    from weighbridge.dispatch.policy import AllowAll

    if config.server.policy is None:
        return AllowAll()
    from weighbridge.cli.compose_gate import GatewayPolicy

    path = config.folder / Path(config.server.policy).expanduser()
    records = {record.name: record for record in config.backends}
    policy = GatewayPolicy(
        path, records, now=time.monotonic, unix=time.time, tell=_told, settings=settings, folder=config.folder
    )
    for route in config.routes:  # names are looked up now, not while the first callers wait
        for to in route.to:
            policy.look_up(to.backend, to.model or records[to.backend].model or route.model)
    return policy


def _told(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _placed(config: Config) -> ServerTable:
    """`[server]` with the paths in it counted from the config's folder."""
    names = ("tls_cert", "tls_key")
    paths = {name: getattr(config.server, name) for name in names}
    placed = {name: str(config.folder / Path(path).expanduser()) for name, path in paths.items() if path is not None}
    return msgspec.structs.replace(config.server, **placed)


def _admin_digest(config: Config, settings: Settings) -> bytes | None:
    """Of the admin key. InputError where the variable it is in is not set."""
    from weighbridge.ledger.keys import digest_of

    if config.server.admin_key is None:
        return None
    name = config.server.admin_key.removeprefix("env:")
    value = settings.environ.get(name, "")
    if len(value) < SHORTEST_ADMIN_KEY:
        raise InputError(
            f"the environment variable {name} holds no admin key of at least {SHORTEST_ADMIN_KEY} characters",
            where="[server]: admin_key",
            next_move=f"Make one: export {name}=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
        )
    return digest_of(value.encode())


def _doors(config: Config, settings: Settings) -> Mapping[str, Door]:
    from weighbridge.cli.compose_local import command_start, local_door
    from weighbridge.gateway.doors import IN_PROCESS, url_door

    tls = _tls(settings)
    most = config.server.answer_bytes

    def reached(record: BackendRecord) -> Door:
        start = command_start(record, config, settings) if record.command is not None else None
        return url_door(record, settings.environ, tls, answer_bytes=most, start=start)

    return {
        record.name: local_door(record, config, settings) if record.kind in IN_PROCESS else reached(record)
        for record in config.backends
    }


def _tls(settings: Settings) -> Callable[[], ssl.SSLContext]:
    """TLS to backends, made when the first one is dialled: loading the trust store takes 20 ms."""

    @cache
    def context() -> ssl.SSLContext:
        from weighbridge.net.headers import trust

        made = trust(settings.environ)
        made.set_alpn_protocols(["http/1.1"])
        return made

    return context


def serve_gateway(config: Config, settings: Settings, tell: Callable[[str], object]) -> None:
    """Listen and serve until told to stop; `tell` is given the line that says where.

    With several workers this process only watches over them: each has a socket of its own on the same port
    (SO_REUSEPORT), and the kernel spreads connections over them.
    """
    from weighbridge.gateway.config import data_dir_of
    from weighbridge.gateway.run import bind_all

    server = config.server
    data_dir = data_dir_of(config, settings.data_dir)
    parts = make_parts(config, settings)
    listeners = bind_all(server.host, server.port, server.workers)
    port = listeners[0].getsockname()[1]
    scheme = "https" if server.tls_cert else "http"
    host = f"[{server.host}]" if ":" in server.host else server.host
    line = f"Serving on {scheme}://{host}:{port}"
    if len(listeners) == 1:
        _work(parts, listeners[0], data_dir, lambda: tell(line))
        return
    from weighbridge.gateway.shared import Shared

    known_to_all = Shared()
    parts = replace(parts, shared=known_to_all)
    try:
        _watch(parts, listeners, data_dir, lambda: tell(line))
    finally:
        known_to_all.close()


def _work(
    parts: Parts, listener: socket.socket, data_dir: Path, ready: Callable[[], object], alive: int | None = None
) -> None:
    """One worker, until it is told to stop, or until the other end of `alive` is closed."""
    import uvloop

    from weighbridge.gateway.books import Books
    from weighbridge.gateway.run import serve

    books = Books(data_dir)
    try:
        uvloop.run(serve(parts, listener, books, ready=ready, alive=alive))
    finally:
        books.close()


def _watch(parts: Parts, listeners: list[socket.socket], data_dir: Path, ready: Callable[[], object]) -> None:
    """Fork a worker for each socket, start again what ends by itself, end all when told to."""
    from weighbridge.gateway.books import Books

    Books(data_dir).close()  # the schema is made, and what a crash left behind is settled, before workers race for it
    stopping = False
    workers: dict[int, socket.socket] = {}

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for pid in workers:
            os.kill(pid, signal.SIGTERM)

    alive, _ours = os.pipe()
    """Its other end closes when this process is gone, however that happens; then no worker goes on alone."""

    def start(listener: socket.socket) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(_ours)
            _be_worker(parts, listener, listeners, data_dir, ready=writer, alive=alive)
        os.close(writer)
        workers[pid] = listener
        os.read(reader, 1)  # until it listens, or has ended
        os.close(reader)

    for listener in listeners:
        start(listener)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    ready()
    while workers:
        pid, status = os.wait()
        if pid not in workers:
            continue
        listener = workers.pop(pid)
        if not stopping:
            print(f"A worker ended ({os.waitstatus_to_exitcode(status)}); starting another.", file=sys.stderr)  # noqa: T201
            time.sleep(RESTART_S)
            start(listener)


def _be_worker(
    parts: Parts, listener: socket.socket, listeners: list[socket.socket], data_dir: Path, *, ready: int, alive: int
) -> None:
    """In the child: never returns into the parent's code."""
    code = 1
    try:
        for other in listeners:
            if other is not listener:
                other.close()
        _work(parts, listener, data_dir, lambda: os.write(ready, b"1"), alive)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def with_options(config: Config, *, host: str | None, port: int | None, workers: int | None) -> Config:
    """The config as the command line changes it."""
    given = {"host": host, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, **changed))
