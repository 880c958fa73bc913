"""Pieces put together into the answer they are pieces of."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.chat.answer import Answer, Piece, Usage


def join(pieces: Iterable[Piece]) -> Answer:
    """The whole answer; what only some pieces say (finish, usage, model) is what the last of them says."""
    texts: list[str] = []
    reasonings: list[str] = []
    last = Piece()
    finish, usage, model, labels = last.finish, last.usage, last.model, last.label_logprobs
    calls, logprobs = last.tool_calls, last.logprobs
    for piece in pieces:
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
    return Answer(
        text="".join(texts),
        reasoning="".join(reasonings),
        tool_calls=calls,
        label_logprobs=labels,
        finish=finish,
        usage=usage or Usage(),
        model=model,
        logprobs=logprobs,
    )
