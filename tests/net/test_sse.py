"""Events are the same however the bytes were cut."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import BadAnswer
from weighbridge.net.sse import Event, SseParser


def parse(chunks: Iterable[bytes]) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\n", [b"a"], id="lf"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="crlf"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="cr"),
        pytest.param(b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"], id="mixed-ends"),
        pytest.param(b"data: one\ndata: two\n\n", [b"one\ntwo"], id="several-data-lines-are-joined"),
        pytest.param(b"data\n\n", [b""], id="field-without-colon"),
        pytest.param(b"data:a\n\ndata:  b\n\n", [b"a", b" b"], id="one-space-after-the-colon-goes"),
        pytest.param(b": ping\n\n: ping\n\ndata: a\n\n", [b"a"], id="comments"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="byte-order-mark"),
        pytest.param(b"data: \xef\xbb\xbfa\n\n", [b"\xef\xbb\xbfa"], id="a-mark-inside-is-data"),
        pytest.param(b"data: a\n\ndata: unfinished", [b"a"], id="what-the-end-leaves-is-no-event"),
        pytest.param(b"data: a\n\ndata: b\n", [b"a"], id="nor-without-its-empty-line"),
        pytest.param(b"nonsense: 1\nretry: 5\ndata: a\n\n", [b"a"], id="unknown-fields"),
        pytest.param(b"event: x\n\ndata: a\n\n", [b"a"], id="an-event-without-data-is-none"),
        pytest.param(b"\n\n\n", [], id="empty-lines"),
    ],
)
def test_a_stream_gives_its_events_whole_and_byte_by_byte(stream: bytes, expected: list[bytes]) -> None:
    assert [event.data for event in parse([stream])] == expected
    assert [event.data for event in parse(stream[at : at + 1] for at in range(len(stream)))] == expected


def test_type_and_id_come_with_their_event() -> None:
    events = parse([b"event: error\nid: 7\ndata: a\n\ndata: b\n\nid: \x00\nevent: x\n\ndata: c\n\n"])

    assert events == [Event(b"a", b"error", b"7"), Event(b"b", b"", b"7"), Event(b"c", b"", b"7")]


LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20).map(str.encode)


@given(
    st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data()
)
def test_any_events_survive_any_cut_and_any_line_end(
    events: list[list[bytes]], end: bytes, data: st.DataObject
) -> None:
    stream = b"".join(b"".join(b"data: " + line + end for line in lines) + end for lines in events)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))

    parsed = parse(cut(stream, places))

    assert [event.data for event in parsed] == [b"\n".join(lines) for lines in events]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_rubbish_gives_the_same_events_at_every_cut_and_never_an_exception(stream: bytes, places: list[int]) -> None:
    assert parse(cut(stream, places)) == parse([stream])


@pytest.mark.parametrize("block", [b"x" * 100, b"data: " + b"x" * 100 + b"\n"], ids=["one-line", "many-lines"])
def test_an_event_without_an_end_is_cut_off_at_its_bound(block: bytes) -> None:
    parser = SseParser(longest=10_000)
    for _ in range(9_000 // len(block)):
        parser.feed(block)

    with pytest.raises(BadAnswer, match="longer than 10,000 bytes"):
        parser.feed(block * 20)


def test_many_small_pieces_of_a_long_line_cost_no_more_than_their_bytes() -> None:
    """Joining the line anew for each piece would take minutes here."""
    parser = SseParser()

    for _ in range(200_000):
        parser.feed(b"x" * 50)

    assert parser.feed(b"\n\n") == []
