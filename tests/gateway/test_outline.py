"""Large requests of which only the outside is read: what is found, what is sent on, and whom that must not fool."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import RequestError
from weighbridge.gateway.openai_request import look, peek, swap_model, with_model
from weighbridge.gateway.outline import LARGE_BYTES, in_one, outline

NAMES = st.sampled_from(["model", "messages", "max_tokens", "stream", "n", "a", "x-y", "über", "mo\\del", 'mo"del', ""])
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ['"', "\\", '\\"', '}],"model":"evil"}', "\n", "{", "]", "\\u006dodel", "x" * 200, 'say "no" ' * 20]
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
SPACES = st.sampled_from(["", " ", "\n", "\t\r\n  "])


def written(value: Any, space: str) -> str:
    """JSON with white space wherever it may stand."""
    if isinstance(value, dict):
        inner = f"{space},{space}".join(f"{written(k, '')}{space}:{space}{written(v, space)}" for k, v in value.items())
        return f"{{{space}{inner}{space}}}"
    if isinstance(value, list):
        inner = f"{space},{space}".join(written(each, space) for each in value)
        return f"[{space}{inner}{space}]"
    return msgspec.json.encode(value).decode()


@given(OBJECTS, SPACES, st.sampled_from([0, 3_000]))
def test_every_member_is_found_as_a_parser_reads_it(fields: dict[str, Any], space: str, pad: int) -> None:
    body = f"{space}{written({**fields, 'long': 'w' * pad}, space)}{space}".encode()

    found = outline(body)

    assert found is not None
    values = {name: msgspec.json.decode(found.body[start:end]) for name, (start, end) in found.spans.items()}
    assert values == msgspec.json.decode(body)


@given(OBJECTS, SPACES, st.text(max_size=9), st.booleans())
def test_only_what_is_changed_changes(fields: dict[str, Any], space: str, model: str, more: bool) -> None:
    body = written({"long": "w" * 3_000, **fields}, space).encode()
    found = outline(body)
    assert found is not None
    changed = {"model": msgspec.json.encode(model), **({"stream_options": b"{}"} if more else {})}

    sent = in_one(found.with_values(changed))

    wanted = {**msgspec.json.decode(body), "model": model, **({"stream_options": {}} if more else {})}
    assert msgspec.json.decode(sent) == wanted
    assert len(msgspec.json.decode(sent, type=dict[str, Any])) == len(wanted)


@given(st.one_of(st.binary(max_size=60), st.text('{}[]":,\\ax1e-. \n', max_size=60).map(str.encode)))
def test_any_bytes_are_outlined_like_a_parser_reads_them_or_told_apart_by_it(data: bytes) -> None:
    """Skimming does not look into nested values; but it finds no member that a parser would not find."""
    found = outline(data)
    try:
        fields = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if isinstance(fields, dict) and fields:
        assert found is not None
        assert {name: msgspec.json.decode(found.body[slice(*span)]) for name, span in found.spans.items()} == fields
    else:
        assert found is None


PAD = "w" * (2 * LARGE_BYTES)
TWICE = [
    f'{{"model":"dear","messages":"{PAD}","model":"cheap"}}',
    f'{{"model":"cheap","messages":["{PAD}"],"mode\\u006c":"dear"}}',
    f'{{"mo\\u0064el":"dear","model":"cheap","messages":"{PAD}"}}',
    f'{{"model":"cheap","messages":[{{"content":"{PAD}"}}],"model" : "dear"}}',
    f'{{"x":{{"model":"dear"}},"model":"cheap","messages":"{PAD}"}}',
    # Lengths that add up to those of other members, for a reader that goes by lengths alone.
    f'{{"k":1,"x":2,"y":{{"q":0,"x":2}},"model":"cheap","k":"{PAD}","model":"dear"}}',
    f'{{"{PAD}":1,"model":"dear","model":"cheap"}}',
]


@pytest.mark.parametrize("text", TWICE)
def test_a_second_model_is_seen_by_nobody_behind_us(text: str) -> None:
    """Parsers differ in which of two members they take; what leaves here names one."""
    body = text.encode()
    asked, found = look(body)

    for sent in (with_model(body, asked, "real", ask_usage=False, found=found), swap_model(body, asked.model, "real")):
        pairs = json.loads(in_one(sent), object_pairs_hook=list)
        assert [value for name, value in pairs if name == "model"] == ["real"]


@pytest.mark.parametrize(
    "broken",
    [
        f'{{"model":"m","messages":"{PAD}"',
        f'{{"model":"m","messages":"{PAD}"}} x',
        f'{{"model":"m","messages":"{PAD}"}}{{"model":"n"}}',
        f"{{'model':'m','messages':'{PAD}'}}",
        f'{{"model":"m","messages":"{PAD}",}}',
        f'{{"model":"m","messages":["{PAD}" // "\n]}}',
        f'["{PAD}"]',
        f'"{PAD}"',
        f'{{"model":5,"messages":"{PAD}"}}',
        f'{{"messages":"{PAD}"}}',
        "\ufeff" + f'{{"model":"m","messages":"{PAD}"}}',
    ],
)
def test_a_large_body_that_is_no_request_is_refused_as_a_small_one_is(broken: str) -> None:
    with pytest.raises(RequestError):
        look(broken.encode())
    with pytest.raises(RequestError):
        peek(broken.encode())


CHAT = [{"role": "user", "content": "lorem ipsum dolor sit amet, " * 90} for _ in range(40)]
CODE = [{"role": "user", "content": 'def f(x):\n    return {"a": x["b"]}\n' * 800}]
TOOLS = [{"type": "function", "function": {"name": f"f{n}", "parameters": {"type": "object"}}} for n in range(300)]


@pytest.mark.parametrize("messages", [CHAT, CODE, [{"role": "user", "content": PAD}]])
@pytest.mark.parametrize("more", [{}, {"tools": TOOLS}, {"stream_options": {"include_usage": False}}])
@pytest.mark.parametrize("ask_usage", [True, False])
def test_large_requests_of_every_shape_change_in_nothing_else(messages: Any, more: Any, ask_usage: bool) -> None:
    fields = {"messages": messages, "model": "public", "max_tokens": 64, **more}
    body = msgspec.json.encode(fields)
    asked, found = look(body)

    sent = in_one(with_model(body, asked, "private", ask_usage=ask_usage, found=found))

    usage = {"stream_options": {**more.get("stream_options", {}), "include_usage": True}} if ask_usage else {}
    assert msgspec.json.decode(sent) == {**fields, "model": "private", **usage}
    assert (asked.model, asked.max_tokens) == ("public", 64)
