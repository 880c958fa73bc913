"""How an OpenAI-compatible backend is told to reason, or not to.

A request may say it in three ways: on or off, a word of effort, a budget of tokens. Few servers know all three: a
budget becomes the word that holds it, or plain "on".
"""

from __future__ import annotations

from typing import Any

from weighbridge.chat.effort import word_of
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.request import ChatRequest
from weighbridge.errors import CannotAsk


def reasoning_fields(request: ChatRequest, spelling: Spelling) -> dict[str, Any]:
    """Only what was asked for. CannotAsk where the model cannot be told."""
    effort = _effort(request)
    if effort is None:
        return {}
    switch, on = spelling.reasoning_switch, effort != "none"
    if switch == "effort":
        return {"reasoning_effort": effort}
    if switch == "none":
        wanted = "asked for" if on else "switched off"
        raise CannotAsk(f"this model's reasoning cannot be {wanted}: it has no switch for it")
    if switch == "thinking_type":
        return {"thinking": {"type": "enabled" if on else "disabled"}}
    return {"chat_template_kwargs": {switch: on}}


def _effort(request: ChatRequest) -> str | None:
    """One word for what the request says; None where it says nothing."""
    if request.thinks is False:
        return "none"
    if request.reasoning_effort is not None:
        return request.reasoning_effort
    if request.reasoning_tokens is not None:
        return word_of(request.reasoning_tokens)
    return "medium" if request.thinks else None
