"""OpenAI completions: a text is continued. The way to ask a base model, which has no chat template.

Pure, like openai_chat. Labels follow the text after their lead (chat/frames.py), one choice a call: the engine asks
for several one after another, each label becoming part of the text for the next.
Source: https://platform.openai.com/docs/api-reference/completions, and what vLLM and llama-server do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, TokenLogprob
from weighbridge.chat.openai_stream import AnswerStream, Body
from weighbridge.chat.openai_wire import (
    Spelling,
    check_error,
    constraint_fields,
    decode_json,
    finish_word,
    is_number,
    read_logprobs,
    read_usage,
    sampling_fields,
    stream_fields,
    with_extra,
)
from weighbridge.chat.request import ChatRequest
from weighbridge.chat.thinking import split_thinking
from weighbridge.errors import BadAnswer, CannotAsk


class _Logprobs(msgspec.Struct):
    tokens: list[Any] | None = None
    token_logprobs: list[Any] | None = None
    top_logprobs: list[Any] | None = None
    content: Any = None
    """llama-server spells them as chat completions do."""


class _Choice(msgspec.Struct):
    index: int | None = None
    text: str | None = None
    finish_reason: Any = None
    logprobs: _Logprobs | None = None


def encode(
    request: ChatRequest, spelling: Spelling, *, stream: bool, prompt: str | None = None, written: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The body that asks for `request`; `prompt` in place of the request's own, `written` as its labels are spelled
    in the text. CannotAsk names what this wire cannot say."""
    if request.prompt is None:
        raise CannotAsk("the completion endpoint takes a text to be continued, not a conversation")
    for name, given in (
        ("messages", request.messages),
        ("tools", request.tools),
        ("reasoning_effort", request.reasoning_effort),
        ("thinks", request.thinks is not None),
        ("n", request.n != 1),
    ):
        if given:
            raise CannotAsk(f"the completion endpoint cannot say `{name}`")
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    body["prompt"] = request.prompt if prompt is None else prompt
    body |= sampling_fields(request.sampling, spelling)
    # The newer name exists for chat only.
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")
    body |= constraint_fields(request, spelling, written)
    if request.logprobs is not None:
        body["logprobs"] = request.logprobs
    return with_extra(body | stream_fields(spelling, stream=stream), request)


def decode(body: bytes, spelling: Spelling) -> Answer:
    """A whole answer. BadAnswer for what is none, BackendRefused for an error sent as an answer."""
    whole = decode_json(body, Body[_Choice])
    check_error(whole.error)
    choice = whole.first()
    if choice is None or choice.text is None:
        raise BadAnswer("the answer holds no text")
    split = split_thinking(choice.text, spelling.thinking)
    return Answer(
        text=split.text,
        reasoning=split.reasoning,
        finish=finish_word(choice.finish_reason),
        usage=read_usage(whole.usage),
        model=whole.model,
        logprobs=_read_logprobs(choice.logprobs),
    )


class CompletionStream(AnswerStream[_Choice]):
    """The events of a completion."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__(spelling, Body[_Choice])

    def _read(self, choice: _Choice) -> list[Piece]:
        return self._pieces(self._splitter.feed(choice.text or ""), _read_logprobs(choice.logprobs))


def _read_logprobs(raw: _Logprobs | None) -> tuple[TokenLogprob, ...]:
    """{tokens: [t], token_logprobs: [p], top_logprobs: [{t: p}]}; the three lists run side by side."""
    if raw is not None and raw.content is not None:
        return read_logprobs(raw.content)
    if raw is None or raw.tokens is None or raw.token_logprobs is None:
        return ()
    tops = raw.top_logprobs or [None] * len(raw.tokens)
    if not len(raw.tokens) == len(raw.token_logprobs) == len(tops):
        raise BadAnswer("tokens and their log-probabilities differ in number")
    read = []
    for token, logprob, top in zip(raw.tokens, raw.token_logprobs, tops, strict=True):
        if not isinstance(token, str) or not is_number(logprob):
            raise BadAnswer(f"a log-probability is not one: {token!r:.80}: {logprob!r:.40}")
        likeliest = top.items() if isinstance(top, dict) else ()
        read.append(TokenLogprob(token, float(logprob), {each: float(p) for each, p in likeliest if is_number(p)}))
    return tuple(read)
