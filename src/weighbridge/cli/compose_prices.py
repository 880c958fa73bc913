"""Prices from the catalogue for targets whose config names none: the offer of the provider behind the address.

An offer with tiers is not taken: what a long prompt costs there is not known, and a guess would not be a price.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from weighbridge.engines import BackendRecord, Price
from weighbridge.engines.addresses import address_of
from weighbridge.gateway.config import Config
from weighbridge.net.origin import split_url
from weighbridge.pick.endpoints import ENDPOINTS

HOSTS: dict[str, str] = {
    **{split_url(url)[0].host: provider for provider, (url, _) in ENDPOINTS.items()},
    "api.novita.ai": "novita-ai",
    "api.studio.nebius.com": "nebius",
}
"""Host of an API to its provider's id in the table of offers."""

log = logging.getLogger("weighbridge.gateway")


def catalogue_prices(config: Config) -> dict[tuple[str, str], Price]:
    """By (backend, model). The table is read only if some target needs it."""
    wanted = dict(_unpriced(config))
    if not wanted:
        return {}
    from weighbridge.catalog import load_offers

    found = {}
    for offer in load_offers():
        place = offer.provider, offer.model_id
        for target in wanted.get(place, ()):
            if offer.tiered:
                log.info("the price of %s at %s has tiers: name it in the config", offer.model_id, offer.provider)
                continue
            found[target] = Price(
                input=offer.input,
                output=offer.output,
                cached=offer.cached,
                cache_write=offer.cache_write,
                reasoning=offer.reasoning,
            )
            log.info("price of %s at %s: %s, %s", offer.model_id, offer.provider, offer.source, offer.updated)
    return found


def _unpriced(config: Config) -> Iterable[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """(provider, model id there) to the targets it is wanted for."""
    records = {record.name: record for record in config.backends}
    wanted: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for route in config.routes:
        for to in route.to:
            record = records[to.backend]
            provider = provider_of(record)
            if to.price is None and record.price is None and provider is not None:
                model = to.model or record.model or route.model
                wanted.setdefault((provider, model), []).append((record.name, model))
    return wanted.items()


def provider_of(record: BackendRecord) -> str | None:
    """The provider that answers at a backend's address, as far as addresses are known."""
    address = address_of(record)
    return HOSTS.get(split_url(address)[0].host) if address is not None else None
