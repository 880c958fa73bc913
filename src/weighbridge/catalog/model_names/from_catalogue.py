"""The catalogue as names need it: its models, its moving names, and everybody who may stand before a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from weighbridge.catalog.model_names.entries import Entry, Meaning
from weighbridge.catalog.model_names.index import Index, build
from weighbridge.catalog.model_names.routes import ROUTES
from weighbridge.catalog.model_names.wrappers import squash
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.catalog.view import fact_of

_REPOSITORY = re.compile(r"(?:hf|modelscope):([^/@]+/[^/@]+)")


@cache
def load_index() -> Index:
    """The index of the shipped catalogue."""
    return index_of(load_catalogue())


def index_of(catalogue: Catalogue) -> Index:
    """Every name in a catalogue, and every lab, hub and provider that may stand before one."""
    meanings = (Meaning(alias.name, alias.model, alias.since, alias.until) for alias in catalogue.aliases)
    entries = (_entry(catalogue, model) for model in catalogue.models.values())
    return build(entries, meanings, _owners(catalogue), frozenset(map(squash, ROUTES)))


def _entry(catalogue: Catalogue, model: Model) -> Entry:
    stage, reasons = fact_of(catalogue, model, "stage"), fact_of(catalogue, model, "reasoning")
    return Entry(
        id=model.id,
        names=(*model.names, *_repositories(catalogue, model)),
        shown=model.name,
        lab=model.lab,
        stage=stage.value if stage else None,
        reasons=reasons.value if reasons else None,
        dates=tuple(str(value) for value in _said(model, "released", "weights_released")),
        parameters=tuple(float(value) for value in _said(model, "parameters_total", "exact_parameters")),
        context_tokens=max((int(value) for value in _said(model, "context_tokens")), default=0),
    )


def _said(model: Model, *fields: str) -> Iterator[Any]:
    """Everything somebody says about some fields, believed or not."""
    return (fact.value for field in fields for fact in model.facts.get(field, ()))


def _repositories(catalogue: Catalogue, model: Model) -> Iterator[str]:
    """Where its weights are kept: the lab's repositories, and those of its variants."""
    for field in ("hf_id", "modelscope_id"):
        fact = fact_of(catalogue, model, field)
        if fact is not None and fact.value != model.id:
            yield str(fact.value)
    for variant in model.variants:
        source = _REPOSITORY.match(variant.source or "")
        if source:
            yield source[1]


def _owners(catalogue: Catalogue) -> dict[str, str]:
    """Squashed names of labs to their ids, of providers and routes to nothing; a family's name is no provider's."""
    families = {re.split(r"[^a-z]", model.rpartition("/")[2].lower())[0] for model in catalogue.models}
    providers = [name for one in catalogue.providers.values() for name in (one.id, one.name, *one.names)]
    owners = {squash(name): "" for name in (*ROUTES, *providers) if squash(name) not in families}
    for lab in catalogue.labs.values():
        owners |= {squash(name): lab.id for name in (lab.id, lab.name, *lab.names, *lab.hub_orgs) if squash(name)}
    return owners
