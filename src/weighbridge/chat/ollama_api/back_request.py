"""A canonical request as a body for Ollama's `/api/chat`, or for `/api/generate` where a text is to be continued."""

from __future__ import annotations

from typing import Any

from weighbridge.chat.data_urls import inline_of
from weighbridge.chat.dialect import Sent
from weighbridge.chat.json_text import arguments_object, as_bytes
from weighbridge.chat.ollama_api.wire import EFFORTS, NAME
from weighbridge.chat.request import ChatRequest, Image, Message, Text, call_names
from weighbridge.chat.sayable import NAMES, cannot_say, refuse_unsayable
from weighbridge.errors import CannotAsk

UNSAID = frozenset(
    {"tool_choice", "parallel_tool_calls = false", "strict tools", "image URL", "image detail", "n", "service_tier"}
    | {"participant name", "failed tool result", "cache_control", "user", "metadata", "reasoning shown or not"}
)
CAN = frozenset(NAMES) - UNSAID
NOT_RAW = frozenset({"tools", "reasoning_effort", "reasoning on or off", "reasoning budget", "images"})
OPTION = "options."


def write_request(request: ChatRequest, *, stream: bool) -> Sent:
    """CannotAsk names what this wire cannot say."""
    raw = request.prompt is not None
    left_out = refuse_unsayable(request, NAME, CAN - NOT_RAW if raw else CAN)
    body: dict[str, Any] = {"model": request.model, "stream": stream}
    if raw:
        body |= {"prompt": request.prompt, "raw": True}
    elif not request.messages:
        raise CannotAsk("a conversation needs at least one message")
    else:
        names = call_names(request.messages)
        body["messages"] = [_message(message, names) for message in request.messages]
        if request.tools and request.tool_choice != "none":
            body["tools"] = [_tool(tool) for tool in request.tools]
    format_ = request.schema if request.schema is not None else "json" if request.any_json else None
    options = {name: value for name, value in _options(request).items() if value is not None}
    fields = {"format": format_, "think": _think(request), "options": options or None}
    body |= {name: value for name, value in fields.items() if value is not None}
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.reasoning_tokens is not None:
        left_out += ("reasoning budget",)
    return Sent("api/generate" if raw else "api/chat", as_bytes(_with_extra(body, request)), left_out=left_out)


def _message(message: Message, names: dict[str, str]) -> dict[str, Any]:
    if any(thought.redacted is not None for thought in message.thoughts):
        raise CannotAsk("an earlier answer's reasoning is encrypted by another provider; Ollama cannot read it")
    texts, images = _parts(message)
    out: dict[str, Any] = {"role": message.role, "content": texts}
    if images:
        out["images"] = images
    if message.reasoning:
        out["thinking"] = message.reasoning
    if message.tool_calls:
        out["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": arguments_object(call, NAME)}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        if message.tool_call_id is None:
            raise CannotAsk("a message of the role `tool` needs the id of the call it answers")
        name = names.get(message.tool_call_id) or message.name
        out |= {"tool_call_id": message.tool_call_id} | ({"tool_name": name} if name else {})
    return out


def _parts(message: Message) -> tuple[str, list[str]]:
    """(text, images as base64)"""
    if isinstance(message.content, str):
        return message.content, []
    inlines = [inline_of(part) for part in message.content if isinstance(part, Image)]
    texts = [part.text for part in message.content if isinstance(part, Text)]
    return "\n".join(texts), [inline.base64 for inline in inlines if inline is not None]


def _tool(tool: Any) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": tool.parameters}}


def _think(request: ChatRequest) -> bool | str | None:
    effort = request.reasoning_effort
    if request.thinks is False or effort == "none":
        return False
    if effort is not None:
        if effort not in EFFORTS:
            raise cannot_say(NAME, f"reasoning_effort = {effort}")
        return effort
    return True if request.thinks or request.reasoning_tokens is not None else None


def _options(request: ChatRequest) -> dict[str, Any]:
    sampling = request.sampling
    return {
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }


def _with_extra(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """`options.NAME` and `options = {...}` join the options; all else stands beside them."""
    if request.extra_from not in ("", NAME):
        return body
    options: dict[str, Any] = dict(body.get("options", {}))
    for name, value in request.extra.items():
        more = {name.removeprefix(OPTION): value} if name.startswith(OPTION) else value if name == "options" else None
        taken = next((each for each in more if each in options), None) if isinstance(more, dict) else None
        if taken is not None or (more is None and name in body):
            field = f"{OPTION}{taken}" if taken is not None else name
            raise CannotAsk(f"`extra` sets {field!r}, which the request sets already", next_move="Set it in one place.")
        if isinstance(more, dict):
            options |= more
        else:
            body = body | {name: value}
    return body | ({"options": options} if options else {})
