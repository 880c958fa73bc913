"""The canonical request: what every caller asks of every backend.

A request is either a conversation (`messages`) or a raw text to be continued (`prompt`): a model without a chat
template is only ever asked the second way. Nothing in it is provider-specific; a dialect module turns it into bytes,
and refuses by name what its wire cannot say.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Choose = Literal["grammar", "logprob", "text"]
"""How labels are enforced: `grammar` constrains decoding to them; `logprob` ranks all of them by log-probability;
`text` lets the model write and finds the label in what it wrote."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    url: str
    """A `data:` URL or one the backend may fetch."""
    detail: str | None = None


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: str
    """A JSON object as text, exactly as the model wrote it."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    role: Role
    content: str | tuple[Text | Image, ...] = ""
    reasoning: str | None = None
    """Reasoning text of an earlier assistant turn, kept apart from its content."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class Tool(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments object."""
    description: str = ""


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
    """Text put before the label in a continuation, e.g. `Category:`; the model sees it, the answer does not hold it."""


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
    logprobs: int | None = None
    """How many top alternatives to report for each token."""
    extra: dict[str, Any] = {}
    """Fields passed through to the backend's body as they are, for what only it knows (`chat_template_kwargs`)."""
