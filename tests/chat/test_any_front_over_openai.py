"""A client of any dialect is served by an OpenAI backend: its request goes up, the answer reads as its own dialect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from dialect_samples import CALLING, CALLS, PNG, STAMP, TALK, as_json, sent, streamed

from weighbridge.chat.answer import Piece
from weighbridge.chat.anthropic import AnthropicFront
from weighbridge.chat.join import join
from weighbridge.chat.ollama_api import OllamaFront
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.errors import CannotAsk, RequestError
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ANTHROPIC: dict[str, Any] = {
    "model": "m",
    "max_tokens": 64,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Where is it warmer?"},
                                     {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                                                  "data": "iVBORw0KGgo="}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."},
                                          {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Oslo"}},
                                          {"type": "tool_use", "id": "b", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "3"},
                                     {"type": "tool_result", "tool_use_id": "b",
                                      "content": [{"type": "text", "text": "18"}]},
                                     {"type": "text", "text": "Well?"}]},
    ],
    "tools": [{"name": "weather", "description": "Looks outside.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "temperature": 0.5,
    "top_k": 3,
    "metadata": {"user_id": "u1"},
}  # fmt: skip
OLLAMA: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is it warmer?", "images": ["iVBORw0KGgo="]},
        {"role": "assistant", "content": "I look.",
         "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}},
                        {"function": {"name": "weather", "arguments": {}}}]},
        {"role": "tool", "content": "3", "tool_name": "weather"},
        {"role": "tool", "content": "18", "tool_name": "weather"},
        {"role": "user", "content": "Well?"},
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "Looks outside.",
                                                "parameters": SCHEMA}}],
    "options": {"num_predict": 64, "stop": ["END"], "temperature": 0.5, "top_k": 3, "num_ctx": 4096},
}  # fmt: skip


def expected_messages(first: str, second: str) -> list[dict[str, Any]]:
    def call(id_: str, arguments: str) -> dict[str, Any]:
        return {"id": id_, "type": "function", "function": {"name": "weather", "arguments": arguments}}

    return [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is it warmer?"},
                {"type": "image_url", "image_url": {"url": PNG}},
            ],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [call(first, '{"city":"Oslo"}'), call(second, "{}")],
        },
        {"role": "tool", "content": "3", "tool_call_id": first},
        {"role": "tool", "content": "18", "tool_call_id": second},
        {"role": "user", "content": "Well?"},
    ]


def test_an_anthropic_conversation_with_images_and_parallel_tools_reaches_an_openai_server() -> None:
    asked = AnthropicFront().decode("/v1/messages", as_json(ANTHROPIC))

    up = OpenAIBack().encode(asked.request, stream=False)

    body = msgspec.json.decode(up.body)
    assert body["messages"] == expected_messages("a", "b")
    assert body["tool_choice"] == "required"
    assert body["parallel_tool_calls"] is False
    assert (body["max_tokens"], body["stop"], body["temperature"], body["top_k"]) == (64, ["END"], 0.5, 3)
    assert body["user"] == "u1"
    assert up.path == "chat/completions"
    assert up.left_out == ("cache_control",)


def test_an_ollama_conversation_gets_ids_for_its_calls_and_results() -> None:
    asked = OllamaFront().decode("/api/chat", as_json(OLLAMA))

    up = OpenAIBack().encode(asked.request, stream=True)

    body = msgspec.json.decode(up.body)
    named = [{**each, "name": "weather"} if each["role"] == "tool" else each
             for each in expected_messages("call_0", "call_1")]  # fmt: skip
    assert body["messages"] == named
    assert (body["max_tokens"], body["stop"], body["temperature"], body["top_k"]) == (64, ["END"], 0.5, 3)
    assert asked.stream, "an Ollama client that says nothing wants a stream"
    assert up.left_out == ("options.num_ctx",)


def test_an_openai_servers_chunks_read_as_anthropics_events() -> None:
    out = streamed(AnthropicFront(), "/v1/messages", ANTHROPIC, TALK)

    events = [(event.event.decode(), msgspec.json.decode(event.data)) for event in SseParser().feed(out)]
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert all(name == data["type"] for name, data in events)
    assert events[-2][1] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 60,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 40,
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    }


def test_streamed_tool_arguments_arrive_in_parts_at_an_anthropic_client() -> None:
    out = streamed(AnthropicFront(), "/v1/messages", ANTHROPIC, CALLING)

    events = [msgspec.json.decode(event.data) for event in SseParser().feed(out)]
    deltas = [(each["index"], each["delta"]["partial_json"]) for each in events if "partial_json" in str(each)]
    assert deltas == [(0, '{"city": '), (0, '"Oslo"}'), (1, '{"city": "Rome"}')]
    assert [each["index"] for each in events if each["type"] == "content_block_stop"] == [0, 1]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_an_ollama_client_gets_whole_calls_line_by_line() -> None:
    out = streamed(OllamaFront(), "/api/chat", OLLAMA, CALLING)

    *lines, last = [msgspec.json.decode(line) for line in LineParser().feed(out)]
    assert [call["function"]["arguments"] for line in lines for call in line["message"]["tool_calls"]] == [
        {"city": "Oslo"},
        {"city": "Rome"},
    ]
    assert (last["done"], last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == (True, "stop", 100, 20)


def test_an_openai_client_sees_reasoning_under_both_names() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True,
            "stream_options": {"include_usage": True}}  # fmt: skip

    out = streamed(OpenAIFront(), "/v1/chat/completions", body, TALK)

    *events, done = SseParser().feed(out)
    deltas = [choice["delta"] for event in events for choice in msgspec.json.decode(event.data)["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Let me think."
    assert "".join(delta.get("reasoning", "") for delta in deltas) == "Let me think."
    assert "".join(delta.get("content", "") for delta in deltas) == "Hello"
    assert msgspec.json.decode(events[-1].data)["usage"]["prompt_tokens_details"] == {"cached_tokens": 40}
    assert done.data == b"[DONE]"


CLIENTS = [
    pytest.param(AnthropicFront(), "/v1/messages", ANTHROPIC, id="anthropic"),
    pytest.param(OllamaFront(), "/api/chat", OLLAMA, id="ollama"),
]


@pytest.mark.parametrize(("front", "path", "body"), CLIENTS)
@pytest.mark.parametrize("pieces", [TALK, CALLING], ids=["talk", "calls"])
def test_what_a_client_is_streamed_and_sent_whole_says_the_same(
    front: Any, path: str, body: dict[str, Any], pieces: tuple[Piece, ...]
) -> None:
    answer = join(pieces)

    whole = msgspec.json.decode(front.encode(answer, front.decode(path, as_json(body)), STAMP))
    out = streamed(front, path, body, pieces)

    if path == "/api/chat":
        lines = [msgspec.json.decode(line) for line in LineParser().feed(out)]
        assert "".join(line["message"]["content"] for line in lines) == whole["message"]["content"] == answer.text
        assert lines[-1]["eval_count"] == whole["eval_count"]
    else:
        kinds = [block["type"] for block in whole["content"]]
        started = [msgspec.json.decode(event.data) for event in SseParser().feed(out)]
        assert kinds == [each["content_block"]["type"] for each in started if each["type"] == "content_block_start"]


@pytest.mark.parametrize(
    ("path", "changed", "field"),
    [
        ("/v1/messages", {"container": "c"}, "container"),
        ("/v1/messages", {"max_tokens": None}, "max_tokens"),
        ("/v1/messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0]"),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]},
         "messages[0].content[0].type"),
        ("/v1/messages", {"messages": [{"role": "user", "content": "x", "weight": 1}]}, "messages[0].weight"),
        ("/api/chat", {"format": "xml"}, "format"),
        ("/api/chat", {"options": {"temperature": "hot"}}, "options.temperature"),
        ("/api/chat", {"messages": [{"role": "tool", "content": "3"}]}, "messages[0]"),
        ("/api/generate", {"messages": None, "tools": None, "options": {}, "prompt": "x", "suffix": "y"}, "suffix"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_carried_is_refused_by_its_name(path: str, changed: dict[str, Any], field: str) -> None:
    front: Any = AnthropicFront() if path == "/v1/messages" else OllamaFront()
    body = (ANTHROPIC if path == "/v1/messages" else OLLAMA) | changed
    body = {name: value for name, value in body.items() if value is not None}

    with pytest.raises(RequestError) as caught:
        front.decode(path, as_json(body))

    assert (caught.value.field or "").startswith(field)
    assert field in caught.value.what
    refusal = front.error(caught.value)
    assert refusal.status == 400
    assert field in refusal.body.decode()


AGENT: dict[str, Any] = {
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "metadata": {"user_id": "u1"},
    "mcp_servers": [],
    "tools": [{"name": "f", "input_schema": SCHEMA, "defer_loading": False, "allowed_callers": ["direct"],
               "cache_control": {"type": "ephemeral", "ttl": "1h"}, "eager_input_streaming": True}],
}  # fmt: skip


def test_what_coding_agents_send_of_their_own_accord_is_carried() -> None:
    body = {name: value for name, value in ANTHROPIC.items() if name not in ("tool_choice", "temperature")} | AGENT

    up = OpenAIBack().encode(AnthropicFront().decode("/v1/messages", as_json(body)).request, stream=True)

    assert msgspec.json.decode(up.body)["reasoning_effort"] == "medium"
    assert up.left_out == ("cache_control",)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context_management.edits[0]"),
        ({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns",
                                                                                        "value": 1}}]}},
         "context_management.edits[0].keep"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
        ({"tools": [{"name": "f", "input_schema": {}, "defer_loading": True}]}, "tools[0].defer_loading"),
    ],
)  # fmt: skip
def test_an_edit_of_the_context_that_would_change_it_is_refused_by_its_name(changed: Any, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        AnthropicFront().decode("/v1/messages", as_json(ANTHROPIC | changed))

    assert (caught.value.field or "").startswith(field)


def test_an_ollama_option_that_would_change_the_answer_is_refused_by_name_elsewhere() -> None:
    body = OLLAMA | {"options": {"repeat_penalty": 1.2}}

    with pytest.raises(CannotAsk, match=r"options\.repeat_penalty"):
        sent(OpenAIBack(), OllamaFront().decode("/api/chat", as_json(body)).request)


def test_fields_only_openais_servers_know_reach_them() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"5": 1},
            "chat_template_kwargs": {"enable_thinking": False}}  # fmt: skip

    up = sent(OpenAIBack(), OpenAIFront().decode("/v1/chat/completions", as_json(body)).request)

    assert up == body


def test_calls_that_a_backend_writes_in_turns_keep_their_own_arguments() -> None:
    """Interleaved parts: each goes to the block of its own call."""
    parts = [CALLING[0], CALLING[2].call_parts[1:], CALLING[1], CALLING[2].call_parts[:1]]
    pieces = tuple(each if isinstance(each, Piece) else Piece(call_parts=each) for each in parts)

    out = streamed(AnthropicFront(), "/v1/messages", ANTHROPIC, (*pieces, CALLING[-1]))

    said = {0: "", 1: ""}
    for event in SseParser().feed(out):
        data = msgspec.json.decode(event.data)
        if data["type"] == "content_block_delta":
            said[data["index"]] += data["delta"]["partial_json"]
    assert said == {place: call.arguments for place, call in enumerate(CALLS)}
