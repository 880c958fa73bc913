"""A canonical request as a body for Gemini's `generateContent`.

A call of a tool goes back with the signature it came with; one that has none (another backend made it, or the client's
dialect has no place for it) carries the value Google documents for that case.
Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thought-signatures, and the
types of Google's SDK 3.4 (2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from weighbridge.chat.data_urls import inline_of
from weighbridge.chat.dialect import Sent
from weighbridge.chat.effort import tokens_of
from weighbridge.chat.json_text import arguments_object, as_bytes
from weighbridge.chat.openai_messages import text_of
from weighbridge.chat.request import ChatRequest, Image, Message, Text, ToolCall, call_names
from weighbridge.chat.sayable import NAMES, cannot_say, refuse_unsayable
from weighbridge.errors import CannotAsk

NAME = "gemini"
UNSAID = frozenset(
    {"prompt", "min_p", "parallel_tool_calls = false", "strict tools", "image URL", "image detail", "prefill", "n"}
    | {"participant name", "cache_control", "user", "metadata"}
)
CAN = frozenset(NAMES) - UNSAID
NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google's page on thought signatures says to send with a call that Gemini did not make."""
LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})
TIERS = {"auto": None, "default": "standard", "flex": "flex", "priority": "priority"}


@dataclass(frozen=True, slots=True)
class Terms:
    """How one backend of this dialect wants what the dialect leaves open."""

    effort: Literal["level", "budget"] = "level"
    """Gemini 3 takes a word of effort, 2.5 a budget of tokens."""


def write_request(request: ChatRequest, terms: Terms, *, stream: bool) -> Sent:
    """CannotAsk names what this wire cannot say."""
    left_out = refuse_unsayable(request, NAME, CAN)
    system = [message for message in request.messages if message.role == "system"]
    if tuple(system) != request.messages[: len(system)]:
        raise CannotAsk("a system's message stands behind others; this dialect takes it before all of them only")
    body: dict[str, Any] = {"contents": _contents(request.messages[len(system) :])}
    if system:
        body["systemInstruction"] = {"parts": [{"text": text_of(message)} for message in system]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
    config = {name: value for name, value in _config(request, terms).items() if value is not None}
    fields = {
        "toolConfig": _tool_config(request),
        "generationConfig": config or None,
        "serviceTier": _tier(request.service_tier),
    }
    body |= {name: value for name, value in fields.items() if value is not None}
    for name in request.extra if not request.extra_from else ():
        if name in body:
            raise CannotAsk(f"`extra` sets {name!r}, which the request sets already", next_move="Set it in one place.")
    extra = request.extra if not request.extra_from else {}
    return Sent(_path(request.model, stream), as_bytes(body | extra), left_out=left_out)


def _path(model: str, stream: bool) -> str:
    name = quote(model.removeprefix("models/"), safe="-._~")
    return f"models/{name}:streamGenerateContent?alt=sse" if stream else f"models/{name}:generateContent"


def _contents(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Turns of `user` and `model`; results of tools that follow each other make one turn, and so does what the model
    said in several messages: Gemini takes a call only in the turn after the user's."""
    if not messages:
        raise CannotAsk("a conversation needs at least one message")
    names = call_names(messages)
    contents: list[dict[str, Any]] = []
    answering = False
    for message in messages:
        if message.role == "tool":
            part = _result(message, names)
            if answering:
                contents[-1]["parts"].append(part)
            else:
                contents.append({"role": "user", "parts": [part]})
        elif message.role == "assistant":
            parts = _model_parts(message)
            if contents and contents[-1]["role"] == "model":
                contents[-1]["parts"] += parts
            else:
                contents.append({"role": "model", "parts": parts})
        else:
            contents.append({"role": "user", "parts": _parts(message)})
        answering = message.role == "tool"
    return contents


def _model_parts(message: Message) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for thought in message.thoughts:
        if thought.redacted is not None:
            raise CannotAsk("an earlier answer's reasoning is encrypted by another provider; Gemini cannot read it")
        part: dict[str, Any] = {"text": thought.text, "thought": True}
        if thought.signature is not None and thought.signed_by == NAME:
            part["thoughtSignature"] = thought.signature
        parts.append(part)
    if message.reasoning and not message.thoughts:
        parts.append({"text": message.reasoning, "thought": True})
    parts += _parts(message)
    return parts + [_call(call, first=at == 0) for at, call in enumerate(message.tool_calls)]


def _call(call: ToolCall, *, first: bool) -> dict[str, Any]:
    """Of calls made at once, Gemini signs and checks the first."""
    part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": arguments_object(call, NAME)}}
    if call.signature is not None or first:
        part["thoughtSignature"] = call.signature or NO_SIGNATURE
    return part


def _parts(message: Message) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"text": message.content}] if message.content else []
    return [_part(part) for part in message.content]


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    inline = inline_of(part)
    assert inline is not None, "URLs are refused before"
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}


def _result(message: Message, names: dict[str, str]) -> dict[str, Any]:
    id_ = message.tool_call_id
    name = names.get(id_ or "") or message.name
    if id_ is None or name is None:
        raise CannotAsk(f"the tool result for the call {id_!r} belongs to no call in this conversation")
    response = {"error" if message.failed else "output": text_of(message)}
    return {"functionResponse": {"id": id_, "name": name, "response": response}}


def _tool(tool: Any) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parametersJsonSchema": tool.parameters}


def _tool_config(request: ChatRequest) -> dict[str, Any] | None:
    choice, names = request.tool_choice, [tool.name for tool in request.tools]
    if not names:
        if choice not in ("auto", "none"):
            raise CannotAsk(f"tool_choice is {choice!r}, but there are no tools")
        return None
    if choice == "auto":
        return None
    if choice in ("none", "required"):
        return {"functionCallingConfig": {"mode": "NONE" if choice == "none" else "ANY"}}
    if choice not in names:
        raise CannotAsk(f"tool_choice names {choice!r}, which is not among the tools {names}")
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [choice]}}


def _config(request: ChatRequest, terms: Terms) -> dict[str, Any]:
    sampling = request.sampling
    json = request.schema is not None or request.any_json
    return {
        "maxOutputTokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "seed": sampling.seed,
        "stopSequences": list(sampling.stop) or None,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "responseMimeType": "application/json" if json else None,
        "responseJsonSchema": request.schema,
        "responseLogprobs": True if request.logprobs is not None else None,
        "logprobs": request.logprobs or None,
        "thinkingConfig": _thinking(request, terms),
    }


def _thinking(request: ChatRequest, terms: Terms) -> dict[str, Any] | None:
    effort, budget, show = request.reasoning_effort, request.reasoning_tokens, request.show_reasoning
    if request.thinks is False or effort == "none":
        return {"thinkingBudget": 0}
    if effort is None and budget is None and not request.thinks and show is None:
        return None
    config: dict[str, Any] = {"includeThoughts": show is not False}
    if budget is not None:
        return config | {"thinkingBudget": budget}
    if effort is None:
        return config
    if terms.effort == "budget":
        tokens = tokens_of(effort)
        if tokens is None:
            raise cannot_say(NAME, f"reasoning_effort = {effort}")
        return config | {"thinkingBudget": tokens}
    if effort not in LEVELS:
        raise cannot_say(NAME, f"reasoning_effort = {effort}")
    return config | {"thinkingLevel": effort}


def _tier(tier: str | None) -> str | None:
    if tier is None:
        return None
    if tier not in TIERS:
        raise cannot_say(NAME, f"service_tier = {tier}")
    return TIERS[tier]
