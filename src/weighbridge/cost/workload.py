"""What is asked of a model: how often, how long, how unevenly."""

from __future__ import annotations

import msgspec

from weighbridge.cost.amounts import DAYS_A_MONTH


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one kind, on average over a month."""

    requests_per_day: float
    input_tokens: float
    """Of one request, those read from a cache included."""
    output_tokens: float
    """Of one request, those it thinks before it answers included."""
    cached: float = 0.0
    """Share of input tokens that a provider reads from its cache of earlier requests."""
    reasoning: float = 0.0
    """Share of output tokens that are thoughts."""
    batch: float = 0.0
    """Share of requests that can wait a day."""
    peak: float = 3.0
    """Requests in the busiest hour over those of an average one; own hardware is sized for it."""

    @property
    def requests_per_month(self) -> float:
        """Of 365.25 / 12 days."""
        return self.requests_per_day * DAYS_A_MONTH

    @property
    def peak_requests_per_second(self) -> float:
        """In the busiest hour; what can wait a day does not come then."""
        return self.requests_per_day * ((1 - self.batch) * self.peak + self.batch) / 86_400

    def tokens_per_month(self) -> dict[str, float]:
        """By the price they are billed at: input (not cached), cached, output (not reasoning), reasoning."""
        read, written = (each * self.requests_per_month for each in (self.input_tokens, self.output_tokens))
        return {
            "input": read * (1 - self.cached),
            "cached": read * self.cached,
            "output": written * (1 - self.reasoning),
            "reasoning": written * self.reasoning,
        }


class Range(msgspec.Struct, frozen=True):
    """A figure and the interval it lies in; both ends are the figure itself where nothing is uncertain."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Range:
        """Scaled by something that is at least 0."""
        return Range(self.value * factor, self.low * factor, self.high * factor)


def sure(value: float) -> Range:
    """A figure without doubt."""
    return Range(value, value, value)
