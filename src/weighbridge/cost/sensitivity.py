"""Which assumption moves the answer most: each is made half as large and half as large again, the others kept.

The answer is what own hardware costs less the cheapest provider; with one of the two only, its cost. Shares stay
between 0 and 1, a peak at 1 or more, counts of devices whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.records import Offer
from weighbridge.cost.comparison import Comparison, Served, compare
from weighbridge.cost.workload import Workload

LESS, MORE = 0.5, 1.5


class Moved(msgspec.Struct, frozen=True):
    """One assumption and what becomes of the answer."""

    assumption: str
    usd_less: float
    """Dollars a month of the answer with half of it."""
    usd_more: float
    """With half as much again."""
    swing: float
    """Largest change of the answer, in dollars a month."""
    flips: bool
    """Whether another way becomes the cheapest."""


class _World(msgspec.Struct, frozen=True):
    """Everything a comparison is made from."""

    model: str
    offers: tuple[Offer, ...]
    work: Workload
    served: Served | None
    disputed: Mapping[tuple[str, str], Resolved]
    batch: Mapping[str, float]

    def compared(self) -> Comparison:
        return compare(self.model, self.offers, self.work, served=self.served, disputed=self.disputed, batch=self.batch)


_Change = Callable[[_World, float], _World]


def sensitivity(
    comparison: Comparison,
    offers: Iterable[Offer],
    *,
    disputed: Mapping[tuple[str, str], Resolved] | None = None,
    batch: Mapping[str, float] | None = None,
) -> list[Moved]:
    """Every assumption that moves anything, the strongest first."""
    theirs = tuple(offer for offer in offers if offer.model == comparison.model)
    world = _World(comparison.model, theirs, comparison.work, comparison.served, disputed or {}, batch or {})
    base = _answer(comparison)
    if base is None:
        return []
    moved = [_move(name, change, world, base, comparison.winner) for name, change in _changes(world)]
    return sorted((each for each in moved if each is not None and each.swing > 0), key=lambda each: -each.swing)


def _move(name: str, change: _Change, world: _World, base: float, winner: str | None) -> Moved | None:
    less, more = (change(world, factor).compared() for factor in (LESS, MORE))
    low, high = _answer(less), _answer(more)
    if low is None or high is None:
        return None
    swing = max(abs(low - base), abs(high - base))
    flips = any(_side(each.winner) != _side(winner) for each in (less, more))
    return Moved(name, low, high, swing, flips)


def _answer(comparison: Comparison) -> float | None:
    own = comparison.own.usd.value if comparison.own is not None and comparison.own.is_whole else None
    best = comparison.cheapest
    api = None if best is None else best.usd.value
    if own is None or api is None:
        return api if own is None else own
    return own - api


def _side(winner: str | None) -> str | None:
    return winner if winner in (None, "own") else "provider"


def _changes(world: _World) -> Iterator[tuple[str, _Change]]:
    work = world.work
    yield "requests", _of_work("requests_per_day")
    yield "tokens of a request", _of_work("input_tokens")
    yield "tokens of an answer", _of_work("output_tokens")
    if work.cached:
        yield "share of cached input", _of_work("cached")
    if work.reasoning:
        yield "share of thoughts", _of_work("reasoning")
    if work.batch:
        yield "share that can wait", _of_work("batch")
    if world.offers:
        yield "prices of providers", _prices
    if world.served is not None:
        yield "busiest hour over the average", _of_work("peak")
        yield from _of_own(world.served)


def _of_own(served: Served) -> Iterator[tuple[str, _Change]]:
    yield "speed of own hardware", _speed
    yield "utilisation at the busiest hour", _of_hardware("utilisation")
    names = {"usd_hour": "rent of a device", "buy_usd": "price of a device", "watts": "power of a device"}
    if served.hardware.buy_usd is not None:
        names |= {"years": "years of use", "usd_kwh": "price of power"}
        names.pop("usd_hour")
    else:
        names.pop("watts")
    yield from ((title, _of_hardware(name)) for name, title in names.items() if getattr(served.hardware, name))
    if served.hardware.spare:
        yield "sets that stand by", _of_hardware("spare")
    if served.hardware.posts:
        yield "people", _of_hardware("posts")


def _of_work(name: str) -> _Change:
    def change(world: _World, factor: float) -> _World:
        value: Any = getattr(world.work, name) * factor
        value = max(1.0, value) if name == "peak" else min(1.0, value) if name in _SHARES else value
        return msgspec.structs.replace(world, work=msgspec.structs.replace(world.work, **{name: value}))

    return change


def _of_hardware(name: str) -> _Change:
    def change(world: _World, factor: float) -> _World:
        assert world.served is not None
        value: Any = getattr(world.served.hardware, name) * factor
        value = min(1.0, value) if name == "utilisation" else value
        value = round(value + 1e-9) if name == "spare" else value
        hardware = msgspec.structs.replace(world.served.hardware, **{name: value})
        return msgspec.structs.replace(world, served=Served(hardware, world.served.pace))

    return change


_SHARES = ("cached", "reasoning", "batch")


def _speed(world: _World, factor: float) -> _World:
    assert world.served is not None
    pace = world.served.pace
    faster = msgspec.structs.replace(
        pace,
        decode_tps=pace.decode_tps.times(factor),
        prefill_tps=None if pace.prefill_tps is None else pace.prefill_tps.times(factor),
    )
    return msgspec.structs.replace(world, served=Served(world.served.hardware, faster))


def _prices(world: _World, factor: float) -> _World:
    names = ("input", "output", "cached", "reasoning")

    def scaled(offer: Offer) -> Offer:
        prices = {name: price * factor for name in names if (price := getattr(offer, name)) is not None}
        return msgspec.structs.replace(offer, **prices)

    return msgspec.structs.replace(world, offers=tuple(scaled(offer) for offer in world.offers))
