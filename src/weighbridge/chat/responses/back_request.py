"""A canonical request as a body for `/v1/responses`. Nothing is kept there: `store` is false."""

from __future__ import annotations

from typing import Any

from weighbridge.chat.dialect import Sent
from weighbridge.chat.effort import word_of
from weighbridge.chat.json_text import as_bytes
from weighbridge.chat.request import ChatRequest, Image, Message, Text, Thought
from weighbridge.chat.responses import items
from weighbridge.chat.responses.wire import NAME
from weighbridge.chat.sayable import NAMES, refuse_unsayable
from weighbridge.errors import CannotAsk

UNSAID = frozenset(
    {"prompt", "top_k", "min_p", "seed", "stop", "frequency_penalty", "presence_penalty"}
    | {"prefill", "n", "participant name", "failed tool result", "cache_control"}
)
CAN = frozenset(NAMES) - UNSAID


def write_request(request: ChatRequest, *, stream: bool) -> Sent:
    """CannotAsk names what this wire cannot say."""
    left_out = refuse_unsayable(request, NAME, CAN)
    if not request.messages:
        raise CannotAsk("a conversation needs at least one message")
    first = request.messages[0]
    leads = first.role == "system" and isinstance(first.content, str) and len(request.messages) > 1
    rest = request.messages[1:] if leads else request.messages
    sampling = request.sampling
    fields: dict[str, Any] = {
        "instructions": first.content if leads else None,
        "max_output_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _choice(request),
        "parallel_tool_calls": request.parallel_calls if request.tools else None,
        "text": _text(request),
        "reasoning": _reasoning(request),
        "include": _include(request),
        "top_logprobs": request.logprobs or None,
        "metadata": request.metadata or None,
        "service_tier": request.service_tier,
        "user": request.user,
        "stream": stream or None,
    }
    body: dict[str, Any] = {"model": request.model, "input": [item for message in rest for item in _items(message)]}
    body |= {name: value for name, value in fields.items() if value is not None} | {"store": False}
    return Sent("responses", as_bytes(_with_extra(body, request)), left_out=left_out)


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        if message.tool_call_id is None:
            raise CannotAsk("a message of the role `tool` needs the id of the call it answers")
        output = message.content if isinstance(message.content, str) else [_part(part) for part in message.content]
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": output}]
    if message.role == "assistant":
        return _assistant(message)
    content = message.content if isinstance(message.content, str) else [_part(part) for part in message.content]
    return [{"type": "message", "role": message.role, "content": content}]


def _assistant(message: Message) -> list[dict[str, Any]]:
    out = [_thought(thought) for thought in message.thoughts]
    if message.reasoning and not message.thoughts:
        out.append(_plain(message.reasoning))
    if message.refused:
        refusal = [items.refusal_part(str(message.content))]
        out.append({"type": "message", "role": "assistant", "content": refusal})
    elif isinstance(message.content, str):
        if message.content or not (message.tool_calls or out):
            out.append({"type": "message", "role": "assistant", "content": message.content})
    else:
        texts = [{"type": "output_text", "text": _only_text(part)} for part in message.content]
        out.append({"type": "message", "role": "assistant", "content": texts})
    for call in message.tool_calls:
        out.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments})
    return out


def _thought(thought: Thought) -> dict[str, Any]:
    """As it came, where OpenAI encrypted it; else its text alone."""
    if thought.signed_by == NAME:
        item = items.reasoning_item(thought.id or "rs_0", thought)
        del item["status"]
        return item
    if thought.redacted is not None:
        raise CannotAsk(
            "an earlier answer's reasoning is encrypted by another provider, which this backend cannot read",
            next_move="Leave the encrypted reasoning out of the history, or stay with the provider who wrote it.",
        )
    return _plain(thought.text)


def _plain(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def _only_text(part: Text | Image) -> str:
    if isinstance(part, Image):
        raise CannotAsk("an assistant's message holds an image, which this dialect takes from users only")
    return part.text


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": part.url, "detail": part.detail or "auto"}


def _tool(tool: Any) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),
    }


def _choice(request: ChatRequest) -> Any:
    names = [tool.name for tool in request.tools]
    choice = request.tool_choice
    if not names:
        if choice not in ("auto", "none"):
            raise CannotAsk(f"tool_choice is {choice!r}, but there are no tools")
        return None
    if choice in ("auto", "none", "required"):
        return choice
    if choice not in names:
        raise CannotAsk(f"tool_choice names {choice!r}, which is not among the tools {names}")
    return {"type": "function", "name": choice}


def _text(request: ChatRequest) -> dict[str, Any] | None:
    if request.schema is not None:
        strict = True if request.schema_strict is None else request.schema_strict
        name = request.schema_name or "answer"
        return {"format": {"type": "json_schema", "name": name, "schema": request.schema, "strict": strict}}
    return {"format": {"type": "json_object"}} if request.any_json else None


def _reasoning(request: ChatRequest) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None and request.reasoning_tokens is not None:
        effort = word_of(request.reasoning_tokens)
    if request.thinks is not None:
        effort = (effort or "medium") if request.thinks else "none"
    fields = {"effort": effort, "summary": "auto" if request.show_reasoning else None}
    return {name: value for name, value in fields.items() if value is not None} or None


def _include(request: ChatRequest) -> list[str] | None:
    """Reasoning that is not kept there must be given back encrypted."""
    wanted = ["message.output_text.logprobs"] if request.logprobs is not None else []
    if _reasoning(request) is not None and request.thinks is not False:
        wanted.append("reasoning.encrypted_content")
    return wanted or None


def _with_extra(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    extra = request.extra if request.extra_from in ("", NAME) else {}
    for name in extra:
        if name == "store":
            continue
        if name in body:
            raise CannotAsk(f"`extra` sets {name!r}, which the request sets already", next_move="Set it in one place.")
    return body | extra
