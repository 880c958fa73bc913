"""Open a connection to an origin: straight, through a proxy, or through a CONNECT tunnel; with or without TLS.

Every way it can fail becomes a BackendUnreachable that says which step failed and what to try.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import httptools

from weighbridge.errors import BackendUnreachable
from weighbridge.net.origin import Origin, Proxy

Speaker = TypeVar("Speaker", bound=asyncio.Protocol)

TUNNEL_HEAD_BYTES = 16 * 1024
"""Of a proxy's answer to CONNECT."""


@dataclass(frozen=True, slots=True)
class Way:
    """From here to an origin."""

    origin: Origin
    proxy: Proxy | None
    tls: Callable[[], ssl.SSLContext]
    """Gives the context; called only where TLS is spoken, for loading the trust store takes 20 ms."""

    @property
    def is_tunnel(self) -> bool:
        """Whether a proxy is asked for a tunnel (CONNECT), so that TLS ends at the origin."""
        return self.proxy is not None and self.origin.scheme == "https"

    @property
    def is_forwarded(self) -> bool:
        """A proxy reads the requests themselves, and wants the absolute URL in each."""
        return self.proxy is not None and self.origin.scheme == "http"

    def __str__(self) -> str:
        return f"{self.origin}" if self.proxy is None else f"{self.origin} through the proxy {self.proxy.origin}"


async def dial(way: Way, speaker: Callable[[], Speaker], seconds: float) -> Speaker:
    """A connected protocol, ready for its first request, within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await _dial(way, speaker)
    except TimeoutError as error:
        what = f"no connection to {way} within {seconds:.3g} s"
        raise BackendUnreachable(what, where=str(way.origin), next_move=_hint(way)) from error
    except ssl.SSLCertVerificationError as error:
        what = f"the certificate of {way} is not trusted: {error.verify_message}"
        raise BackendUnreachable(what, where=str(way.origin), next_move=_TRUST) from error
    except ssl.SSLError as error:
        what = f"no TLS with {way}: {error.reason or error}"
        next_move = "Does the server speak https at all? Try http://, or look at its certificate."
        raise BackendUnreachable(what, where=str(way.origin), next_move=next_move) from error
    except socket.gaierror as error:
        host = way.origin.host if way.proxy is None else way.proxy.origin.host
        what = f"the host {host!r} cannot be found: {error.strerror or error}"
        raise BackendUnreachable(what, where=str(way.origin), next_move="Check its spelling, and the DNS.") from error
    except (OSError, UnicodeError) as error:
        what = f"no connection to {way}: {_reason(error)}"
        raise BackendUnreachable(what, where=str(way.origin), next_move=_hint(way)) from error


async def _dial(way: Way, speaker: Callable[[], Speaker]) -> Speaker:
    loop = asyncio.get_running_loop()
    first = way.origin if way.proxy is None else way.proxy.origin
    tls = way.tls() if first.scheme == "https" else None
    name = first.host if tls else None
    if not way.is_tunnel:
        _, protocol = await loop.create_connection(speaker, first.host, first.port, ssl=tls, server_hostname=name)
        return protocol
    transport, tunnel = await loop.create_connection(Tunnel, first.host, first.port, ssl=tls, server_hostname=name)
    try:
        await tunnel.open(way)
        protocol = speaker()
        inner = await loop.start_tls(transport, protocol, way.tls(), server_hostname=way.origin.host)
        if inner is None:
            raise ConnectionResetError("the proxy closed the tunnel")
    except BaseException:
        transport.abort()
        raise
    protocol.connection_made(inner)
    return protocol


class Tunnel(asyncio.Protocol):
    """Asks a proxy to CONNECT, and stands aside once it has."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0

    async def open(self, way: Way) -> None:
        """Return when the proxy has agreed; BackendUnreachable with its status when it has not."""
        assert self._transport is not None
        assert way.proxy is not None
        host = f"[{way.origin.host}]" if ":" in way.origin.host else way.origin.host
        place = f"{host}:{way.origin.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"host: {place}"]
        if way.proxy.authorization is not None:
            lines.append(f"proxy-authorization: {way.proxy.authorization}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        status = await self._answered
        if not 200 <= status < 300:
            raise BackendUnreachable(
                f"the proxy {way.proxy.origin} refused to connect to {place}: status {status}",
                where=str(way.origin),
                next_move=_LOGIN if status == 407 else _hint(way),
            )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answered.done():
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._refuse(f"the proxy did not answer in HTTP ({str(error)[:80]})")
        if self._head_bytes > TUNNEL_HEAD_BYTES:
            self._refuse("the proxy answered CONNECT with too many headers")

    def connection_lost(self, exc: Exception | None) -> None:
        self._refuse("the proxy closed the connection without answering CONNECT")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._answered.done():
            self._answered.set_result(status)

    def _refuse(self, what: str) -> None:
        if not self._answered.done():
            self._answered.set_exception(ConnectionResetError(what))


def _reason(error: Exception) -> str:
    """The system's own word where there is one: asyncio only says that the call failed."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error) or type(error).__name__


def _hint(way: Way) -> str:
    if way.proxy is not None:
        return "Check the proxy, or exempt the host with no_proxy."
    return "Is the server running, and listening on that address and port?"


_TRUST = "For a certificate of your own, name its authority's file in SSL_CERT_FILE."
_LOGIN = "The proxy wants a user and password: put them into its URL in the environment."
