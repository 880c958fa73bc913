"""Pieces put together into the answer they are pieces of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weighbridge.chat.answer import Answer, Piece, Usage
from weighbridge.chat.request import Thought


def join(pieces: Iterable[Piece]) -> Answer:
    """The whole answer; what only some pieces say (finish, usage, model) is what the last of them says."""
    texts: list[str] = []
    reasonings: list[str] = []
    last = Piece()
    finish, usage, model, labels = last.finish, last.usage, last.model, last.label_logprobs
    calls, logprobs = last.tool_calls, last.logprobs
    thoughts, ended_by = ThoughtJoiner(), last.stop_sequence
    for piece in pieces:
        thoughts.take(piece)
        if piece.was_reasoning:
            reasonings += texts
            texts = []
        texts.append(piece.text)
        reasonings.append(piece.reasoning)
        calls += piece.tool_calls
        logprobs += piece.logprobs
        finish = piece.finish or finish
        usage = piece.usage or usage
        model = piece.model or model
        labels = piece.label_logprobs or labels
        ended_by = piece.stop_sequence or ended_by
    return Answer(
        text="".join(texts),
        reasoning="".join(reasonings),
        tool_calls=calls,
        label_logprobs=labels,
        finish=finish,
        usage=usage or Usage(),
        model=model,
        logprobs=logprobs,
        thoughts=thoughts.whole(),
        stop_sequence=ended_by,
    )


class ThoughtJoiner:
    """Blocks of reasoning out of pieces that carry their text first and their signature at the end."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._done: list[Thought] = []

    def take(self, piece: Piece) -> None:
        if piece.reasoning:
            self._open.append(piece.reasoning)
        for thought in piece.thoughts:
            if thought.redacted is not None:
                self._close()
                self._done.append(thought)
            else:
                text = "".join(self._open) + thought.text
                self._open.clear()
                self._done.append(msgspec.structs.replace(thought, text=text))

    def whole(self) -> tuple[Thought, ...]:
        """All blocks in order; none where nothing was signed or redacted, for plain reasoning needs no blocks."""
        if not self._done:
            return ()
        self._close()
        return tuple(self._done)

    def _close(self) -> None:
        if self._open:
            self._done.append(Thought("".join(self._open)))
            self._open.clear()
