"""Requests, answers and streams as hypothesis draws them, within what each dialect can say.

A canonical form: one plain text is a string; an earlier answer's reasoning stands in `reasoning`, and in `thoughts`
where some of it is signed; arguments of tools are compact JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from weighbridge.chat import (
    Answer,
    ChatRequest,
    Image,
    Message,
    Piece,
    Sampling,
    Text,
    Thought,
    TokenLogprob,
    Tool,
    ToolCall,
    Usage,
)
from weighbridge.chat.answer import CallPart

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True)
ids = st.from_regex(r"[a-zA-Z0-9_-]{1,8}", fullmatch=True)
objects = st.dictionaries(names, st.one_of(st.integers(-9, 9), texts, st.booleans(), st.none()), max_size=2)
arguments = objects.map(lambda value: msgspec.json.encode(value).decode())
base64 = st.binary(min_size=1, max_size=9).map(lambda raw: msgspec.json.encode(raw).decode()[1:-1])
png = base64.map(lambda text: f"data:image/png;base64,iVBORw0KGgo{text}")
schemas = st.just({"type": "object", "properties": {"a": {"type": "string"}}})
small = st.integers(0, 1000)


def maybe(strategy: Any) -> Any:
    return st.none() | strategy


@dataclass(frozen=True)
class Says:
    """What a dialect can say of a request, beside plain text and tools."""

    sampling: tuple[str, ...]
    signer: str = ""
    """Who signs reasoning that is sent back; empty: it is plain."""
    cache: bool = False
    url_images: bool = True
    details: tuple[str | None, ...] = (None,)
    tool_names: bool = False
    """Whether a tool's result names the tool."""
    choice: bool = True
    fields: tuple[str, ...] = ()
    """Of `FIELDS` below."""
    max_tokens: bool = False
    """Whether there must be a limit."""
    failed: bool = False


FIELDS: dict[str, Any] = {
    "schema": st.fixed_dictionaries({"schema": schemas}),
    "named_schema": st.fixed_dictionaries({"schema": schemas, "schema_name": names, "schema_strict": st.booleans()}),
    "any_json": st.just({"any_json": True}),
    "logprobs": st.integers(0, 20).map(lambda k: {"logprobs": k}),
    "effort": st.sampled_from(["low", "medium", "high"]).map(lambda word: {"reasoning_effort": word}),
    "think": st.sampled_from([{"reasoning_effort": "low"}, {"thinks": False}, {"thinks": True}]),
    "off": st.just({"thinks": False}),
    "on": st.just({"thinks": True}),
    "on_with_effort": st.just({"thinks": True, "reasoning_effort": "high", "show_reasoning": True}),
    "budget": st.integers(1024, 9999).map(lambda n: {"thinks": True, "reasoning_tokens": n}),
    "user": texts.map(lambda user: {"user": user}),
    "metadata": st.dictionaries(names, texts, min_size=1, max_size=2).map(lambda labels: {"metadata": labels}),
    "tier": st.sampled_from(["auto", "default", "flex"]).map(lambda tier: {"service_tier": tier}),
    "own_tier": st.sampled_from(["auto", "default"]).map(lambda tier: {"service_tier": tier}),
    "extra": st.just({"extra": {"logit_bias": {"5": 1}}, "extra_from": "openai"}),
    "options": st.just({"extra": {"options.repeat_penalty": 1.5, "keep_alive": "5m"}, "extra_from": "ollama"}),
}
VALUES: dict[str, Any] = {
    "max_tokens": st.integers(1, 9999),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "top_k": small,
    "min_p": st.floats(0, 1),
    "seed": small,
    "stop": st.lists(texts, min_size=1, max_size=2).map(tuple),
    "frequency_penalty": st.floats(-2, 2),
    "presence_penalty": st.floats(-2, 2),
}


@st.composite
def requests(draw: Any, says: Says) -> ChatRequest:
    tools = tuple(draw(st.lists(st.builds(Tool, names, schemas, texts), max_size=2, unique_by=lambda t: t.name)))
    sampling = {name: draw(VALUES[name]) for name in says.sampling if draw(st.booleans())}
    if says.max_tokens:
        sampling["max_tokens"] = draw(VALUES["max_tokens"])
    more: dict[str, Any] = {}
    for name in says.fields:
        if draw(st.booleans()) and not set(more) & set(fields := draw(FIELDS[name])):
            more |= fields
    if tools and says.choice:
        more["tool_choice"] = draw(st.sampled_from(["auto", "none", "required", tools[0].name]))
        if more["tool_choice"] not in ("none",):
            more["parallel_calls"] = draw(maybe(st.booleans()))
    return ChatRequest(
        model=draw(names),
        messages=tuple(draw(conversation(says))),
        sampling=Sampling(**sampling),
        tools=tools,
        **more,
    )


@st.composite
def conversation(draw: Any, says: Says) -> list[Message]:
    out = [Message(role="system", content=draw(texts))] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(1, 3))):
        out.append(Message(role="user", content=draw(contents(says))))
        answer = draw(assistants(says, turn))
        out.append(answer)
        for call in answer.tool_calls:
            out.append(
                Message(
                    role="tool",
                    content=draw(texts),
                    tool_call_id=call.id,
                    name=call.name if says.tool_names else None,
                    failed=says.failed and draw(st.booleans()),
                )
            )
    return [*out, Message(role="user", content=draw(texts))]


@st.composite
def contents(draw: Any, says: Says) -> Any:
    if draw(st.booleans()):
        return draw(texts)
    cache = maybe(st.sampled_from(["5m", "1h"])) if says.cache else st.none()
    urls = png | st.just("https://example.com/a.png") if says.url_images else png
    images = st.builds(Image, urls, detail=st.sampled_from(says.details), cache=cache)
    return (Text(draw(texts), draw(cache)), *draw(st.lists(images, min_size=1, max_size=2)))


@st.composite
def assistants(draw: Any, says: Says, turn: int) -> Message:
    thoughts = tuple(draw(st.lists(thought(says.signer), max_size=2))) if says.signer else ()
    reasoning = "".join(each.text for each in thoughts) or None
    if not says.signer and says.choice is False:  # Ollama: plain reasoning
        reasoning = draw(maybe(texts))
    calls = tuple(ToolCall(f"call_{turn}_{at}", draw(names), draw(arguments)) for at in range(draw(st.integers(0, 2))))
    return Message(role="assistant", content=draw(texts), reasoning=reasoning, thoughts=thoughts, tool_calls=calls)


def thought(signer: str) -> Any:
    id_ = st.just("rs_1" if signer == "openai_responses" else None)
    signed = st.builds(Thought, texts, base64, signed_by=st.just(signer), id=id_)
    hidden = st.builds(Thought, redacted=base64, signed_by=st.just(signer))
    return signed if signer == "openai_responses" else signed | hidden


@st.composite
def usages(draw: Any, *, cache: bool = True, reasoning: bool = True, written: bool = False) -> Usage:
    output = draw(small)
    cached, wrote = draw(small), draw(small)
    return Usage(
        input_tokens=draw(small) + (cached if cache else 0) + (wrote if written else 0),
        output_tokens=output,
        cached_tokens=cached if cache else None,
        reasoning_tokens=draw(st.integers(0, output)) if reasoning else None,
        cache_write_tokens=wrote if written else None,
    )


logprobs = st.lists(
    st.builds(TokenLogprob, texts, st.floats(-9, 0), st.dictionaries(texts, st.floats(-9, 0), max_size=2)),
    min_size=1,
    max_size=3,
).map(tuple)


@dataclass(frozen=True)
class Tells:
    """What a dialect can say of an answer, beside text, reasoning and calls."""

    usage: Any
    signer: str = ""
    logprobs: bool = False
    stop_sequence: bool = False
    call_ids: bool = True
    signed_calls: bool = False


@st.composite
def streams(draw: Any, tells: Tells) -> tuple[Piece, ...]:
    """Pieces in any order a backend might send them; parts of calls may take turns."""
    pieces: list[Piece] = []
    for _ in range(draw(st.integers(0, 4))):
        pieces.append(draw(st.builds(Piece, reasoning=texts) | st.builds(Piece, text=texts)))
        if tells.signer and draw(st.booleans()):
            closing = draw(thought(tells.signer))
            if closing.redacted is None:
                closing = msgspec.structs.replace(closing, text="")
            pieces.append(Piece(thoughts=(closing,)))
    if tells.logprobs and draw(st.booleans()):
        pieces.append(draw(st.builds(Piece, text=texts, logprobs=logprobs)))
    signature = base64 if tells.signed_calls else st.none()
    calls = tuple(
        ToolCall(f"call_{at}", draw(names), draw(arguments), draw(maybe(signature)))
        for at in range(draw(st.integers(0, 3)))
    )
    if draw(st.booleans()):
        pieces += draw(parts_of(calls))
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    stopped = draw(maybe(texts)) if tells.stop_sequence and finish == "stop" else None
    last = Piece(tool_calls=calls, finish=finish, usage=draw(tells.usage), model="m", stop_sequence=stopped)
    return (*pieces, last)


@st.composite
def parts_of(draw: Any, calls: tuple[ToolCall, ...]) -> list[Piece]:
    """Each call begins in order; what follows of their arguments comes in turns."""
    left = [call.arguments for call in calls]
    out = [Piece(call_parts=(CallPart(at, call.id, call.name, "", call.signature),)) for at, call in enumerate(calls)]
    while any(left):
        at = draw(st.sampled_from([at for at, text in enumerate(left) if text]))
        size = draw(st.integers(1, len(left[at])))
        out.append(Piece(call_parts=(CallPart(at, arguments=left[at][:size]),)))
        left[at] = left[at][size:]
    return out


def plain(answer: Answer) -> dict[str, Any]:
    """An answer as it is compared, without what only a connection knows, and without the ids of thoughts: those of a
    stream are announced before the backend's are known."""
    fields: dict[str, Any] = msgspec.to_builtins(answer)
    for thought in fields.get("thoughts", ()):
        thought.pop("id", None)
    return {name: value for name, value in fields.items() if name not in ("latency_s", "ttft_s")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bent(draw: Any, body: Any) -> Any:
    """A body with one place replaced, removed or added."""
    body = msgspec.json.decode(msgspec.json.encode(body))
    node, path = body, []
    while isinstance(node, (dict, list)) and node and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        path.append((node, key))
        node = node[key]
    if not path:
        return draw(json_values)
    parent, key = path[-1]
    if isinstance(parent, dict) and draw(st.booleans()):
        if draw(st.booleans()):
            del parent[key]
        else:
            parent[draw(st.text(max_size=8))] = draw(json_values)
    else:
        parent[key] = draw(json_values)
    return body
