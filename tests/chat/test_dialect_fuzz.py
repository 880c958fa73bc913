"""Whatever a client or a backend sends, a dialect answers it or refuses it by one of our errors; it never trips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from dialect_samples import CALLING, HELLO, PNG, STAMP, TALK
from dialect_strategies import bent, json_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_any_front_over_openai import ANTHROPIC, OLLAMA

from weighbridge.chat import Answer, Message, Piece, Sampling
from weighbridge.chat.anthropic import AnthropicBack, AnthropicFront
from weighbridge.chat.dialect import Asked, Back, Front
from weighbridge.chat.embedding_backs import GeminiEmbedBack, OllamaEmbedBack, OpenAIEmbedBack
from weighbridge.chat.embeddings import EmbedRequest
from weighbridge.chat.fronts import by_path, embed_fronts
from weighbridge.chat.gemini import GeminiBack
from weighbridge.chat.join import join
from weighbridge.chat.ollama_api import OllamaBack, OllamaFront
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.responses import ResponsesBack, ResponsesFront
from weighbridge.errors import CannotAsk, EngineError, RequestError, WeighbridgeError
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

OPENAI: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": PNG}}]},
        {"role": "assistant", "content": None, "reasoning_content": "r",
         "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "c2ln",
                                "format": "anthropic-claude-v1"}],
         "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
    "stop": ["a"], "logprobs": True, "top_logprobs": 2, "stream": True, "stream_options": {"include_usage": True},
    "reasoning_effort": "low", "seed": 1, "logit_bias": {"1": 2}, "metadata": {"a": "b"}, "n": 1,
}  # fmt: skip
RESPONSES: dict[str, Any] = {
    "model": "m",
    "instructions": "s",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"},
                                     {"type": "input_image", "image_url": PNG, "detail": "low"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "r"}],
         "encrypted_content": "c2ln"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "y", "annotations": []}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["message.output_text.logprobs"], "top_logprobs": 2, "stream": True, "metadata": {"a": "b"},
}  # fmt: skip
GENERATE = {"model": "m", "prompt": "x", "raw": True, "options": {"temperature": 0.5}, "think": "low", "format": "json"}
COMPLETION = {"model": "m", "prompt": ["x"], "max_tokens": 3, "logprobs": 2, "stop": "a", "suffix": None}
CLIENTS = [
    ("/v1/chat/completions", OPENAI),
    ("/v1/completions", COMPLETION),
    ("/v1/responses", RESPONSES),
    ("/v1/messages", ANTHROPIC),
    ("/v1/messages/count_tokens", ANTHROPIC),
    ("/api/chat", OLLAMA),
    ("/api/generate", GENERATE),
]
BACKS: list[Back] = [OpenAIBack(), AnthropicBack(), OllamaBack(), GeminiBack(), ResponsesBack()]
FRONTS = by_path()
every_client = pytest.mark.parametrize(("path", "body"), CLIENTS, ids=[path for path, _ in CLIENTS])
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_path_is_fuzzed() -> None:
    assert {path for path, _ in CLIENTS} == set(FRONTS)


@every_client
@many
@given(data=st.data())
def test_a_bent_request_is_carried_or_refused_by_name(path: str, body: Any, data: Any) -> None:
    """Over every backend too: what the front let through, a back says or cannot say."""
    front = FRONTS[path]
    raw = msgspec.json.encode(data.draw(bent(body)))

    asked = attempt(lambda: front.decode(path, raw), RequestError)

    if not isinstance(asked, Asked):
        assert front.error(asked).status == 400
        return
    request = asked.request
    for back in BACKS:
        try:
            sent = back.encode(request, stream=True)
        except CannotAsk:
            continue
        msgspec.json.decode(sent.body)
        assert "\n" not in sent.path
        assert ".." not in sent.path.split("/")


@every_client
@many
@given(raw=st.binary(max_size=60) | json_values.map(msgspec.json.encode))
def test_anything_at_all_is_refused_politely(path: str, body: Any, raw: bytes) -> None:
    with pytest.raises(RequestError):
        FRONTS[path].decode(path, raw)


@every_client
@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"", b"\xff", b'"' + b"\\" * 99])
def test_a_bomb_is_refused_politely(path: str, body: Any, raw: bytes) -> None:
    with pytest.raises(RequestError):
        FRONTS[path].decode(path, raw)


@pytest.mark.parametrize("at", ["messages", "tools", "response_format"])
def test_a_bomb_in_a_known_place_is_refused_politely(at: str) -> None:
    body = msgspec.json.encode(OPENAI | {at: "BOMB"}).replace(
        b'"BOMB"', b'[{"function":' * 50_000 + b"1" + b"}]" * 50_000
    )

    with pytest.raises(RequestError):
        OpenAIFront().decode("/v1/chat/completions", body)


LIMITED = msgspec.structs.replace(HELLO, sampling=Sampling(max_tokens=9))
SPOKEN: list[tuple[str, Front, Back]] = [
    ("/v1/chat/completions", OpenAIFront(), OpenAIBack()),
    ("/v1/messages", AnthropicFront(), AnthropicBack()),
    ("/api/chat", OllamaFront(), OllamaBack()),
    ("/v1/responses", ResponsesFront(), ResponsesBack()),
]
GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": "a", "thought": True}, {"text": "b", "thoughtSignature": "c2ln"}]},
                     "logprobsResult": {"chosenCandidates": [{"token": "b", "logProbability": -1}],
                                        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1}]}]}}]},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
                     "finishReason": "STOP"}],
     "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 1}},
]  # fmt: skip


def spoken(path: str, front: Front, back: Back, *, stream: bool) -> list[Any]:
    """Good answers as objects: of a stream, every event."""
    asked = front.decode(path, back.encode(LIMITED, stream=stream).body)
    if not stream:
        return [msgspec.json.decode(front.encode(join((*TALK[:-1], *CALLING)), asked, STAMP))]
    encoder = front.stream(asked, STAMP)
    out = b"".join(encoder.piece(piece) for piece in (*TALK[:-1], *CALLING)) + encoder.end()
    data = LineParser().feed(out) if back.framing == "lines" else [event.data for event in SseParser().feed(out)]
    return [msgspec.json.decode(each) for each in data if each != b"[DONE]"]


WHOLE = [(back, spoken(path, front, back, stream=False)[0]) for path, front, back in SPOKEN]
STREAMED = [(back, spoken(path, front, back, stream=True)) for path, front, back in SPOKEN]


@pytest.mark.parametrize(
    ("back", "body"), [*WHOLE, (GeminiBack(), GEMINI[1])], ids=lambda each: getattr(each, "name", "")
)
@many
@given(data=st.data())
def test_a_bent_answer_is_read_or_is_an_engine_error(back: Back, body: Any, data: Any) -> None:
    raw = msgspec.json.encode(data.draw(bent(body) | json_values))

    answer = attempt(lambda: back.decode(raw, HELLO))

    assert isinstance(answer, (Answer, EngineError))


@pytest.mark.parametrize(
    ("back", "events"), [*STREAMED, (GeminiBack(), GEMINI)], ids=lambda each: getattr(each, "name", "")
)
@many
@given(data=st.data())
def test_bent_events_are_read_or_are_an_engine_error(back: Back, events: list[Any], data: Any) -> None:
    """Bent, left out, sent twice, in another order."""
    drawn = data.draw(st.lists(st.sampled_from(events), max_size=8) | st.just(events))
    raws = [msgspec.json.encode(data.draw(st.just(event) | bent(event))) for event in drawn]
    reader = back.reader(HELLO)

    def read() -> list[Piece]:
        return [piece for raw in raws for piece in reader.feed(raw)] + [reader.end()]

    pieces = attempt(read)

    for front in dict.fromkeys(FRONTS.values()):
        carry(front, pieces if isinstance(pieces, list) else [])


def carry(front: Front, pieces: list[Piece]) -> None:
    """What was read can be written to any client, or is an error of ours."""
    path = front.paths[0]
    body = next(body for at, body in CLIENTS if at == path)
    encoder = front.stream(front.decode(path, msgspec.json.encode(body)), STAMP)
    attempt(lambda: b"".join(encoder.piece(piece) for piece in pieces) + encoder.end())


def attempt(do: Callable[[], Any], expected: type[WeighbridgeError] = EngineError) -> Any:
    """What comes of it, or the error, which must be short enough to be shown."""
    try:
        return do()
    except expected as error:
        short = error
    assert len(str(short)) < 2000
    return short


@many
@given(data=st.data())
def test_a_conversation_of_halves_of_characters_is_refused_by_every_back(data: Any) -> None:
    text = data.draw(st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3))
    request = msgspec.structs.replace(LIMITED, messages=(Message(role="user", content=text),))

    for back in BACKS:
        with pytest.raises(CannotAsk, match="not Unicode"):
            back.encode(request, stream=False)


@pytest.mark.parametrize("back", BACKS, ids=lambda back: back.name)
def test_an_answer_of_halves_of_characters_reaches_every_client(back: Back) -> None:
    """The answer is paid for: what cannot be shown is replaced, not thrown away."""
    for front in dict.fromkeys(FRONTS.values()):
        path = front.paths[0]
        asked = front.decode(path, msgspec.json.encode(next(body for at, body in CLIENTS if at == path)))
        pieces = (Piece(text="a\ud83d"), Piece(reasoning="\udc00"), Piece(finish="stop"))
        encoder = front.stream(asked, STAMP)
        out = (
            b"".join(encoder.piece(piece) for piece in pieces)
            + encoder.end()
            + front.encode(join(pieces), asked, STAMP)
        )
        assert "\ufffd" in out.decode()


EMBED = {"model": "m", "input": ["a", "b"], "dimensions": 2}


@pytest.mark.parametrize("path", sorted(embed_fronts()))
@many
@given(data=st.data())
def test_a_bent_request_for_vectors_is_carried_or_refused(path: str, data: Any) -> None:
    body = EMBED if path != "/api/embeddings" else {"model": "m", "prompt": "a"}
    try:
        asked = embed_fronts()[path].decode(path, msgspec.json.encode(data.draw(bent(body) | json_values)))
    except RequestError:
        return
    for back in (OpenAIEmbedBack(), OllamaEmbedBack(), GeminiEmbedBack()):
        attempt(lambda back=back: back.encode(asked.request))


@pytest.mark.parametrize(
    ("back", "body"),
    [
        (OpenAIEmbedBack(), {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": "AACAPw=="}],
                             "usage": {"prompt_tokens": 1}}),
        (OllamaEmbedBack(), {"embeddings": [[1.0], [2.0]], "prompt_eval_count": 1}),
        (GeminiEmbedBack(), {"embeddings": [{"values": [1.0]}, {"values": [2.0]}]}),
    ],
    ids=lambda each: getattr(each, "name", ""),
)  # fmt: skip
@many
@given(data=st.data())
def test_bent_vectors_are_read_or_are_an_engine_error(back: Any, body: Any, data: Any) -> None:
    raw = msgspec.json.encode(data.draw(bent(body) | json_values))

    read = attempt(lambda: back.decode(raw, EmbedRequest("m", ("a", "b"))))

    assert isinstance(read, EngineError) or len(read.vectors) == 2
