"""OpenAI's events on their way through, however they are cut: nothing lost, nothing twice, counts found."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.chat import Usage
from weighbridge.errors import BadAnswer
from weighbridge.gateway.openai_raw import EventStream, payloads
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
