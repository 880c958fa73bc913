"""Chunks that are passed on unread: only where llhttp would have read the same, wherever a read begins and ends."""

from __future__ import annotations

from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import EngineError
from weighbridge.gateway.chunked import LAST_CHUNK, chunk, count_whole
from weighbridge.gateway.pool import UpstreamPool
from weighbridge.gateway.upstream import Upstream
from weighbridge.net.dial import Way
from weighbridge.net.origin import split_url

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PARTS = st.one_of(
    st.binary(min_size=1, max_size=40).map(chunk),
    st.sampled_from([b"x", b"yy" * 140, b"z" * 2100]).map(chunk),
    st.sampled_from(
        [b"0\r\n\r\n", b"05\r\nhello\r\n", b"A\r\n0123456789\r\n", b"5;a=b\r\nhello\r\n", b"5 \r\nhello\r\n"]
    ),
    st.sampled_from(
        [b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"5\nhello\n", b"5\r\nhello!\r\n", b"\r\n", b"5", b"5\r"]
    ),
    st.binary(max_size=12),
)


class Reference:
    """How llhttp reads the body of an answer."""

    def __init__(self) -> None:
        self.body = b""
        self.open = 0
        self.chunks = 0
        self.ended = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(HEAD)

    def reads(self, data: bytes) -> bool:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            return False
        return True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_chunk_header(self) -> None:
        self.open += 1

    def on_chunk_complete(self) -> None:
        self.open -= 1
        self.chunks += 1

    def on_message_complete(self) -> None:
        self.ended = True


@given(st.lists(PARTS, min_size=1, max_size=5).map(b"".join))
def test_what_counts_as_whole_chunks_llhttp_reads_as_so_many_to_their_end(data: bytes) -> None:
    """A read that we took for whole chunks and a backend meant otherwise would shift everything after it."""
    count = count_whole(data)

    if count:
        reference = Reference()
        assert reference.reads(data)
        assert (reference.chunks, reference.open, reference.ended) == (count, 0, False)
        assert reference.reads(b"3\r\nabc\r\n")  # it stands between two chunks
        assert reference.body.endswith(b"abc")


@pytest.mark.parametrize("size", [1, 9, 10, 15, 16, 17, 255, 256, 2047, 2048, 4095, 4096, 70_000])
def test_a_chunk_of_any_size_is_written_as_llhttp_reads_it(size: int) -> None:
    reference = Reference()

    assert reference.reads(chunk(b"w" * size) + LAST_CHUNK)

    assert reference.body == b"w" * size
    assert reference.ended
    assert count_whole(chunk(b"w" * size)) == (size < 2048)
    assert count_whole(chunk(b"w" * size) + chunk(b"abc")) == 2 * (size < 2048)


class Transport:
    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Taker:
    """An exchange that takes whole chunks as they come, every other time."""

    def __init__(self, *, takes: bool) -> None:
        self.body = b""
        self.taken = 0
        self.ended = False
        self.error: EngineError | None = None
        self._takes = takes

    def opened(self, upstream: Upstream) -> None:
        upstream.on_chunks = self.take

    def take(self, framed: bytes, count: int) -> bool:
        if self._takes:
            reference = Reference()
            assert reference.reads(framed)
            self.body += reference.body
            self.taken += count
        return self._takes

    def flowed(self, data: bytes) -> None:
        self.body += data

    def flowed_out(self) -> None:
        self.ended = True

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        raise AssertionError("a stream came as a whole answer")

    def failed(self, error: EngineError) -> None:
        self.error = error


def ask(taker: Taker) -> Upstream:
    """A connection that has just been sent a request."""
    origin, _ = split_url("http://127.0.0.1:9/v1")
    transport: Any = Transport()
    upstream = Upstream(UpstreamPool(Way(origin, None, _no_tls), answer_bytes=1 << 20))
    upstream.connection_made(transport)
    upstream.send(taker, b"", stream=True)
    return upstream


def _no_tls() -> Any:
    raise AssertionError("no TLS here")


BODY = [b"data: {}\n\n", b"data: a\r\n\r\n", b"0\r\n\r\n", b"\r\n", b"d" * 300]
"""Payloads that look like framing themselves among them."""
ANSWER = HEAD + b"".join(map(chunk, BODY)) + LAST_CHUNK


@pytest.mark.parametrize("takes", [True, False])
def test_a_stream_reads_the_same_cut_at_any_byte(takes: bool) -> None:
    for cut in range(1, len(ANSWER)):
        taker = Taker(takes=takes)
        upstream = ask(taker)
        for data in (ANSWER[:cut], ANSWER[cut:]):
            upstream.data_received(data)

        assert (taker.body, taker.ended, taker.error) == (b"".join(BODY), True, None), cut


@given(st.lists(st.integers(1, 120), max_size=12), st.lists(st.sampled_from(BODY), max_size=8), st.booleans())
def test_a_stream_reads_the_same_however_it_is_cut(cuts: list[int], parts: list[bytes], takes: bool) -> None:
    data = HEAD + b"".join(map(chunk, parts)) + LAST_CHUNK
    taker = Taker(takes=takes)
    upstream = ask(taker)
    start = 0
    for size in [*cuts, len(data)]:
        if start < len(data):
            upstream.data_received(data[start : start + size])
        start += size

    assert (taker.body, taker.ended, taker.error) == (b"".join(parts), True, None)


def test_chunks_that_come_whole_are_never_read() -> None:
    """What makes a streamed chunk cheap; the first one is read, for only then it is known that a chunk has ended."""
    taker = Taker(takes=True)
    upstream = ask(taker)
    upstream.data_received(HEAD)
    for part in BODY:
        upstream.data_received(chunk(part))
    upstream.data_received(chunk(b"one") + chunk(b"two"))
    upstream.data_received(LAST_CHUNK)

    assert taker.taken == len(BODY) - 1 + 2
    assert taker.ended


@pytest.mark.parametrize("bad", [b"5\r\nhello!\r\n", b"g\r\n", b"5\nhello\n", b"\r\n", b"-1\r\n"])
def test_broken_framing_between_whole_chunks_is_an_error(bad: bytes) -> None:
    taker = Taker(takes=True)
    upstream = ask(taker)
    upstream.data_received(HEAD)
    for data in (chunk(b"one"), chunk(b"two"), bad):
        upstream.data_received(data)

    assert isinstance(taker.error, EngineError)
    assert taker.body.startswith(b"onetwo")
