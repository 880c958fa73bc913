"""The items of an answer: reasoning, message, calls; and the response object around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from weighbridge.chat.answer import TokenLogprob, Usage
from weighbridge.chat.dialect import Asked, Stamp
from weighbridge.chat.openai_front.front_answer import logprobs_wire
from weighbridge.chat.request import Thought
from weighbridge.chat.responses.wire import NAME, Request
from weighbridge.chat.signatures import sealed

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def reasoning_item(id_: str, thought: Thought, status: str = "completed") -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": thought.id or id_,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thought.text}] if thought.text else [],
        "status": status,
    }
    proof = sealed(thought, NAME, one_place=True)
    return item | ({"encrypted_content": proof} if proof else {})


def message_item(id_: str, content: Sequence[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": id_, "type": "message", "status": status, "role": "assistant", "content": list(content)}


def text_part(text: str, logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    return part | ({"logprobs": logprobs_wire(logprobs)} if logprobs else {})


def refusal_part(text: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": text}


def call_item(id_: str, call_id: str, name: str, arguments: str, status: str = "completed") -> dict[str, Any]:
    return {
        "id": id_,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def status_of(finish: str | None) -> str:
    return "incomplete" if finish in INCOMPLETE else "completed"


def response(asked: Asked, stamp: Stamp) -> dict[str, Any]:
    """The object without its output, as at the beginning of a stream; repeats what was asked, as OpenAI does."""
    wire = asked.own
    assert isinstance(wire, Request)
    request = asked.request
    return {
        "id": f"resp_{stamp.id}",
        "object": "response",
        "created_at": stamp.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": wire.instructions,
        "max_output_tokens": wire.max_output_tokens,
        "model": stamp.model or request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": request.reasoning_effort, "summary": wire.reasoning and wire.reasoning.summary},
        "store": False,
        "temperature": wire.temperature,
        "text": _builtin(wire.text) if wire.text is not None else {"format": {"type": "text"}},
        "tool_choice": _builtin(wire.tool_choice) or "auto",
        "tools": [_builtin(tool) | {"strict": tool.strict, "parameters": tool.parameters} for tool in wire.tools or ()],
        "top_p": wire.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": wire.user,
        "metadata": request.metadata,
    }


def closed(
    opened: dict[str, Any], output: Sequence[dict[str, Any]], finish: str | None, usage: Usage | None
) -> dict[str, Any]:
    """The object at the end."""
    reason = INCOMPLETE.get(finish or "")
    return opened | {
        "status": status_of(finish),
        "incomplete_details": {"reason": reason} if reason else None,
        "output": list(output),
        "usage": usage_counts(usage),
    }


def usage_counts(usage: Usage | None) -> dict[str, Any] | None:
    """None where nothing was counted. Every count here must be a number, so one that is missing is 0."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    total, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": total,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": total + written,
    }


def _builtin(wire: Any) -> Any:
    return msgspec.to_builtins(wire)
