"""What one candidate's calls have used, counted as they land."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeVar

from weighbridge.dispatch import Budget, Outcome
from weighbridge.ledger import Spending

from .latency import Latencies

Number = TypeVar("Number", int, float)


class Meter:
    """Counts for one candidate, an answer reused from the ledger included: it was paid for like any other.

    A sum is None as soon as one answered call did not say its part: unknown is not zero. Failed calls add no tokens and
    no dollars; what a backend bills for a call that broke is not known (the ledger holds the most it could be).
    """

    def __init__(self) -> None:
        self.landed = 0
        """Samples that came back, failed ones included."""
        self.failed = 0
        self.reused = 0
        """Samples for which nothing was sent: an earlier answer was used."""
        self.usd: float | None = 0.0
        self.tokens_in: int | None = 0
        self.tokens_out: int | None = 0
        self.tokens_written = 0
        """Output tokens of calls made by this process."""
        self.latencies = Latencies()
        """Of each answer when it was made, reused ones included."""
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        """Reason to the first error with it."""

    def add(self, outcome: Outcome) -> None:
        """Count what became of a call, before it is known whether its answer can be scored."""
        self.reused += outcome.attempts == 0
        answer = outcome.answer
        if answer is None:
            return
        self.usd = _sum(self.usd, outcome.usd)
        self.tokens_in = _sum(self.tokens_in, answer.usage.input_tokens)
        self.tokens_out = _sum(self.tokens_out, answer.usage.output_tokens)
        self.latencies.add(answer.latency_s)
        if outcome.attempts:
            self.tokens_written += answer.usage.output_tokens or 0

    def fail(self, reason: str, error: str) -> None:
        """Count a failed sample; failed is never wrong."""
        self.failed += 1
        self.reasons[reason] += 1
        self.examples.setdefault(reason, error)


class Accounts(NamedTuple):
    """What the run has sent and spent."""

    meters: dict[str, Meter]
    budget: Budget
    before: Spending
    """By earlier processes of the same run."""

    def calls(self, name: str) -> int:
        """Calls made for a candidate, those given up and those answered from the ledger included."""
        return self.budget.sent[name] + self.meters[name].reused

    def all_calls(self) -> int:
        return sum(self.calls(name) for name in self.meters)


def _sum(total: Number | None, part: Number | None) -> Number | None:
    return None if total is None or part is None else total + part
