"""Models that meet every condition. What is unknown meets none that asks for it, and is counted.

bound      `>=128k`, `<40B`, `>=2026-01`: a number or a date as people write it, with what it must be to it
licence    `commercial` without conditions, `conditional` with or without; or a licence by its name
price      at least one offer that costs something and no more than asked
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.fields import FIELDS, Field, read_value, same
from weighbridge.catalog.profile import known
from weighbridge.catalog.quantities import Quantity, read_date, read_quantity
from weighbridge.catalog.records import Catalogue, Model, Offer
from weighbridge.errors import UsageError

SHOWN = (
    *("lab", "country", "family", "licence", "commercial_use", "open_weights", "parameters_total", "parameters_active"),
    *("architecture", "context_tokens", "released", "stage", "reasoning", "tools", "modalities"),
)
"""Fields one can search by, and that a list shows."""
_BOUND = re.compile(r"\s*(>=|<=|==|=|>|<|≥|≤)?\s*(.+?)\s*$", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "≥": operator.ge,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
Passes = Callable[["Row"], bool | None]
"""Whether a model meets a condition; None where that is not known."""


class Row(msgspec.Struct, frozen=True):
    """A model as a list shows it."""

    model: Model
    facts: dict[str, Any]
    """Believed values of SHOWN; None where nobody says."""
    disputed: tuple[str, ...]
    offers: tuple[Offer, ...]


class Condition(msgspec.Struct, frozen=True):
    said: str
    """What was asked, in the words of the command: `active <40B`."""
    passes: Passes


class Found(msgspec.Struct, frozen=True):
    rows: tuple[Row, ...]
    """The newest first."""
    unknown: dict[str, int]
    """How many models fail a condition only because what it asks for is unknown."""


def make_rows(catalogue: Catalogue, offers: Iterable[Offer]) -> tuple[Row, ...]:
    """Every model once, the newest first; those nobody dates last."""
    served: dict[str, list[Offer]] = {}
    for offer in offers:
        served.setdefault(offer.model or "", []).append(offer)
    rows = [_row(catalogue, model, tuple(served.get(model.id, ()))) for model in catalogue.models.values()]
    return tuple(sorted(rows, key=lambda row: row.facts["released"] or "", reverse=True))


def _row(catalogue: Catalogue, model: Model, offers: tuple[Offer, ...]) -> Row:
    facts: dict[str, Resolved | None] = {name: known(catalogue, model, name) for name in SHOWN}
    values = {name: None if fact is None else fact.value for name, fact in facts.items()}
    disputed = tuple(name for name, fact in facts.items() if fact is not None and fact.disputed)
    return Row(model, values, disputed, offers)


def search(rows: Iterable[Row], conditions: Sequence[Condition]) -> Found:
    """The rows that meet all conditions."""
    found, unknown = [], dict.fromkeys((each.said for each in conditions), 0)
    for row in rows:
        unsure = []
        for condition in conditions:
            passed = condition.passes(row)
            if passed is False:
                break
            if passed is None:
                unsure.append(condition.said)
        else:
            if not unsure:
                found.append(row)
            for said in unsure:
                unknown[said] += 1
    return Found(tuple(found), {said: count for said, count in unknown.items() if count})


def having(name: str, wanted: Sequence[Any], said: str) -> Condition:
    """A field has one of these values."""

    def passes(row: Row) -> bool | None:
        value = row.facts[name]
        return None if value is None else any(same(FIELDS[name], value, each) for each in wanted)

    return Condition(said, passes)


def containing(name: str, wanted: str, said: str) -> Condition:
    """A set has this among its names."""
    asked = read_value(FIELDS[name], wanted)
    if asked is None or (FIELDS[name].words and not asked <= set(FIELDS[name].words)):
        known_words = ", ".join(FIELDS[name].words)
        raise UsageError(f"{wanted!r} is no {name.rstrip('s')}", next_move=f"One of: {known_words}.")
    return Condition(said, lambda row: None if row.facts[name] is None else asked <= set(row.facts[name]))


def licensed(terms: str, licence: str | None) -> Condition:
    """`commercial`: allowed as it is. `conditional`: allowed, or allowed under conditions. Else a licence by its id."""
    said = f"licence {terms}"
    if licence is not None:
        return having("licence", [licence], said)
    enough = {"commercial": {"yes"}, "conditional": {"yes", "conditional"}}[terms]

    def passes(row: Row) -> bool | None:
        value = row.facts["commercial_use"]
        return None if value in (None, "unknown") else value in enough

    return Condition(said, passes)


def bounded(name: str, text: str) -> Condition:
    """A number or a date of a model within a bound."""
    said, field = f"{name} {text}", FIELDS[name]
    sign, asked = _read_bound(field, text)
    if isinstance(asked, str):
        return Condition(said, lambda row: _dated(row.facts[name], sign, asked))

    def passes(row: Row) -> bool | None:
        value = row.facts[name]
        if value is None:
            return None
        is_same = same(field, value, asked.value)
        if sign == "=":
            return is_same
        if name == "context_tokens" and is_same:  # 131,072 and 128k are one window
            return sign in (">=", "<=", "≥", "≤")
        return _COMPARE[sign](value, asked.value)

    return Condition(said, passes)


def _read_bound(field: Field, text: str) -> tuple[str, Quantity | str]:
    sign, rest = _parts(text)
    asked = read_date(rest) if field.holds == "date" else read_quantity(rest)
    if asked is None:
        example = ">=2026-01" if field.holds == "date" else ">=128k"
        raise UsageError(
            f"{text!r} is no bound for {field.name}", next_move=f"Write it like '{example}', in quotes for the shell."
        )
    return sign, asked


def _parts(text: str) -> tuple[str, str]:
    """Comparison and value; `=` where none is written."""
    found = _BOUND.match(text)
    sign, rest = (found[1], found[2]) if found else (None, text)
    return ("=" if sign in (None, "==") else sign), rest


def _dated(value: str | None, sign: str, asked: str) -> bool | None:
    """Dates at the precision of the rougher one; None where the model's is too rough to tell."""
    if value is None:
        return None
    length = min(len(value), len(asked))
    one, other = value[:length], asked[:length]
    if one == other and len(value) < len(asked):
        return None
    return one == other if sign == "=" else _COMPARE[sign](one, other)


def offered(provider: str | None, prices: dict[str, str]) -> Condition:
    """One offer meets all of it: who serves, and bounds on its prices (`input`, `output`)."""
    bounds = {name: _price_bound(text) for name, text in prices.items()}
    said = " ".join(
        [f"provider {provider}" if provider else "offer", *(f"{name} {text}" for name, text in prices.items())]
    )

    def meets(offer: Offer) -> bool | None:
        if provider is not None and offer.provider.casefold() != provider.casefold():
            return False
        costs = {name: getattr(offer, name) for name in bounds}
        if None in costs.values():
            return None
        return all(costs[name] > 0 and _COMPARE[sign](costs[name], most) for name, (sign, most) in bounds.items())

    def passes(row: Row) -> bool | None:
        answers = [meets(offer) for offer in row.offers]
        if True in answers:
            return True
        return None if None in answers or (not answers and provider is None) else False

    return Condition(said, passes)


def _price_bound(text: str) -> tuple[str, float]:
    sign, rest = _parts(text)
    asked = read_quantity(rest)
    if asked is None or asked.value < 0 or sign == "=":
        raise UsageError(
            f"{text!r} is no bound for a price", next_move="Write it like '<=0.5': dollars a million tokens."
        )
    return sign, asked.value


def named(word: str) -> Condition:
    """A word of the id, the name, a name it goes by, or the family."""
    wanted = re.sub(r"[\s_-]+", "", word.casefold())

    def passes(row: Row) -> bool:
        names = (row.model.id, row.model.name, row.facts["family"] or "", *row.model.names)
        return any(wanted in re.sub(r"[\s_-]+", "", name.casefold()) for name in names)

    return Condition(f"word {word}", passes)
