"""Requests and answers that the tests of all dialects share."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Message, Piece, Tool, ToolCall, Usage
from weighbridge.chat.answer import CallPart
from weighbridge.chat.dialect import Back, Front, Stamp

STAMP = Stamp("0a1b", 1_795_305_600)
"""2026-11-22 00:00:00 UTC."""
PNG = "data:image/png;base64,iVBORw0KGgo="
WEATHER = Tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}}, "Looks outside.")
HELLO = ChatRequest(model="m", messages=(Message(role="user", content="hello"),))
CALLS = (ToolCall("call_a", "weather", '{"city": "Oslo"}'), ToolCall("call_b", "weather", '{"city": "Rome"}'))
USAGE = Usage(input_tokens=100, output_tokens=20, cached_tokens=40, reasoning_tokens=5)

TALK = (
    Piece(reasoning="Let me "),
    Piece(reasoning="think."),
    Piece(text="Hel"),
    Piece(text="lo"),
    Piece(finish="stop", usage=USAGE, model="served"),
)
CALLING = (
    Piece(call_parts=(CallPart(0, "call_a", "weather"),)),
    Piece(call_parts=(CallPart(0, arguments='{"city": '),)),
    Piece(call_parts=(CallPart(0, arguments='"Oslo"}'), CallPart(1, "call_b", "weather", '{"city": "Rome"}'))),
    Piece(tool_calls=CALLS, finish="tool_calls", usage=USAGE),
)


def streamed(front: Front, path: str, body: dict[str, Any], pieces: tuple[Piece, ...]) -> bytes:
    """The bytes a client gets."""
    encoder = front.stream(front.decode(path, as_json(body)), STAMP)
    return b"".join(encoder.piece(piece) for piece in pieces) + encoder.end()


def sent(back: Back, request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
    """What the backend gets, as an object."""
    body: dict[str, Any] = msgspec.json.decode(back.encode(request, stream=stream).body)
    return body


def as_json(body: Any) -> bytes:
    return msgspec.json.encode(body)
