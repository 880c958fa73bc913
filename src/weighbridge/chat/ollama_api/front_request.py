"""A client's Ollama request as the canonical one.

Its calls of tools have no ids in older clients: they are numbered through the conversation, and a result belongs to the
first call of its tool's name that has none yet.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from weighbridge.chat.data_urls import guessed
from weighbridge.chat.dialect import Asked
from weighbridge.chat.ollama_api.wire import NAME, Asking, Call, ChatBody, GenerateBody, Options, Tool
from weighbridge.chat.ollama_api.wire import Message as WireMessage
from weighbridge.chat.reading import explained, read_body
from weighbridge.chat.request import ChatRequest, Image, Message, Sampling, Text, ToolCall
from weighbridge.chat.request import Tool as CanonicalTool
from weighbridge.errors import RequestError

Body = TypeVar("Body", bound=Asking)

CHAT = "chat"
GENERATE = "generate"

_chat = msgspec.json.Decoder(ChatBody)
_generate = msgspec.json.Decoder(GenerateBody)
_known_options = frozenset(field.name for field in msgspec.structs.fields(Options))
NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def read_chat(body: bytes) -> Asked:
    """RequestError names the field that is wrong or cannot be carried."""
    wire = read_body(_chat, body)
    if not wire.messages:
        raise RequestError("`messages` is empty: a conversation needs at least one message", field="messages")
    request = ChatRequest(
        model=wire.model,
        messages=_Conversation().read(wire.messages),
        tools=tuple(_tool(tool) for tool in wire.tools or ()),
        continues=wire.messages[-1].role == "assistant",
        **_common(wire),
    )
    return Asked(request, stream=wire.stream is not False, own=CHAT)


def read_generate(body: bytes) -> Asked:
    """With `raw`, a text to be continued; without, one question, put through the model's template."""
    wire = read_body(_generate, body)
    asked: dict[str, Any] = {"prompt": wire.prompt}
    if not wire.raw:
        system = (Message(role="system", content=wire.system),) if wire.system else ()
        asked = {"messages": (*system, Message(role="user", content=_content(wire.prompt, wire.images)))}
    elif wire.system or wire.images:
        name = "system" if wire.system else "images"
        raise RequestError(f"`{name}` has no place in a `raw` prompt", field=name)
    request = ChatRequest(model=wire.model, **asked, **_common(wire))
    return Asked(request, stream=wire.stream is not False, own=GENERATE)


class _Conversation:
    """Ids for calls and results over the messages of one request."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: list[ToolCall] = []

    def read(self, messages: list[WireMessage]) -> tuple[Message, ...]:
        return tuple(self._message(message, at) for at, message in enumerate(messages))

    def _message(self, wire: WireMessage, at: int) -> Message:
        for name in ("thinking", "tool_calls"):
            if getattr(wire, name) and wire.role != "assistant":
                field = f"messages[{at}].{name}"
                raise RequestError(f"`{field}`: only an assistant's message may have it", field=field)
        calls = tuple(self._call(call) for call in wire.tool_calls or ())
        self._waiting += calls
        return Message(
            role=wire.role,
            content=_content(wire.content or "", wire.images),
            reasoning=wire.thinking or None,
            tool_calls=calls,
            tool_call_id=self._answered(wire, at) if wire.role == "tool" else None,
            name=wire.tool_name if wire.role == "tool" else None,
        )

    def _call(self, call: Call) -> ToolCall:
        id_ = call.id or f"call_{self._number}"
        self._number += 1
        return ToolCall(id_, call.function.name, bytes(call.function.arguments).decode())

    def _answered(self, wire: WireMessage, at: int) -> str:
        for place, call in enumerate(self._waiting):
            named = wire.tool_name in (None, call.name)
            if call.id == wire.tool_call_id if wire.tool_call_id is not None else named:
                del self._waiting[place]
                return call.id
        field = f"messages[{at}]"
        raise RequestError(f"`{field}` answers a tool call that was not made before it", field=field)


def _content(text: str, images: list[str] | None) -> str | tuple[Text | Image, ...]:
    if not images:
        return text
    pictures = tuple(Image(guessed(base64).url) for base64 in images)
    return (Text(text), *pictures) if text else pictures


def _common(wire: Asking) -> dict[str, Any]:
    options = {name: value for name, value in (wire.options or {}).items() if value is not None}
    extra = {f"options.{name}": value for name, value in options.items() if name not in _known_options}
    if wire.keep_alive is not None:
        extra["keep_alive"] = wire.keep_alive
    return {
        "sampling": _sampling(options),
        "schema": wire.format if isinstance(wire.format, dict) else None,
        "any_json": _any_json(wire),
        "logprobs": (wire.top_logprobs or 0) if wire.logprobs else None,
        "thinks": wire.think if isinstance(wire.think, bool) else None,
        "reasoning_effort": wire.think if isinstance(wire.think, str) else None,
        "extra": extra,
        "extra_from": NAME if extra else "",
    }


def _any_json(wire: Asking) -> bool:
    if isinstance(wire.format, str) and wire.format not in ("", "json"):
        raise RequestError(f"`format` is {wire.format!r:.40}; it is `json` or a JSON schema", field="format")
    return wire.format == "json"


def _sampling(raw: dict[str, Any]) -> Sampling:
    try:
        options = msgspec.convert(raw, Options)
    except msgspec.ValidationError as error:
        raise explained(str(error).replace("`$.", "`$.options.")) from error
    stop, most = options.stop, options.num_predict
    return Sampling(
        max_tokens=most if most is not None and most >= 0 else None,  # -1: until the model ends
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        min_p=options.min_p,
        seed=options.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
    )


def _tool(tool: Tool) -> CanonicalTool:
    said = tool.function
    parameters = NO_PARAMETERS if said.parameters is None else said.parameters
    return CanonicalTool(said.name, parameters, said.description or "")
