"""Anthropic messages on the wire: the shapes both sides of the dialect share.

Unknown fields are forbidden in requests (they are refused by name) and ignored in answers.
Source: https://docs.anthropic.com/en/api/messages, and the types of Anthropic's SDK 2.12 (2026-11).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

NAME = "anthropic"
Version = Literal["2023-06-01", "2026-10-21"]
"""Values of the header `anthropic-version`. The newer one has no temperature, top_p and top_k, no documents in an
assistant's turn and no citations in a user's; answers are alike
(https://platform.claude.com/docs/en/api/migration-2026-10-21, read 2026-11-22). Clients may speak either."""
EMPTY = msgspec.Raw(b"{}")

Effort = Literal["low", "medium", "high", "xhigh", "max"]


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what requests are made of."""


class Cache(Strict):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(Strict, tag_field="type", tag="text"):
    text: str
    cache_control: Cache | None = None
    citations: tuple[()] | None = None


class Base64Source(Strict, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(Strict, tag_field="type", tag="url"):
    url: str


class ImageBlock(Strict, tag_field="type", tag="image"):
    source: Base64Source | UrlSource
    cache_control: Cache | None = None


class ThinkingBlock(Strict, tag_field="type", tag="thinking"):
    thinking: str
    signature: str = msgspec.field(default_factory=str)
    """Always written, also when it is empty."""


class RedactedBlock(Strict, tag_field="type", tag="redacted_thinking"):
    data: str


class DirectCaller(Strict, tag_field="type", tag="direct"):
    pass


class ToolUseBlock(Strict, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw
    cache_control: Cache | None = None
    caller: DirectCaller | None = None


class ToolResultBlock(Strict, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock] | None = None
    is_error: bool | None = None
    cache_control: Cache | None = None


Block = TextBlock | ImageBlock | ThinkingBlock | RedactedBlock | ToolUseBlock | ToolResultBlock


class Turn(Strict):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Strict):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: Cache | None = None
    eager_input_streaming: bool | None = None
    """Arguments are always passed on as they come."""
    defer_loading: Literal[False] | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    """The model itself; there are no others here."""


class AutoChoice(Strict, tag_field="type", tag="auto"):
    disable_parallel_tool_use: bool | None = None


class AnyChoice(Strict, tag_field="type", tag="any"):
    disable_parallel_tool_use: bool | None = None


class ToolChoice(Strict, tag_field="type", tag="tool"):
    name: str
    disable_parallel_tool_use: bool | None = None


class NoChoice(Strict, tag_field="type", tag="none"):
    pass


class Thinking(Strict):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class Format(Strict):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Strict):
    effort: Effort | None = None
    format: Format | None = None


class Metadata(Strict):
    user_id: str | None = None


class AllThinking(Strict):
    type: Literal["all"]


class KeepThinking(Strict):
    """The one edit of a context that changes nothing: earlier reasoning stays. Agents send it of their own accord."""

    type: Literal["clear_thinking_20251015"]
    keep: Literal["all"] | AllThinking


class ContextManagement(Strict):
    edits: list[KeepThinking] = []


class Request(Strict):
    """Body of `/v1/messages`; without `max_tokens`, also of `/v1/messages/count_tokens`."""

    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: str | list[TextBlock] | None = None
    tools: list[Tool] | None = None
    tool_choice: AutoChoice | AnyChoice | ToolChoice | NoChoice | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    cache_control: Cache | None = None
    speed: Literal["standard"] | None = None
    context_management: ContextManagement | None = None
    container: None = None
    inference_geo: None = None
    mcp_servers: tuple[()] | None = None


class OutputDetails(msgspec.Struct):
    thinking_tokens: Any = None


class Usage(msgspec.Struct, omit_defaults=True):
    """Of an answer. `input_tokens` holds neither what was read from the cache nor what was written to it; the whole
    prompt is the sum of the three."""

    input_tokens: Any = None
    output_tokens: Any = None
    cache_creation_input_tokens: Any = None
    cache_read_input_tokens: Any = None
    output_tokens_details: OutputDetails | None = None
