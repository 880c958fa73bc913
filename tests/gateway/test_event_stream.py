"""OpenAI's events on their way through, however they are cut: nothing lost, nothing twice, counts found."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.chat import Usage
from weighbridge.errors import BadAnswer
from weighbridge.gateway.openai_raw import EventStream, payloads, read_whole
from weighbridge.gateway.openai_request import peek, swap_model
from weighbridge.gateway.outline import in_one

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=6)


def events_of(texts: list[str], null: bool) -> list[bytes]:
    usage = {"usage": None} if null else {}
    deltas = [{"choices": [{"index": 0, "delta": {"content": text}}], **usage} for text in texts]
    end = [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **usage}]
    counts = [{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}]
    return [msgspec.json.encode(event) for event in deltas + end + counts] + [b"[DONE]"]


@given(
    TEXTS, st.booleans(), st.booleans(), st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(1, 60), max_size=40)
)
def test_text_and_counts_come_through_whatever_the_cut(
    texts: list[str], null: bool, wants: bool, end: bytes, cuts: list[int]
) -> None:
    events = events_of(texts, null)
    data = b"".join(b"data: " + event + end + end for event in events)
    stream = EventStream(wants_usage=wants)
    out, start = b"", 0
    for size in [*cuts, len(data)]:
        out += stream.feed(data[start : start + size])
        start += size

    got = payloads(out)
    said = [msgspec.json.decode(each) for each in got if each != b"[DONE]"]
    words = [e["choices"][0]["delta"].get("content") for e in said if e["choices"]]
    assert [word for word in words if word is not None] == texts
    assert stream.usage == Usage(7, 3)
    assert stream.done
    assert stream.finished
    assert any("usage" in each and each["usage"] for each in said) == wants
    assert got[-1] == b"[DONE]"


NO_EVENTS = (b"data: {{{\n\n", b"data: <html>\n\n", b'data: {"choices":[\n\n', b"data: oops}\n\n", b"data: [1\n\n")


@pytest.mark.parametrize("said", NO_EVENTS)
@pytest.mark.parametrize("apart", [True, False])
def test_what_is_no_event_is_no_part_of_an_answer(said: bytes, apart: bool) -> None:
    """A client's library would choke on it; so the stream breaks, in the client's dialect."""
    begun = b"data: %b\n\n" % events_of(["a"], null=False)[0]
    stream = EventStream(wants_usage=False)

    with pytest.raises(BadAnswer, match="no event"):
        [stream.feed(each) for each in ([begun, said] if apart else [begun + said + begun])]


_A, _END = (b"data: %b" % each for each in events_of(["a"], null=False)[:2])
MANNERS = (
    pytest.param(_A.replace(b": ", b":", 1), _END.replace(b": ", b":", 1), b"data:[DONE]", id="no-space"),
    pytest.param(b": ping\n\n" + _A, b":\n" + _END, b"data: [DONE]", id="comments"),
    pytest.param(b"event: message\n" + _A, _END + b"\nid: 7", b"data: [DONE]", id="other-fields"),
    pytest.param(_A.replace(b"{", b"{\ndata: ", 1), _END, b"data: [DONE]", id="data-on-two-lines"),
    pytest.param(b"data:\n\n" + _A, b"data\n\n\n\n" + _END, b"data: [DONE]", id="empty-data"),
    pytest.param(_A + b" ", _END + b" ", b"data: [DONE] ", id="spaces-at-the-end"),
)


@pytest.mark.parametrize(("first", "last", "done"), MANNERS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_servers_may_write_events_in_their_own_way(
    first: bytes, last: bytes, done: bytes, end: bytes, size: int
) -> None:
    """None of it is anything but what server-sent events allow, and the bytes are the client's."""
    data = b"".join(event.replace(b"\n", end) + end + end for event in (first, last, done))
    stream = EventStream(wants_usage=True)

    out = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size))

    assert out == data
    assert (stream.begun, stream.finished, stream.reasons) == (True, True, ("stop",))


def test_chunks_that_do_not_look_like_events_are_not_passed_on_unread() -> None:
    written: list[bytes] = []
    pass_on = EventStream(wants_usage=False).passing_on(written.append)
    event = b"data: %b\n\n" % events_of(["a"], null=False)[0]

    passed = [pass_on(b"%x\r\n%b\r\n" % (len(each), each), 0) for each in (event, event * 2, b"data: oops}\n\n")]

    assert passed == [True, True, False]
    assert len(written) == 2


def test_an_error_sent_with_a_200_is_no_answer() -> None:
    with pytest.raises(BadAnswer, match="out of memory"):
        read_whole(b'{"error":{"message":"out of memory","code":500}}')


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_are_events_or_no_answer(chunks: list[bytes]) -> None:
    stream = EventStream(wants_usage=False)
    try:
        out = b"".join(stream.feed(chunk) for chunk in chunks)
    except BadAnswer:
        return
    assert len(out) <= sum(map(len, chunks))


@given(
    st.dictionaries(st.sampled_from(["a", "modelx", "xmodel", "stream"]), st.text(max_size=5)),
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([0, 20_000]),
)
def test_a_swapped_model_is_the_only_change(other: dict[str, str], old: str, new: str, last: bool, pad: int) -> None:
    fields = {**other, "model": old} if last else {"model": old, **other}
    fields.pop("stream", None)
    fields["long"] = "x" * pad
    body = msgspec.json.encode(fields)

    swapped = msgspec.json.decode(in_one(swap_model(body, peek(body).model, new)))

    assert swapped == {**fields, "model": new}
