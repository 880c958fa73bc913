"""The shipped catalogue together with what feeds have brought: more sources for the same rule of who is believed.

facts     a feed's word stands beside the others; where it is the newer word of a shipped source, it takes its place
offers    of one provider and id, one is believed, by the rule of facts.py: standing of the source, then date; the
          date is the day on which a source said so. Prices are never mixed from two sources
disputes  two sources that know a price of the same offer, and name different ones
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from weighbridge.catalog.facts import Fact, Resolved, Source, resolve
from weighbridge.catalog.feeds.records import Overlay
from weighbridge.catalog.feeds.registry import FEEDS
from weighbridge.catalog.feeds.store import load_overlay
from weighbridge.catalog.records import Adoption, Catalogue, Model, Offer, Variant
from weighbridge.catalog.snapshot import DATA, load_catalogue
from weighbridge.catalog.tables import load_adoption, load_offers

PRICES = ("input", "output", "cached", "cache_write", "reasoning")
_CLOSE = 1e-6
"""Relative difference below which two prices are one that was rounded."""


class Joined(msgspec.Struct, frozen=True):
    catalogue: Catalogue
    offers: tuple[Offer, ...]
    """One for each provider and id: the believed one."""
    disputes: tuple[Resolved, ...]
    """Offers whose prices sources give differently; `value` and those of the alternatives are Offers."""
    adoption: tuple[Adoption, ...]
    updated: dict[str, str]
    """Feed to the ISO time of its last update; feeds that were never fetched are not in it."""


def load_joined(overlays: Path, shipped: Path = DATA) -> Joined:
    """The catalogue in the folder `shipped` with the overlays in another (`Settings.data_dir / "catalogue"`).

    Reads files only. Raises InputError for an overlay that was damaged.
    """
    held = [overlay for name in FEEDS if (overlay := load_overlay(overlays, name)) is not None]
    return join(load_catalogue(shipped), load_offers(shipped), load_adoption(shipped), held)


def join(
    catalogue: Catalogue, offers: Iterable[Offer], adoption: Iterable[Adoption], overlays: Iterable[Overlay]
) -> Joined:
    """What is shipped, and what is held of feeds, as one."""
    held = list(overlays)
    sources = {
        **catalogue.sources,
        **{each.source.id: msgspec.structs.replace(each.source, read=each.updated[:10]) for each in held},
    }
    replaced = {source for each in held for source in _stands_for(each) if each.documents}
    harvests = [document.harvest for each in held for document in each.documents]
    said = [
        *(offer for offer in offers if offer.source not in replaced),
        *(offer for each in harvests for offer in each.offers),
    ]
    believed = _believed(said, sources)
    return Joined(
        catalogue=_with_facts(catalogue, sources, held),
        offers=tuple(each.value for each in believed),
        disputes=tuple(each for each in believed if each.disputed),
        adoption=(*adoption, *(count for each in harvests for count in each.adoption)),
        updated={each.feed: each.updated for each in held},
    )


def _stands_for(overlay: Overlay) -> tuple[str, ...]:
    feed = FEEDS.get(overlay.feed)
    return feed.stands_for if feed else ()


def _believed(offers: Iterable[Offer], sources: Mapping[str, Source]) -> list[Resolved]:
    """One offer for each provider and id; one that names a price goes before those that name none."""
    groups: dict[tuple[str, str], list[Offer]] = {}
    for offer in offers:
        groups.setdefault((offer.provider, offer.model_id.casefold()), []).append(offer)
    found = []
    for group in groups.values():
        priced = [offer for offer in group if offer.input is not None or offer.output is not None]
        facts = [Fact(offer, offer.source, _said_on(offer, sources)) for offer in priced or group]
        resolved = resolve(facts, sources, same_prices)
        if resolved is not None:
            found.append(resolved)
    return found


def _said_on(offer: Offer, sources: Mapping[str, Source]) -> str:
    return sources[offer.source].read or offer.updated


def same_prices(one: Offer, other: Offer) -> bool:
    """Whether two sources agree on every price that both know."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in PRICES]
    return all(math.isclose(a, b, rel_tol=_CLOSE) for a, b in pairs if a is not None and b is not None)


def _with_facts(catalogue: Catalogue, sources: dict[str, Source], overlays: list[Overlay]) -> Catalogue:
    """The models with what feeds say of them; models that the catalogue does not know are left out."""
    models = dict(catalogue.models)
    for overlay in overlays:
        older = frozenset(_stands_for(overlay))
        for document in overlay.documents:
            for model in document.harvest.facts.keys() & models.keys():
                models[model] = _with(models[model], document.harvest.facts[model], older)
            for model in document.harvest.variants.keys() & models.keys():
                models[model] = _with_variants(models[model], document.harvest.variants[model])
    return msgspec.structs.replace(catalogue, sources=sources, models=models)


def _with(model: Model, said: Mapping[str, Fact], older: frozenset[str]) -> Model:
    facts = dict(model.facts)
    for name, fact in said.items():
        facts[name] = (*(each for each in facts.get(name, ()) if each.source not in older), fact)
    return msgspec.structs.replace(model, facts=facts)


def _with_variants(model: Model, found: Iterable[Variant]) -> Model:
    return msgspec.structs.replace(model, variants=tuple(dict.fromkeys((*model.variants, *found))))
