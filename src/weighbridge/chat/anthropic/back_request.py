"""A canonical request as an Anthropic body.

Reasoning of earlier turns is taken back only with the signature Anthropic gave it; what others wrote or signed is
refused, or left out where the route says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from weighbridge.chat.anthropic import wire
from weighbridge.chat.anthropic.wire import NAME, Version
from weighbridge.chat.data_urls import inline_of
from weighbridge.chat.dialect import Sent
from weighbridge.chat.effort import tokens_of
from weighbridge.chat.json_text import arguments_object, as_bytes
from weighbridge.chat.request import CacheFor, ChatRequest, Image, Message, Text, ToolCall
from weighbridge.chat.sayable import NAMES, cannot_say, refuse_unsayable
from weighbridge.errors import CannotAsk

UNSAID = frozenset(
    {"prompt", "min_p", "seed", "frequency_penalty", "presence_penalty", "logprobs", "json_object", "image detail"}
    | {"n", "participant name", "service_tier", "metadata"}
)
CAN = frozenset(NAMES) - UNSAID
LEAST_BUDGET = 1024
NOT_SINCE_2026 = frozenset({"temperature", "top_p", "top_k"})

_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class Terms:
    """How one backend of this dialect wants what the dialect leaves open."""

    max_tokens: int = 4096
    """Where the request has no limit; this wire must have one."""
    effort: Literal["output_config", "budget"] = "output_config"
    """Newer models take a word of effort, older ones a budget of tokens."""
    foreign_reasoning: Literal["refuse", "leave_out"] = "refuse"
    """What becomes of earlier reasoning that Anthropic did not sign."""
    version: Version = "2023-06-01"
    """The newer version refuses temperature, top_p and top_k."""


def write_request(request: ChatRequest, terms: Terms, *, stream: bool, counting: bool = False) -> Sent:
    """CannotAsk names what this wire cannot say."""
    can = CAN - NOT_SINCE_2026 if terms.version == "2026-10-21" else CAN
    left_out = list(refuse_unsayable(request, NAME, can))
    system, rest = _split(request.messages)
    writer = _Turns(terms)
    turns = writer.write(rest)
    thinking, output = _reasoning(request, terms)
    budget = thinking.budget_tokens or 0 if thinking is not None else 0
    body = wire.Request(
        model=request.model,
        messages=turns,
        max_tokens=None if counting else _limit(request, terms, budget),
        system=_system(system),
        tools=[_tool(tool) for tool in request.tools] or None,
        tool_choice=_choice(request),
        stop_sequences=None if counting else list(request.sampling.stop) or None,
        stream=True if stream else None,
        temperature=None if counting else request.sampling.temperature,
        top_k=None if counting else request.sampling.top_k,
        top_p=None if counting else request.sampling.top_p,
        thinking=thinking,
        output_config=output,
        metadata=None if counting or request.user is None else wire.Metadata(request.user),
        service_tier=None if counting else _tier(request.service_tier),
    )
    left_out += ["foreign reasoning"] if writer.left_out else []
    path = "messages/count_tokens" if counting else "messages"
    headers = (("anthropic-version", terms.version),)
    return Sent(path, _with_extra(body, request), headers, tuple(left_out))


def _split(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The system's messages before all others, and the rest."""
    if not messages:
        raise CannotAsk("a conversation needs at least one message")
    first = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    return messages[:first], messages[first:]


def _system(messages: tuple[Message, ...]) -> str | list[wire.TextBlock] | None:
    if not messages:
        return None
    if len(messages) == 1 and isinstance(messages[0].content, str):
        return messages[0].content
    out = []
    for message in messages:
        for block in _blocks(message):
            if not isinstance(block, wire.TextBlock):
                raise CannotAsk("the system's message holds an image, which this dialect takes from users only")
            out.append(block)
    return out


class _Turns:
    """Messages as turns: results of tools, and what the user says after them, make one turn."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.left_out = False

    def write(self, messages: tuple[Message, ...]) -> list[wire.Turn]:
        turns: list[wire.Turn] = []
        results: list[wire.Block] = []
        for message in messages:
            if message.role == "tool":
                results.append(_result(message))
                continue
            if results:
                said = _blocks(message) if message.role == "user" else []
                turns.append(wire.Turn("user", [*results, *said]))
                results = []
                if said:
                    continue
            turns.append(self._turn(message))
        return [*turns, wire.Turn("user", list(results))] if results else turns

    def _turn(self, message: Message) -> wire.Turn:
        if message.role == "assistant":
            return wire.Turn("assistant", self._assistant(message))
        assert message.role != "tool"
        if isinstance(message.content, str) and message.cache is None:
            return wire.Turn(message.role, message.content)
        return wire.Turn(message.role, list(_marked(_blocks(message), message.cache)))

    def _assistant(self, message: Message) -> str | list[wire.Block]:
        thoughts = self._thoughts(message)
        if not thoughts and not message.tool_calls and isinstance(message.content, str) and message.cache is None:
            return message.content
        blocks: list[wire.Block] = [*thoughts, *_blocks(message), *(_call(call) for call in message.tool_calls)]
        return _marked(blocks, message.cache)

    def _thoughts(self, message: Message) -> list[wire.Block]:
        own = [t for t in message.thoughts if t.signed_by == NAME]
        if len(own) < len(message.thoughts) or (message.reasoning and not message.thoughts):
            if self._terms.foreign_reasoning == "refuse":
                raise CannotAsk(
                    "an earlier answer's reasoning is not signed by Anthropic, and this dialect takes back no other",
                    next_move="Give back `reasoning_details` as they came, or leave the reasoning out of the history.",
                )
            self.left_out = True
        return [
            wire.RedactedBlock(t.redacted) if t.redacted is not None else wire.ThinkingBlock(t.text, t.signature or "")
            for t in own
        ]


def _blocks(message: Message) -> list[wire.Block]:
    if isinstance(message.content, str):
        return [wire.TextBlock(message.content)] if message.content else []
    return [_part(part) for part in message.content]


def _part(part: Text | Image) -> wire.TextBlock | wire.ImageBlock:
    if isinstance(part, Text):
        return wire.TextBlock(part.text, _cache(part.cache))
    inline = inline_of(part)
    source = wire.UrlSource(part.url) if inline is None else wire.Base64Source(inline.media_type, inline.base64)
    return wire.ImageBlock(source, _cache(part.cache))


def _result(message: Message) -> wire.ToolResultBlock:
    if message.tool_call_id is None:
        raise CannotAsk("a message of the role `tool` needs the id of the call it answers")
    if isinstance(message.content, str):
        content: Any = message.content
    else:
        content = [_part(part) for part in message.content]
    failed = True if message.failed else None
    return wire.ToolResultBlock(_id(message.tool_call_id), content, failed, _cache(message.cache))


def _call(call: ToolCall) -> wire.ToolUseBlock:
    return wire.ToolUseBlock(_id(call.id), call.name, arguments_object(call, NAME))


def _marked(blocks: list[wire.Block], cache: CacheFor | None) -> list[wire.Block]:
    """The blocks, the last one with the mark; blocks of reasoning cannot have one."""
    if cache is not None and blocks and not isinstance(blocks[-1], (wire.ThinkingBlock, wire.RedactedBlock)):
        blocks[-1].cache_control = _cache(cache)
    return blocks


def _id(id_: str) -> str:
    """Ids of other servers' calls (`functions.weather:0`) in the letters this one takes."""
    return _BAD_ID.sub("_", id_)


def _cache(cache: CacheFor | None) -> wire.Cache | None:
    return None if cache is None else wire.Cache("ephemeral", None if cache == "5m" else cache)


def _tool(tool: Any) -> wire.Tool:
    return wire.Tool(
        tool.name,
        tool.parameters,
        tool.description or None,
        strict=tool.strict,
        cache_control=_cache(tool.cache),
    )


def _choice(request: ChatRequest) -> Any:
    names = [tool.name for tool in request.tools]
    choice, parallel = request.tool_choice, request.parallel_calls
    alone = None if parallel is None else not parallel
    if not names:
        if choice not in ("auto", "none"):
            raise CannotAsk(f"tool_choice is {choice!r}, but there are no tools")
        return None
    if choice == "auto":
        return wire.AutoChoice(alone) if alone is not None else None
    if choice == "none":
        return wire.NoChoice()
    if choice == "required":
        return wire.AnyChoice(alone)
    if choice not in names:
        raise CannotAsk(f"tool_choice names {choice!r}, which is not among the tools {names}")
    return wire.ToolChoice(choice, alone)


def _reasoning(request: ChatRequest, terms: Terms) -> tuple[wire.Thinking | None, wire.OutputConfig | None]:
    effort, budget = request.reasoning_effort, request.reasoning_tokens
    display: Any = {None: None, True: "summarized", False: "omitted"}[request.show_reasoning]
    format_ = None if request.schema is None else wire.Format("json_schema", request.schema)
    if request.thinks is False or effort == "none":
        return wire.Thinking("disabled"), wire.OutputConfig(None, format_) if format_ else None
    if effort is not None and terms.effort == "budget" and budget is None:
        budget, effort = tokens_of(effort), None
    if effort not in (None, "low", "medium", "high", "xhigh", "max"):
        raise cannot_say(NAME, f"reasoning_effort = {effort}")
    if budget is not None and budget < LEAST_BUDGET:
        raise cannot_say(NAME, "reasoning budget", f"{budget} tokens; it takes {LEAST_BUDGET} at least")
    thinking = None
    if budget is not None:
        thinking = wire.Thinking("enabled", budget, display)
    elif request.thinks or effort is not None:
        thinking = wire.Thinking("adaptive", None, display)
    words: Any = effort
    return thinking, wire.OutputConfig(words, format_) if words or format_ else None


def _limit(request: ChatRequest, terms: Terms, budget: int) -> int:
    """The limit holds reasoning and answer; without one, there is room for both."""
    given = request.sampling.max_tokens
    return terms.max_tokens + budget if given is None else given


def _tier(tier: str | None) -> Any:
    return {None: None, "auto": "auto", "default": "standard_only"}[tier]


def _with_extra(body: wire.Request, request: ChatRequest) -> bytes:
    """Fields that were configured for this backend; those of other dialects are refused before."""
    if not request.extra or request.extra_from:
        return as_bytes(body)
    fields: dict[str, Any] = msgspec.to_builtins(body)
    for name in request.extra:
        if name in fields or name in ("messages", "stream"):
            raise CannotAsk(f"`extra` sets {name!r}, which the request sets already", next_move="Set it in one place.")
    return as_bytes(fields | request.extra)
