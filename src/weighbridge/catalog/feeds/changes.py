"""What an update changed: offers and facts that are new, gone or different.

Counts of use (downloads, likes) move every day; they are kept, and are no change.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weighbridge.catalog.feeds.records import Change, Changes, Document
from weighbridge.catalog.records import Offer

MOST_SHOWN = 500
MOST_TEXT = 300
_OFFER_FIELDS = ("model", "input", "output", "cached", "cache_write", "reasoning", "context_tokens", "output_limit")
Words = dict[str, dict[str, str]]
"""What a record is called, to its values by field, each as it is shown."""


def compare(before: Iterable[Document] | None, after: Iterable[Document], date: str) -> Changes:
    """From one set of documents to another. The first update of all is counted, not listed."""
    old, new = _words(before or ()), _words(after)
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    changed = [
        Change(f"{name}: {field}", old[name].get(field, "")[:MOST_TEXT], new[name].get(field, "")[:MOST_TEXT])
        for name in sorted(old.keys() & new.keys())
        for field in sorted(old[name].keys() | new[name].keys())
        if old[name].get(field) != new[name].get(field)
    ]
    listed = [
        *changed,
        *(Change(name, _line(old[name]), "") for name in removed),
        *(Change(name, "", _line(new[name])) for name in added),
    ]
    shown = () if before is None else tuple(listed[:MOST_SHOWN])
    return Changes(date, len(added), len(removed), len({each.what.rpartition(": ")[0] for each in changed}), shown)


def _line(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())[:MOST_TEXT] or "listed"


def _words(documents: Iterable[Document]) -> Words:
    words: Words = {}
    for document in documents:
        for offer in document.harvest.offers:
            words[f"{offer.provider}/{offer.model_id}"] = _of_offer(offer)
        for model, facts in document.harvest.facts.items():
            plain = {name: _plain(fact.value) for name, fact in facts.items()}
            words.setdefault(f"{model} (facts)", {}).update(plain)
        for model, variants in document.harvest.variants.items():
            words.setdefault(f"{model} (variants)", {}).update({each.format: str(each.bytes) for each in variants})
    return words


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _of_offer(offer: Offer) -> dict[str, str]:
    values = {name: getattr(offer, name) for name in _OFFER_FIELDS}
    return {name: f"{v:.12g}" if isinstance(v, float) else str(v) for name, v in values.items() if v is not None}
