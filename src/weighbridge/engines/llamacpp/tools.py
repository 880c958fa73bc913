"""Tools for models whose chat template ignores them: written into the prompt, answered as JSON, read back.

The answer is constrained by a JSON schema, so it always can be read:

    required, or one tool by name    {"tool_calls": [{"name": ..., "arguments": {...}}, ...]}
    auto                             that, or {"content": "an answer in words"}: the model decides with its first word

`arguments` obeys the schema of the tool that `name` says. One answer may hold up to MOST_CALLS calls.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Message, Text, Tool, ToolCall
from weighbridge.chat.json_text import as_bytes
from weighbridge.errors import BadAnswer, CannotAsk

MOST_CALLS = 8
NAMED_PARTS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Words of JSON Schema whose value maps names to schemas."""
VALUES = frozenset({"enum", "const", "default", "examples", "required", "type"})
"""Words whose value is data."""
OPEN_ENDED = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties", "anyOf", "oneOf", "$ref"})
"""A schema of an object with one of these says itself which other properties it takes."""

INTRODUCTION = "You can call tools. Each line describes one, with a JSON schema of its arguments:\n"
MUST = 'Answer with JSON only: {"tool_calls": [{"name": NAME, "arguments": {...}}]}, one entry for each call.'
MAY = 'To answer in words, write {"content": "..."} instead.'


def offered(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools the model may call: one where `tool_choice` names it, none where it says so."""
    if request.tool_choice == "none":
        return ()
    if request.tool_choice == "auto" or (request.tool_choice == "required" and request.tools):
        return request.tools
    named = tuple(tool for tool in request.tools if tool.name == request.tool_choice)
    if not named:
        raise CannotAsk(
            f"tool_choice is {request.tool_choice!r}, and no such tool is given",
            next_move=f"The request's tools: {', '.join(tool.name for tool in request.tools) or 'none'}.",
        )
    return named


def is_about_tools(request: ChatRequest) -> bool:
    """Whether tools are given, or earlier turns called some."""
    return bool(request.tools) or any(message.tool_calls or message.role == "tool" for message in request.messages)


def as_prompted(request: ChatRequest) -> ChatRequest:
    """The same request without tools: they stand in the system message, and a schema makes the answer."""
    tools = offered(request)
    plain = tuple(_in_words(message) for message in request.messages)
    if not tools:
        return msgspec.structs.replace(request, messages=plain, tools=(), tool_choice="auto")
    if request.schema is not None:
        raise CannotAsk(
            "this model is given tools through a schema of its answer, so it cannot take another schema with them",
            next_move="Ask with tools or with a schema, not both.",
        )
    may = request.tool_choice == "auto"
    lines = [as_bytes(_described(tool)).decode() for tool in tools]
    told = INTRODUCTION + "\n".join(lines) + f"\n{MUST}" + (f" {MAY}" if may else "")
    return msgspec.structs.replace(
        request,
        messages=_with_system(plain, told),
        tools=(),
        tool_choice="auto",
        schema=answer_schema(tools, may_speak=may, most=1 if request.parallel_calls is False else MOST_CALLS),
    )


def answer_schema(tools: Sequence[Tool], *, may_speak: bool, most: int = MOST_CALLS) -> dict[str, Any]:
    """JSON Schema of an answer, with at most so many calls. Each tool's schema stands under `$defs`, its own references
    pointing there."""
    calls = {
        "type": "object",
        "properties": {
            "tool_calls": {
                "type": "array",
                "minItems": 1,
                "maxItems": most,
                "items": {"anyOf": [_call_schema(tool, f"tool_{index}") for index, tool in enumerate(tools)]},
            }
        },
        "required": ["tool_calls"],
        "additionalProperties": False,
    }
    definitions = {
        f"tool_{index}": _moved(_closed(tool.parameters), f"tool_{index}") for index, tool in enumerate(tools)
    }
    if not may_speak:
        return {**calls, "$defs": definitions}
    words = {
        "type": "object",
        "properties": {"content": {"type": "string"}},
        "required": ["content"],
        "additionalProperties": False,
    }
    return {"anyOf": [calls, words], "$defs": definitions}


def read_back(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """Words and calls out of an answer that obeyed the schema; BadAnswer for one that was cut short."""
    try:
        said = msgspec.json.decode(text)
        if isinstance(said, dict) and "content" in said:
            return str(said["content"]), ()
        calls = tuple(
            ToolCall(f"call_{secrets.token_hex(8)}", call["name"], msgspec.json.encode(call["arguments"]).decode())
            for call in said["tool_calls"]
        )
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        unreadable = BadAnswer(
            f"the tool calls cannot be read ({error}): {text[-200:]!r}",
            next_move="Was it cut by max_tokens? Raise it.",
        )
        unreadable.retryable = False  # it would be cut again
        raise unreadable from error
    return "", calls


def _described(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _call_schema(tool: Tool, key: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/{key}"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _closed(schema: Any) -> Any:
    """The schema without the freedom to invent properties that nobody described, of which small models make use
    until they are cut off. Where it says itself what else may come, or joins parts (`allOf`), it stays as it is."""
    if not isinstance(schema, dict) or "allOf" in schema:
        return schema
    closed = _over_parts(schema, _closed)
    if isinstance(schema.get("properties"), dict) and not OPEN_ENDED & schema.keys():
        closed["additionalProperties"] = False
    return closed


def _moved(schema: Any, key: str) -> Any:
    """The schema with its references to itself (`#`, `#/$defs/...`) led to its new place."""
    if not isinstance(schema, dict):
        return schema
    moved = _over_parts(schema, lambda part: _moved(part, key))
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith("#"):
        moved["$ref"] = f"#/$defs/{key}" + target[1:]
    return moved


def _over_parts(schema: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """`change` done to the schemas inside a schema, and not to what only looks like one: a property may well be
    called `properties`, and a default may hold anything."""
    changed: dict[str, Any] = {}
    for word, part in schema.items():
        if word in NAMED_PARTS and isinstance(part, dict):
            changed[word] = {name: change(each) for name, each in part.items()}
        elif word in VALUES:
            changed[word] = part
        elif isinstance(part, list):
            changed[word] = [change(each) for each in part]
        else:
            changed[word] = change(part)
    return changed


def _in_words(message: Message) -> Message:
    """An earlier turn that only templates with tools can show, as one that every template can."""
    if message.role == "tool":
        named = f" of {message.name}" if message.name else ""
        return Message(role="user", content=f"Result{named} ({message.tool_call_id}):\n{_text(message)}")
    if message.tool_calls:
        calls = [{"name": call.name, "arguments": msgspec.Raw(call.arguments.encode())} for call in message.tool_calls]
        return Message(role="assistant", content=as_bytes({"tool_calls": calls}).decode())
    return message


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content if isinstance(part, Text))


def _with_system(messages: tuple[Message, ...], told: str) -> tuple[Message, ...]:
    """`told` after what the system message says already, or as one."""
    if messages and messages[0].role == "system":
        first = _text(messages[0])
        return (Message(role="system", content=f"{first}\n\n{told}"), *messages[1:])
    return (Message(role="system", content=told), *messages)
