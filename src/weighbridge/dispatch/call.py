"""What goes in at the door and what comes out."""

from __future__ import annotations

import msgspec

from weighbridge.chat import Answer, ChatRequest


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request on its way to one backend, and who asked."""

    backend: str
    request: ChatRequest
    caller: str
    run: str | None = None
    task: str | None = None
    item: str | None = None
    candidate: str | None = None
    repeat: int = 0
    """Which of several independent answers to the same question this is; part of the answer's key."""
    reuse: bool = True
    """Whether an answer already paid for may be used."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call. Exactly one of `answer` and `reason` is set; a failure is a value here, not a raise,
    because it has a row in the ledger like any other outcome."""

    answer: Answer | None
    reason: str | None = None
    error: str | None = None
    attempts: int = 1
    usd: float | None = None
    cached: bool = False
