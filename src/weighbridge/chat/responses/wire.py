"""OpenAI responses on the wire: what clients send and backends are sent.

The gateway keeps no answers, so what refers to one that was kept (`previous_response_id`, `conversation`) is refused.
Source: https://platform.openai.com/docs/api-reference/responses, and the types of OpenAI's SDK 3.54 (2026-11).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

NAME = "openai_responses"
Include = Literal["reasoning.encrypted_content", "message.output_text.logprobs"]


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what requests are made of."""


class InputText(Strict, tag_field="type", tag="input_text"):
    text: str


class OutputText(Strict, tag_field="type", tag="output_text"):
    text: str
    annotations: tuple[()] | None = None
    logprobs: list[Any] | None = None
    """Of an earlier answer, as clients give it back; they change nothing."""


class InputImage(Strict, tag_field="type", tag="input_image"):
    image_url: str
    detail: str | None = None
    file_id: None = None


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    refusal: str


class ReasoningText(Strict, tag_field="type", tag="reasoning_text"):
    text: str


Part = InputText | OutputText | InputImage | RefusalPart | ReasoningText


class SummaryText(Strict, tag_field="type", tag="summary_text"):
    text: str


class Item(Strict):
    """An item of the input, of any type: a message may leave its type out, so a tag cannot tell them apart."""

    type: Literal["message", "reasoning", "function_call", "function_call_output"] = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Part] | None = None
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[InputText | InputImage] | None = None
    summary: list[SummaryText] | None = None
    encrypted_content: str | None = None
    namespace: None = None
    caller: None = None


class Tool(Strict):
    type: Literal["function"]
    name: str
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class Chosen(Strict):
    type: Literal["function"]
    name: str


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class ObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class SchemaFormat(Strict, tag_field="type", tag="json_schema"):
    name: str
    schema: dict[str, Any]
    strict: bool | None = None
    description: str | None = None


class TextConfig(Strict):
    format: TextFormat | ObjectFormat | SchemaFormat | None = None
    verbosity: Literal["medium"] | None = None
    """Its usual value; the others are OpenAI's models' only."""


class Reasoning(Strict):
    effort: str | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: None = None


class StreamOptions(Strict):
    include_obfuscation: bool | None = None


class Request(Strict):
    """Body of `/v1/responses`."""

    model: str
    input: str | list[Item]
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | Chosen | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: list[Include] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    truncation: Literal["disabled"] | None = None
    background: Literal[False] | None = None


FIELDS: dict[str, frozenset[str]] = {
    "message": frozenset({"type", "role", "content", "id", "status", "phase"}),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
    "function_call": frozenset({"type", "id", "call_id", "name", "arguments", "status"}),
    "function_call_output": frozenset({"type", "id", "call_id", "output", "status"}),
}
"""What each type of item may hold."""
