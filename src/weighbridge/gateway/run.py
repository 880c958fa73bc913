"""A worker's life: listen, serve, and end well on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from weighbridge.errors import InputError, UsageError

from .app import Gateway
from .books import Books
from .client import Client
from .config_tables import ServerTable
from .routes import Parts

PATIENCE_S = 10.0
"""How long calls under way get to end once we are told to stop."""
BACKLOG = 1024


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A listening socket; `shared` among workers by SO_REUSEPORT. UsageError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            next_move="Name another --port, or end what listens there.",
        ) from error
    listener.setblocking(False)
    return listener


def bind_all(host: str, port: int, workers: int) -> list[socket.socket]:
    """A listening socket for each worker, on one port. UsageError where that cannot be, or where another gateway
    listens there already: one that shares its port among workers would share it with us, too."""
    alone = bind(host, port, shared=False)
    if workers == 1:
        return [alone]
    port = alone.getsockname()[1]
    alone.close()
    return [bind(host, port, shared=True) for _ in range(workers)]


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def tls_of(server: ServerTable) -> ssl.SSLContext | None:
    if server.tls_cert is None or server.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(server.tls_cert, server.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"the TLS certificate or its key cannot be read: {error}",
            where=f"{server.tls_cert}, {server.tls_key}",
            next_move="Name two PEM files, tls_cert and tls_key of [server]; the key is that of the certificate.",
        ) from error
    return context


@asynccontextmanager
async def listening(parts: Parts, listener: socket.socket, books: Books) -> AsyncIterator[Gateway]:
    """A gateway that answers on `listener`; at the end it lets calls under way end, then closes."""
    gateway = Gateway(parts, books, is_public=not is_loopback(parts.server.host), rng=Random())
    loop = asyncio.get_running_loop()
    tls = tls_of(parts.server)
    server = await loop.create_server(lambda: Client(gateway), sock=listener, backlog=BACKLOG, ssl=tls)
    try:
        yield gateway
    finally:
        server.close()
        await gateway.close(PATIENCE_S)


async def serve(
    parts: Parts, listener: socket.socket, books: Books, *, ready: Callable[[], object], alive: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, or until the other end of the pipe `alive` is closed; calls `ready` once it
    listens."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    if alive is not None:
        loop.add_reader(alive, stop.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with listening(parts, listener, books) as gateway:
        gc.collect()
        gc.freeze()  # what is there now stays: looking at it again and again would be most of what collecting costs
        ready()
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait((stopping, gateway.tending), return_when=asyncio.FIRST_COMPLETED)
        if gateway.tending.done():
            gateway.tending.result()  # a defect of ours: better to end with it than to go on without time-outs
