"""What the catalogue knows of a model and of who serves it, as the facts of a decision. Pure.

Origin is a chain: the lab, the models it was made from (each with its lab), who changed the weights, who serves them,
and the hub they are stored at. Under whose law a server is and where data lie are facts of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from weighbridge.catalog.facts import Fact, Resolved, resolve
from weighbridge.catalog.records import Catalogue, Licence, Model, Provider
from weighbridge.catalog.view import fact_of, licence_of

from .facts import Facts, Figure, Known, Link
from .file import Contract

LONGEST_CHAIN = 8
HUBS: dict[str, tuple[str, Known]] = {
    "hf": ("huggingface", Known("US", "Hugging Face, Inc., New York (2026)")),
    "modelscope": ("modelscope", Known("CN", "Alibaba Cloud, Hangzhou (2026)")),
}
"""Scheme of a source of weights to the hub and the seat of its company."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Files that an engine of one's own runs."""

    source: str | None = None
    """As `pull` takes it: `hf:ORG/NAME/FILE.gguf`."""
    audit: Any = None
    """`pass`, `warn`, `fail`; None where nobody has audited them."""
    pinned: bool | None = None


def of_model(catalogue: Catalogue, model: Model) -> Facts:
    """What holds of a model whoever serves it."""
    is_open = fact_of(catalogue, model, "open_weights")
    said = fact_of(catalogue, model, "licence")
    takes = fact_of(catalogue, model, "modalities")
    flop = fact_of(catalogue, model, "training_flop")
    licence = licence_of(catalogue, model)
    return Facts(
        model=model.id,
        open_weights=None if is_open is None else bool(is_open.value),
        licence=licence,
        licence_source="" if said is None else _cited(catalogue, said),
        terms_source="" if licence is None else _read_at(catalogue, licence),
        text_only=takes is not None and list(takes.value) == ["text"],
        chain=tuple(_made(catalogue, model)),
        report=_known(catalogue, fact_of(catalogue, model, "open_report")),
        training_summary=_known(catalogue, fact_of(catalogue, model, "training_summary")),
        training_flop=None if flop is None else Figure(float(flop.value), _cited(catalogue, flop)),
    )


def unknown_model(name: str) -> Facts:
    """A model that nobody knows: every fact about it is missing."""
    return Facts(model=name)


def served_by(catalogue: Catalogue, facts: Facts, provider: Provider | str) -> Facts:
    """The model at a provider; `provider` is a bare id where the catalogue knows nothing of it."""
    if isinstance(provider, str):
        link = Link("server", provider)
        return msgspec.structs.replace(facts, provider=provider, chain=(*facts.chain, link))
    seat = _first(catalogue, provider.country)
    kept = resolve(provider.retention_days, catalogue.sources)
    return msgspec.structs.replace(
        facts,
        chain=(*facts.chain, Link("server", provider.id, seat)),
        provider=provider.id,
        jurisdiction=seat,
        data_location=_first(catalogue, provider.data_location),
        trains_on_inputs=_first(catalogue, provider.trains_on_inputs),
        retention_days=None if kept is None else Figure(float(kept.value), _cited(catalogue, kept)),
    )


def under_contract(facts: Facts, contract: Contract) -> Facts:
    """The same where something else was agreed with the provider."""
    source = contract.source
    changed: dict[str, Any] = {}
    for name in ("jurisdiction", "data_location", "trains_on_inputs"):
        value = getattr(contract, name)
        if value is not None:
            changed[name] = Known(value, source)
    if contract.retention_days is not None:
        changed["retention_days"] = Figure(contract.retention_days, source)
    return msgspec.structs.replace(facts, **changed)


def run_here(catalogue: Catalogue, facts: Facts, weights: Weights, vendor: Known | None = None) -> Facts:
    """The model on an engine of one's own, with the hands its files went through. `vendor`: the accelerator's maker."""
    links = tuple(_hands(catalogue, facts, weights.source))
    return msgspec.structs.replace(
        facts,
        runs_here=True,
        chain=(*facts.chain, *links),
        audit=weights.audit,
        pinned=weights.pinned,
        device_vendor=vendor,
    )


def named_at_provider(catalogue: Catalogue, facts: Facts, name: str, today: str) -> Facts:
    """Whether the name asked for at a provider stands still: one the catalogue knows to move does not, one that holds
    a date does. `today` is an ISO date."""
    meanings = [each for each in catalogue.aliases if each.name.casefold() == name.rpartition("/")[2].casefold()]
    if not meanings:
        return msgspec.structs.replace(facts, pinned=True if _is_dated(name) else None)
    held = [each for each in meanings if each.since <= today and (each.until is None or today < each.until)]
    now = held[-1] if held else max(meanings, key=lambda each: each.since)
    means = now.model if held else f"nothing that is known; until {now.until} it meant {now.model}"
    source = catalogue.sources.get(now.source)
    cited = f"{source.url or source.title} (since {now.since})" if source is not None else f"since {now.since}"
    return msgspec.structs.replace(facts, pinned=False, alias=Known(means, cited))


def _is_dated(name: str) -> bool:
    """`gpt-4o-2024-08-06`, `mistral-large-2411`, `DeepSeek-V3-0324`: a year and month, or a day, at the end."""
    end = name.rpartition("-")[2]
    digits = "".join(name.split("-")[-3:])
    if len(digits) >= 8 and digits[-8:].isdigit():
        return digits[-8:-4].startswith("20")
    if not end.isdigit() or len(end) not in (4, 8):
        return False
    return end.startswith("20") if len(end) == 8 else 1 <= int(end[:2]) <= 31 and 1 <= int(end[2:]) <= 31


def _made(catalogue: Catalogue, model: Model) -> Iterator[Link]:
    """The lab, then the models it was made from, each once."""
    seen: set[str] = set()
    said = ""
    here: Model | None = model
    for depth in range(LONGEST_CHAIN):
        if here is None or here.id in seen:
            return
        seen.add(here.id)
        lab = catalogue.labs.get(here.lab)
        country = _first(catalogue, lab.country) if lab is not None else None
        if not depth and (by := fact_of(catalogue, here, "lab")) is not None:
            said = _cited(catalogue, by)
        name = here.id if depth else here.lab
        yield Link("base model" if depth else "lab", name, country, here.lab, said)
        base = fact_of(catalogue, here, "base_model")
        if base is None:
            return
        said = _cited(catalogue, base)
        here = catalogue.models.get(str(base.value))
        if here is None:
            yield Link("base model", str(base.value), source=said)


def _hands(catalogue: Catalogue, facts: Facts, source: str | None) -> Iterator[Link]:
    """Who changed or passed on the files, and the hub they come from."""
    scheme, _, rest = (source or "").partition(":")
    if scheme not in HUBS:
        return
    org = rest.partition("/")[0]
    lab = next((each for each in catalogue.labs.values() if org in each.hub_orgs), None)
    if org and (lab is None or facts.chain[:1] == () or lab.id != facts.chain[0].lab):
        yield Link(
            "quantiser", org, None if lab is None else _first(catalogue, lab.country), None if lab is None else lab.id
        )
    hub, country = HUBS[scheme]
    yield Link("storage", hub, country)


def _first(catalogue: Catalogue, facts: Sequence[Fact]) -> Known | None:
    return _known(catalogue, resolve(facts, catalogue.sources))


def _known(catalogue: Catalogue, found: Resolved | None) -> Known | None:
    return None if found is None else Known(str(found.value), _cited(catalogue, found))


def _cited(catalogue: Catalogue, found: Resolved) -> str:
    """`https://... (2026-02-10)`: where it can be read, and of when it is."""
    source = catalogue.sources[found.source]
    return f"{source.url or source.title} ({found.date})"


def _read_at(catalogue: Catalogue, licence: Licence) -> str:
    source = catalogue.sources.get(licence.source)
    return f"{licence.source if source is None else source.url or source.title} ({licence.read})"
