"""A model as it is shown: one resolved fact a field, with what follows from its lab and its licence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from weighbridge.catalog.facts import STANDING_ORDER, Fact, Resolved, resolve
from weighbridge.catalog.fields import FIELDS, same
from weighbridge.catalog.records import Catalogue, Licence, Model


def facts_of(catalogue: Catalogue, model: Model) -> dict[str, Resolved]:
    """Every field that is known of a model, in the order of FIELDS; what is unknown is not in it."""
    found: dict[str, Resolved] = {}
    for name in FIELDS:
        said = (*model.facts.get(name, ()), *_implied(catalogue, model, name))
        resolved = resolve(said, catalogue.sources, partial(same, FIELDS[name]))
        if resolved is not None:
            found[name] = resolved
    return found


def fact_of(catalogue: Catalogue, model: Model, name: str) -> Resolved | None:
    """One field of a model."""
    said = (*model.facts.get(name, ()), *_implied(catalogue, model, name))
    return resolve(said, catalogue.sources, partial(same, FIELDS[name]))


def licence_of(catalogue: Catalogue, model: Model) -> Licence | None:
    """The record of the licence that is believed to hold; None where it is unknown."""
    said = resolve(model.facts.get("licence", ()), catalogue.sources)
    return None if said is None else catalogue.licences.get(said.value)


def _implied(catalogue: Catalogue, model: Model, name: str) -> Sequence[Fact]:
    if name == "lab":
        best = _best_source(catalogue, model)
        return () if best is None else (Fact(model.lab, best.source, best.date),)
    if name == "country":
        lab = catalogue.labs.get(model.lab)
        return () if lab is None else lab.country
    if name == "commercial_use":
        return _commercial_use(catalogue, model)
    return ()


def _commercial_use(catalogue: Catalogue, model: Model) -> Sequence[Fact]:
    """What each licence somebody names says, in that somebody's name: two licences make a dispute here too."""
    said = []
    for fact in model.facts.get("licence", ()):
        licence = catalogue.licences.get(fact.value)
        if licence is not None and licence.commercial_use != "unknown":
            note = f"by the terms of {licence.id}, read {licence.read}"
            said.append(
                Fact(licence.commercial_use, fact.source, fact.date, "derived", note, fact.doubt or licence.doubt)
            )
    return said


def _best_source(catalogue: Catalogue, model: Model) -> Fact | None:
    """The fact whose source has the best standing: whoever describes a model names its maker."""
    facts = [fact for said in model.facts.values() for fact in said]
    return min(facts, key=lambda fact: STANDING_ORDER[catalogue.sources[fact.source].standing], default=None)
