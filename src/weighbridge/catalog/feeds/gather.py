"""Read records nobody vouches for: a record that is wrong is refused and named, and the others are kept."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from weighbridge.catalog.facts import Fact, Kind
from weighbridge.catalog.feeds.records import MOST_REFUSED, Harvest, Refused
from weighbridge.catalog.fields import FIELDS
from weighbridge.catalog.records import Adoption, Offer, Variant
from weighbridge.catalog.values import wrong_date, wrong_value
from weighbridge.errors import InputError, PullError
from weighbridge.formats.guess import describe

MOST_RECORDS = 100_000
MOST_CHARACTERS = 300
"""Of any text that is kept."""
MOST_WRONG = 0.2
"""Share of refused records above which a feed is not believed at all."""
_A_MILLION = Decimal(1_000_000)


class Unusable(Exception):
    """A record cannot be taken; the text says why."""


class Table(dict[str, Any]):
    """A JSON object that remembers which of its names were written twice."""

    twice: frozenset[str] = frozenset()


@dataclass(slots=True)
class Gather:
    """What has been read of one document so far."""

    source: str
    """Id of the feed's source."""
    date: str
    """ISO date on which the feed said so."""
    find: Callable[[str], str | None]
    """The catalogue id that a name means; None where it is unknown or ambiguous."""
    find_licence: Callable[[str], str | None] = lambda _: None
    offers: dict[tuple[str, str], Offer] = field(default_factory=dict)
    twice: set[tuple[str, str]] = field(default_factory=set)
    facts: dict[str, dict[str, Fact]] = field(default_factory=dict)
    pending: list[Callable[[], None]] = field(default_factory=list)
    """What the record at hand says; kept when it ends well."""
    adoption: list[Adoption] = field(default_factory=list)
    variants: dict[str, list[Variant]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    refused_count: int = 0
    records: int = 0
    unknown: int = 0

    @contextmanager
    def record(self, name: object) -> Iterator[None]:
        """One record: what is wrong inside the block refuses it."""
        self.records += 1
        if self.records > MOST_RECORDS:
            raise PullError(f"more than {MOST_RECORDS:,} records", next_move="Nothing was changed.")
        self.pending.clear()
        try:
            yield
            for keep in self.pending:
                keep()
        except (Unusable, InputError, msgspec.ValidationError) as error:
            self.refuse(name, error.what if isinstance(error, InputError) else str(error))

    def refuse(self, name: object, what: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_REFUSED:
            self.refused.append(Refused(shown(name), shown(what)))

    def model(self, *names: str) -> str | None:
        """The model that the first name which means one means; one that means none is counted."""
        for name in names:
            found = self.find(name) if name else None
            if found is not None:
                return found
        self.unknown += 1
        return None

    def offer(self, **values: Any) -> None:
        """Keep an offer; one that was there before under the same name takes both out."""
        plain = {name: value for name, value in values.items() if value is not None}
        offer = msgspec.convert({"model": None, "source": self.source, **plain}, Offer)
        key = (offer.provider, offer.model_id)
        if key in self.offers or key in self.twice:
            self.twice.add(key)
            self.offers.pop(key, None)
            raise Unusable("two offers have this provider and id; neither is taken")
        self.offers[key] = offer

    def fact(self, model: str, name: str, value: Any, kind: Kind = "reported", note: str = "") -> None:
        """Keep one fact; a value that is not plausible refuses the record."""
        wrong = wrong_value(FIELDS[name], value)
        if wrong is not None:
            raise Unusable(f"{name}: {wrong[0]}")
        held = self.facts.get(model, {}).get(name)
        if held is not None and held.value != value:
            raise Unusable(f"{name}: another record about {model} says {shown(held.value)[:60]}")
        fact = Fact(value, self.source, self.date, kind, note)
        self.pending.append(lambda: self.facts.setdefault(model, {}).update({name: fact}))

    def count(self, model: str, metric: str, value: object, unit: str, by: str) -> None:
        """Keep how much a model is used."""
        number = whole(value, metric)
        if number is not None:
            count = Adoption(model, metric, float(number), unit, self.date, by, self.source)
            self.pending.append(lambda: self.adoption.append(count))

    def variant(self, model: str, variant: Variant) -> None:
        """Keep one form of a model."""
        self.pending.append(lambda: self.variants.setdefault(model, []).append(variant))

    def harvest(self) -> Harvest:
        """What was read. Raises PullError when so much was wrong that the rest is not to be believed either."""
        if not self.records:
            raise PullError("there is not one record in the answer", next_move="Nothing was changed. Try again later.")
        if self.refused_count > max(1.0, MOST_WRONG * self.records) or self.refused_count == self.records:
            first = "; ".join(f"{each.record}: {each.what}" for each in self.refused[:3])
            raise PullError(
                f"{self.refused_count:,} of {self.records:,} records are wrong, too many to believe the rest: {first}",
                next_move="Nothing was changed. The feed's form may have changed: look at it, or wait.",
            )
        return Harvest(
            offers=tuple(self.offers[key] for key in sorted(self.offers)),
            facts={model: dict(sorted(said.items())) for model, said in sorted(self.facts.items())},
            adoption=tuple(self.adoption),
            variants={model: tuple(found) for model, found in sorted(self.variants.items())},
            refused=tuple(self.refused),
            refused_count=self.refused_count,
            records=self.records,
            unknown=self.unknown,
        )


def shown(value: object) -> str:
    """Anything, short and with what cannot be seen written out."""
    text = value if isinstance(value, str) else repr(value)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:MOST_CHARACTERS])


def read_json(body: bytes) -> Any:
    """A JSON document; objects become Tables. Raises PullError for what is none, NaN and endless nesting included."""
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_table, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        start = body[:512].lstrip()
        what = str(error) if start[:1] in (b"{", b"[") else f"it {describe(start)}"
        raise PullError(
            f"the answer is not the JSON this feed consists of: {shown(what)}",
            next_move="Nothing was changed. Try again later, or look at the address with a browser.",
        ) from error


def _table(pairs: list[tuple[str, Any]]) -> Table:
    table = Table(pairs)
    if len(table) < len(pairs):
        times = Counter(name for name, _ in pairs)
        table.twice = frozenset(name for name, count in times.items() if count > 1)
    return table


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def need_table(value: object, what: str) -> Table:
    """A JSON object; the whole feed cannot be read without it."""
    if isinstance(value, Table):
        return value
    raise PullError(
        f"{what} is no JSON object but {shown(value)[:80]}",
        next_move="Nothing was changed. The feed's form may have changed.",
    )


def table(value: object, what: str) -> Table:
    """A JSON object inside a record; nothing where there is none."""
    if value is None:
        return Table()
    if isinstance(value, Table):
        return value
    raise Unusable(f"{what}: expected an object, got {shown(value)[:80]}")


def entries(value: Table, gather: Gather, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The members of an object of records; what is written twice is refused, for nobody knows which is meant."""
    for name, member in value.items():
        if name in value.twice:
            with gather.record(f"{prefix}{name}"):
                raise Unusable("this id is there twice")
        else:
            yield name, member


def text(value: object, what: str) -> str:
    """A text that can be printed; empty where there is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unusable(f"{what}: expected a text, got {shown(value)[:80]}")
    plain = value.strip()
    if not plain.isprintable():
        raise Unusable(f"{what}: {shown(plain)[:80]!r} holds characters that cannot be seen")
    if len(plain) > MOST_CHARACTERS:
        raise Unusable(f"{what}: a text of {len(plain):,} characters")
    return plain


def name(value: object, what: str) -> str:
    """A text that may not be empty."""
    found = text(value, what)
    if not found:
        raise Unusable(f"{what} is missing")
    return found


def price(value: object, what: str, *, a_token: bool = False) -> float | None:
    """Dollars a million tokens; `a_token`: from dollars a token, exactly. Numbers may be written as texts."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        raise Unusable(f"{what}: expected a price, got {shown(value)[:80]}")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Unusable(f"{what}: {shown(value)[:80]!r} is no price") from None
    if not amount.is_finite():
        raise Unusable(f"{what}: {value} is no price")
    if amount < 0:
        raise Unusable(f"{what}: a price below zero, {value}")
    if amount and not -12 <= amount.adjusted() <= 9:
        raise Unusable(f"{what}: {value} is not plausible as a price")
    return float(amount * _A_MILLION) if a_token else float(amount)


def whole(value: object, what: str) -> int | None:
    """A whole number from 0; None where there is none. `131072.0` is one."""
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(f"{what}: expected a whole number, got {shown(value)[:80]}")
    if not 0 <= value <= 10**15:
        raise Unusable(f"{what}: {shown(value)[:40]} is not plausible")
    return value


def day(value: object, what: str) -> str:
    """An ISO date, of a year, a month or a day; a time of day is cut off. Empty where there is none."""
    found = text(value, what)[:10]
    wrong = wrong_date(found) if found else None
    if wrong is not None:
        raise Unusable(f"{what}: {wrong[0]}")
    return found
