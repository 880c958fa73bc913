"""Names and ids across records: each means one thing, and each that is used exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.catalog.names import lab_key, licence_key, name_key
from weighbridge.catalog.reading import Draft, Placed
from weighbridge.catalog.records import Alias, Catalogue, Lab, Licence, Model
from weighbridge.catalog.values import wrong_date
from weighbridge.formats.problems import Problems, nearest
from weighbridge.formats.toml_lines import Path as Steps

ENDLESS = "9999"
_VERBS = {"id": "have the id", "facts": "have the"}


def check_ids(draft: Draft, problems: Problems) -> None:
    """No id twice among sources, providers and devices, and ids in the form they should have."""
    for what, group in (("sources", draft.sources), ("providers", draft.providers), ("devices", draft.devices)):
        _once(group, what, lambda record: [(("id",), record.id)], str.casefold, problems)
    for lab in draft.labs:
        if Path(lab.file.name).stem != lab.record.id:
            what = f"a file of the lab {lab.record.id!r} that is not called {lab.record.id}.toml"
            problems.add(lab.problem(("id",), what, "Rename one of the two."))
    for model in draft.models:
        parts = model.record.id.split("/")
        if len(parts) != 2 or not all(parts) or any(letter.isspace() for letter in model.record.id):
            hint = "Write it as on Hugging Face, `org/name`; closed ones `lab/name`."
            problems.add(model.problem(("id",), f"{model.record.id!r} is no id of a model", hint))


def check_names(draft: Draft, problems: Problems) -> None:
    """No id or name that means two models, two labs or two licences; no fixed name that is also a moving one."""
    _once(draft.models, "models", _model_names, name_key, problems)
    _once(draft.models, "models", _repositories, str.casefold, problems)
    _once(draft.labs, "labs", _lab_names, lab_key, problems)
    _once(draft.licences, "licences", _licence_names, licence_key, problems)
    fixed = {name_key(name): placed for placed in draft.models for _, name in _model_names(placed.record)}
    for alias in draft.aliases:
        model = fixed.get(name_key(alias.record.name))
        if model is not None:
            what = f"{alias.record.name!r} moves, but is also a fixed name of {model.record.id}"
            problems.add(alias.problem(("name",), what, "Keep it in one of the two places."))


def check_texts(draft: Draft, problems: Problems) -> None:
    """Nothing that cannot be printed, which would garble a terminal or hide in a name; no address that runs code."""
    everything: tuple[list[Any], ...] = (
        draft.sources,
        draft.licences,
        draft.providers,
        draft.devices,
        draft.labs,
        draft.models,
        draft.aliases,
    )
    for placed in (placed for group in everything for placed in group):
        for path, text in _texts(msgspec.to_builtins(placed.record), ()):
            if path[-1] == "url" and not text.startswith(("https://", "http://")):
                problems.add(placed.problem(path, f"{text!r:.100} is no address of a page", "Begin it with https://."))
            if not text.isprintable() or (path[-1] in ("id", "name") and (not text or text != text.strip())):
                hint = "Take out line breaks and control characters, and blanks around a name."
                problems.add(placed.problem(path, f"{text!r:.100} is not a text that can be shown", hint))


def check_links(draft: Draft, catalogue: Catalogue, horizon: str, problems: Problems) -> None:
    """Every source, licence and lab that a record names exists, and every day on which something was read has come."""
    for source in draft.sources:
        if source.record.licence is not None and source.record.licence not in catalogue.licences:
            what = f"there is no licence {source.record.licence!r}"
            problems.add(source.problem(("licence",), what, nearest(source.record.licence, catalogue.licences)))
        if source.record.read is not None:
            _check_day(source, ("read",), source.record.read, horizon, problems)
    for licence in draft.licences:
        _check_source(licence, catalogue, problems)
        _check_day(licence, ("read",), licence.record.read, horizon, problems)
        if licence.record.commercial_use == "conditional" and not licence.record.conditions:
            problems.add(licence.problem(("commercial_use",), "conditional, but no condition is given"))
    for model in draft.models:
        lab = next((lab for lab in draft.labs if lab.file is model.file), None)
        if lab is not None and model.record.lab != lab.record.id:
            what = f"{model.record.lab!r} in the file of {lab.record.id!r}"
            problems.add(model.problem(("lab",), what, f"Write {lab.record.id!r}, or move the model."))


def check_aliases(draft: Draft, catalogue: Catalogue, horizon: str, problems: Problems) -> None:
    """A moving name means something that exists, and one thing at a time."""
    spans: dict[str, list[Placed[Alias]]] = {}
    for placed in draft.aliases:
        alias = placed.record
        _check_source(placed, catalogue, problems)
        if alias.model not in catalogue.models:
            hint = nearest(alias.model, catalogue.models)
            problems.add(placed.problem(("model",), f"there is no model {alias.model!r}", hint))
        _check_day(placed, ("since",), alias.since, horizon, problems)
        wrong = wrong_date(alias.until) if alias.until else None
        if wrong is not None:
            problems.add(placed.problem(("until",), *wrong))
        elif alias.until and alias.until < alias.since:
            problems.add(placed.problem(("until",), f"ends on {alias.until}, before it begins on {alias.since}"))
        for other in spans.setdefault(name_key(alias.name), []):
            if alias.since < (other.record.until or ENDLESS) and other.record.since < (alias.until or ENDLESS):
                there = other.problem(("since",), "").where
                what = f"{alias.name!r} means {alias.model} and {other.record.model} at one time"
                problems.add(placed.problem(("since",), what, f"Give the earlier one an `until`; the other: {there}."))
        spans[name_key(alias.name)].append(placed)


def check_chains(draft: Draft, catalogue: Catalogue, problems: Problems) -> None:
    """Base models form no circle, whichever of the sources is believed."""
    bases = {
        model.id: [fact.value for fact in model.facts.get("base_model", ())] for model in catalogue.models.values()
    }
    for placed in draft.models:
        circle = _circle(placed.record.id, bases)
        if circle:
            what = f"a circle of base models: {' <- '.join(circle)}"
            problems.add(placed.problem(("facts", "base_model"), what, "One of them was not made from the next."))


def _circle(start: str, bases: dict[str, list[str]]) -> list[str]:
    """The way from a model back to itself, where there is one."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop()
        for base in bases.get(way[-1], ()):
            if base == start:
                return [*way, start]
            if base not in seen:
                seen.add(base)
                ways.append([*way, base])
    return []


def _once(
    group: Iterable[Placed[Any]],
    what: str,
    names: Callable[[Any], Iterable[tuple[Steps, str]]],
    key: Callable[[str], str],
    problems: Problems,
) -> None:
    """Add a problem for every name that a record before it has."""
    seen: dict[str, tuple[Placed[Any], Steps]] = {}
    for placed in group:
        for path, name in names(placed.record):
            first, there = seen.setdefault(key(name), (placed, path))
            if first is not placed:
                verb = _VERBS.get(str(path[0]), "are called")
                hint = f"The other one: {first.problem(there, '').where}."
                problems.add(placed.problem(path, f"two {what} {verb} {name!r}", hint))


def _model_names(model: Model) -> Iterator[tuple[Steps, str]]:
    yield ("id",), model.id
    yield ("name",), model.name
    yield from ((("names", place), name) for place, name in enumerate(model.names))


def _repositories(model: Model) -> Iterator[tuple[Steps, str]]:
    for name in ("hf_id", "modelscope_id"):
        said = enumerate(model.facts.get(name, ()))
        yield from ((("facts", name, place), f"{name} {fact.value}") for place, fact in said)


def _lab_names(lab: Lab) -> Iterator[tuple[Steps, str]]:
    yield ("id",), lab.id
    yield ("name",), lab.name
    yield from ((("names", place), name) for place, name in enumerate(lab.names))
    yield from ((("hub_orgs", place), name) for place, name in enumerate(lab.hub_orgs))


def _licence_names(licence: Licence) -> Iterator[tuple[Steps, str]]:
    yield ("id",), licence.id
    yield ("name",), licence.name
    yield from ((("names", place), name) for place, name in enumerate(licence.names))


def _check_source(placed: Placed[Any], catalogue: Catalogue, problems: Problems) -> None:
    source = placed.record.source
    if source not in catalogue.sources:
        hint = nearest(source, catalogue.sources) or "Add it to sources.toml."
        problems.add(placed.problem(("source",), f"there is no source {source!r}", hint))


def _check_day(placed: Placed[Any], path: Steps, day: str, horizon: str, problems: Problems) -> None:
    wrong = wrong_date(day)
    if wrong is not None:
        problems.add(placed.problem(path, *wrong))
    elif day > horizon:
        problems.add(placed.problem(path, f"{day} has not come yet; the newest day known is {horizon}"))


def _texts(value: Any, path: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(value, str):
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, part in parts:
        yield from _texts(part, (*path, key))
