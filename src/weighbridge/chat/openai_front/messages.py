"""One message of an OpenAI conversation as a canonical one."""

from __future__ import annotations

from weighbridge.chat.openai_front.wire import Cache, Call, Detail, ImagePart, Message, Part, ReasoningText, TextPart
from weighbridge.chat.reasoning_details import SIGNERS
from weighbridge.chat.request import CacheFor, Image, Text, Thought, ToolCall
from weighbridge.chat.request import Message as Canonical
from weighbridge.errors import RequestError


def read_message(wire: Message, at: int) -> Canonical:
    """RequestError names what stands where it cannot."""
    _check_places(wire, at)
    reasoning = wire.reasoning_content or wire.reasoning
    thoughts = tuple(_thought(detail) for detail in wire.reasoning_details or ())
    if thoughts:
        reasoning = "".join(thought.text for thought in thoughts) or reasoning
    content, refused = _content(wire, at)
    return Canonical(
        role="system" if wire.role == "developer" else wire.role,
        content=content,
        reasoning=reasoning or None,
        thoughts=thoughts if any(thought.signature or thought.redacted for thought in thoughts) else (),
        tool_calls=tuple(_call(call) for call in wire.tool_calls or ()),
        tool_call_id=wire.tool_call_id,
        name=wire.name,
        refused=refused,
        cache=_cache(wire.cache_control),
    )


def _check_places(wire: Message, at: int) -> None:
    """Fields that only one role may have."""
    place = f"messages[{at}]"
    if wire.role != "assistant":
        for name in ("tool_calls", "refusal", "reasoning", "reasoning_content", "reasoning_details"):
            if getattr(wire, name):
                raise RequestError(
                    f"`{place}.{name}`: only an assistant's message may have it", field=f"{place}.{name}"
                )
    if (wire.role == "tool") != (wire.tool_call_id is not None):
        raise RequestError(
            f"`{place}.tool_call_id`: a message of the role `tool` needs it, and no other may have it",
            field=f"{place}.tool_call_id",
        )


def _content(wire: Message, at: int) -> tuple[str | tuple[Text | Image, ...], bool]:
    """(content, whether it is a refusal)"""
    content = wire.content or ""
    if wire.refusal:
        if content:
            raise RequestError(f"`messages[{at}].refusal` stands beside a content", field=f"messages[{at}].refusal")
        return wire.refusal, True
    if isinstance(content, str):
        return content, False
    parts = tuple(_part(part, at, place) for place, part in enumerate(content))
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text, False
    return parts, False


def _part(part: Part, at: int, place: int) -> Text | Image:
    if isinstance(part, TextPart):
        return Text(part.text, _cache(part.cache_control))
    if isinstance(part, ImagePart):
        return Image(part.image_url.url, part.image_url.detail, _cache(part.cache_control))
    field = f"messages[{at}].content[{place}]"
    raise RequestError(f"`{field}`: a refusal is carried in the message's field `refusal` only", field=field)


def _call(call: Call) -> ToolCall:
    google = call.extra_content.google if call.extra_content is not None else None
    signature = google.thought_signature if google is not None else None
    return ToolCall(call.id, call.function.name, call.function.arguments, signature)


def _thought(detail: Detail) -> Thought:
    by = SIGNERS.get(detail.format or "", "")
    if isinstance(detail, ReasoningText):
        return Thought(detail.text or "", detail.signature, signed_by=by if detail.signature else "", id=detail.id)
    return Thought(redacted=detail.data, signed_by=by, id=detail.id)


def _cache(cache: Cache | None) -> CacheFor | None:
    return None if cache is None else cache.ttl or "5m"
