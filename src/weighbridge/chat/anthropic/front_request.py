"""A client's Anthropic request as the canonical one.

Results of tools, which travel in a user's turn, become messages of their own. Signatures that another dialect's
backend gave carry its name (`gemini:...`), so that each goes back to the one who signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from weighbridge.chat.anthropic.wire import (
    NAME,
    AnyChoice,
    AutoChoice,
    Block,
    Cache,
    ImageBlock,
    NoChoice,
    RedactedBlock,
    Request,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    UrlSource,
)
from weighbridge.chat.data_urls import Inline
from weighbridge.chat.reading import read_body
from weighbridge.chat.request import (
    CacheFor,
    ChatRequest,
    Image,
    Message,
    Sampling,
    Text,
    Thought,
    ToolCall,
)
from weighbridge.chat.request import Tool as CanonicalTool
from weighbridge.chat.signatures import is_of_call, opened
from weighbridge.errors import RequestError

_decoder = msgspec.json.Decoder(Request)


def read_request(body: bytes, *, counting: bool = False) -> tuple[ChatRequest, bool]:
    """(the request, whether a stream is asked for). RequestError names the field that is wrong or cannot be carried.

    `counting` is for count_tokens, which has no `max_tokens`.
    """
    wire = read_body(_decoder, body)
    if wire.max_tokens is None and not counting:
        raise RequestError("`max_tokens` is missing", field="max_tokens")
    if not wire.messages:
        raise RequestError("`messages` is empty: a conversation needs at least one message", field="messages")
    return _canonical(wire), bool(wire.stream)


def _canonical(wire: Request) -> ChatRequest:
    messages = [*_system(wire.system), *(m for at, turn in enumerate(wire.messages) for m in _messages(turn, at))]
    if wire.cache_control is not None:
        messages[-1] = msgspec.structs.replace(messages[-1], cache=_cache(wire.cache_control))
    output = wire.output_config
    choice, parallel = _choice(wire)
    format_ = output.format if output is not None else None
    return ChatRequest(
        model=wire.model,
        messages=tuple(messages),
        sampling=Sampling(
            max_tokens=wire.max_tokens,
            temperature=wire.temperature,
            top_p=wire.top_p,
            top_k=wire.top_k,
            stop=tuple(wire.stop_sequences or ()),
        ),
        schema=format_.schema if format_ is not None else None,
        tools=tuple(_tool(tool) for tool in wire.tools or ()),
        tool_choice=choice,
        parallel_calls=parallel,
        reasoning_effort=output.effort if output is not None else None,
        continues=wire.messages[-1].role == "assistant",
        user=wire.metadata.user_id if wire.metadata is not None else None,
        service_tier={None: None, "auto": "auto", "standard_only": "default"}[wire.service_tier],
        **_thinking(wire),
    )


def _system(system: str | list[TextBlock] | None) -> Iterator[Message]:
    if system:
        yield Message(role="system", content=system if isinstance(system, str) else _content(system))


def _messages(turn: Turn, at: int) -> Iterator[Message]:
    if isinstance(turn.content, str):
        yield Message(role=turn.role, content=turn.content)
    elif turn.role == "assistant":
        yield _assistant(turn.content, at)
    else:
        yield from _user(turn, turn.content, at)


def _user(turn: Turn, blocks: list[Block], at: int) -> Iterator[Message]:
    """Results of tools each as a message, and what stands between them as others, in the order they come."""
    said: list[TextBlock | ImageBlock] = []
    for place, block in enumerate(blocks):
        if isinstance(block, (TextBlock, ImageBlock)):
            said.append(block)
        elif isinstance(block, ToolResultBlock) and turn.role == "user":
            if said:
                yield Message(role="user", content=_content(said))
                said = []
            yield _result(block)
        else:
            raise _misplaced(turn.role, block, at, place)
    if said or not blocks:
        yield Message(role=turn.role, content=_content(said))


def _result(block: ToolResultBlock) -> Message:
    content = block.content or ""
    return Message(
        role="tool",
        content=content if isinstance(content, str) else _content(content),
        tool_call_id=block.tool_use_id,
        failed=bool(block.is_error),
        cache=_cache(block.cache_control),
    )


def _assistant(blocks: list[Block], at: int) -> Message:
    """One message: thoughts, text, calls. A mark on a call marks the end of the turn."""
    texts: list[TextBlock | ImageBlock] = []
    thoughts: list[Thought] = []
    calls: list[ToolCall] = []
    cache: CacheFor | None = None
    proof: str | None = None
    for place, block in enumerate(blocks):
        if isinstance(block, TextBlock):
            texts.append(block)
        elif isinstance(block, ThinkingBlock):
            thought = opened(block.thinking, block.signature, NAME)
            if is_of_call(thought):
                proof = thought.signature
            else:
                thoughts.append(thought)
        elif isinstance(block, RedactedBlock):
            thoughts.append(opened("", block.data, NAME, redacted=True))
        elif isinstance(block, ToolUseBlock):
            calls.append(ToolCall(block.id, block.name, bytes(block.input).decode(), proof))
            proof = None
            cache = _cache(block.cache_control) or cache
        else:
            raise _misplaced("assistant", block, at, place)
    reasoning = "".join(thought.text for thought in thoughts)
    proven = any(thought.signature or thought.redacted for thought in thoughts)
    return Message(
        role="assistant",
        content=_content(texts),
        reasoning=reasoning or None,
        thoughts=tuple(thoughts) if proven else (),
        tool_calls=tuple(calls),
        cache=cache,
    )


def _content(blocks: list[TextBlock] | list[TextBlock | ImageBlock]) -> str | tuple[Text | Image, ...]:
    """A string where that says all."""
    if not blocks:
        return ""
    if len(blocks) == 1 and isinstance(blocks[0], TextBlock) and blocks[0].cache_control is None:
        return blocks[0].text
    return tuple(_part(block) for block in blocks)


def _part(block: TextBlock | ImageBlock) -> Text | Image:
    cache = _cache(block.cache_control)
    if isinstance(block, TextBlock):
        return Text(block.text, cache)
    source = block.source
    url = source.url if isinstance(source, UrlSource) else Inline(source.media_type, source.data).url
    return Image(url, cache=cache)


def _cache(cache: Cache | None) -> CacheFor | None:
    return None if cache is None else cache.ttl or "5m"


def _tool(tool: Tool) -> CanonicalTool:
    return CanonicalTool(tool.name, tool.input_schema, tool.description or "", tool.strict, _cache(tool.cache_control))


def _choice(wire: Request) -> tuple[str, bool | None]:
    """(tool_choice, parallel_calls)"""
    choice = wire.tool_choice
    if choice is None:
        return "auto", None
    if isinstance(choice, NoChoice):
        return "none", None
    alone = choice.disable_parallel_tool_use
    parallel = None if alone is None else not alone
    if isinstance(choice, ToolChoice):
        if choice.name not in [tool.name for tool in wire.tools or ()]:
            raise RequestError(f"`tool_choice.name` {choice.name!r} is not among the tools", field="tool_choice.name")
        return choice.name, parallel
    assert isinstance(choice, (AutoChoice, AnyChoice))
    return ("required" if isinstance(choice, AnyChoice) else "auto"), parallel


def _thinking(wire: Request) -> dict[str, Any]:
    thinking = wire.thinking
    if thinking is None:
        return {}
    if (thinking.type == "enabled") != (thinking.budget_tokens is not None):
        raise RequestError("`thinking.budget_tokens` belongs to the type `enabled`", field="thinking.budget_tokens")
    shown = None if thinking.display is None else thinking.display == "summarized"
    return {
        "thinks": thinking.type != "disabled",
        "reasoning_tokens": thinking.budget_tokens,
        "show_reasoning": shown,
    }


def _misplaced(role: str, block: Block, at: int, place: int) -> RequestError:
    field = f"messages[{at}].content[{place}]"
    kind = block.__struct_config__.tag
    return RequestError(f"`{field}`: a turn of the role {role!r} cannot hold a block of the type {kind!r}", field=field)
