"""A whole canonical answer as an OpenAI chat completion or completion.

Reasoning is written under both names that clients look for, `reasoning_content` and `reasoning`; signed reasoning also
as `reasoning_details`, so that it can be given back unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weighbridge.chat.answer import Answer, TokenLogprob, Usage
from weighbridge.chat.dialect import Stamp
from weighbridge.chat.json_text import answer_json
from weighbridge.chat.reasoning_details import write_details
from weighbridge.chat.request import ToolCall

FINISHED = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def write_chat(answer: Answer, stamp: Stamp, model: str) -> bytes:
    refused = answer.finish == "refusal" and bool(answer.text)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused or (answer.tool_calls and not answer.text) else answer.text,
        "refusal": answer.text if refused else None,
    }
    if answer.reasoning:
        message |= {"reasoning_content": answer.reasoning, "reasoning": answer.reasoning}
    if answer.thoughts:
        message["reasoning_details"] = write_details(answer.thoughts)
    if answer.tool_calls:
        message["tool_calls"] = [call_wire(call) for call in answer.tool_calls]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs_wire(answer.logprobs), "refusal": None} if answer.logprobs else None,
        "finish_reason": "stop" if refused else finish_reason(answer.finish),
    }
    return answer_json(_head(stamp, "chatcmpl", "chat.completion", model) | _rest(choice, answer.usage))


def write_completion(answer: Answer, stamp: Stamp, model: str) -> bytes:
    choice = {
        "index": 0,
        "text": answer.text,
        "logprobs": listed_logprobs(answer.logprobs) if answer.logprobs else None,
        "finish_reason": finish_reason(answer.finish),
    }
    if answer.reasoning:
        choice["reasoning_content"] = answer.reasoning
    return answer_json(_head(stamp, "cmpl", "text_completion", model) | _rest(choice, answer.usage))


def _head(stamp: Stamp, prefix: str, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"{prefix}-{stamp.id}", "object": kind, "created": stamp.created, "model": model}


def _rest(choice: dict[str, Any], usage: Usage) -> dict[str, Any]:
    counts = usage_counts(usage)
    return {"choices": [choice]} | ({"usage": counts} if counts is not None else {})


def finish_reason(finish: str | None) -> str:
    return FINISHED.get(finish or "stop", "stop")


def usage_counts(usage: Usage | None) -> dict[str, Any] | None:
    """None where nothing was counted; a count that is missing is left out of the details and 0 in the totals, which
    must be numbers."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    prompt, completion = usage.input_tokens or 0, usage.output_tokens or 0
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    read = {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens}
    known = {name: tokens for name, tokens in read.items() if tokens is not None}
    if known:
        counts["prompt_tokens_details"] = known
    if usage.reasoning_tokens is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts


def call_wire(call: ToolCall) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature is not None:
        wire["extra_content"] = {"google": {"thought_signature": call.signature}}
    return wire


def logprobs_wire(logprobs: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    """As chat completions have them."""
    return [
        _token(each.token, each.logprob) | {"top_logprobs": [_token(token, at) for token, at in each.top.items()]}
        for each in logprobs
    ]


def listed_logprobs(logprobs: Sequence[TokenLogprob], offset: int = 0) -> dict[str, Any]:
    """As completions have them: lists side by side; `offset` in characters of the answer's text."""
    offsets = []
    for each in logprobs:
        offsets.append(offset)
        offset += len(each.token)
    return {
        "tokens": [each.token for each in logprobs],
        "token_logprobs": [each.logprob for each in logprobs],
        "top_logprobs": [each.top for each in logprobs],
        "text_offset": offsets,
    }


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
