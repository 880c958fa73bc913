"""A comparison of costs in words, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from weighbridge.catalog.facts import resolve
from weighbridge.catalog.records import Catalogue
from weighbridge.charts.plane import short
from weighbridge.cost.api import ApiCost
from weighbridge.cost.breakeven import BreakEven
from weighbridge.cost.comparison import Comparison
from weighbridge.cost.hardware import OwnCost
from weighbridge.cost.sensitivity import Moved
from weighbridge.cost.workload import Range, Workload

HEADS = ("PROVIDER", "$ A MONTH", "IN $/M", "CACHED", "OUT", "SEAT", "DATA GOES TO", "NOTES")
UNKNOWN = "?"


def work_line(work: Workload) -> str:
    """`50,000 requests a day: 1,200 tokens in (60% cached), 300 out; busiest hour 3x the average`."""
    cached = f" ({work.cached:.0%} cached)" if work.cached else ""
    thoughts = f" ({work.reasoning:.0%} thoughts)" if work.reasoning else ""
    waits = f"; {work.batch:.0%} can wait a day" if work.batch else ""
    month = work.tokens_per_month()
    return (
        f"{work.requests_per_day:,.6g} requests a day: {work.input_tokens:,.6g} tokens in{cached}, "
        f"{work.output_tokens:,.6g} out{thoughts}; busiest hour {work.peak:g}x the average{waits}. A month: "
        f"{short(month['input'] + month['cached'])} tokens in, {short(month['output'] + month['reasoning'])} out."
    )


def counted(number: int, noun: str) -> str:
    """`1 device`, `3 devices`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def usd(amount: float) -> str:
    """Dollars a month, to the dollar from 100 on: `$1,234`, `$12.30`, `$0.0120`."""
    if amount >= 100:
        return f"${amount:,.0f}"
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.2g}"


def usd_range(given: Range) -> str:
    """`$137 ($120 to $150)`; one figure where the ends are within half a percent."""
    apart = given.high > given.low * 1.005
    return f"{usd(given.value)} ({usd(given.low)} to {usd(given.high)})" if apart else usd(given.value)


def rows(catalogue: Catalogue, costs: Sequence[ApiCost]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Cells under HEADS, and the notes they point to by number."""
    notes: dict[str, int] = {}
    table = []
    for cost in costs:
        said = [f"[{notes.setdefault(note, len(notes) + 1)}]" for note in _all_notes(cost)]
        prices = {part.kind: part.usd_per_million for part in cost.parts}
        table.append(
            (
                cost.provider,
                _amount(cost),
                *(_price(prices, kind) for kind in ("input", "cached", "output")),
                *residency(catalogue, cost.provider),
                "".join(said),
            )
        )
    return table, [f"[{number}] {note}" for note, number in notes.items()]


def residency(catalogue: Catalogue, provider: str) -> tuple[str, str]:
    """Seat of whom one contracts with, and where requests go; `?` where nobody says."""
    record = catalogue.providers.get(provider)
    said = (
        []
        if record is None
        else [resolve(facts, catalogue.sources) for facts in (record.country, record.data_location)]
    )
    seat, location = (None if fact is None else str(fact.value) for fact in said or (None, None))
    return seat or UNKNOWN, location or UNKNOWN


def _amount(cost: ApiCost) -> str:
    if cost.cannot is not None:
        return "cannot"
    if cost.at_nothing:
        return "listed at $0"
    return f"over {usd(cost.usd.value)}" if cost.unknown else usd_range(cost.usd)


def _price(prices: Mapping[str, float | None], kind: str) -> str:
    price = prices.get(kind)
    return ("" if kind not in prices else UNKNOWN) if price is None else f"{price:.4g}"


def _all_notes(cost: ApiCost) -> Iterator[str]:
    if cost.cannot is not None:
        yield cost.cannot
        return
    if cost.at_nothing:
        yield "a free tier or a subscription: not compared"
        return
    yield from (f"partial, the {what} is not known" for what in cost.unknown)
    yield from cost.notes


def own_lines(own: OwnCost) -> Iterator[str]:
    """What own hardware costs, and what it is made of."""
    hardware = own.hardware
    total = (
        f"{usd_range(own.usd)} a month" if own.is_whole else f"cost unknown, {' and '.join(own.unknown)} is not known"
    )
    sets = f"{own.sets.value:.0f}" + (
        f" ({own.sets.low:.0f} to {own.sets.high:.0f})" if own.sets.high > own.sets.low else ""
    )
    yield f"own hardware  {total}: {sets} sets of {hardware.count} x {hardware.device}, {hardware.spare} spare"
    carried = own.requests_per_day_a_set
    span = f" ({carried.low:,.0f} to {carried.high:,.0f})" if carried.high > carried.low * 1.005 else ""
    most = f"{carried.value:,.0f}{span}"
    yield f"  one set carries {most} requests a day; the average hour uses {own.load:.0%} of all at work"
    yield f"  {'; '.join(own.notes)}"


def meeting_lines(comparison: Comparison) -> Iterator[str]:
    """Where own hardware and the cheapest provider cost the same."""
    best, meets = comparison.cheapest, comparison.meets
    if best is None or meets is None:
        return
    if meets.first is None:
        yield f"break-even   never: a set costs more than {best.provider} takes for all it can carry"
        return
    yield f"break-even   {short(meets.first)} requests a day against {best.provider}{_span(comparison)}"
    if meets.stays is not None and meets.stays > meets.first * 1.005:
        yield f"  and from {short(meets.stays)} on own hardware stays the cheaper one, whatever step comes next"


def _span(comparison: Comparison) -> str:
    slow, fast = comparison.meets_slow, comparison.meets_fast
    if slow is None or fast is None or (slow.first == fast.first):
        return ""
    ends = [short(fast.first) if fast.first else "never", short(slow.first) if slow.first else "never"]
    return f" ({ends[0]} to {ends[1]}, as fast or slow as the speed may be)"


def moved_rows(moved: Sequence[Moved], most: int) -> list[tuple[str, ...]]:
    """Cells: assumption, the answer with half and with half as much again, and whether it decides."""
    return [
        (each.assumption, _signed(each.usd_less), _signed(each.usd_more), "changes" if each.flips else "the same")
        for each in moved[:most]
    ]


def _signed(amount: float) -> str:
    return f"-{usd(-amount)}" if amount < 0 else usd(amount)


def value_of(catalogue: Catalogue, comparison: Comparison, moved: Sequence[Moved]) -> dict[str, Any]:
    """A comparison as plain values."""
    best = comparison.cheapest
    return {
        "model": comparison.model,
        "offers": [_api(catalogue, cost) for cost in comparison.api],
        "cheapest": None if best is None else best.provider,
        "own": None if comparison.own is None else _own(comparison.own),
        "break_even": None if comparison.meets is None else _meets(comparison),
        "winner": comparison.winner,
        "sensitivity": [msgspec.to_builtins(each) for each in moved],
    }


def _api(catalogue: Catalogue, cost: ApiCost) -> dict[str, Any]:
    seat, location = residency(catalogue, cost.provider)
    return {
        "provider": cost.provider,
        "model_id": cost.model_id,
        "usd_per_month": _ends(cost.usd) if cost.is_whole else None,
        "known_part_usd": cost.usd.value,
        "whole": cost.is_whole,
        "unknown": list(cost.unknown),
        "listed_at_nothing": cost.at_nothing,
        "cannot": cost.cannot,
        "parts": [msgspec.to_builtins(part) for part in cost.parts],
        "notes": list(cost.notes),
        "country": None if seat == UNKNOWN else seat,
        "data_location": None if location == UNKNOWN else location,
        "sources": list(cost.sources),
        "updated": cost.updated,
    }


def _own(own: OwnCost) -> dict[str, Any]:
    return {
        "device": own.hardware.device,
        "devices_a_set": own.hardware.count,
        "sets": _ends(own.sets),
        "devices": own.devices,
        "usd_per_month": _ends(own.usd) if own.is_whole else None,
        "usd_per_set": own.per_set_usd if own.is_whole else None,
        "usd_people": own.fixed_usd,
        "requests_per_day_a_set": _ends(own.requests_per_day_a_set),
        "load": own.load,
        "unknown": list(own.unknown),
        "notes": list(own.notes),
    }


def _ends(given: Range) -> dict[str, Any]:
    return {"value": given.value, "interval": [given.low, given.high]}


def _meets(comparison: Comparison) -> dict[str, Any]:
    def plain(meets: BreakEven | None) -> dict[str, Any]:
        return {"first": meets and meets.first, "stays": meets and meets.stays}

    return {
        "requests_per_day": plain(comparison.meets),
        "at_low_speed": plain(comparison.meets_slow),
        "at_high_speed": plain(comparison.meets_fast),
    }
