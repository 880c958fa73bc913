"""The canonical answer, whole or in pieces, and what it used."""

from __future__ import annotations

import msgspec

from weighbridge.chat.request import Thought, ToolCall


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the backend counted them; None where it did not say. Unknown is never zero."""

    input_tokens: int | None = None
    """The whole prompt, cached tokens included."""
    output_tokens: int | None = None
    """All that was generated, reasoning included."""
    cached_tokens: int | None = None
    """The part of `input_tokens` that was read from a cache."""
    reasoning_tokens: int | None = None
    """The part of `output_tokens` that was reasoning."""
    cache_write_tokens: int | None = None
    """The part of `input_tokens` that was written to a cache, where that has a price of its own (Anthropic)."""


class TokenLogprob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token that was written, and what else was likely in its place."""

    token: str
    logprob: float
    """Natural logarithm."""
    top: dict[str, float] = {}
    """The likeliest tokens at this place with their log-probabilities, as many as were asked for."""


class CallPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a tool call that is being written. The first one of an `index` carries id and name."""

    index: int
    """Its place among the calls of the answer, from 0."""
    id: str = ""
    name: str = ""
    arguments: str = ""
    """What comes next of the JSON text."""
    signature: str | None = None
    """Of the whole call, where its backend signs it (Gemini)."""


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a streamed answer. The last one carries `finish` and, where the backend counts, `usage`."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Whole calls, given once their arguments are complete. Where `call_parts` came before, they say the same again."""
    label_logprobs: dict[str, dict[str, float]] | None = None
    """Choice name to {label: log-probability}, where labels were ranked."""
    finish: str | None = None
    """`stop`, `length`, `tool_calls`, `content_filter`, or `refusal`: then the text is the model's refusal."""
    usage: Usage | None = None
    model: str | None = None
    """The id the backend says it served; may differ from the one asked for."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens in this piece, where they were asked for."""
    was_reasoning: bool = False
    """True: the text of all pieces before this one was reasoning after all. Its closing tag came without an opening
    one, because the chat template had written that into the prompt."""
    call_parts: tuple[CallPart, ...] = ()
    """Tool calls as they are written, for whoever passes them on at once."""
    thoughts: tuple[Thought, ...] = ()
    """Blocks of reasoning that are complete. One with a signature and no text closes the reasoning given since the
    last; one that is redacted stands for itself."""
    stop_sequence: str | None = None
    """The stop sequence that ended the answer, where the backend says which."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole answer. `text` never holds reasoning."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    label_logprobs: dict[str, dict[str, float]] | None = None
    finish: str | None = None
    usage: Usage = Usage()
    model: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    latency_s: float = 0.0
    """From sending the request to the last byte, of the attempt that succeeded."""
    ttft_s: float | None = None
    """From sending the request to the first piece with text, reasoning or a tool call."""
    thoughts: tuple[Thought, ...] = ()
    """The reasoning in blocks, where some of it is signed or redacted; their texts together are `reasoning`."""
    stop_sequence: str | None = None
