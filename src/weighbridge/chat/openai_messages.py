"""Canonical messages as OpenAI chat messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.reasoning_details import write_details
from weighbridge.chat.request import Image, Message, Text, ToolCall
from weighbridge.errors import CannotAsk


def encode_message(message: Message, spelling: Spelling) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role}
    content = _content(message.content, spelling)
    out["content"] = content if content or not message.tool_calls else None
    if message.refused:
        out |= {"content": None, "refusal": content}
    if message.name is not None:
        out["name"] = message.name
    if message.reasoning:
        out[spelling.reasoning] = message.reasoning
    if message.thoughts and spelling.reasoning_details:
        out["reasoning_details"] = write_details(message.thoughts)
    elif any(thought.redacted is not None for thought in message.thoughts):
        raise CannotAsk(
            "an earlier answer's reasoning is encrypted by another provider, which this backend cannot read",
            next_move="Leave the encrypted reasoning out of the history, or stay with the provider who wrote it.",
        )
    if message.tool_calls:
        out["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    elif message.role == "tool":
        raise CannotAsk("a message of the role `tool` needs the id of the call it answers")
    return out


def with_system_in_first_user(messages: Sequence[Message]) -> tuple[Message, ...]:
    """For models whose template has no system turn: its words stand before the first user's, a blank line between."""
    system = [message for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    if not system:
        return tuple(messages)
    first = next((at for at, message in enumerate(rest) if message.role == "user"), None)
    if first is None or messages[: len(system)] != tuple(system):
        raise CannotAsk(
            "this model takes the system's words only before the first user's, and there is none after them"
        )
    lead = "\n\n".join(text_of(message) for message in system)
    said = rest[first].content
    merged = f"{lead}\n\n{said}" if isinstance(said, str) else (Text(lead), *said)
    return (*rest[:first], msgspec.structs.replace(rest[first], content=merged), *rest[first + 1 :])


def text_of(message: Message) -> str:
    """A message's text alone; CannotAsk for an image."""
    if isinstance(message.content, str):
        return message.content
    if any(isinstance(part, Image) for part in message.content):
        raise CannotAsk(
            f"a message of the role {message.role!r} holds an image, which this backend takes from users only"
        )
    return "\n".join(part.text for part in message.content if isinstance(part, Text))


def _content(content: str | tuple[Text | Image, ...], spelling: Spelling) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, Text)]
    if len(texts) == len(content) and (len(texts) < 2 or spelling.text_parts == "join"):
        return "\n".join(texts)
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image_url", "image_url": _url(part)}
        for part in content
    ]


def _call(call: ToolCall) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature is not None:
        wire["extra_content"] = {"google": {"thought_signature": call.signature}}
    return wire


def _url(image: Image) -> dict[str, Any]:
    return {"url": image.url} | ({"detail": image.detail} if image.detail is not None else {})
