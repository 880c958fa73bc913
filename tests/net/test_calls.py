"""The client for models, against a server that behaves in every way a server can."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from fault_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    answers_then_closes_idle,
    chunked,
    floods,
    response,
    says,
    says_and_cuts,
    script,
    stalls,
)
from patience import NEVER_S, PATIENCE_S, settled, soon
from weighbridge.errors import BackendUnreachable, BadAnswer, EngineError, InputError, StreamCut
from weighbridge.net.calls import Calls, Limits, Response, Timeouts

PATIENT = Timeouts()
BRIEF_FIRST_BYTE = Timeouts(first_byte_s=0.05)
BRIEF_GAP = Timeouts(gap_s=0.05)
"""One time that runs out, the others left at minutes: on a slow machine no other one can be over before it."""
RUN: list[Callable[[Any], Any]] = [asyncio.run]


@pytest.fixture(autouse=True, params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def _each_loop(request: pytest.FixtureRequest) -> None:
    """uvloop is what runs in production, asyncio what runs where there is no uvloop."""
    RUN[0] = request.param


def make_calls(**changed: Any) -> Calls:
    return Calls(**{"environ": {}, "tick_s": 0.01, "idle_s": NEVER_S, **changed})


def with_server(behave: Behaviour, use: Callable[[FaultServer, Calls], Awaitable[Any]], **changed: Any) -> Any:
    """Run `use` with a server and a client; both are closed, whatever happens."""

    async def run() -> Any:
        async with FaultServer(behave) as server, make_calls(**changed) as calls:
            return await use(server, calls)

    return RUN[0](run())


def open_in(calls: Calls) -> int:
    return sum(len(pool.connections) for pool in calls._pools.values())


def ask(behave: Behaviour, timeouts: Timeouts = PATIENT, **changed: Any) -> Response:
    async def use(server: FaultServer, calls: Calls) -> Response:
        return await calls.request("POST", f"{server.base_url}/x?key=1", body=b"{}", timeouts=timeouts)

    return with_server(behave, use, **changed)


async def echo_back(exchange: Exchange) -> None:
    exchange.write(response(200, exchange.body, x_method=exchange.method, x_target=exchange.target))


# --- good answers


def test_a_request_arrives_as_it_was_sent_and_the_answer_as_it_was_given() -> None:
    body = bytes(range(256)) * 4000

    async def use(server: FaultServer, calls: Calls) -> None:
        answer = await calls.request("POST", f"{server.base_url}/chat?a=b", {"X-One": "1"}, body)

        assert (answer.status, answer.body) == (200, body)
        assert answer.headers.get("X-METHOD") == "POST"
        assert answer.headers.get("x-target") == "/v1/chat?a=b"
        assert server.requests[0].headers["x-one"] == "1"
        assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"
        assert "accept-encoding" not in server.requests[0].headers

    with_server(echo_back, use)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", id="content-length"),
        pytest.param(STREAM_HEAD + chunked(b"he") + chunked(b"llo") + LAST_CHUNK, id="chunked"),
        pytest.param(STREAM_HEAD + chunked(b"hello") + b"0\r\nx-trailer: 1\r\n\r\n", id="chunked-with-trailer"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + response(200, b"hello"), id="after-100-continue"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + response(200, b"hello"), id="after-103-early-hints"
        ),
    ],
)
def test_every_framing_gives_the_same_body_whole_and_streamed_at_every_split(raw: bytes) -> None:
    async def drip(exchange: Exchange) -> None:
        for at in range(len(raw)):
            exchange.write(raw[at : at + 1])
            await asyncio.sleep(0)

    async def use(server: FaultServer, calls: Calls) -> None:
        whole = await calls.request("POST", server.url)
        async with calls.stream("POST", server.url) as streamed:
            chunks = [chunk async for chunk in streamed.chunks()]

        assert (whole.status, whole.body) == (200, b"hello")
        assert whole.headers.get("link") is None
        assert (streamed.status, b"".join(chunks)) == (200, b"hello")
        assert server.connections == 1

    with_server(drip, use)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """RFC 9112, 6.3: neither Content-Length nor chunked."""
    answer = ask(says_and_cuts(b"HTTP/1.1 200 OK\r\n\r\nhello"))

    assert answer.body == b"hello"


def test_an_error_status_is_an_answer_not_a_raise() -> None:
    assert ask(answers(b"no", 503)).status == 503


def test_redirects_are_handed_back_not_followed() -> None:
    """A key must not travel to an address nobody configured."""

    async def use(server: FaultServer, calls: Calls) -> None:
        answer = await calls.request("GET", server.url, {"authorization": "Bearer secret"})

        assert (answer.status, answer.headers.get("location")) == (307, "http://elsewhere.test/")
        assert len(server.requests) == 1

    with_server(answers(b"", 307, location="http://elsewhere.test/"), use)


# --- the pool


def test_requests_one_after_another_share_a_connection() -> None:
    async def use(server: FaultServer, calls: Calls) -> None:
        for _ in range(5):
            await calls.request("POST", server.url, body=b"x")

        assert (len(server.requests), server.connections) == (5, 1)

    with_server(echo_back, use)


def test_no_more_connections_are_opened_than_allowed_and_everybody_gets_a_turn() -> None:
    async def use(server: FaultServer, calls: Calls) -> None:
        answers = await asyncio.gather(*[calls.request("POST", server.url, body=b"%d" % n) for n in range(50)])

        assert [answer.body for answer in answers] == [b"%d" % n for n in range(50)]
        assert server.connections == 3

    with_server(echo_back, use, connections_per_origin=3)


def test_whoever_leaves_the_queue_does_not_take_the_turn_with_them() -> None:
    """A lost place would starve a run: with one connection nobody would ever be served again."""

    async def use(server: FaultServer, calls: Calls) -> None:
        first = asyncio.ensure_future(calls.request("POST", server.url, body=b"slow"))
        await soon(lambda: server.requests)
        queued = [asyncio.ensure_future(calls.request("POST", server.url, body=b"q")) for _ in range(4)]
        await asyncio.sleep(0)
        for task in queued[:3]:
            task.cancel()
        first.cancel()

        assert (await asyncio.wait_for(queued[3], PATIENCE_S)).body == b"q"
        again = calls.request("POST", server.url, body=b"again")
        assert (await asyncio.wait_for(again, PATIENCE_S)).body == b"again"

    async def slow_first(exchange: Exchange) -> None:
        if exchange.body == b"slow":
            await exchange.left.wait()
        else:
            await echo_back(exchange)

    with_server(slow_first, use, connections_per_origin=1)


@pytest.mark.parametrize("later", range(4))
def test_a_turn_that_comes_while_its_owner_is_cancelled_is_the_next_ones(later: int) -> None:
    """The place is handed over a moment before the waiting task runs; `later` tries the moments around it."""

    async def use(server: FaultServer, calls: Calls) -> None:
        hog = asyncio.ensure_future(calls.request("POST", server.url, body=b"slow"))
        await soon(lambda: server.requests)
        waiting = asyncio.ensure_future(calls.request("POST", server.url, body=b"w"))
        await asyncio.sleep(0)
        hog.cancel()
        while not hog.done():
            await asyncio.sleep(0)
        for _ in range(later):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(hog, waiting, return_exceptions=True)

        following = calls.request("POST", server.url, body=b"next")
        assert (await asyncio.wait_for(following, PATIENCE_S)).body == b"next"

    async def slow_first(exchange: Exchange) -> None:
        if exchange.body == b"slow":
            await exchange.left.wait()
        else:
            await echo_back(exchange)

    with_server(slow_first, use, connections_per_origin=1)


def test_waiting_for_a_connection_counts_against_the_total() -> None:
    async def use(server: FaultServer, calls: Calls) -> None:
        hog = asyncio.ensure_future(calls.request("POST", server.url))
        await soon(lambda: server.requests)
        with pytest.raises(BackendUnreachable, match="all 1 connections to http://127") as caught:
            await calls.request("POST", server.url, timeouts=Timeouts(total_s=0.05))
        assert "concurrency" in str(caught.value)
        hog.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hog

    with_server(stalls(), use, connections_per_origin=1)


def test_an_idle_connection_is_given_up_after_its_time() -> None:
    now = [0.0]

    async def use(server: FaultServer, calls: Calls) -> None:
        await calls.request("POST", server.url)
        now[0] += 4.5
        await soon(lambda: not server.open)  # closed by the client, without a further request
        await calls.request("POST", server.url)

        assert server.connections == 2

    with_server(echo_back, use, clock=lambda: now[0], idle_s=4.0)


def test_a_connection_that_was_idle_too_long_is_not_used_though_nobody_looked_yet() -> None:
    now = [0.0]

    async def use(server: FaultServer, calls: Calls) -> None:
        await calls.request("POST", server.url)
        now[0] += 4.5
        await calls.request("POST", server.url)

        assert server.connections == 2

    with_server(echo_back, use, clock=lambda: now[0], idle_s=4.0, tick_s=NEVER_S)


def test_a_connection_that_said_too_much_is_not_used_again() -> None:
    """The surplus would be read as the next answer: one caller's text would reach another."""
    smuggled = response(200, b"first") + response(200, b"planted")

    async def use(server: FaultServer, calls: Calls) -> None:
        first = await calls.request("POST", server.url)
        second = await calls.request("POST", server.url)

        assert (first.body, second.body) == (b"first", b"honest")
        assert server.connections == 2

    with_server(script(says(smuggled), answers(b"honest")), use)


def test_bytes_that_come_while_nobody_asked_end_the_connection() -> None:
    read = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        exchange.write(response(200, b"first"))
        await read.wait()
        exchange.write(response(200, b"planted"))

    async def use(server: FaultServer, calls: Calls) -> None:
        await calls.request("POST", server.url)
        read.set()
        await soon(lambda: not server.open)
        second = await calls.request("POST", server.url)

        assert (second.body, server.connections) == (b"honest", 2)

    with_server(script(late, answers(b"honest")), use)


@pytest.mark.parametrize("closing", [b"connection: close\r\n", b""], ids=["close", "http-1.0"])
def test_a_server_that_wants_to_close_gets_a_new_connection(closing: bytes) -> None:
    version = b"1.1" if closing else b"1.0"
    raw = b"HTTP/" + version + b" 200 OK\r\n" + closing + b"content-length: 2\r\n\r\nhi"

    async def use(server: FaultServer, calls: Calls) -> None:
        for _ in range(2):
            assert (await calls.request("POST", server.url)).body == b"hi"
        assert server.connections == 2

    with_server(says(raw), use)


# --- a pooled connection that the other side had let go of


def stale(repeatable: bool | None, method: str) -> tuple[int, Response]:
    """One good exchange, then a request on a connection that closes unread; returns how many requests came."""

    async def use(server: FaultServer, calls: Calls) -> tuple[int, Response]:
        await calls.request(method, server.url)
        answer = await calls.request(method, server.url, repeatable=repeatable)
        return len(server.requests), answer

    return with_server(script(answers(b"one"), says_and_cuts(), answers(b"two")), use)


@pytest.mark.parametrize(("method", "repeatable"), [("GET", None), ("POST", True)])
def test_a_request_that_may_be_repeated_is_made_again_once_on_a_fresh_connection(
    method: str, repeatable: bool | None
) -> None:
    count, answer = stale(repeatable, method)

    assert (count, answer.body) == (3, b"two")


@pytest.mark.parametrize(("method", "repeatable"), [("POST", None), ("GET", False)])
def test_a_request_that_may_not_be_repeated_is_not(method: str, repeatable: bool | None) -> None:
    """A second POST could be a second bill; whether to take that risk is the caller's to say."""
    with pytest.raises(BackendUnreachable, match="closed the connection without answering"):
        stale(repeatable, method)


def test_a_request_is_never_made_a_third_time() -> None:
    async def use(server: FaultServer, calls: Calls) -> int:
        await calls.request("GET", server.url)
        with pytest.raises(BackendUnreachable):
            await calls.request("GET", server.url)
        return len(server.requests)

    assert with_server(script(answers(b"one"), says_and_cuts()), use) == 3


def test_a_fresh_connection_that_closes_is_not_asked_again() -> None:
    async def use(server: FaultServer, calls: Calls) -> int:
        with pytest.raises(BackendUnreachable):
            await calls.request("GET", server.url)
        return len(server.requests)

    assert with_server(says_and_cuts(), use) == 1


def test_a_request_is_not_repeated_once_a_byte_of_the_answer_came() -> None:
    async def use(server: FaultServer, calls: Calls) -> int:
        await calls.request("GET", server.url)
        with pytest.raises(BadAnswer, match="within the headers"):
            await calls.request("GET", server.url, repeatable=True)
        return len(server.requests)

    assert with_server(script(answers(b"one"), says_and_cuts(b"HTTP/1.1 200")), use) == 2


def test_a_connection_closed_while_idle_is_noticed_before_it_is_used() -> None:
    async def use(server: FaultServer, calls: Calls) -> None:
        await calls.request("POST", server.url)
        await soon(lambda: not open_in(calls))
        assert (await calls.request("POST", server.url)).body == b"two"

    with_server(script(answers_then_closes_idle(b"one"), answers(b"two")), use)


# --- bad answers


@pytest.mark.parametrize(
    ("behave", "error", "words"),
    [
        pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n"), BadAnswer, "did not answer in HTTP", id="not-http"),
        pytest.param(says(b"\x16\x03\x01\x00\xa5"), BadAnswer, "did not answer in HTTP", id="tls-bytes"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
            BadAnswer,
            "did not answer in HTTP",
            id="both-framings",
        ),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"),
            BadAnswer,
            "HTTP",
            id="two-lengths",
        ),
        pytest.param(says(STREAM_HEAD + b"zz\r\n"), BadAnswer, "did not answer in HTTP", id="bad-chunk"),
        pytest.param(
            says(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
            BadAnswer,
            "switched protocols",
            id="upgrade",
        ),
        pytest.param(says_and_cuts(b"HTTP/1.1 200 OK\r\nx: y"), BadAnswer, "within the headers", id="half-headers"),
        pytest.param(says_and_cuts(), BackendUnreachable, "without answering", id="nothing"),
        pytest.param(says_and_cuts(hard=True), BackendUnreachable, "without answering", id="reset"),
        pytest.param(
            says_and_cuts(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
            StreamCut,
            "after 4 bytes",
            id="half-body",
        ),
        pytest.param(says_and_cuts(STREAM_HEAD + chunked(b"abc")), StreamCut, "after 3 bytes", id="half-chunks"),
    ],
)
def test_a_broken_answer_is_an_error_that_says_where(behave: Behaviour, error: type[EngineError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        ask(behave)

    assert caught.value.where is not None
    assert caught.value.where.startswith("POST http://127.0.0.1:")
    assert caught.value.where.endswith("/v1/x"), "the query may hold a key"


SMALL = Limits(head_bytes=4096, body_bytes=10_000)


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        pytest.param(floods(b"HTTP/1.1 200 OK\r\nx: ", b"a" * 1000), "neither body nor", id="endless-header"),
        pytest.param(floods(b"HTTP/1.1 200 OK\r\n", b"x: yyyyyyyy\r\n" * 50), "of headers", id="endless-headers"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000), "of headers", id="many-headers-at-once"),
        pytest.param(floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 20), "neither body nor", id="endless-interim"),
        pytest.param(floods(STREAM_HEAD + b"0\r\nx: ", b"a" * 1000), "neither body nor", id="endless-trailer"),
        pytest.param(floods(STREAM_HEAD, chunked(b"a" * 1000)), "a body of more than 10,000 bytes", id="endless-body"),
        pytest.param(
            floods(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b"a" * 1000),
            "a body of more than 10,000 bytes",
            id="huge-length",
        ),
    ],
)
def test_a_flood_is_cut_off_at_its_bound(behave: Behaviour, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        ask(behave, limits=SMALL)


# --- time


@pytest.mark.parametrize(
    ("behave", "timeouts", "error", "words"),
    [
        pytest.param(stalls(), BRIEF_FIRST_BYTE, BackendUnreachable, "no byte of an answer in 0.05 s", id="first-byte"),
        pytest.param(stalls(b"HTTP/1.1 200"), BRIEF_GAP, StreamCut, "fell silent for 0.05 s", id="gap-in-headers"),
        pytest.param(stalls(STREAM_HEAD + chunked(b"x")), BRIEF_GAP, StreamCut, "fell silent", id="gap-in-body"),
    ],
)
def test_every_time_out_says_which_time_was_over(
    behave: Behaviour, timeouts: Timeouts, error: type[EngineError], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(behave, timeouts)


def test_the_total_runs_out_in_silence() -> None:
    """The second request needs no new connection, so all of its time is spent on the answer."""

    async def use(server: FaultServer, calls: Calls) -> None:
        await calls.request("POST", server.url)
        with pytest.raises(BackendUnreachable, match=r"was not finished after 0\.05 s"):
            await calls.request("POST", server.url, timeouts=Timeouts(total_s=0.05))
        assert server.connections == 1

    with_server(script(answers(b"warm"), stalls()), use)


def test_the_total_runs_out_while_the_backend_still_talks() -> None:
    """The clock stands until the first piece has come: the time cannot be over any earlier."""
    now = [0.0]

    async def use(server: FaultServer, calls: Calls) -> None:
        async with calls.stream("POST", server.url, timeouts=Timeouts(total_s=0.1)) as answer:
            chunks = answer.chunks()
            await anext(chunks)
            now[0] += 0.1
            with pytest.raises(StreamCut, match=r"was not finished after 0\.1 s, in the middle of its answer"):
                [chunk async for chunk in chunks]

    with_server(floods(STREAM_HEAD, chunked(b"x")), use, clock=lambda: now[0])


def test_a_server_that_never_shakes_hands_is_no_connection() -> None:
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async def run() -> None:
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, make_calls() as calls:
            with pytest.raises(BackendUnreachable, match=rf"no connection to https://127.0.0.1:{port} within 0.05 s"):
                await calls.request("GET", f"https://127.0.0.1:{port}/", timeouts=Timeouts(connect_s=0.05))
            await gone.wait()

    RUN[0](run())


def test_a_refused_connection_says_so() -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with make_calls() as calls:
            with pytest.raises(BackendUnreachable, match="refused") as caught:
                await calls.request("GET", f"http://127.0.0.1:{port}/")
        assert "Is the server running" in str(caught.value)

    RUN[0](run())


def test_a_host_that_does_not_exist_is_named() -> None:
    async def run() -> None:
        async with make_calls() as calls:
            with pytest.raises(BackendUnreachable, match=r"'no-such-host\.invalid' cannot be found"):
                await calls.request("GET", "http://no-such-host.invalid/")

    RUN[0](run())


# --- streams


def test_a_stream_gives_the_first_chunk_before_the_last_is_written() -> None:
    gate = asyncio.Event()

    async def two_parts(exchange: Exchange) -> None:
        exchange.write(STREAM_HEAD + chunked(b"first"))
        await gate.wait()
        exchange.write(chunked(b"second") + LAST_CHUNK)

    async def use(server: FaultServer, calls: Calls) -> None:
        async with calls.stream("POST", server.url) as answer:
            chunks = answer.chunks()
            assert await anext(chunks) == b"first"
            gate.set()
            assert b"".join([chunk async for chunk in chunks]) == b"second"
        await calls.request("POST", server.url)
        assert server.connections == 1

    with_server(two_parts, use)


def test_a_stream_that_breaks_never_ends_cleanly() -> None:
    async def use(server: FaultServer, calls: Calls) -> list[bytes]:
        async with calls.stream("POST", server.url) as answer:
            chunks = answer.chunks()
            seen = [await anext(chunks)]
            with pytest.raises(StreamCut):
                await anext(chunks)
        return seen

    assert with_server(says_and_cuts(STREAM_HEAD + chunked(b"half")), use) == [b"half"]


def test_a_slow_reader_holds_the_server_back_instead_of_filling_memory() -> None:
    """And however long the reader takes, its own slowness is not the backend's silence."""
    now = [0.0]
    sent = [0]
    block = chunked(b"z" * 65_536)

    async def pour(exchange: Exchange) -> None:
        exchange.write(STREAM_HEAD)
        for _ in range(400):  # 26 MB, far more than the socket buffers of both sides hold
            exchange.write(block)
            sent[0] += 65_536
            await exchange.drain()
        exchange.write(LAST_CHUNK)

    async def use(server: FaultServer, calls: Calls) -> None:
        async with calls.stream("POST", server.url, timeouts=Timeouts(gap_s=0.1)) as answer:
            await settled()
            held_back_at = sent[0]
            now[0] += 60.0
            await settled()
            assert sent[0] == held_back_at < 16_000_000
            total = sum([len(chunk) async for chunk in answer.chunks()])
        assert total == 400 * 65_536

    with_server(pour, use, clock=lambda: now[0])


def test_a_reader_that_comes_back_after_the_time_was_over_is_told_so() -> None:
    """The socket was paused for its sake and closed in the meantime; what had come is still given."""
    now = [0.0]

    async def use(server: FaultServer, calls: Calls) -> None:
        async with calls.stream("POST", server.url, timeouts=Timeouts(total_s=0.2)) as answer:
            await settled()
            now[0] += 0.2
            await soon(lambda: not open_in(calls))
            chunks = answer.chunks()
            assert len(await anext(chunks)) > 256 * 1024
            with pytest.raises(StreamCut, match=r"not finished after 0\.2 s"):
                await anext(chunks)

    with_server(floods(STREAM_HEAD, chunked(b"z" * 65_536)), use, clock=lambda: now[0])


def test_leaving_a_stream_early_closes_the_connection_upstream() -> None:
    left: list[asyncio.Event] = []

    async def endless(exchange: Exchange) -> None:
        left.append(exchange.left)
        exchange.write(STREAM_HEAD + chunked(b"x"))
        await exchange.left.wait()

    async def use(server: FaultServer, calls: Calls) -> None:
        async with calls.stream("POST", server.url) as answer:
            await anext(answer.chunks())
        await asyncio.wait_for(left[0].wait(), PATIENCE_S)

    with_server(endless, use)


def test_cancelling_a_request_closes_its_connection_upstream() -> None:
    """A model that goes on generating for nobody is paid for."""
    came = asyncio.Event()
    left: list[asyncio.Event] = []

    async def slow(exchange: Exchange) -> None:
        left.append(exchange.left)
        came.set()
        await exchange.left.wait()

    async def use(server: FaultServer, calls: Calls) -> None:
        task = asyncio.ensure_future(calls.request("POST", server.url))
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(left[0].wait(), PATIENCE_S)

    with_server(slow, use)


# --- closing


def test_closing_the_client_ends_what_is_under_way_with_an_error() -> None:
    async def use(server: FaultServer, calls: Calls) -> None:
        task = asyncio.ensure_future(calls.request("POST", server.url))
        await soon(lambda: server.requests)
        await calls.close()
        with pytest.raises(BackendUnreachable, match="client is closed"):
            await task
        with pytest.raises(BackendUnreachable, match="client is closed"):
            await calls.request("POST", server.url)
        await calls.close()

    with_server(stalls(), use)


def test_no_connection_and_no_buffer_outlives_its_request() -> None:
    """1,000 requests of which a third break: what is kept afterwards is the one idle connection."""

    async def mixed(exchange: Exchange) -> None:
        if exchange.number % 3 == 0:
            await says_and_cuts(STREAM_HEAD + chunked(b"x" * 1000))(exchange)
        else:
            await echo_back(exchange)

    async def use(server: FaultServer, calls: Calls) -> None:
        for _ in range(30):
            await asyncio.gather(
                *[calls.request("POST", server.url, body=b"x" * 1000) for _ in range(10)], return_exceptions=True
            )
        gc.collect()
        assert all(len(pool.connections) == len(pool.idle) <= 10 for pool in calls._pools.values())

    with_server(mixed, use)


# --- what may be asked for


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x/", "not a URL that can be called"),
        ("/v1/chat", "not a URL that can be called"),
        ("http://", "not a URL that can be called"),
        ("http://a b/", "holds a space"),
        ("http://a/\r\nx: y", "holds a space or a character"),
        ("http://a:99999/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://me:hunter2@a/", "must not hold a user or password"),
    ],
)
def test_a_url_that_cannot_be_called_is_an_error_that_shows_no_password(url: str, words: str) -> None:
    async def run() -> None:
        async with make_calls() as calls:
            with pytest.raises(InputError, match=words) as caught:
                await calls.request("GET", url)
            assert "hunter2" not in str(caught.value)

    RUN[0](run())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nevil: 1"),
        ("x", "a\x00"),
        ("bad name", "a"),
        ("x:y", "a"),
        ("", "a"),
        ("Content-Length", "3"),
        ("transfer-encoding", "chunked"),
        ("host", "elsewhere"),
        ("x", "key\u2026"),
    ],
)
def test_no_header_smuggles_another_one_in_and_none_is_repeated_in_an_error(name: str, value: str) -> None:
    async def run() -> None:
        async with make_calls() as calls:
            with pytest.raises(InputError) as caught:
                await calls.request("GET", "http://127.0.0.1:1/", {name: value})
            assert "evil" not in str(caught.value)

    RUN[0](run())


def test_a_time_out_comes_at_its_time_not_before_and_not_later() -> None:
    """By the client's clock, which the test holds: all deadlines are looked at together, `tick_s` apart."""
    now = [0.0]

    async def use(server: FaultServer, calls: Calls) -> None:
        asked = asyncio.ensure_future(calls.request("POST", server.url, timeouts=BRIEF_FIRST_BYTE))
        await soon(lambda: server.requests)

        now[0] += 0.049
        await settled()  # many ticks
        assert not asked.done()

        now[0] += 0.001
        with pytest.raises(BackendUnreachable, match="no byte of an answer"):
            await asked

    with_server(stalls(), use, clock=lambda: now[0])


def test_a_connection_that_is_closing_when_it_is_taken_is_replaced_unseen() -> None:
    """The other side's goodbye was read, and the loss is told in the next turn of the loop only."""

    async def run() -> None:
        async with FaultServer(answers(b"{}")) as server, Calls(environ={}) as calls:
            await calls.request("POST", server.url)
            (pool,) = calls._pools.values()
            (connection,) = pool.connections
            connection.close()

            answer = await calls.request("POST", server.url, repeatable=True)

            assert (answer.status, server.connections) == (200, 2)

    asyncio.run(run())
