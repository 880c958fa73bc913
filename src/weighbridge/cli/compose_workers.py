"""Runs a gateway: in this process, or in several that share a port while this one watches over them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.cli.compose_serve import make_parts

if TYPE_CHECKING:
    from weighbridge.gateway.config import Config
    from weighbridge.gateway.routes import Parts
    from weighbridge.settings import Settings

log = logging.getLogger("weighbridge.gateway")
RESTART_S = 0.5
"""A worker that ended by itself is started again after so long."""


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

    _tell_of_copies(config)
    known_to_all = Shared()
    parts = replace(parts, shared=known_to_all)
    try:
        _watch(parts, listeners, data_dir, lambda: tell(line))
    finally:
        known_to_all.close()


def _tell_of_copies(config: Config) -> None:
    """Engines in process belong to a worker: several workers have one each."""
    names = ", ".join(record.name for record in config.backends if record.kind == "llamacpp")
    if names:
        log.warning(
            "each of %d workers starts %s for itself: weights are shared, contexts and threads are not; "
            "where models run on this machine, one worker is enough",
            *(config.server.workers, names),
        )


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
            ended = os.waitstatus_to_exitcode(status)
            print(f"A worker ended ({ended}); starting another.", file=sys.stderr)  # noqa: T201
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
