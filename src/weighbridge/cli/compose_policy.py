"""Joins the policy with the catalogue and the ledger's audits: the facts that a decision stands on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from weighbridge.policy import Facts, Known, Link

if TYPE_CHECKING:
    from weighbridge.catalog import Catalogue, Fact, Model, Provider

LONGEST_CHAIN = 8


def facts_for(
    catalogue: Catalogue, model: Model, *, provider: str | None, data_class: str | None, pinned: bool | None = None
) -> Facts:
    """What is known of a model served by a provider, or here where none is named. Raises UsageError for a provider the
    catalogue does not have."""
    from weighbridge.catalog import fact_of, licence_of

    seat = where = trains = None
    if provider is not None:
        served = _provider(catalogue, provider)
        seat, where, trains = (
            _first(catalogue, facts) for facts in (served.country, served.data_location, served.trains_on_inputs)
        )
        provider = served.id
    is_open = fact_of(catalogue, model, "open_weights")
    said = fact_of(catalogue, model, "licence")
    return Facts(
        model=model.id,
        open_weights=None if is_open is None else bool(is_open.value),
        licence=licence_of(catalogue, model),
        licence_source="" if said is None else said.source,
        chain=tuple(_chain(catalogue, model)),
        runs_here=provider is None,
        provider=provider,
        jurisdiction=seat,
        data_location=where,
        trains_on_inputs=trains,
        pinned=pinned,
        data_class=data_class,
    )


def _provider(catalogue: Catalogue, name: str) -> Provider:
    from weighbridge.errors import UsageError
    from weighbridge.formats.problems import did_you_mean

    found = next((each for each in catalogue.providers.values() if name in (each.id, each.name, *each.names)), None)
    if found is None:
        raise UsageError(f"no provider is called {name!r}", next_move=did_you_mean(name, catalogue.providers))
    return found


def _first(catalogue: Catalogue, facts: tuple[Fact, ...]) -> Known | None:
    from weighbridge.catalog import resolve

    found = resolve(facts, catalogue.sources)
    return None if found is None else Known(str(found.value), found.source)


def _chain(catalogue: Catalogue, model: Model) -> Iterator[Link]:
    """The lab, then the labs of the models it was made from, each once."""
    from weighbridge.catalog import fact_of

    seen: set[str] = set()
    here: Model | None = model
    for depth in range(LONGEST_CHAIN):
        if here is None or here.id in seen:
            return
        seen.add(here.id)
        lab = catalogue.labs.get(here.lab)
        country = _first(catalogue, lab.country) if lab is not None else None
        yield Link("lab" if not depth else "base model", here.lab if not depth else here.id, country)
        base = fact_of(catalogue, here, "base_model")
        if base is None:
            return
        here = catalogue.models.get(str(base.value))
        if here is None:
            yield Link("base model", str(base.value), None)
