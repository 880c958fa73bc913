"""The canonical answer, whole or in pieces, and what it used."""

from __future__ import annotations

import msgspec

from weighbridge.chat.request import ToolCall


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


class TokenLogprob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token that was written, and what else was likely in its place."""

    token: str
    logprob: float
    """Natural logarithm."""
    top: dict[str, float] = {}
    """The likeliest tokens at this place with their log-probabilities, as many as were asked for."""


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a streamed answer. The last one carries `finish` and, where the backend counts, `usage`."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Whole calls, given once their arguments are complete."""
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
