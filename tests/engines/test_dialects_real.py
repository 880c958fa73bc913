"""Clients of every dialect over the real llama.cpp with SmolLM2: words, tools and schemas through its grammar."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from llamacpp_running import needs_xllamacpp, running

from weighbridge.chat.dialect import Stamp
from weighbridge.chat.fronts import by_path
from weighbridge.chat.join import join
from weighbridge.engines.llamacpp import LlamaCppEngine
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

pytestmark = [needs_xllamacpp, pytest.mark.weights, pytest.mark.slow]

STAMP = Stamp("real", 0)
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HELLO = [{"role": "user", "content": "Say hello."}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
PICK = [{"role": "user", "content": "Name a colour as JSON."}]


async def served(engine: LlamaCppEngine, path: str, **body: Any) -> tuple[Any, list[Any]]:
    """(the whole answer, the events of the streamed one) of the same pieces."""
    front = by_path()[path]
    asked = front.decode(path, msgspec.json.encode({"model": "m", **body}))
    pieces = [piece async for piece in engine.answer(asked.request)]
    encoder = front.stream(asked, STAMP)
    out = b"".join(encoder.piece(piece) for piece in pieces) + encoder.end()
    lines = LineParser().feed(out) if path.startswith("/api") else [event.data for event in SseParser().feed(out)]
    events = [msgspec.json.decode(line) for line in lines if line != b"[DONE]"]
    return msgspec.json.decode(front.encode(join(pieces), asked, STAMP)), events


def test_every_client_is_answered_in_its_own_words(smollm2: Path) -> None:
    async def scenario() -> None:
        async with running(smollm2, threads=2, context_tokens=2048) as engine:
            cold = {"temperature": 0.0}
            message, events = await served(engine, "/v1/messages", max_tokens=12, messages=HELLO, **cold)
            assert "hello" in message["content"][0]["text"].lower()
            assert message["usage"]["output_tokens"] > 0
            assert events[-1] == {"type": "message_stop"}
            response, _ = await served(engine, "/v1/responses", max_output_tokens=12, input="Say hello.", **cold)
            assert "hello" in response["output"][0]["content"][0]["text"].lower()
            chat, _ = await served(engine, "/v1/chat/completions", max_tokens=12, messages=HELLO, **cold)
            assert "hello" in chat["choices"][0]["message"]["content"].lower()
            options = {"num_predict": 12, **cold}
            said, lines = await served(engine, "/api/chat", messages=HELLO, options=options)
            assert "hello" in said["message"]["content"].lower()
            assert lines[-1]["done"]

    asyncio.run(scenario())


def test_tools_schemas_and_beginnings_reach_the_grammar_from_every_client(smollm2: Path) -> None:
    async def scenario() -> None:
        async with running(smollm2, threads=2, context_tokens=2048) as engine:
            tool = {"name": "get_weather", "input_schema": CITY}
            choice = {"type": "any", "disable_parallel_tool_use": True}
            message, _ = await served(
                engine, "/v1/messages", max_tokens=200, messages=WEATHER, tools=[tool], tool_choice=choice
            )
            assert [(block["type"], block["name"]) for block in message["content"]] == [("tool_use", "get_weather")]
            assert isinstance(message["content"][0]["input"]["city"], str)
            assert message["stop_reason"] == "tool_use"

            said, _ = await served(engine, "/api/chat", messages=PICK, format=SCHEMA, options={"num_predict": 40})
            assert msgspec.json.decode(said["message"]["content"])["colour"] in ("red", "blue")
            text = {"format": {"type": "json_schema", "name": "pick", "schema": SCHEMA}}
            response, _ = await served(engine, "/v1/responses", input="Name a colour.", max_output_tokens=40, text=text)
            assert msgspec.json.decode(response["output"][0]["content"][0]["text"])["colour"] in ("red", "blue")

            begun = [{"role": "user", "content": "Where is Oslo?"}, {"role": "assistant", "content": "Oslo is in"}]
            message, _ = await served(engine, "/v1/messages", max_tokens=3, messages=begun, temperature=0.0)
            assert message["content"][0]["text"].startswith(" "), "the answer goes on, it does not begin anew"

    asyncio.run(scenario())
