"""TLS and proxies, against a server and a proxy on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fault_server import Exchange, FaultServer, answers, response
from patience import NEVER_S
from weighbridge.errors import BackendUnreachable
from weighbridge.net.calls import Calls, Timeouts

DATA = Path(__file__).parent.parent / "data" / "tls"
RUN: list[Callable[[Any], Any]] = [asyncio.run]


@pytest.fixture(autouse=True, params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def _each_loop(request: pytest.FixtureRequest) -> None:
    RUN[0] = request.param


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "server.pem")
    return context


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(DATA / "ca.pem"))


class Tunnels:
    """A proxy that joins CONNECT requests to one server, whatever host they name."""

    def __init__(self, to_port: int, *, tls: ssl.SSLContext | None = None, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n"):
        self.to_port = to_port
        self.tls = tls
        self.answer = answer
        self.heads: list[str] = []

    async def __aenter__(self) -> Tunnels:
        self.tasks: set[asyncio.Task[None]] = set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        if b" 200 " in self.answer:
            there, back = await asyncio.open_connection("127.0.0.1", self.to_port)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def with_tls_server(use: Callable[[FaultServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with FaultServer(answers(b"inside"), tls=server_tls()) as server:
            await use(server)

    RUN[0](run())


def test_a_server_whose_certificate_is_trusted_is_asked_over_tls() -> None:
    async def use(server: FaultServer) -> None:
        async with Calls(environ={}, tls=trusting, idle_s=NEVER_S) as calls:
            for _ in range(3):
                assert (await calls.request("GET", server.url)).body == b"inside"
        assert server.connections == 1

    with_tls_server(use)


def test_a_certificate_nobody_vouches_for_is_refused_with_the_way_to_trust_it() -> None:
    async def use(server: FaultServer) -> None:
        async with Calls(environ={}) as calls:
            with pytest.raises(BackendUnreachable, match="is not trusted") as caught:
                await calls.request("GET", server.url)
        assert "SSL_CERT_FILE" in str(caught.value)
        assert not server.requests

    with_tls_server(use)


def test_a_certificate_for_another_name_is_refused() -> None:
    async def use(server: FaultServer) -> None:
        async with Calls(environ={}, tls=trusting, idle_s=NEVER_S) as calls:
            with pytest.raises(BackendUnreachable, match=r"is not trusted.*localhost"):
                await calls.request("GET", f"https://localhost:{server.port}/")

    with_tls_server(use)


def test_https_to_a_server_that_speaks_http_says_so() -> None:
    async def run() -> None:
        async with FaultServer(answers(b"plain")) as server, Calls(environ={}, tls=trusting, idle_s=NEVER_S) as calls:
            with pytest.raises(BackendUnreachable, match=r"no TLS with|no connection") as caught:
                await calls.request("GET", f"https://127.0.0.1:{server.port}/", timeouts=Timeouts(connect_s=0.5))
        assert caught.value.next_move is not None

    RUN[0](run())


@pytest.mark.parametrize("scheme", ["http", "https"], ids=["plain-proxy", "tls-proxy"])
def test_https_goes_through_a_tunnel_that_the_proxy_cannot_read(scheme: str) -> None:
    async def use(server: FaultServer) -> None:
        async with Tunnels(server.port, tls=server_tls() if scheme == "https" else None) as proxy:
            environ = {"https_proxy": f"{scheme}://me:pw@127.0.0.1:{proxy.port}"}
            async with Calls(environ=environ, tls=trusting, idle_s=NEVER_S) as calls:
                for _ in range(2):
                    answer = await calls.request(
                        "POST", "https://model.test/v1/x", {"authorization": "Bearer k"}, b"{}"
                    )
                    assert answer.body == b"inside"
        assert server.connections == 1
        assert server.requests[0].headers["host"] == "model.test"
        assert "proxy-authorization" not in server.requests[0].headers
        assert proxy.heads[0].startswith("CONNECT model.test:443 HTTP/1.1\r\nhost: model.test:443\r\n")
        assert "proxy-authorization: Basic bWU6cHc=" in proxy.heads[0]
        assert "Bearer" not in proxy.heads[0]

    with_tls_server(use)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n", "refused to connect to model.test:443: status 407"),
        (b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n", "status 502"),
        (b"nonsense\r\n\r\n", "did not answer in HTTP"),
        (b"", "closed the connection without answering CONNECT"),
        (b"HTTP/1.1 300 x\r\n" + b"x: y\r\n" * 10_000, "too many headers"),
    ],
    ids=["407", "502", "nonsense", "nothing", "flood"],
)
def test_a_proxy_that_does_not_tunnel_is_named(answer: bytes, words: str) -> None:
    async def run() -> None:
        async with Tunnels(0, answer=answer) as proxy:
            environ = {"https_proxy": f"http://me:hunter2@127.0.0.1:{proxy.port}"}
            async with Calls(environ=environ, tls=trusting, idle_s=NEVER_S) as calls:
                with pytest.raises(BackendUnreachable, match=words) as caught:
                    await calls.request("GET", "https://model.test/")
            assert f"127.0.0.1:{proxy.port}" in str(caught.value)
            assert "hunter2" not in str(caught.value)

    RUN[0](run())


def test_plain_http_is_handed_to_the_proxy_with_its_whole_url() -> None:
    async def back(exchange: Exchange) -> None:
        exchange.write(response(200, exchange.target.encode()))

    async def run() -> None:
        async with (
            FaultServer(back) as proxy,
            Calls(environ={"http_proxy": f"http://me:pw@127.0.0.1:{proxy.port}"}) as calls,
        ):
            answer = await calls.request("GET", "http://model.test:81/v1/models?x=1")
        assert answer.body == b"http://model.test:81/v1/models?x=1"
        assert proxy.requests[0].headers["host"] == "model.test:81"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cHc="

    RUN[0](run())
