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
from weighbridge.gateway.outline import LARGE_BYTES, LONG_BYTES, in_one, outline

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


LONG = st.sampled_from(["w" * 3_000, 'say "no" ' * 400, "\\\\" * 900, '\\"' * 500, "}],{" * 700, "x\\" + "y" * 2_900])


def emptied(value: Any) -> Any:
    """With nothing in long strings and in members that are long lists: what an outline may leave out."""
    if isinstance(value, dict):
        return {name: emptied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [emptied(each) for each in value]
    return "" if isinstance(value, str) and len(msgspec.json.encode(value)) > LONG_BYTES else value


@given(OBJECTS, SPACES, LONG, st.booleans())
def test_a_parser_sees_the_same_object_without_its_long_strings(
    fields: dict[str, Any], space: str, long: str, last: bool
) -> None:
    parts = [{"long": long, "nested": [{"a": long}, long]}, fields]
    body = written({**parts[last], **parts[not last]}, space).encode()

    found = outline(body)

    if found is None:
        return
    seen, asked = msgspec.json.decode(found.text), msgspec.json.decode(body)
    assert list(seen) == list(asked)
    for name in asked:
        assert seen[name] in (asked[name], emptied(asked[name]), "", []), name
    assert in_one(found.filled(found.pieces)) == body


@given(OBJECTS, SPACES, LONG, st.text(max_size=9), st.booleans())
def test_only_what_is_changed_changes(fields: dict[str, Any], space: str, long: str, model: str, more: bool) -> None:
    fields = {"long": long, **fields, "model": "public"}
    body = written(fields, space).encode()
    asked, found = look(written({"model": "public"}, "").encode())[0], outline(body)

    sent = in_one(with_model(body, asked, model, ask_usage=more, found=found))

    wanted = {**fields, "model": model, **({"stream_options": {"include_usage": True}} if more else {})}
    pairs = json.loads(sent, object_pairs_hook=list)
    assert msgspec.json.decode(sent) == wanted
    assert len(pairs) == len(wanted)


@given(st.one_of(st.binary(max_size=60), st.text('{}[]":,\\ax1e-. \n', max_size=60).map(str.encode)), LONG)
def test_no_bytes_are_taken_for_an_object_that_a_parser_refuses(data: bytes, long: str) -> None:
    """What is cut out lies within strings, wherever the body is broken."""
    body = data + written({"long": long, "b": [long]}, "").encode() + data

    found = outline(body)

    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            msgspec.json.decode(body if found is None else found.text)


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


@pytest.mark.parametrize("long", ["", PAD])
@pytest.mark.parametrize("options", [b"null", b"{}", b'{"include_usage":false}'])
def test_usage_is_asked_for_once_whatever_was_said_of_it(options: bytes, long: str) -> None:
    """Of two members with one name a backend may take either."""
    body = b'{"model":"public","stream":true,"stream_options":%b,"messages":"%b"}' % (options, long.encode())
    asked, found = look(body)

    sent = in_one(with_model(body, asked, "private", ask_usage=True, found=found))

    pairs = json.loads(sent, object_pairs_hook=list)
    assert [dict(value) for name, value in pairs if name == "stream_options"] == [{"include_usage": True}]


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
    assert found is not None
    assert len(found.text) < LARGE_BYTES + len(msgspec.json.encode(more))

    sent = in_one(with_model(body, asked, "private", ask_usage=ask_usage, found=found))

    usage = {"stream_options": {**more.get("stream_options", {}), "include_usage": True}} if ask_usage else {}
    assert msgspec.json.decode(sent) == {**fields, "model": "private", **usage}
    assert (asked.model, asked.max_tokens) == ("public", 64)
