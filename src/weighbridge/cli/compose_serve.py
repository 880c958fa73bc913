"""Joins the gateway: config, doors to backends, routes, rules. compose_workers.py runs what comes of it."""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.dispatch.policy import Policy
    from weighbridge.engines import BackendRecord
    from weighbridge.gateway.config import Config
    from weighbridge.gateway.config_tables import RouteTable, ServerTable
    from weighbridge.gateway.routes import Door, Parts, Route
    from weighbridge.gateway.tracing import Tracer
    from weighbridge.routers import Router

Made = TypeVar("Made")
SHORTEST_ADMIN_KEY = 16


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


class _Attempts:
    """Things a config names, each tried, so that all that cannot be used are told at once."""

    def __init__(self) -> None:
        self._failed: list[WeighbridgeError] = []

    def at(self, make: Callable[..., Made], *given: Any) -> Made | None:
        try:
            return make(*given)
        except WeighbridgeError as error:
            self._failed.append(error)
            return None

    def end(self) -> None:
        """Raises what was told, the first with the others below it."""
        if self._failed:
            first, *others = self._failed
            also = (str(error).replace("\n", "\n  ") for error in others)
            first.next_move = "\n  ".join(part for part in (first.next_move, *also) if part)
            raise first


def make_parts(config: Config, settings: Settings) -> Parts:
    """Doors, routes and purses of a config. Raises InputError, before anything listens, for all that cannot work."""
    from weighbridge.cli.compose_prices import catalogue_prices
    from weighbridge.dispatch.allowance import parse_allowance
    from weighbridge.dispatch.purse import Purse
    from weighbridge.gateway.routes import Parts, Route
    from weighbridge.gateway.run import tls_of

    tried = _Attempts()
    server = _placed(config)
    tried.at(tls_of, server)  # whoever listens reads it anew
    make = _door_maker(config, settings)
    doors = {record.name: tried.at(make, record) for record in config.backends if not _may_take_long(record)}
    routers = {table.model: tried.at(_router_of, config, table) for table in config.routes if table.router is not None}
    policy = tried.at(_policy, config, settings)
    admin = tried.at(_admin_digest, config, settings)
    tracer = tried.at(_tracer, config, settings)
    tried.end()
    doors |= {record.name: tried.at(make, record) for record in config.backends if _may_take_long(record)}
    tried.end()
    assert policy is not None
    prices = catalogue_prices(config)
    opened = {name: door for name, door in doors.items() if door is not None}
    routes = {table.model: Route(table, opened, prices) for table in config.routes}
    for model, router in routers.items():
        assert router is not None
        tried.at(_add_cascade, routes[model], router)
    tried.end()
    teams = {
        team.name: Purse("team", team.name, parse_allowance(team.budget))
        for team in config.teams
        if team.budget is not None
    }
    return Parts(server, routes, opened, teams, policy, admin, tracer=tracer)


def _may_take_long(record: BackendRecord) -> bool:
    """Its weights may have to be pulled first: not before everything else is known to be right."""
    return record.source is not None and not record.source.startswith("file:")


def _router_of(config: Config, table: RouteTable) -> Router:
    """Of a cascade. InputError, with its file, for one that cannot be read."""
    from weighbridge.cli.compose_route import load_router

    return load_router(config.folder / Path(table.router or "").expanduser())


def _add_cascade(route: Route, router: Router) -> None:
    """InputError for a router whose models the route does not have."""
    from weighbridge.gateway.cascade import Cascade

    route.cascade = Cascade(router, route.table, route.aims)


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


def _door_maker(config: Config, settings: Settings) -> Callable[[BackendRecord], Door]:
    """What makes the door to a backend. It raises InputError for an address or a key that cannot be used."""
    from weighbridge.cli.compose_local import command_start, local_door
    from weighbridge.gateway.doors import IN_PROCESS, url_door

    tls = _tls(settings)
    most = config.server.answer_bytes

    def made(record: BackendRecord) -> Door:
        if record.kind in IN_PROCESS:
            return local_door(record, config, settings)
        start = command_start(record, config, settings) if record.command is not None else None
        return url_door(record, settings.environ, tls, answer_bytes=most, start=start)

    return made


def _tls(settings: Settings) -> Callable[[], ssl.SSLContext]:
    """TLS to backends, made when the first one is dialled: loading the trust store takes 20 ms."""

    @cache
    def context() -> ssl.SSLContext:
        from weighbridge.net.headers import trust

        made = trust(settings.environ)
        made.set_alpn_protocols(["http/1.1"])
        return made

    return context


def with_options(config: Config, *, host: str | None, port: int | None, workers: int | None) -> Config:
    """The config as the command line changes it."""
    given = {"host": host, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, **changed))
