"""A model as rules see it: what is believed of it, its licence, and who serves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from weighbridge.catalog.profile import known
from weighbridge.catalog.records import Catalogue, Licence, Model, Offer
from weighbridge.catalog.view import licence_of
from weighbridge.pick.evidence import Traits

FACTS = (
    *(
        "country",
        "commercial_use",
        "openness",
        "open_weights",
        "parameters_total",
        "parameters_active",
        "context_tokens",
    ),
    *("released", "stage", "reasoning", "tools", "modalities", "modalities_out", "languages", "licence"),
)


class Subject(msgspec.Struct, frozen=True):
    model: Model
    facts: Mapping[str, Any]
    """Believed values of FACTS; what nobody says is not in it."""
    licence: Licence | None
    offers: tuple[Offer, ...]

    @property
    def id(self) -> str:
        return self.model.id


def subjects_of(catalogue: Catalogue, offers: Iterable[Offer]) -> list[Subject]:
    """Every model of the catalogue that is more than a name."""
    served: dict[str, list[Offer]] = {}
    for offer in offers:
        if offer.model is not None:
            served.setdefault(offer.model, []).append(offer)
    return [
        Subject(model, _facts(catalogue, model), licence_of(catalogue, model), tuple(served.get(model.id, ())))
        for model in catalogue.models.values()
        if not model.stub
    ]


def _facts(catalogue: Catalogue, model: Model) -> dict[str, Any]:
    believed = {name: known(catalogue, model, name) for name in FACTS}
    return {name: fact.value for name, fact in believed.items() if fact is not None}


def traits_of(subject: Subject) -> Traits | None:
    """What its ability may be expected from; None for a base model, or where not even its date is known."""
    released = _day(subject.facts.get("released"))
    if released is None or subject.facts.get("stage") == "base":
        return None
    is_open = subject.facts.get("open_weights") is True
    total = subject.facts.get("parameters_total")
    if is_open and total is None:
        return None
    reasons = bool(subject.facts.get("reasoning", False))
    return Traits(
        subject.model.lab, released, reasons, total if is_open else None, subject.facts.get("parameters_active")
    )


def _day(text: object) -> date | None:
    """The middle of the month or year where no more is known."""
    if not isinstance(text, str):
        return None
    parts = [int(part) for part in text.split("-")]
    return date(parts[0], parts[1] if len(parts) > 1 else 7, parts[2] if len(parts) > 2 else 15)
