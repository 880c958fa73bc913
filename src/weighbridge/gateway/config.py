"""weighbridge.toml: where to listen, the backends, the public model names and what is behind them.

    [server]        host, port, workers, limits; all of it has defaults
    [[backend]]     the same record as in task.toml
    [[route]]       a public model name, and the backends that answer it
    [[team]]        a budget that several keys share
    [traces]        where OpenTelemetry traces go

Every mistake is named with its line, all of them at once.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from weighbridge.engines import BackendRecord
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_records import read_toml
from weighbridge.formats.toml_rest import read_and_check

from .config_checks import check
from .config_tables import RouteTable, ServerTable, Tables, TeamTable, TracesTable

FILE = "weighbridge.toml"
LONGEST_FILE = 4 << 20


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    server: ServerTable = ServerTable()
    backends: tuple[BackendRecord, ...] = ()
    routes: tuple[RouteTable, ...] = ()
    teams: tuple[TeamTable, ...] = ()
    traces: TracesTable | None = None
    folder: Path = Path()
    """Where the file is; relative paths count from it."""


def load_config(path: Path) -> Config:
    """Read and check a file. InputError names every mistake with its line."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise InputError(
            f"the config cannot be read: {error.strerror}",
            where=str(path),
            next_move="Name another file with --config, or leave it out to serve the model that was pulled.",
        ) from error
    return read_config(data, path)


def read_config(data: bytes, path: Path) -> Config:
    """The bytes of `path` as a Config."""
    if len(data) > LONGEST_FILE:
        raise InputError(f"the config is longer than {LONGEST_FILE:,} bytes", where=str(path))
    problems = Problems()
    file = read_toml(str(path), data, problems)
    tables = None if file is None else read_and_check(file, Tables, check, problems)
    if tables is None:
        raise problems.error()
    folder = path.absolute().parent
    return Config(tables.server, tables.backend, tables.route, tables.team, tables.traces, folder)


def data_dir_of(config: Config, default: Path) -> Path:
    """Where the ledger of this gateway is."""
    if config.server.data_dir is None:
        return default
    return Path(os.path.normpath(config.folder / Path(config.server.data_dir).expanduser()))
