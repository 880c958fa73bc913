"""How an OpenAI-compatible backend is told to reason, or not to.

A request may say it in three ways: on or off, a word of effort, a budget of tokens. Few models know all three: where
one knows only on and off, a word or a budget is refused, or rounded to "on" if the route says so.
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
        _check_word(effort, spelling)
        return {"reasoning_effort": effort}
    if switch == "none":
        wanted = "asked for" if on else "switched off"
        raise CannotAsk(f"this model's reasoning cannot be {wanted}: it has no switch for it")
    fields = _switched(switch, on)
    if on and has_degree(request):
        if spelling.efforts is not None:
            _check_word(effort, spelling)
            fields["reasoning_effort"] = effort
        elif spelling.degrees == "refuse":
            raise CannotAsk(
                "this model can reason or not, and no more or less than that: "
                "`reasoning_effort` and a budget cannot be carried to it",
                next_move="Ask for reasoning without a degree, or let the route round degrees to on.",
            )
    return fields


def has_degree(request: ChatRequest) -> bool:
    """Whether it says how much, not only whether."""
    return request.reasoning_tokens is not None or request.reasoning_effort not in (None, "none")


def _switched(switch: str, on: bool) -> dict[str, Any]:
    if switch == "enable_thinking_field":
        return {"enable_thinking": on}
    if switch in ("thinking_type", "thinking_adaptive"):
        word = "adaptive" if switch == "thinking_adaptive" else "enabled"
        return {"thinking": {"type": word if on else "disabled"}}
    return {"chat_template_kwargs": {switch: on}}


def _check_word(effort: str, spelling: Spelling) -> None:
    if spelling.efforts is not None and effort not in spelling.efforts:
        known = ", ".join(spelling.efforts)
        raise CannotAsk(f"`reasoning_effort` is {effort!r}; this model knows: {known}")


def _effort(request: ChatRequest) -> str | None:
    """One word for what the request says; None where it says nothing."""
    if request.thinks is False:
        return "none"
    if request.reasoning_effort is not None:
        return request.reasoning_effort
    if request.reasoning_tokens is not None:
        return word_of(request.reasoning_tokens)
    return "medium" if request.thinks else None
