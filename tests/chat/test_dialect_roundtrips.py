"""What one side of a dialect writes, its other side reads as the same, whatever is said and however it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from dialect_samples import CALLING, HELLO, STAMP, TALK
from dialect_strategies import Says, Tells, plain, requests, streams, usages
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.chat import ChatRequest, Piece, Sampling
from weighbridge.chat.anthropic import AnthropicBack, AnthropicFront
from weighbridge.chat.dialect import Asked, EventReader
from weighbridge.chat.join import join
from weighbridge.chat.ollama_api import OllamaBack, OllamaFront
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.responses import ResponsesBack, ResponsesFront
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

SAMPLING = ("max_tokens", "temperature", "top_p", "top_k", "stop")
ALL_SAMPLING = (*SAMPLING, "min_p", "seed", "frequency_penalty", "presence_penalty")


@dataclass(frozen=True)
class Dialect:
    name: str
    front: Any
    back: Any
    path: str
    says: Says
    tells: Tells


DIALECTS = [
    Dialect(
        "openai",
        OpenAIFront(),
        OpenAIBack(Spelling(thinking="never", reasoning_details=True)),
        "/v1/chat/completions",
        Says(
            ALL_SAMPLING,
            signer="anthropic",
            details=(None, "low"),
            fields=("named_schema", "any_json", "logprobs", "effort", "user", "metadata", "tier", "extra"),
        ),
        Tells(usages(), signer="anthropic", logprobs=True, signed_calls=True),
    ),
    Dialect(
        "anthropic",
        AnthropicFront(),
        AnthropicBack(),
        "/v1/messages",
        Says(
            SAMPLING,
            signer="anthropic",
            cache=True,
            max_tokens=True,
            failed=True,
            fields=("schema", "off", "budget", "on_with_effort", "on", "user", "own_tier"),
        ),
        Tells(usages(written=True), signer="anthropic", stop_sequence=True),
    ),
    Dialect(
        "ollama",
        OllamaFront(),
        OllamaBack(),
        "/api/chat",
        Says(
            ALL_SAMPLING,
            choice=False,
            url_images=False,
            tool_names=True,
            fields=("schema", "any_json", "logprobs", "think", "options"),
        ),
        Tells(usages(cache=False, reasoning=False), logprobs=True),
    ),
    Dialect(
        "responses",
        ResponsesFront(),
        ResponsesBack(),
        "/v1/responses",
        Says(
            ("max_tokens", "temperature", "top_p"),
            signer="openai_responses",
            details=("auto", "low"),
            fields=("named_schema", "any_json", "logprobs", "effort", "user", "metadata", "tier"),
        ),
        Tells(usages(written=True), signer="openai_responses", logprobs=True),
    ),
]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
few = settings(max_examples=40, deadline=None)


def normal(request: ChatRequest) -> ChatRequest:
    """Two ways to say one thing are one: a schema is any JSON too, tools are not strict unless they say so, and
    nothing is kept by OpenAI's responses unless that is asked for."""
    if request.schema is not None:
        request = msgspec.structs.replace(request, any_json=False)
    tools = tuple(msgspec.structs.replace(tool, strict=bool(tool.strict)) for tool in request.tools)
    request = msgspec.structs.replace(request, tools=tools)
    ours = {"extra", "extra_from"} if set(request.extra) <= {"store"} else set()
    return msgspec.structs.replace(request, **{name: {} if name == "extra" else "" for name in ours})


@every_dialect
@few
@given(data=st.data())
def test_a_request_a_dialect_can_say_is_read_as_it_was_meant(dialect: Dialect, data: Any) -> None:
    request = normal(data.draw(requests(dialect.says)))

    asked = dialect.front.decode(dialect.path, dialect.back.encode(request, stream=True).body)

    assert msgspec.to_builtins(normal(asked.request)) == msgspec.to_builtins(request)
    assert asked.stream


def asked_of(dialect: Dialect) -> Asked:
    limited = msgspec.structs.replace(HELLO, sampling=Sampling(max_tokens=9))
    asked = dialect.front.decode(dialect.path, dialect.back.encode(limited, stream=True).body)
    return msgspec.structs.replace(asked, usage=True)


@every_dialect
@few
@given(data=st.data())
def test_a_whole_answer_is_read_as_it_was_given(dialect: Dialect, data: Any) -> None:
    answer = join(data.draw(streams(dialect.tells)))
    asked = asked_of(dialect)

    read = dialect.back.decode(dialect.front.encode(answer, asked, STAMP), asked.request)

    assert plain(read) == plain(answer)


def read_stream(dialect: Dialect, chunks: list[bytes]) -> list[Piece]:
    reader: EventReader = dialect.back.reader(HELLO)
    pieces: list[Piece] = []
    if dialect.back.framing == "lines":
        lines = LineParser()
        for chunk in chunks:
            for line in lines.feed(chunk):
                pieces += reader.feed(line)
    else:
        events = SseParser()
        for chunk in chunks:
            for event in events.feed(chunk):
                pieces += reader.feed(event.data, event.event)
    return [*pieces, reader.end()]


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@every_dialect
@few
@given(data=st.data())
def test_a_streamed_answer_is_read_as_it_was_given_wherever_it_is_cut(dialect: Dialect, data: Any) -> None:
    pieces = data.draw(streams(dialect.tells))
    encoder = dialect.front.stream(asked_of(dialect), STAMP)
    out = b"".join(encoder.piece(piece) + encoder.ping() for piece in pieces) + encoder.end()
    places = data.draw(st.lists(st.integers(0, len(out)), max_size=6))

    read = join(read_stream(dialect, cut_at(out, places)))

    assert plain(read) == plain(join(pieces))


@every_dialect
def test_cutting_a_stream_at_any_byte_gives_the_same_pieces(dialect: Dialect) -> None:
    encoder = dialect.front.stream(asked_of(dialect), STAMP)
    out = b"".join(encoder.piece(piece) for piece in (*TALK[:-1], *CALLING)) + encoder.end()
    whole = read_stream(dialect, [out])

    assert read_stream(dialect, [bytes([byte]) for byte in out]) == whole
    for place in range(len(out)):
        assert read_stream(dialect, [out[:place], out[place:]]) == whole
