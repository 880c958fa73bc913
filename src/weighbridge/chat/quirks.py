"""What a model family wants that its dialect leaves open: read from quirks.toml, applied to a request.

    quirks = quirks_of("moonshotai/Kimi-K2.6", host="api.moonshot.ai")
    spelling = spelled(Spelling(), quirks)
    fitted = fit(request, quirks)        # CannotAsk for what the model refuses, or changed where the route forces it

Nothing is guessed: a model or a host that no entry names has no quirks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from weighbridge.chat.openai_wire import ReasoningSwitch, Spelling
from weighbridge.chat.request import ChatRequest, Message, Sampling
from weighbridge.errors import CannotAsk

Thinks = Literal["on", "off", "always", "never"]
"""By default: `on` and `off` can be switched, the others cannot."""
PromptKind = Literal["structured", "conversational"]
Returns = Literal["reasoning", "reasoning_content", "reasoning_details", "content_parts", "think_tags"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NINE = re.compile(r"[a-zA-Z0-9]{9}")


class Quirk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of quirks.toml; None and empty say nothing."""

    family: str
    models: tuple[str, ...]
    served: Literal["anywhere", "weights"] | tuple[str, ...]
    source: str
    read: str
    doubt: str | None = None
    switch: ReasoningSwitch | None = None
    efforts: tuple[str, ...] | None = None
    soft_switch: bool | None = None
    """Whether `/think` and `/no_think` in the user's words switch it too."""
    thinks: Thinks | None = None
    template_opens: bool | None = None
    """Whether the template writes the opening tag of the reasoning, so that only the closing one is in the text."""
    returns: Returns | None = None
    """Where its reasoning is found in an answer."""
    reasoning_back: Literal["always", "with_tools"] | None = None
    """When reasoning of earlier turns must be sent back."""
    system: Literal["first_user"] | None = None
    prompt: PromptKind | None = None
    """The kind of system text it is said to follow best."""
    fixed: dict[str, float] | None = None
    """Values of sampling that cannot be changed."""
    fixed_while_thinking: dict[str, float] | None = None
    ignored_while_thinking: tuple[str, ...] | None = None
    """Taken without an error and without effect: to be refused here, for nobody else would say so."""
    above_zero_to_one: tuple[str, ...] | None = None
    parallel_calls: bool | None = None
    call_ids: Literal["nine_letters"] | None = None
    max_tokens: Literal["max_tokens", "max_completion_tokens"] | None = None
    renames: dict[str, str] | None = None
    adds: dict[str, Any] | None = None
    text_parts: Literal["join"] | None = None
    tool_parser: str | None = None
    """vLLM's name for how it writes tool calls."""


ABOUT = frozenset({"family", "models", "served", "source", "read", "doubt"})
"""Fields that say where an entry comes from and when it holds."""


class Fitted(msgspec.Struct, frozen=True):
    request: ChatRequest
    changed: tuple[str, ...] = ()
    """What was changed or left out so that the model takes the request, in words."""


class _File(msgspec.Struct):
    quirk: tuple[Quirk, ...]


@cache
def entries() -> tuple[Quirk, ...]:
    """All that is known."""
    text = files("weighbridge.chat").joinpath("quirks.toml").read_bytes()
    return msgspec.toml.decode(text, type=_File).quirk


def quirks_of(model: str, host: str = "", known: Sequence[Quirk] | None = None) -> dict[str, Any]:
    """What holds for a model at a host: field of Quirk to value, later entries over earlier ones.

    `host` is the name in the backend's address; any that is not a vendor's own runs the weights.
    """
    known = entries() if known is None else known
    name = model.rpartition("/")[2]
    vendors = {each for quirk in known if isinstance(quirk.served, tuple) for each in quirk.served}
    out: dict[str, Any] = {}
    for quirk in known:
        if _serves(quirk, host, vendors) and any(re.search(each, name, re.IGNORECASE) for each in quirk.models):
            out |= {
                field: value
                for field in Quirk.__struct_fields__
                if field not in ABOUT and (value := getattr(quirk, field)) is not None
            }
    return out


def spelled(base: Spelling, quirks: dict[str, Any]) -> Spelling:
    """How a request to that model is written."""
    changes: dict[str, Any] = {}
    for field, name in (("switch", "reasoning_switch"), ("efforts", "efforts"), ("system", "system")):
        if field in quirks:
            changes[name] = quirks[field]
    for field in ("max_tokens", "text_parts"):
        if field in quirks:
            changes[field] = quirks[field]
    for field in ("renames", "adds"):
        if field in quirks:
            changes[field] = tuple(sorted(quirks[field].items()))
    if quirks.get("template_opens"):
        changes["thinking"] = "inside"
    if quirks.get("returns") == "reasoning_details":
        changes["reasoning_details"] = True
    return replace(base, **changes)


def fit(request: ChatRequest, quirks: dict[str, Any], *, force: bool = False) -> Fitted:
    """The request as the model takes it. What it refuses, or would ignore, is a CannotAsk that names it; with `force`
    it is changed or left out, and `changed` says so."""
    if not quirks:
        return Fitted(request)
    changed: list[str] = []
    sampling = _sampling(request, quirks, changed, force)
    if quirks.get("parallel_calls") is False:
        _check_single_calls(request.messages)
    messages = _nine_letters(request.messages) if "call_ids" in quirks else request.messages
    return Fitted(msgspec.structs.replace(request, sampling=sampling, messages=messages), tuple(changed))


def thinking(request: ChatRequest, quirks: dict[str, Any]) -> bool:
    """Whether the model will reason over this request."""
    default = quirks.get("thinks", "never")
    if default in ("always", "never"):
        return bool(default == "always")
    if request.thinks is not None or request.reasoning_effort == "none":
        return bool(request.thinks)
    return bool(request.reasoning_effort or request.reasoning_tokens or default == "on")


def _sampling(request: ChatRequest, quirks: dict[str, Any], changed: list[str], force: bool) -> Sampling:
    thinks = thinking(request, quirks)
    fixed = dict(quirks.get("fixed", {})) | (quirks.get("fixed_while_thinking", {}) if thinks else {})
    wrong: dict[str, str] = {}
    for name, value in fixed.items():
        given = getattr(request.sampling, name)
        if given is not None and given != value:
            wrong[name] = f"`{name}` is {given:g}; this model takes {value:g} only"
    for name in quirks.get("ignored_while_thinking", ()) if thinks else ():
        if getattr(request.sampling, name) is not None:
            wrong[name] = f"`{name}` has no effect on this model while it reasons"
    for name in quirks.get("above_zero_to_one", ()):
        given = getattr(request.sampling, name)
        if given is not None and not 0 < given <= 1:
            wrong[name] = f"`{name}` is {given:g}; this model takes more than 0 and at most 1"
    if wrong and not force:
        raise CannotAsk(
            "; ".join(wrong.values()), next_move="Leave it out, or let the route force what the model takes."
        )
    changed += [f"{what}: left out" for what in wrong.values()]
    return msgspec.structs.replace(request.sampling, **dict.fromkeys(wrong))


def _check_single_calls(messages: Sequence[Message]) -> None:
    for at, message in enumerate(messages):
        if len(message.tool_calls) > 1:
            count = len(message.tool_calls)
            raise CannotAsk(f"messages[{at}] calls {count} tools at once, and this model's template takes one a turn")


def _nine_letters(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Ids of calls and results in the only shape Mistral's models take; the same id stays the same."""
    return tuple(
        msgspec.structs.replace(
            message,
            tool_calls=tuple(msgspec.structs.replace(call, id=nine_letters(call.id)) for call in message.tool_calls),
            tool_call_id=None if message.tool_call_id is None else nine_letters(message.tool_call_id),
        )
        if message.tool_calls or message.tool_call_id is not None
        else message
        for message in messages
    )


def nine_letters(id_: str) -> str:
    """The id itself where it is one; else nine letters and digits that depend on it alone."""
    if _NINE.fullmatch(id_):
        return id_
    number = int.from_bytes(hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    out = ""
    for _ in range(9):
        number, place = divmod(number, len(_LETTERS))
        out += _LETTERS[place]
    return out


def _serves(quirk: Quirk, host: str, vendors: set[str]) -> bool:
    if quirk.served == "anywhere":
        return True
    at_vendor = any(host == each or host.endswith(f".{each}") for each in vendors)
    if quirk.served == "weights":
        return not at_vendor
    return any(host == each or host.endswith(f".{each}") for each in quirk.served)
