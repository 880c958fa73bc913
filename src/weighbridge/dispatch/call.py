"""What goes in at the door and what comes out."""

from __future__ import annotations

import msgspec

from weighbridge.chat import Answer, ChatRequest

OVER_BUDGET = "over budget"
"""Reason of an outcome that was refused before anything was sent."""


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
    """Whether an answer already paid for may be used. Without it, the new answer takes the old one's place."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call. Exactly one of `answer` and `reason` is set; a failure is a value here, not a raise,
    because it has a row in the ledger like any other outcome."""

    answer: Answer | None
    reason: str | None = None
    error: str | None = None
    attempts: int = 1
    """Requests that were sent; 0 when the answer was taken from an earlier call."""
    usd: float | None = None
    """What this answer cost when it was paid for; None when a price or a count is unknown."""
    cached: bool = False
    """Taken from an earlier paid call: nothing was sent and nothing is billed now."""
