"""What the streams of the two OpenAI dialects share: how they begin, carry counts, break and end."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from weighbridge.chat.answer import CallPart, Piece, TokenLogprob, Usage
from weighbridge.chat.openai_wire import Spelling, decode_with, finish_word, in_band_error, read_usage
from weighbridge.chat.request import Thought, ToolCall
from weighbridge.chat.thinking import Split, ThinkSplitter
from weighbridge.errors import StreamCut

LONGEST_DONE = 64
"""Bytes of `[DONE]` with white space around it; no event is so short."""


class HasFinish(Protocol):
    index: int | None
    finish_reason: Any


Choice = TypeVar("Choice", bound=HasFinish)


class Body(msgspec.Struct, Generic[Choice]):
    """A whole answer, or one event of a stream."""

    choices: list[Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None

    def first(self) -> Choice | None:
        """We never ask for more than one answer; of several, the first is the one."""
        choices = self.choices or ()
        if choices and not choices[0].index:
            return choices[0]
        return next((choice for choice in choices if not choice.index), None)


@cache
def _decoder_of(body: type[Body[Choice]]) -> msgspec.json.Decoder[Body[Choice]]:
    return msgspec.json.Decoder(body)


class AnswerStream(Generic[Choice]):
    """Pieces from the events of a stream. Feed it each event's data; `end` gives the last piece."""

    def __init__(self, spelling: Spelling, body: type[Body[Choice]]) -> None:
        self._decoder = _decoder_of(body)
        self._splitter = ThinkSplitter(spelling.thinking)
        self._finish: str | None = None
        self._ended_as: str | None = None
        """A finish that goes before what the backend says."""
        self._usage = Usage()
        self._model: str | None = None
        self.done = False
        """The backend said `[DONE]`."""
        self.texts: list[str] = []
        """Text given so far, for the error that ends a stream."""

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended; only counts can still be missing."""
        return self._finish is not None

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        """The pieces of one event; one of the type `error` is one, whatever its data looks like."""
        if event == b"error" and b'"error"' not in data:
            self.break_off({"message": data.decode("utf-8", "replace")})
        if self.done or (len(data) < LONGEST_DONE and data.strip() == b"[DONE]"):
            self.done = True
            return []
        body = decode_with(self._decoder, data)
        if body.error:
            self.break_off(body.error)
        self._model = self._model or body.model
        if body.usage is not None:
            self._usage = read_usage(body.usage)
        choice = body.first()
        if choice is None:
            return []
        if choice.finish_reason is not None:
            self._finish = finish_word(choice.finish_reason)
        return self._read(choice)

    def end(self) -> Piece:
        """The last piece, once the stream ended. StreamCut if it ended before the answer did."""
        if not self.done and self._finish is None:
            raise StreamCut("the stream ended before the answer did", pieces=tuple(self.texts))
        rest = self._splitter.end()
        return Piece(
            text=rest.text,
            reasoning=rest.reasoning,
            was_reasoning=rest.was_reasoning,
            tool_calls=self._tool_calls(),
            finish=self._ended_as or self._finish or "stop",
            usage=self._usage,
            model=self._model,
        )

    def break_off(self, raw: Any) -> None:
        """Raise what an error in the stream means: a refusal before the first text, a cut after it."""
        error = in_band_error(raw)
        if not self.texts:
            raise error
        raise StreamCut(f"in the middle of the stream came {error.what}", pieces=tuple(self.texts))

    def _read(self, choice: Choice) -> list[Piece]:
        raise NotImplementedError

    def _tool_calls(self) -> tuple[ToolCall, ...]:
        return ()

    def _pieces(
        self,
        split: Split,
        logprobs: tuple[TokenLogprob, ...],
        parts: tuple[CallPart, ...] = (),
        thoughts: tuple[Thought, ...] = (),
    ) -> list[Piece]:
        text = split.text
        if text:
            self.texts.append(text)
            if not (split.reasoning or split.was_reasoning or logprobs or parts or thoughts):
                return [Piece(text)]
        if not (text or split.reasoning or split.was_reasoning or logprobs or parts or thoughts):
            return []
        return [
            Piece(
                text,
                split.reasoning,
                was_reasoning=split.was_reasoning,
                logprobs=logprobs,
                call_parts=parts,
                thoughts=thoughts,
            )
        ]
