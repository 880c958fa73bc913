"""OpenAI completions with `echo`: the log-probability of every token of a text, as vLLM and SGLang serve it.

One token is written besides, for servers refuse to write none; it is left out here. The first token of a text has no
log-probability. Pure, like openai_completions. Source: https://platform.openai.com/docs/api-reference/completions,
vllm/entrypoints/openai, and what lm_eval 0.4.13 asks (models/openai_completions.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Usage
from weighbridge.chat.openai_stream import Body
from weighbridge.chat.openai_wire import check_error, decode_json, is_number, read_usage, with_extra
from weighbridge.chat.request import ChatRequest
from weighbridge.errors import BadAnswer, CannotAsk


class _Logprobs(msgspec.Struct):
    tokens: list[str] | None = None
    token_logprobs: list[Any] | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    text: str | None = None
    finish_reason: Any = None
    logprobs: _Logprobs | None = None


class Echoed(msgspec.Struct, frozen=True):
    """A text as a server reads it."""

    tokens: tuple[str, ...]
    """As the server spells them; one of half a character has no text of its own."""
    logprobs: tuple[float | None, ...]
    """Natural logarithms of each token's probability after those before it; None for the first."""
    usage: Usage
    model: str | None


def encode(request: ChatRequest, text: str) -> dict[str, Any]:
    """The body that asks for the log-probabilities of `text`."""
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    body |= {"prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}
    return with_extra(body, request)


def decode(body: bytes, text: str) -> Echoed:
    """What was read. Raises CannotAsk where the server wrote on and echoed nothing, BadAnswer for what is no answer."""
    whole = decode_json(body, Body[_Choice])
    check_error(whole.error)
    choice, usage = whole.first(), read_usage(whole.usage)
    if choice is None or choice.text is None:
        raise BadAnswer("the answer holds no text")
    said = choice.logprobs or _Logprobs()
    if not choice.text.startswith(text) or not said.tokens or said.token_logprobs is None:
        raise CannotAsk(
            "the backend gives no log-probabilities of a text that it is shown (`echo` with `logprobs`), so options "
            "cannot be ranked by their likelihood",
            next_move="vLLM, SGLang and llamacpp do; for others let a letter be asked for: `--as letters`.",
        )
    if len(said.tokens) != len(said.token_logprobs):
        raise BadAnswer("tokens and their log-probabilities differ in number")
    read = usage.input_tokens if usage.input_tokens is not None else len(said.tokens) - 1
    if not 0 < read <= len(said.tokens):
        raise BadAnswer(f"{read} tokens were read, and {len(said.tokens)} are reported")
    logprobs = tuple(float(one) if is_number(one) else None for one in said.token_logprobs[:read])
    if None in logprobs[1:]:
        raise BadAnswer("a token of the text has no log-probability")
    return Echoed(tuple(said.tokens[:read]), logprobs, usage, whole.model)
