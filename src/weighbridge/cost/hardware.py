"""What own hardware costs a month, and how much of it a workload needs.

    sets       peak requests/s x seconds of work a request / utilisation, rounded up, and the spare ones
    seconds    prompt tokens that are not cached / prefill speed + answer tokens / decode speed, of one set
    rent       sets x devices x $/h x 730.5 h                     or bought:
    bought     sets x devices x price / (years x 12) + watts / 1000 x PUE x $/kWh x 730.5 h
    people     posts x salary / 12, whatever the volume

Rated power is counted around the clock: an upper bound, and a small part of the whole. Speeds are ranges, and the
number of sets follows each end, so a cost carries the doubt of the speed it rests on. A price nobody gives leaves the
sum partial, and is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from weighbridge.cost.amounts import HOURS_A_MONTH
from weighbridge.cost.workload import Range, Workload


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """One device set that serves a model, and what it costs."""

    device: str
    count: int = 1
    """Devices of one set."""
    usd_hour: float | None = None
    """Rent of one device."""
    buy_usd: float | None = None
    """Price of one device with its share of server, rack and network; instead of rent."""
    years: float = 3.0
    """Over which that is written off."""
    watts: float | None = None
    """Of one device with its share of the server; wanted where it is bought."""
    pue: float = 1.3
    """Power of the whole site over that of the computers."""
    usd_kwh: float = 0.15
    spare: int = 1
    """Whole sets that stand by: N+1."""
    utilisation: float = 0.7
    """Most that the busiest hour may use of what the sets can do; the rest is for queues and bursts."""
    posts: float = 0.0
    """People who run it, full time."""
    salary_usd: float = 0.0
    """A year, dues included."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What one set does at full load, over all its sequences."""

    decode_tps: Range
    prefill_tps: Range | None = None
    """None where decode_tps was measured on the work itself, prompts included."""
    said: str
    """Where it is from: `as given`, `estimated by fit`."""

    def seconds(self, work: Workload) -> Range:
        """Of one request, on a set that does nothing else; the slowest speed gives the high end."""
        read = work.input_tokens * (1 - work.cached)

        def at(decode: float, prefill: float | None) -> float:
            return work.output_tokens / decode + (0 if prefill is None else read / prefill)

        write, fill = self.decode_tps, self.prefill_tps
        if fill is None:
            return Range(at(write.value, None), at(write.high, None), at(write.low, None))
        return Range(at(write.value, fill.value), at(write.high, fill.high), at(write.low, fill.low))


class OwnCost(msgspec.Struct, frozen=True, kw_only=True):
    """A workload on own hardware."""

    hardware: Hardware
    sets: Range
    """Whole sets, spare ones included."""
    devices: int
    per_set_usd: float
    """A month, of one set."""
    fixed_usd: float
    """A month, whatever the volume: people."""
    usd: Range
    requests_per_day_a_set: Range
    """That one set carries within `utilisation` at this shape of work; low where the speed is low."""
    load: float
    """Share of what the working sets can do that the average hour uses."""
    unknown: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether no part of the sum is missing."""
        return not self.unknown


def price_own(hardware: Hardware, pace: Pace, work: Workload) -> OwnCost:
    """What the workload costs a month on as many sets as its busiest hour needs."""
    carried = _carried(hardware, pace, work)
    needed = _each(carried, lambda most: float(max(1, math.ceil(work.requests_per_day / most - 1e-9))))
    sets = Range(needed.value + hardware.spare, needed.high + hardware.spare, needed.low + hardware.spare)
    per_set = set_usd(hardware)
    fixed = hardware.posts * hardware.salary_usd / 12
    usd = Range(*(fixed + each * per_set for each in (sets.value, sets.low, sets.high)))
    mean_seconds = work.requests_per_day / 86_400 * pace.seconds(work).value
    return OwnCost(
        hardware=hardware,
        sets=sets,
        devices=round(sets.value) * hardware.count,
        per_set_usd=per_set,
        fixed_usd=fixed,
        usd=usd,
        requests_per_day_a_set=carried,
        load=mean_seconds / needed.value,
        unknown=tuple(_unknown(hardware)),
        notes=tuple(_notes(hardware, pace)),
    )


def set_usd(hardware: Hardware) -> float:
    """Of one set a month, as far as prices are known."""
    if hardware.buy_usd is None:
        return (hardware.usd_hour or 0.0) * HOURS_A_MONTH * hardware.count
    written_off = hardware.buy_usd / (hardware.years * 12)
    power = (hardware.watts or 0.0) / 1000 * hardware.pue * hardware.usd_kwh * HOURS_A_MONTH
    return (written_off + power) * hardware.count


def _carried(hardware: Hardware, pace: Pace, work: Workload) -> Range:
    """Requests a day of one set; the peak is what it is sized for."""
    seconds = pace.seconds(work)
    unevenness = work.peak_requests_per_second / (work.requests_per_day / 86_400)
    return _each(Range(seconds.value, seconds.high, seconds.low), lambda each: _a_day(hardware, unevenness, each))


def _a_day(hardware: Hardware, unevenness: float, seconds: float) -> float:
    return hardware.utilisation * 86_400 / (unevenness * seconds)


def _each(given: Range, judge: Callable[[float], float]) -> Range:
    """Judged at the figure and both ends; an end keeps its name, also where less becomes more."""
    return Range(judge(given.value), judge(given.low), judge(given.high))


def _unknown(hardware: Hardware) -> Iterator[str]:
    if hardware.buy_usd is None and hardware.usd_hour is None:
        yield f"what a {hardware.device} costs"
    if hardware.buy_usd is not None and hardware.watts is None:
        yield f"the power a {hardware.device} draws"


def _notes(hardware: Hardware, pace: Pace) -> Iterator[str]:
    yield f"speed {pace.said}"
    if hardware.buy_usd is not None:
        yield f"rated power around the clock, PUE {hardware.pue:g}, ${hardware.usd_kwh:g} a kWh"
    if not hardware.posts:
        yield "nobody's time is counted"
