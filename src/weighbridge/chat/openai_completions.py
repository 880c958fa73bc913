"""OpenAI completions: a text is continued. The way to ask a base model, which has no chat template.

Pure, like openai_chat. Labels follow the text after their lead (chat/frames.py), one choice a call: the engine asks
for several one after another, each label becoming part of the text for the next.
Source: https://platform.openai.com/docs/api-reference/completions, and what vLLM and llama-server do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import Answer, Piece, TokenLogprob, Usage
from weighbridge.chat.openai_wire import (
    Spelling,
    check_error,
    constraint_fields,
    decode_json,
    finish_word,
    in_band_error,
    is_number,
    read_logprobs,
    read_usage,
    sampling_fields,
    with_extra,
)
from weighbridge.chat.request import ChatRequest
from weighbridge.chat.thinking import ThinkSplitter, split_thinking
from weighbridge.errors import BadAnswer, CannotAsk, StreamCut


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


class _Body(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None


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
    if stream:
        body["stream"] = True
        if spelling.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return with_extra(body, request)


def decode(body: bytes, spelling: Spelling) -> Answer:
    """A whole answer. BadAnswer for what is none, BackendRefused for an error sent as an answer."""
    whole = decode_json(body, _Body)
    check_error(whole.error)
    choice = _first(whole)
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


class CompletionStream:
    """Pieces from the events of a stream, as openai_chat.ChatStream gives them."""

    def __init__(self, spelling: Spelling) -> None:
        self._splitter = ThinkSplitter(spelling.thinking)
        self._finish: str | None = None
        self._usage = Usage()
        self._model: str | None = None
        self.done = False
        self.texts: list[str] = []

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces of one event."""
        if self.done or data.strip() == b"[DONE]":
            self.done = True
            return []
        event = decode_json(data, _Body)
        if event.error:
            error = in_band_error(event.error)
            if not self.texts:
                raise error
            raise StreamCut(f"in the middle of the stream came {error.what}", pieces=tuple(self.texts))
        self._model = self._model or event.model
        if event.usage is not None:
            self._usage = read_usage(event.usage)
        choice = _first(event)
        if choice is None:
            return []
        if choice.finish_reason is not None:
            self._finish = finish_word(choice.finish_reason)
        split = self._splitter.feed(choice.text or "")
        logprobs = _read_logprobs(choice.logprobs)
        if split.text:
            self.texts.append(split.text)
        if not (split.text or split.reasoning or split.was_reasoning or logprobs):
            return []
        return [Piece(split.text, split.reasoning, was_reasoning=split.was_reasoning, logprobs=logprobs)]

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended; only counts can still be missing."""
        return self._finish is not None

    def end(self) -> Piece:
        """The last piece, once the stream ended. StreamCut if it ended before the answer did."""
        if not self.done and self._finish is None:
            raise StreamCut("the stream ended before the answer did", pieces=tuple(self.texts))
        rest = self._splitter.end()
        return Piece(
            text=rest.text,
            reasoning=rest.reasoning,
            was_reasoning=rest.was_reasoning,
            finish=self._finish or "stop",
            usage=self._usage,
            model=self._model,
        )


def _first(body: _Body) -> _Choice | None:
    return next((choice for choice in body.choices or () if not choice.index), None)


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
