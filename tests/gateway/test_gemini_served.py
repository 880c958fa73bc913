"""A conversation of two turns with a server of Gemini's dialect, by every client's, as bytes over HTTP.

The first answer thinks aloud, says a word and calls two tools at once, signed as Gemini signs. The second request
carries the results; what Gemini then gets must be what it said, with its signatures where it put them.
"""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from gateway_running import running

from fault_server import LAST_CHUNK, STREAM_HEAD, Exchange, FaultServer, chunked, response

CALLS = [
    {"functionCall": {"id": "g1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2lnbmVk"},
    {"functionCall": {"id": "g2", "name": "weather", "args": {"city": "Rome"}}},
]
PARTS = [{"text": "Two cities.", "thought": True}, {"text": "Looking"}, *CALLS]
COUNTS = {"promptTokenCount": 11, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "description": "Looks outside.", "parameters": SCHEMA}
USER = {"role": "user", "content": "Oslo and Rome?"}


async def gemini(exchange: Exchange) -> None:
    """Calls tools, and is content once there are results."""
    last = exchange.json()["contents"][-1]["parts"]
    parts = [{"text": "3 and 20"}] if any("functionResponse" in part for part in last) else PARTS
    ending = {"finishReason": "STOP", "index": 0}
    if "streamGenerateContent" not in exchange.target:
        content = {"role": "model", "parts": parts}
        whole = {"candidates": [{"content": content, **ending}], "usageMetadata": COUNTS, "modelVersion": "g"}
        exchange.write(response(200, msgspec.json.encode(whole)))
        return
    events: list[Any] = [
        {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]} for part in parts
    ]
    events.append({"candidates": [{"content": {"parts": [{"text": ""}]}, **ending}], "usageMetadata": COUNTS})
    data = b"".join(b"data: %b\r\n\r\n" % msgspec.json.encode(each) for each in events)
    exchange.write(STREAM_HEAD + chunked(data) + LAST_CHUNK)


class Spoken(NamedTuple):
    """How a dialect asks, and how it takes an answer into the next request."""

    path: str
    first: dict[str, Any]

    def second(self, answer: Any) -> dict[str, Any]:
        match self.path:
            case "/v1/chat/completions":
                message = answer["choices"][0]["message"]
                results = [
                    {"role": "tool", "tool_call_id": each["id"], "content": "3"} for each in message["tool_calls"]
                ]
                return self.first | {"messages": [USER, message, *results]}
            case "/v1/responses":
                items = answer["output"]
                calls = [each for each in items if each["type"] == "function_call"]
                done = [{"type": "function_call_output", "call_id": each["call_id"], "output": "3"} for each in calls]
                return self.first | {"input": [USER, *items, *done]}
            case "/v1/messages":
                blocks = answer["content"]
                ids = [each["id"] for each in blocks if each["type"] == "tool_use"]
                results = [{"type": "tool_result", "tool_use_id": each, "content": "3"} for each in ids]
                said = [USER, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
                return self.first | {"messages": said}
        message = answer["message"]
        results = [{"role": "tool", "tool_name": "weather", "content": "3"}] * 2
        return self.first | {"messages": [USER, message, *results]}


SPOKEN = {
    "openai": Spoken(
        "/v1/chat/completions",
        {"model": "public", "messages": [USER], "tools": [{"type": "function", "function": FUNCTION}]},
    ),
    "responses": Spoken(
        "/v1/responses", {"model": "public", "input": [USER], "tools": [{"type": "function", **FUNCTION}]}
    ),
    "anthropic": Spoken(
        "/v1/messages",
        {
            "model": "public",
            "max_tokens": 90,
            "messages": [USER],
            "tools": [{"name": "weather", "description": "Looks outside.", "input_schema": SCHEMA}],
        },
    ),
    "ollama": Spoken(
        "/api/chat",
        {"model": "public", "stream": False, "messages": [USER], "tools": [{"type": "function", "function": FUNCTION}]},
    ),
}


def config(up: FaultServer) -> bytes:
    return f"""
[[backend]]
name = "up"
kind = "gemini"
base_url = "{up.url}/v1beta"
api_key = "env:UP_KEY"
[[route]]
model = "public"
to = [{{ backend = "up", model = "private", price = {{ input = 1.0, output = 1.0 }} }}]
""".encode()


@pytest.mark.parametrize("front", SPOKEN)
def test_what_gemini_said_comes_back_to_it_as_it_said_it(tmp_path: Path, front: str) -> None:
    spoken = SPOKEN[front]

    async def run() -> None:
        async with FaultServer(gemini) as up, running(tmp_path, {}, config=config(up)) as gate:
            called = await gate.post(spoken.path, spoken.first)
            assert called.status == 200, called.body
            answered = await gate.post(spoken.path, spoken.second(called.json()))

            assert b"3 and 20" in answered.body
            asked, model, results = up.requests[1].json()["contents"]
            assert (asked["role"], model["role"], results["role"]) == ("user", "model", "user")
            calls = [part for part in model["parts"] if "functionCall" in part]
            assert [part["functionCall"]["args"]["city"] for part in calls] == ["Oslo", "Rome"]
            assert [part["text"] for part in model["parts"] if "text" in part and not part.get("thought")] == [
                "Looking"
            ]
            signature = "skip_thought_signature_validator" if front == "ollama" else "c2lnbmVk"
            assert calls[0]["thoughtSignature"] == signature
            if front != "ollama":
                assert "thoughtSignature" not in calls[1], "Gemini signs the first of parallel calls"
            assert [part["functionResponse"]["name"] for part in results["parts"]] == ["weather"] * 2
            rows = gate.calls()
            assert [(row.input_tokens, row.cached_tokens, row.output_tokens) for row in rows] == [(11, 4, 7)] * 2

    asyncio.run(run())


def events_of(body: bytes) -> list[Any]:
    return [msgspec.json.decode(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]


def test_anthropics_client_is_streamed_thinking_text_and_parallel_calls_in_blocks(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(gemini) as up, running(tmp_path, {}, config=config(up)) as gate:
            reply = await gate.post("/v1/messages", SPOKEN["anthropic"].first | {"stream": True})

            events = events_of(reply.body)
            begun = [each["content_block"]["type"] for each in events if each["type"] == "content_block_start"]
            assert [kind for kind, _ in itertools.groupby(begun)] == [
                *("thinking", "text"),
                *("thinking", "tool_use"),  # what signs a call is a block before it
            ]
            assert begun.count("tool_use") == 2
            said = "".join(
                each["delta"].get("thinking", "") for each in events if each["type"] == "content_block_delta"
            )
            assert said == "Two cities."
            (last,) = [each for each in events if each["type"] == "message_delta"]
            assert last["delta"]["stop_reason"] == "tool_use"
            assert last["usage"]["output_tokens"] == 7
            assert events[-1]["type"] == "message_stop"

    asyncio.run(run())


def test_openais_client_is_streamed_reasoning_in_both_spellings_and_calls_by_index(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(gemini) as up, running(tmp_path, {}, config=config(up)) as gate:
            asked = SPOKEN["openai"].first | {"stream": True, "stream_options": {"include_usage": True}}
            reply = await gate.post("/v1/chat/completions", asked)

            deltas = [choice["delta"] for event in events_of(reply.body) for choice in event["choices"]]
            for spelling in ("reasoning", "reasoning_content"):
                assert "".join(delta.get(spelling) or "" for delta in deltas) == "Two cities."
            parts = [call for delta in deltas for call in delta.get("tool_calls") or ()]
            assert {call["index"] for call in parts} == {0, 1}
            (counts,) = [event["usage"] for event in events_of(reply.body) if event.get("usage")]
            assert counts["prompt_tokens_details"]["cached_tokens"] == 4
            assert counts["completion_tokens_details"]["reasoning_tokens"] == 2

    asyncio.run(run())
