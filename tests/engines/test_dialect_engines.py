"""Backends of other dialects than OpenAI's keep what every engine promises, as far as their wires can say it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from dialect_twins import BASES, TWINS

from fault_server import Behaviour, FaultServer, answers, says_and_cuts
from weighbridge.chat import Answer, ChatRequest, Choice, Image, Message, Piece, Sampling, Text, Tool, Usage
from weighbridge.chat.embeddings import EmbedRequest
from weighbridge.chat.join import join
from weighbridge.engines import BackendRecord
from weighbridge.engines.dialect import DialectEngine
from weighbridge.engines.registry import make_engine
from weighbridge.errors import BackendRefused, BadAnswer, CannotAsk, EngineError, InputError, StreamCut
from weighbridge.net.calls import Calls

KEY = "k-0123456789abcdef"
TOOL = Tool("look_up", {"type": "object", "properties": {"id": {"type": "integer"}}})
TOPIC = Choice("topic", ("billing", "account", "other"))
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}
every_kind = pytest.mark.parametrize("kind", sorted(TWINS))
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def use(
    kind: str, do: Callable[[DialectEngine, FaultServer], Awaitable[Any]], behave: Behaviour | None = None, **own: Any
) -> Any:
    async def run() -> Any:
        async with FaultServer(behave or TWINS[kind]) as server, Calls(environ={}, tick_s=0.01) as calls:
            base = server.url + BASES[kind]
            record = BackendRecord(name="up", kind=kind, base_url=base, api_key="env:UP_KEY", settings=own)
            engine = make_engine(record, calls=calls, environ={"UP_KEY": KEY})
            assert isinstance(engine, DialectEngine)
            return await do(engine, server)

    return asyncio.run(run())


def pieces(kind: str, said: str, *, behave: Behaviour | None = None, own: Any = None, **asked: Any) -> list[Piece]:
    request = ChatRequest(**{"model": "m", "messages": (Message(role="user", content=said),), **asked})

    async def do(engine: DialectEngine, server: FaultServer) -> list[Piece]:
        return [piece async for piece in engine.answer(request)]

    got: list[Piece] = use(kind, do, behave, **(own or {}))
    return got


def ask(kind: str, said: str, **more: Any) -> Answer:
    return join(pieces(kind, said, **more))


@every_kind
@both_ways
def test_a_question_is_answered_with_text_finish_model_and_counts(kind: str, stream: bool) -> None:
    answer = ask(kind, "What is it?\nanswer=a fine day", own={"stream": stream})

    assert (answer.text, answer.finish, answer.model) == ("a fine day", "stop", "m")
    counts = {
        "anthropic": Usage(11, 7, 4, None, 0),
        "ollama": Usage(11, 7),
        "gemini": Usage(11, 7, 4, 2),
        "responses": Usage(11, 7, 4, 2, 0),
    }
    assert answer.usage == counts[kind]


@every_kind
def test_words_come_before_the_end(kind: str) -> None:
    got = pieces(kind, "answer=one two three four")

    assert len(got) > 3
    assert [piece.finish for piece in got] == [None] * (len(got) - 1) + ["stop"]


@every_kind
@both_ways
def test_tools_are_called_in_parallel_and_in_order(kind: str, stream: bool) -> None:
    said = 'call: look_up {"id": 1}\ncall: look_up {"id": 2}'

    answer = ask(kind, said, tools=(TOOL,), own={"stream": stream})

    assert [(call.name, msgspec.json.decode(call.arguments)) for call in answer.tool_calls] == [
        ("look_up", {"id": 1}),
        ("look_up", {"id": 2}),
    ]
    assert len({call.id for call in answer.tool_calls}) == 2
    assert answer.finish == "tool_calls"


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "responses"])
@pytest.mark.parametrize("choice", ["required", "look_up"])
def test_a_required_tool_is_never_dropped(kind: str, choice: str) -> None:
    assert [call.name for call in ask(kind, "hello", tools=(TOOL,), tool_choice=choice).tool_calls] == ["look_up"]


def test_ollama_cannot_require_a_tool_and_says_so() -> None:
    with pytest.raises(CannotAsk, match="`tool_choice` cannot be said in the dialect 'ollama'"):
        ask("ollama", "hello", tools=(TOOL,), tool_choice="required")


@every_kind
def test_a_forbidden_tool_is_not_called(kind: str) -> None:
    answer = ask(kind, "answer=just text", tools=(TOOL,), tool_choice="none")

    assert (answer.text, answer.tool_calls) == ("just text", ())


@every_kind
def test_a_schema_and_labels_are_kept_to(kind: str) -> None:
    assert msgspec.json.decode(ask(kind, 'answer={"name": "Ada"}', schema=SCHEMA).text) == {"name": "Ada"}
    assert ask(kind, "answer=billing", choices=(TOPIC,), choose="grammar").text == "billing"


@every_kind
def test_an_answer_that_ran_out_of_tokens_says_so(kind: str) -> None:
    answer = ask(kind, "answer=" + "word " * 50, sampling=Sampling(max_tokens=3))

    assert (answer.finish, answer.text) == ("length", "word word wo")


def test_a_text_is_continued_by_ollama_without_its_template() -> None:
    assert ask("ollama", "", messages=(), prompt="Once upon a time.\nanswer=the end").text == "the end"


@every_kind
def test_an_image_goes_in_the_words_of_the_dialect(kind: str) -> None:
    seen: list[Any] = []

    async def behave(exchange: Any) -> None:
        seen.append(exchange.json())
        await TWINS[kind](exchange)

    content = (Text("answer=a cat"), Image("data:image/png;base64,iVBORw0KGgo="))
    assert ask(kind, "", behave=behave, messages=(Message(role="user", content=content),)).text == "a cat"

    where = {
        "anthropic": lambda body: body["messages"][0]["content"][1]["source"],
        "ollama": lambda body: body["messages"][0]["images"][0],
        "gemini": lambda body: body["contents"][0]["parts"][1]["inlineData"],
        "responses": lambda body: body["input"][0]["content"][1]["image_url"],
    }[kind]
    assert "iVBORw0KGgo=" in str(where(seen[0]))


@every_kind
def test_the_key_goes_where_the_dialect_wants_it_and_nowhere_else(kind: str) -> None:
    async def do(engine: DialectEngine, server: FaultServer) -> None:
        await anext(engine.answer(ChatRequest(model="m", messages=(Message(role="user", content="answer=x"),))))
        headers = server.requests[0].headers
        field = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(kind, "authorization")
        assert headers[field] == (f"Bearer {KEY}" if field == "authorization" else KEY)
        assert [name for name, value in headers.items() if KEY in value] == [field]
        assert KEY not in server.requests[0].target + repr(engine) + str(engine.fingerprint())

    use(kind, do)


@every_kind
def test_a_backend_tells_its_models(kind: str) -> None:
    async def do(engine: DialectEngine, server: FaultServer) -> tuple[str, ...]:
        return await engine.probe()

    assert use(kind, do) in (("twin",), ("models/twin",))


REFUSALS = {
    "anthropic": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    "ollama": {"error": "slow down"},
    "gemini": {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}},
    "responses": {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}},
}


@every_kind
@both_ways
def test_a_refusal_names_backend_status_reason_and_place(kind: str, stream: bool) -> None:
    behave = answers(msgspec.json.encode(REFUSALS[kind]), 429, retry_after="3")

    with pytest.raises(BackendRefused, match="slow down") as caught:
        ask(kind, "x", behave=behave, own={"stream": stream})

    error = caught.value
    assert (error.status, error.retry_after_s, error.retryable) == (429, 3.0, True)
    assert "'up'" in str(error)
    assert "http://127.0.0.1" in str(error)
    assert KEY not in str(error)


@every_kind
@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b'{"x": ', b"[]", b'{"unknown": 1}'])
@both_ways
def test_what_is_no_answer_is_an_error_that_says_so(kind: str, body: bytes, stream: bool) -> None:
    with pytest.raises(EngineError) as caught:
        ask(kind, "x", behave=answers(body), own={"stream": stream})

    assert isinstance(caught.value, (BadAnswer, StreamCut))
    assert caught.value.next_move


def what_came(kind: str, behave: Behaviour) -> str:
    try:
        return join(pieces(kind, "x", behave=behave)).text
    except StreamCut as error:
        return f"cut after {''.join(error.pieces)}"


@every_kind
def test_a_stream_that_ends_early_is_cut_and_keeps_what_came(kind: str) -> None:
    """At every event's end, so also between a call's parts and before the counts."""
    asked: list[bytes] = []

    async def record(exchange: Any) -> None:
        write = exchange.write
        exchange.write = lambda data: (asked.append(data), write(data))
        await TWINS[kind](exchange)

    whole = pieces(kind, "answer=one two three four", behave=record)
    head, _, rest = b"".join(asked).partition(b"\r\n\r\n")
    size, _, body = rest.partition(b"\r\n")
    content = body[: int(size, 16)]
    step = b"\n" if kind == "ollama" else b"\n\n"
    events = content.split(step)[:-1]

    for upto in range(1, len(events) - 1):
        part = step.join(events[:upto]) + step
        raw = head + b"\r\n\r\n%x\r\n%b\r\n" % (len(part), part)
        got = what_came(kind, says_and_cuts(raw))
        text = join(whole).text
        assert got.startswith("cut after ") or got == text, (
            "an answer is whole only where nothing but counts is missing"
        )
        assert text.startswith(got.removeprefix("cut after "))


@pytest.mark.parametrize("kind", ["ollama", "gemini", "responses"])
def test_texts_become_vectors(kind: str) -> None:
    async def do(engine: DialectEngine, server: FaultServer) -> Any:
        return await engine.embed(EmbedRequest("m", ("one", "three")))

    assert use(kind, do).vectors == ((3.0, 1.0), (5.0, 1.0))


def test_anthropic_has_no_vectors_and_says_so() -> None:
    async def do(engine: DialectEngine, server: FaultServer) -> Any:
        return await engine.embed(EmbedRequest("m", ("one",)))

    with pytest.raises(CannotAsk, match="embeddings"):
        use("anthropic", do)


def test_a_setting_a_kind_does_not_have_is_named() -> None:
    async def do(engine: DialectEngine, server: FaultServer) -> None: ...

    with pytest.raises(InputError, match="kind 'ollama' has no setting 'max_tokens'"):
        use("ollama", do, max_tokens=5)


@every_kind
def test_without_an_address_a_kind_is_asked_where_it_usually_is(kind: str) -> None:
    engine = make_engine(BackendRecord(name="b", kind=kind), calls=Calls(environ={}), environ={})

    usual = {"anthropic": "api.anthropic.com", "ollama": "127.0.0.1:11434", "responses": "api.openai.com",
             "gemini": "generativelanguage.googleapis.com"}  # fmt: skip
    assert engine.model == usual[kind]
