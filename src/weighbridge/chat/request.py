"""The canonical request: what every caller asks of every backend.

A request is either a conversation (`messages`) or a raw text to be continued (`prompt`): a model without a chat
template is only ever asked the second way. Nothing in it is provider-specific; a dialect module turns it into bytes,
and refuses by name what its wire cannot say. Within one assistant turn the order is: thoughts, text, tool calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Choose = Literal["grammar", "logprob", "likelihood", "text"]
"""How labels are enforced: `grammar` constrains decoding to them; `logprob` ranks all of them by log-probability (that
of the first token, where a backend tells no others); `likelihood` by that of their whole text, right after the prompt;
`text` lets the model write and finds the label in what it wrote."""


Per = Literal["text", "character", "byte"]
CacheFor = Literal["5m", "1h"]
"""How long a prompt up to a mark shall stay in the backend's cache (Anthropic's `cache_control`)."""


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    text: str
    cache: CacheFor | None = None
    """Set: the prompt up to here is worth caching."""


class Image(msgspec.Struct, frozen=True, tag="image", omit_defaults=True):
    url: str
    """A `data:` URL or one the backend may fetch."""
    detail: str | None = None
    cache: CacheFor | None = None


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    name: str
    arguments: str
    """A JSON object as text, exactly as the model wrote it."""
    signature: str | None = None
    """Opaque proof of the reasoning behind the call, which the backend wants back with it (Gemini)."""


class Thought(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block of reasoning as its backend wants it back: unchanged, or it is refused."""

    text: str = ""
    signature: str | None = None
    """Opaque proof that the text is the backend's own."""
    redacted: str | None = None
    """Encrypted reasoning without a text (Anthropic's `redacted_thinking`)."""
    signed_by: str = ""
    """Name of the dialect whose backend signed or encrypted it; nobody else can read that."""
    id: str | None = None
    """The id it goes by at that backend (OpenAI's responses)."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    role: Role
    content: str | tuple[Text | Image, ...] = ""
    reasoning: str | None = None
    """Reasoning text of an earlier assistant turn, kept apart from its content."""
    thoughts: tuple[Thought, ...] = ()
    """The same reasoning in blocks, where it came so; their texts together are `reasoning`."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    failed: bool = False
    """Of the role `tool`: the call failed, and the content says how."""
    refused: bool = False
    """Of an assistant: the content is a refusal."""
    cache: CacheFor | None = None
    """Set: the prompt up to the end of this message is worth caching."""


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments object."""
    description: str = ""
    strict: bool | None = None
    """Whether arguments must satisfy the schema while they are written."""
    cache: CacheFor | None = None


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """None means: the backend's own default, which a report names as such."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One label to be chosen from a closed set. A request may ask for several, answered in order."""

    name: str
    labels: tuple[str, ...]
    lead: str = ""
    """Text put before the label in a continuation, e.g. `Category:`; the model sees it, the answer does not hold it.
    With `choose = "likelihood"` it stands there exactly as it is, and no blank is added."""
    per: Per = "text"
    """With `choose = "likelihood"`: what a label's log-likelihood is divided by before the highest is picked."""


class ChatRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str
    """The id the backend knows; empty where a backend serves one model only."""
    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    """Raw text to continue; then `messages` is empty."""
    sampling: Sampling = Sampling()
    choices: tuple[Choice, ...] = ()
    choose: Choose = "text"
    """How `choices` are enforced. With one choice the answer's text is the label; with several it is a JSON object
    {name: label}."""
    baseline: ChatRequest | None = None
    """With `choose = "logprob"`: a content-free twin of this request. Each label's log-probability under it is
    subtracted, which removes the model's liking for a label as such (Zhao et al. 2021, arXiv 2102.09690)."""
    schema: dict[str, Any] | None = None
    """JSON Schema the answer must satisfy."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of one tool."""
    reasoning_effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, or a word of the backend's own."""
    logprobs: int | None = None
    """How many top alternatives to report for each token."""
    extra: dict[str, Any] = {}
    """Fields passed through to the backend's body as they are, for what only it knows (`chat_template_kwargs`)."""
    extra_from: str = ""
    """Dialect the extra fields were said in: a backend of another one refuses them by name. Empty: they were written
    for the backend, by whoever configured it."""
    thinks: bool | None = None
    """Whether the model shall reason before it answers; None leaves it to the backend."""
    reasoning_tokens: int | None = None
    """Most tokens of reasoning."""
    show_reasoning: bool | None = None
    """Whether reasoning shall be in the answer, where the backend can keep it back."""
    any_json: bool = False
    """The answer must be a JSON object, whichever."""
    schema_name: str = ""
    schema_strict: bool | None = None
    parallel_calls: bool | None = None
    """Whether several tools may be called in one answer; None leaves it to the backend."""
    continues: bool = False
    """The last message is the beginning of the answer, which is to go on from there."""
    n: int = 1
    """Answers asked for."""
    user: str | None = None
    """Who asks, as an opaque id for the backend's own abuse checks."""
    metadata: dict[str, str] = {}
    """Labels for the backend's own records; changes no answer."""
    service_tier: str | None = None
    """In OpenAI's words: `auto`, `default`, `flex`, `priority`."""


def readings(request: ChatRequest) -> int:
    """How often a backend reads the prompt at most: labels are ranked over several calls."""
    if request.choose == "likelihood":
        return 1 + sum(len(choice.labels) for choice in request.choices)
    if request.choose == "logprob":
        return max(1, len(request.choices)) * (1 if request.baseline is None else 2)
    return 1


def call_names(messages: Sequence[Message]) -> dict[str, str]:
    """Id of each call in the conversation to the tool's name, for wires whose results name the tool."""
    return {call.id: call.name for message in messages for call in message.tool_calls}
