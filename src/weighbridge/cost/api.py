"""What a workload costs at a provider, month by month.

    usd = sum over kinds of tokens x price      input, cached, output, reasoning

A price nobody names is never counted as nothing: without the input or the output price the sum is partial and says
what is missing. Two prices have a stand-in that is what providers bill: thoughts cost what output costs, and tokens
from a cache what input costs, where no price of their own is named. What stands at nothing while the rest costs
something is taken for missing. Long prompts cost more at offers with tiers; the catalogue knows the base tier only, so
beyond the shortest tier that providers use the sum is partial too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from weighbridge.catalog.records import Offer
from weighbridge.cost.workload import Range, Workload

SHORTEST_TIER = 32_000
"""Tokens of a prompt above which a tier may begin: Alibaba's and ByteDance's begin there."""
LATER_TIERS = {"anthropic": 200_000, "google": 200_000, "openai": 200_000, "xai": 128_000}
"""Labs of closed models whose first tier begins later, from memory of their price pages and rounded down; who resells
them follows them."""


class Part(msgspec.Struct, frozen=True):
    """One line of the bill."""

    kind: str
    """input, cached, output or reasoning."""
    tokens: float
    """A month."""
    usd_per_million: float | None
    usd: float | None


class ApiCost(msgspec.Struct, frozen=True, kw_only=True):
    """A workload at one offer."""

    provider: str
    model_id: str
    model: str
    usd: Range
    """Sum of the parts that have a price; low and high where sources differ."""
    parts: tuple[Part, ...]
    unknown: tuple[str, ...]
    """What is not known, so that the real cost is higher; empty means usd is the whole cost."""
    notes: tuple[str, ...]
    """What was taken in place of something nobody says, and what else to know."""
    at_nothing: bool
    """Listed at 0: a free tier, or paid by subscription. Not to be compared."""
    cannot: str | None
    """Why this offer cannot do the work at all; None where nothing is known against it."""
    sources: tuple[str, ...]
    updated: str
    """ISO date of the price."""

    @property
    def is_whole(self) -> bool:
        """Whether it can be held against another cost."""
        return not self.unknown and not self.at_nothing and self.cannot is None


def price_offer(
    offer: Offer, work: Workload, *, others: Iterable[Offer] = (), batch: Mapping[str, float] | None = None
) -> ApiCost:
    """The monthly cost at one offer. `others` are the same offer as other sources have it; `batch` holds the share
    that a provider takes off for what can wait."""
    parts, unknown, notes = _bill(offer, work, batch or {})
    totals = [_total(parts)]
    sources = {offer.source}
    for other in others:
        sums, holes, _ = _bill(other, work, batch or {})
        if not holes:
            totals.append(_total(sums))
            sources.add(other.source)
    if len(totals) > 1 and max(totals) > min(totals) * 1.001:
        notes = (*notes, f"sources differ: {', '.join(sorted(sources))}")
    return ApiCost(
        provider=offer.provider,
        model_id=offer.model_id,
        model=offer.model or "",
        usd=Range(totals[0], min(totals), max(totals)),
        parts=parts,
        unknown=unknown,
        notes=notes,
        at_nothing=offer.costs_nothing,
        cannot=_cannot(offer, work),
        sources=tuple(sorted(sources)),
        updated=offer.updated,
    )


def by_provider(costs: Iterable[ApiCost]) -> list[ApiCost]:
    """The best offer of each provider: whole costs first, the cheapest first; then what is partial or at nothing."""
    best: dict[str, ApiCost] = {}
    for cost in sorted(costs, key=rank):
        best.setdefault(cost.provider, cost)
    return list(best.values())


def rank(cost: ApiCost) -> tuple[int, float, str, str]:
    """Order in which costs are shown: what is not whole stands after everything that is, however little it adds up."""
    place = 3 if cost.cannot else 2 if cost.at_nothing else 1 if cost.unknown else 0
    return place, cost.usd.value, cost.provider, cost.model_id


def cheapest(costs: Iterable[ApiCost]) -> ApiCost | None:
    """The cheapest whole cost; None where there is none."""
    return min((cost for cost in costs if cost.is_whole), key=rank, default=None)


def _bill(
    offer: Offer, work: Workload, batch: Mapping[str, float]
) -> tuple[tuple[Part, ...], tuple[str, ...], tuple[str, ...]]:
    """Parts, what is missing, and what was taken for it."""
    off = work.batch * batch.get(offer.provider, 0.0)
    tokens = {kind: count for kind, count in work.tokens_per_month().items() if count}
    rates = _rates(offer)
    parts = tuple(
        Part(kind, count, rates[kind], None if (rate := rates[kind]) is None else count * rate / 1e6 * (1 - off))
        for kind, count in tokens.items()
    )
    unknown = [f"{part.kind} price" for part in parts if part.usd is None]
    if offer.tiered and work.input_tokens > first_tier(offer):
        unknown.append(f"price of prompts as long as {work.input_tokens:,.0f} tokens (tiers)")
    return parts, tuple(unknown), tuple(_notes(offer, work, tokens, batch))


def first_tier(offer: Offer) -> int:
    """Tokens of a prompt up to which the base tier holds for certain."""
    return LATER_TIERS.get((offer.model or "").partition("/")[0], SHORTEST_TIER)


def _rates(offer: Offer) -> dict[str, float | None]:
    """Dollars a million tokens of each kind; a zero beside prices that are none is a hole in the list."""
    paid = any(rate for rate in (offer.input, offer.output))
    known = {kind: None if paid and rate == 0 else rate for kind, rate in _listed(offer).items()}
    return {
        "input": known["input"],
        "output": known["output"],
        "cached": known["input"] if known["cached"] is None else known["cached"],
        "reasoning": known["output"] if known["reasoning"] is None else known["reasoning"],
    }


def _listed(offer: Offer) -> dict[str, float | None]:
    return {"input": offer.input, "output": offer.output, "cached": offer.cached, "reasoning": offer.reasoning}


def _notes(offer: Offer, work: Workload, tokens: Mapping[str, float], batch: Mapping[str, float]) -> Iterator[str]:
    if "cached" in tokens and not offer.cached:
        yield "no price for cached input is known: billed as input"
    if offer.cache_write and "cached" in tokens:
        yield f"writing into its cache costs ${offer.cache_write:g} a million tokens, and is not counted"
    if offer.tiered and work.input_tokens <= first_tier(offer):
        yield "has tiers; counted at the base tier"
    if work.batch:
        off = batch.get(offer.provider)
        yield "no discount for what can wait is known" if off is None else f"{off:.0%} off for what can wait is counted"


def _cannot(offer: Offer, work: Workload) -> str | None:
    needed = work.input_tokens + work.output_tokens
    if offer.context_tokens and needed > offer.context_tokens:
        return f"takes {offer.context_tokens:,} tokens, and a request has {needed:,.0f}"
    if offer.output_limit and work.output_tokens > offer.output_limit:
        return f"writes {offer.output_limit:,} tokens at most, and an answer has {work.output_tokens:,.0f}"
    return None


def _total(parts: Iterable[Part]) -> float:
    return sum(part.usd for part in parts if part.usd is not None)
