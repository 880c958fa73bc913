"""What `net.fetch` does that no hub shows in a second: slow drips, odd headers, silence."""

from __future__ import annotations

import random
from collections.abc import Iterator
from email.utils import formatdate
from itertools import count

import pytest
from hub_server import Handler, Hub, running, sha256
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import PullError
from weighbridge.net.fetch import Fetcher, Request
from weighbridge.net.headers import announced_bytes, asked_wait_s, is_next_part

CONTENT = bytes(range(256)) * 400


class Memory:
    """A sink that forgets nothing."""

    def __init__(self) -> None:
        self.held = b""
        self.validator: str | None = None

    @property
    def size(self) -> int:
        return len(self.held)

    def write(self, chunk: bytes) -> None:
        self.held += chunk

    def restart(self) -> None:
        self.held = b""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub({"file": CONTENT})) as hub:
        yield hub


def refuse(status: int, _headers: object, text: str) -> PullError:
    return PullError(f"{status}: {text}")


def request(hub: Hub) -> Request:
    return Request(f"{hub.url}/cdn/{sha256(CONTENT)}?signature=secret", refuse)


def dripping(handler: Handler, content: bytes) -> bool:
    """A few bytes at a time; by the clock of the test, half a minute apart."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.close_connection = True
    for at in range(8):
        handler.wfile.write(content[at * 100 : at * 100 + 100])
        handler.wfile.flush()
    return True


def test_a_file_that_drips_is_dropped_and_asked_for_again(hub: Hub) -> None:
    """A hundred bytes in half a minute would keep a pull busy for a month without ever timing out."""
    hub.troubles = [dripping]
    ticks = count(0, 31)
    sink, slept = Memory(), []

    with Fetcher({}, sleep=slept.append, clock=lambda: next(ticks), rng=random.Random(0)) as fetcher:
        fetcher.file(request(hub), sink, len(CONTENT), 1 << 30, lambda _: None)

    assert sink.held == CONTENT
    assert len(slept) == 1


def test_an_empty_file_needs_no_request(hub: Hub) -> None:
    with Fetcher({}) as fetcher:
        fetcher.file(request(hub), Memory(), 0, 1 << 30, lambda _: None)

    assert hub.seen == []


def test_a_file_of_unknown_size_ends_where_the_server_says(hub: Hub) -> None:
    sink = Memory()

    with Fetcher({}) as fetcher:
        fetcher.file(request(hub), sink, None, 1 << 30, lambda _: None)

    assert sink.held == CONTENT


def test_a_file_of_unknown_size_is_bounded(hub: Hub) -> None:
    with Fetcher({}) as fetcher, pytest.raises(PullError, match="more than is believed"):
        fetcher.file(request(hub), Memory(), None, 1000, lambda _: None)


def test_nothing_listening_is_an_error_after_all_tries() -> None:
    slept: list[float] = []
    nowhere = Request("http://127.0.0.1:9/x?signature=secret", refuse)

    with Fetcher({}, sleep=slept.append) as fetcher, pytest.raises(PullError, match="cannot be reached") as caught:
        fetcher.small(nowhere, 100)

    assert len(slept) == 5
    assert "http://127.0.0.1:9/x" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": formatdate(1_000_090, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(1, usegmt=True)}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"RateLimit": '"api";r=0;t=300'}, 300.0),
    ],
)
def test_the_time_a_server_asks_for_is_understood(headers: dict[str, str], expected: float | None) -> None:
    assert asked_wait_s(headers, now=1_000_000) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_can_break_the_reading_of_headers(one: str, other: str) -> None:
    wait = asked_wait_s({"Retry-After": one, "RateLimit": other}, now=0)
    length = announced_bytes({"Content-Length": one})

    assert wait is None or wait >= 0
    assert length is None or length >= 0
    assert is_next_part({"Content-Range": one}, 5, 10) is False
    assert is_next_part({"Content-Range": "bytes 5-9/10"}, 5, 10) is True
