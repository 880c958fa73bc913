"""What a model costs where it is served: the cheapest and the dearest, dollars a million tokens.

A price of nothing is listed by free tiers and by subscriptions; it is counted, and is no price. A missing one is
unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weighbridge.catalog.records import Offer


class Prices(msgspec.Struct, frozen=True):
    """Over all offers of one model."""

    providers: tuple[str, ...]
    """Everybody who serves it, by name."""
    input: tuple[float, float] | None
    """Least and most; None where nobody names a price."""
    output: tuple[float, float] | None
    at_nothing: int
    """Offers listed at 0."""
    unpriced: int
    """Offers without a price."""
    tiered: int
    """Offers that cost something else for long contexts."""
    updated: str
    """ISO date of the newest price; empty where unknown."""
    sources: tuple[str, ...]


def prices_of(offers: Iterable[Offer]) -> Prices | None:
    """None where nobody serves it."""
    served = list(offers)
    if not served:
        return None
    return Prices(
        providers=tuple(sorted({offer.provider for offer in served})),
        input=_range(offer.input for offer in served),
        output=_range(offer.output for offer in served),
        at_nothing=sum(offer.input == 0 and not offer.output for offer in served),
        unpriced=sum(offer.input is None and offer.output is None for offer in served),
        tiered=sum(offer.tiered for offer in served),
        updated=max(offer.updated for offer in served),
        sources=tuple(sorted({offer.source for offer in served})),
    )


def _range(prices: Iterable[float | None]) -> tuple[float, float] | None:
    known = [price for price in prices if price]
    return (min(known), max(known)) if known else None


def said_range(prices: tuple[float, float] | None) -> str:
    """`$0.27 to $1.14`."""
    if prices is None:
        return "unknown"
    low, high = (f"${price:,.4g}" for price in prices)
    return low if low == high else f"{low} to {high}"
