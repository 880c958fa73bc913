"""One workload at every provider of a model and on own hardware, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.records import Offer
from weighbridge.cost.api import ApiCost, by_provider, cheapest, price_offer
from weighbridge.cost.breakeven import BreakEven, break_even
from weighbridge.cost.hardware import Hardware, OwnCost, Pace, price_own
from weighbridge.cost.workload import Workload


class Served(msgspec.Struct, frozen=True):
    """A model on own hardware: what it runs on and how fast."""

    hardware: Hardware
    pace: Pace


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One model."""

    model: str
    api: tuple[ApiCost, ...]
    """The best offer of each provider, the cheapest whole ones first."""
    own: OwnCost | None
    meets: BreakEven | None
    """Own hardware against the cheapest provider; None where one of the two is missing or partial."""
    meets_slow: BreakEven | None
    """The same at the low end of the speed."""
    meets_fast: BreakEven | None
    served: Served | None
    work: Workload

    @property
    def cheapest(self) -> ApiCost | None:
        """Of the providers that could be priced whole."""
        return cheapest(self.api)

    @property
    def winner(self) -> str | None:
        """`own`, a provider, or None where nothing is whole."""
        api, own = self.cheapest, self.own if self.own is not None and self.own.is_whole else None
        if own is None:
            return api.provider if api else None
        return "own" if api is None or own.usd.value < api.usd.value else api.provider


def compare(
    model: str,
    offers: Iterable[Offer],
    work: Workload,
    *,
    served: Served | None = None,
    disputed: Mapping[tuple[str, str], Resolved] | None = None,
    batch: Mapping[str, float] | None = None,
) -> Comparison:
    """`disputed` holds offers that sources price differently, by provider and id."""
    costs = [
        price_offer(offer, work, others=_others(offer, disputed or {}), batch=batch)
        for offer in offers
        if offer.model == model
    ]
    own = None if served is None else price_own(served.hardware, served.pace, work)
    best = cheapest(costs)
    meets, slow, fast = _meetings(best, own, work)
    return Comparison(
        model=model,
        api=tuple(by_provider(costs)),
        own=own,
        meets=meets,
        meets_slow=slow,
        meets_fast=fast,
        served=served,
        work=work,
    )


def _meetings(
    best: ApiCost | None, own: OwnCost | None, work: Workload
) -> tuple[BreakEven | None, BreakEven | None, BreakEven | None]:
    """At the middle, the low and the high end of the speed."""
    if own is None or not own.is_whole or best is None:
        return None, None, None
    carried = own.requests_per_day_a_set
    return (
        break_even(best, own, work, carried.value),
        break_even(best, own, work, carried.low),
        break_even(best, own, work, carried.high),
    )


def _others(offer: Offer, disputed: Mapping[tuple[str, str], Resolved]) -> Sequence[Offer]:
    dispute = disputed.get((offer.provider, offer.model_id.casefold()))
    return () if dispute is None else [other.value for other in dispute.alternatives]
