"""Whether a fact can be: its field is known, its value of the right kind and plausible, its source and date exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weighbridge.catalog.devices import DEVICE_FIELDS
from weighbridge.catalog.fields import FIELDS, Field
from weighbridge.catalog.quantities import read_date
from weighbridge.catalog.reading import Draft, Placed, Said
from weighbridge.catalog.records import Catalogue, Device, Model
from weighbridge.catalog.spellings import COUNTRIES
from weighbridge.formats.problems import Problems, did_you_mean, nearest

Wrong = tuple[str, str | None]
"""What is wrong, and the next move."""
COUNTRY = FIELDS["country"]
TRAINS = Field("trains_on_inputs", "terms", "", words=("yes", "no", "opt-out", "opt-in", "unknown"))
LOCATION = Field("data_location", "text", "")
RETENTION = Field("retention_days", "count", "", low=0, high=36_500)
PROVIDER_FIELDS = {field.name: field for field in (COUNTRY, LOCATION, TRAINS, RETENTION)}
_IDS: dict[str, Callable[[Catalogue], Mapping[str, Any]]] = {
    "lab": lambda catalogue: catalogue.labs,
    "licence": lambda catalogue: catalogue.licences,
    "base_model": lambda catalogue: catalogue.models,
}
"""Fields whose value is the id of a record."""


def check_facts(draft: Draft, catalogue: Catalogue, horizon: str, problems: Problems) -> bool:
    """Add what is wrong with single facts; whether they are sound enough to be held against each other."""
    before = problems.count
    for lab in draft.labs:
        if not lab.record.country:
            problems.add(lab.problem(("country",), "a lab needs the country of its seat, with a source"))
    for model in draft.models:
        if not any(model.record.facts.values()):
            what = f"nobody says anything about {model.record.id!r}"
            problems.add(model.problem((), what, "Add at least one fact with its source under [model.facts]."))
    for said in draft.facts():
        _check_fact(said, catalogue, horizon, problems)
    return problems.count == before


def wrong_value(field: Field, value: Any) -> Wrong | None:
    """What is wrong with a value of a field as the catalogue keeps it; None where it is fine."""
    if field.low is not None and field.high is not None:
        return _wrong_number(field, value)
    if field.holds == "flag":
        return None if isinstance(value, bool) else (f"expected true or false, got {value!r:.100}", None)
    if field.holds == "table":
        return None if isinstance(value, dict) and value else ("expected a table that holds something", None)
    return _wrong_set(field, value) if field.holds == "set" else _wrong_text(field, value)


def _wrong_text(field: Field, value: Any) -> Wrong | None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or value != value.strip():
        return f"expected a text, got {value!r:.100}", "Write what can be printed, in quotes, without blanks around it."
    if field.holds == "date":
        return wrong_date(value)
    if field.holds == "country" and value not in COUNTRIES:
        return f"{value!r} is no country known here", "Use the ISO 3166 code of two capitals: CN, US, FR."
    if field.words and value not in field.words:
        return f"{value!r} is none of its values", did_you_mean(value, field.words)
    return None


def wrong_date(value: str) -> Wrong | None:
    """What is wrong with an ISO date of a year, a month or a day."""
    if read_date(value) == value:
        return None
    return f"{value!r} is no date", "Write 2026, 2026-02 or 2026-02-03."


def _wrong_number(field: Field, value: Any) -> Wrong | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number, got {value!r:.100}", "Write it out, 671_000_000_000, without quotes or a unit."
    low, high = field.low or 0.0, field.high or 0.0
    if low <= value <= high:
        return None
    return f"{value:.6g} is not plausible: expected {low:g} to {high:g}", "Look at the unit and count the zeros."


def _wrong_set(field: Field, value: Any) -> Wrong | None:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) and part.strip() for part in value):
        return f"expected an array of texts, got {value!r:.100}", None
    if len(set(value)) < len(value):
        return f"{value!r:.100} names something twice", None
    odd = next((part for part in value if field.words and part not in field.words), None)
    return None if odd is None else (f"{odd!r} is none of its values", did_you_mean(odd, field.words))


def _wrong_id(name: str, value: Any, catalogue: Catalogue) -> Wrong | None:
    known = _IDS[name](catalogue) if name in _IDS else None
    if known is None or value in known:
        return None
    return f"there is no {name.replace('_', ' ')} {value!r}", nearest(value, known)


def _check_fact(said: Said, catalogue: Catalogue, horizon: str, problems: Problems) -> None:
    known = _fields_of(said.owner)
    if said.field not in known:
        what = f"unknown field {said.field!r}"
        problems.add(said.owner.problem(said.path[:-1], what, did_you_mean(said.field, known)))
        return
    fact = said.fact
    wrong = wrong_value(known[said.field], fact.value) or _wrong_id(said.field, fact.value, catalogue)
    if wrong is not None:
        problems.add(said.owner.problem((*said.path, "value"), f"{said.field}: {wrong[0]}", wrong[1]))
    if fact.source not in catalogue.sources:
        hint = nearest(fact.source, catalogue.sources) or "Add it to sources.toml, or as [[source]] to this file."
        problems.add(said.owner.problem((*said.path, "source"), f"there is no source {fact.source!r}", hint))
    wrong = wrong_date(fact.date)
    if wrong is None and fact.date > horizon:
        wrong = (f"{fact.date} has not come yet; the newest day known is {horizon}", None)
    if wrong is not None:
        problems.add(said.owner.problem((*said.path, "date"), *wrong))


def _fields_of(owner: Placed[Any]) -> Mapping[str, Field]:
    """What may be said about a record of this kind."""
    if isinstance(owner.record, Model):
        return FIELDS
    return DEVICE_FIELDS if isinstance(owner.record, Device) else PROVIDER_FIELDS
