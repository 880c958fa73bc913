"""OpenAI chat completions and completions on the wire, as clients send them.

Fields of the body that are not here are not refused but kept in `extra`: servers of this dialect know many more
(`chat_template_kwargs`, `logit_bias`, ...). Inside messages and tools an unknown field is refused by name.
Source: https://platform.openai.com/docs/api-reference/chat, and the types of OpenAI's SDK 3.54 (2026-11).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

NAME = "openai"


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what requests are made of."""


class Cache(Strict):
    """Anthropic's mark, which clients of gateways also send here."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextPart(Strict, tag_field="type", tag="text"):
    text: str
    cache_control: Cache | None = None


class ImageUrl(Strict):
    url: str
    detail: str | None = None


class ImagePart(Strict, tag_field="type", tag="image_url"):
    image_url: ImageUrl
    cache_control: Cache | None = None


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    refusal: str


Part = TextPart | ImagePart | RefusalPart


class Function(Strict):
    name: str
    arguments: str


class GoogleContent(Strict):
    thought_signature: str | None = None


class ExtraContent(Strict):
    """Where Google's own OpenAI endpoint puts the signature of a call."""

    google: GoogleContent | None = None


class Call(Strict):
    id: str
    function: Function
    type: Literal["function"] = "function"
    index: int | None = None
    extra_content: ExtraContent | None = None


class ReasoningText(Strict, tag_field="type", tag="reasoning.text"):
    """Signed reasoning, as OpenRouter spells it."""

    text: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None


class ReasoningEncrypted(Strict, tag_field="type", tag="reasoning.encrypted"):
    data: str
    id: str | None = None
    format: str | None = None
    index: int | None = None


Detail = ReasoningText | ReasoningEncrypted


class Message(Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Detail] | None = None
    cache_control: Cache | None = None
    annotations: tuple[()] | None = None
    """Clients send an answer back as they got it; only an empty one can be."""
    audio: None = None
    function_call: None = None


class FunctionTool(Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"]
    function: FunctionTool
    cache_control: Cache | None = None


class ChosenFunction(Strict):
    name: str


class Chosen(Strict):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Strict):
    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class ObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class SchemaFormat(Strict, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Padding against eavesdroppers that measure lengths; ours has none."""


class Sampled(Strict):
    """What chat and completions share."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    n: int | None = None
    user: str | None = None


class ChatBody(Sampled, kw_only=True):
    """Body of `/v1/chat/completions`."""

    messages: list[Message]
    max_completion_tokens: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | Chosen | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None


class CompletionBody(Sampled, kw_only=True):
    """Body of `/v1/completions`."""

    prompt: str | list[str]
    logprobs: int | None = None
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    suffix: None = None
