"""What a request may ask for, one word each, so that a back refuses by name what its wire cannot say.

A back lists the words it can say; everything else that a request uses is a CannotAsk. `docs/dialects.md` is made of
the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.chat.request import ChatRequest, Image
from weighbridge.errors import CannotAsk


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    """As the refusal says it."""
    used: Callable[[ChatRequest], bool]
    hint: bool = False
    """Changes no answer: left out with a note instead of being refused."""


def _marks(request: ChatRequest) -> bool:
    return any(
        message.cache or (type(message.content) is tuple and any(part.cache for part in message.content))
        for message in request.messages
    ) or any(tool.cache for tool in request.tools)


def _images(request: ChatRequest, test: Callable[[Image], bool]) -> bool:
    return any(
        type(part) is Image and test(part)
        for message in request.messages
        if type(message.content) is tuple
        for part in message.content
    )


FEATURES = (
    Feature("prompt", lambda r: r.prompt is not None),
    Feature("max_tokens", lambda r: r.sampling.max_tokens is not None),
    Feature("temperature", lambda r: r.sampling.temperature is not None),
    Feature("top_p", lambda r: r.sampling.top_p is not None),
    Feature("top_k", lambda r: r.sampling.top_k is not None),
    Feature("min_p", lambda r: r.sampling.min_p is not None),
    Feature("seed", lambda r: r.sampling.seed is not None),
    Feature("stop", lambda r: bool(r.sampling.stop)),
    Feature("frequency_penalty", lambda r: r.sampling.frequency_penalty is not None),
    Feature("presence_penalty", lambda r: r.sampling.presence_penalty is not None),
    Feature("logprobs", lambda r: r.logprobs is not None),
    Feature("schema", lambda r: r.schema is not None),
    Feature("json_object", lambda r: r.any_json),
    Feature("tools", lambda r: bool(r.tools)),
    Feature("tool_choice", lambda r: r.tool_choice not in ("auto", "none")),
    Feature("parallel_tool_calls = false", lambda r: r.parallel_calls is False),
    Feature("strict tools", lambda r: any(tool.strict for tool in r.tools)),
    Feature("images", lambda r: _images(r, lambda _: True)),
    Feature("image URL", lambda r: _images(r, lambda image: image.url[:5].lower() != "data:")),
    Feature("image detail", lambda r: _images(r, lambda image: image.detail not in (None, "auto"))),
    Feature("reasoning_effort", lambda r: r.reasoning_effort is not None),
    Feature("reasoning budget", lambda r: r.reasoning_tokens is not None),
    Feature("reasoning on or off", lambda r: r.thinks is not None),
    Feature("reasoning shown or not", lambda r: r.show_reasoning is not None, hint=True),
    Feature("prefill", lambda r: r.continues),
    Feature("n", lambda r: r.n != 1),
    Feature("participant name", lambda r: any(m.name for m in r.messages if m.role != "tool")),
    Feature("failed tool result", lambda r: any(m.failed for m in r.messages), hint=True),
    Feature("service_tier", lambda r: r.service_tier not in (None, "auto", "default")),
    Feature("cache_control", _marks, hint=True),
    Feature("user", lambda r: r.user is not None, hint=True),
    Feature("metadata", lambda r: bool(r.metadata), hint=True),
)
"""`failed tool result` is a hint because the result's text says what went wrong."""
NAMES = tuple(feature.name for feature in FEATURES)
HINTS = frozenset(feature.name for feature in FEATURES if feature.hint)

LOADING = (
    *("numa", "num_ctx", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "vocab_only", "use_mmap"),
    *("use_mlock", "num_thread", "num_keep"),
)
"""Ollama's options that say how weights are loaded, which nobody but Ollama does at a client's word."""
HINT_FIELDS = frozenset(
    {"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store", "keep_alive"}
    | {f"options.{name}" for name in LOADING}
)
"""Fields of one dialect only that change no answer: where it is cached or kept, who asked, how a model is loaded."""


def refuse_unsayable(request: ChatRequest, dialect: str, can: frozenset[str]) -> tuple[str, ...]:
    """Raise CannotAsk for the first thing `can` does not hold; give the hints that are left out."""
    left_out = []
    for feature in FEATURES:
        if feature.name not in can and feature.used(request):
            if not feature.hint:
                raise cannot_say(dialect, feature.name)
            left_out.append(feature.name)
    if request.extra and request.extra_from and request.extra_from != dialect:
        for name in request.extra:
            if name not in HINT_FIELDS:
                raise cannot_say(dialect, name)
            left_out.append(name)
    return tuple(left_out)


def cannot_say(dialect: str, name: str, why: str = "") -> CannotAsk:
    return CannotAsk(
        f"`{name}` cannot be said in the dialect {dialect!r} that this model's backend speaks{why and f': {why}'}",
        next_move="Leave it out, or ask for a model whose backend has it.",
    )
