"""A call on its way through the door, and how it stands in the ledger."""

from __future__ import annotations

import itertools
import os

import msgspec

from weighbridge.ledger import AGAIN, CallRow, Hold

from .call import Call, Outcome


class Ids:
    """Ids of one process: milliseconds, 48 bits of the system's randomness, a counter. They sort by time, and keep
    processes apart, which a seeded generator would not."""

    def __init__(self) -> None:
        self._process = os.urandom(6).hex()
        self._numbers = itertools.count()

    def next(self, at: float) -> str:
        return f"{int(at * 1000):012x}{self._process}{next(self._numbers):08x}"


class Ticket(msgspec.Struct, frozen=True):
    id: str
    at: float
    """Unix seconds when the call was admitted."""
    call: Call
    key: str
    decision: str | None = None
    """Of the policy that allowed it."""

    def hold(self, most_usd: float | None) -> Hold:
        return Hold(self.id, self.at, self.call.run, self.call.backend, self.key, most_usd)

    def row(self, outcome: Outcome, usd: float | None) -> CallRow:
        """`usd` is what this call is billed. The tokens of a reused answer stand in the row that paid for them."""
        call = self.call
        answer = None if outcome.cached else outcome.answer
        return CallRow(
            id=self.id,
            at=self.at,
            caller=call.caller,
            run=call.run,
            task=call.task,
            item=call.item,
            candidate=call.candidate,
            backend=call.backend,
            model_asked=call.request.model,
            model_served=outcome.answer.model if outcome.answer else None,
            outcome="cached" if outcome.cached else "ok" if answer else "failed",
            reason=outcome.reason,
            error=outcome.error,
            attempts=outcome.attempts,
            input_tokens=answer.usage.input_tokens if answer else None,
            output_tokens=answer.usage.output_tokens if answer else None,
            cached_tokens=answer.usage.cached_tokens if answer else None,
            reasoning_tokens=answer.usage.reasoning_tokens if answer else None,
            usd=usd,
            latency_s=answer.latency_s if answer else None,
            ttft_s=answer.ttft_s if answer else None,
            answer_key=self.key,
            flags=AGAIN if call.repeat else None,
            decision=self.decision,
        )
