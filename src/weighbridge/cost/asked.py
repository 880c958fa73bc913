"""Options and keys of a workload and of own hardware: how each is written, and what is plausible.

One table serves the command line (`--in 1200`) and the file (`in = 1200`), so that both mean and refuse the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.cost.amounts import read_amount, read_people, read_rate, read_share
from weighbridge.cost.hardware import Hardware, Pace
from weighbridge.cost.workload import Workload, sure
from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml

Written = str | int | float
Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value: what reads it, and between what it must lie."""

    read: Callable[[object], float | None]
    low: float
    high: float
    what: str
    example: str


WORK: dict[str, Wanted] = {
    "requests": Wanted(read_rate, 1e-3, 1e12, "requests and the time they come in", "50000/day"),
    "in": Wanted(read_amount, 1, 1e8, "tokens of a request", "1200"),
    "out": Wanted(read_amount, 1, 1e7, "tokens of an answer", "300"),
    "cached": Wanted(read_share, 0, 1, "a share", "60%"),
    "reasoning": Wanted(read_share, 0, 1, "a share", "40%"),
    "batch": Wanted(read_share, 0, 1, "a share", "20%"),
    "peak": Wanted(read_amount, 1, 1000, "a number", "3"),
}
OWN: dict[str, Wanted] = {
    "usd_hour": Wanted(read_amount, 0.001, 10_000, "dollars an hour", "2.50"),
    "buy": Wanted(read_amount, 1, 10_000_000, "dollars", "30000"),
    "years": Wanted(read_amount, 0.1, 30, "years", "3"),
    "watts": Wanted(read_amount, 1, 100_000, "watts", "700"),
    "pue": Wanted(read_amount, 1, 5, "a number", "1.3"),
    "kwh": Wanted(read_amount, 0, 10, "dollars", "0.15"),
    "tps": Wanted(read_amount, 0.001, 1e9, "tokens a second", "2400"),
    "prefill_tps": Wanted(read_amount, 0.001, 1e10, "tokens a second", "20000"),
    "utilisation": Wanted(read_share, 0.01, 1, "a share", "70%"),
    "spare": Wanted(read_amount, 0, 1000, "a number of sets", "1"),
}
LIMITS = "The average of many requests is meant; the largest figure that is believed is {high:g}, the smallest {low:g}."


class WorkSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[work]` of a workload file; docs/cost.md explains every key."""

    requests: Written
    in_: Written = msgspec.field(name="in")
    out: Written
    cached: Written | None = None
    reasoning: Written | None = None
    batch: Written | None = None
    peak: Written | None = None


class OwnSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[own]`: hardware to hold providers against."""

    on: str | None = None
    usd_hour: Written | None = None
    buy: Written | None = None
    years: Written | None = None
    watts: Written | None = None
    pue: Written | None = None
    kwh: Written | None = None
    tps: Written | None = None
    prefill_tps: Written | None = None
    utilisation: Written | None = None
    spare: Written | None = None
    people: str | None = None


class WorkloadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    work: WorkSection
    own: OwnSection | None = None


def wrong(name: str, value: object) -> tuple[str, str] | None:
    """What is wrong with one value, and the next move; None where it is fine."""
    wanted = WORK.get(name) or OWN[name]
    number = wanted.read(value)
    if number is None:
        hint = " A share stands between 0 and 1, or with a percent sign." if wanted.read is read_share else ""
        hint = " Per second, minute, hour, day, week or month." if wanted.read is read_rate else hint
        return f"expected {wanted.what}, got {value!r:.60}", f"Write it like {wanted.example}.{hint}"
    if not wanted.low <= number <= wanted.high:
        return f"{value!r:.60} is not plausible", LIMITS.format(high=wanted.high, low=wanted.low)
    return None


def wrong_people(text: object) -> tuple[str, str] | None:
    """What is wrong with `N@USD`, posts and a year's salary, and the next move; None where it is fine."""
    people = read_people(text)
    if people is None or not 0 <= people[0] <= 10_000 or not 0 <= people[1] <= 10_000_000:
        return f"expected posts and a salary, got {text!r:.60}", "Write them like 0.2@150000: a fifth of one post."
    return None


def read_workload_file(name: str, data: bytes, problems: Problems) -> tuple[Given, Given]:
    """Values of `[work]` and of `[own]` as written; adds every mistake to `problems`."""
    file = read_toml(name, data, problems)
    record = None if file is None else read_record(file, (), file.tables, WorkloadFile, problems)
    if file is None or record is None:
        return {}, {}
    return check_work(file, ("work",), record.work, problems), _check_own(file, record.own, problems)


def check_work(file: TomlFile, path: tuple[str, ...], section: msgspec.Struct, problems: Problems) -> Given:
    """The values of a section that describes work, each held against WORK."""
    return _checked(file, path, section, WORK, problems)


def _check_own(file: TomlFile, section: OwnSection | None, problems: Problems) -> Given:
    if section is None:
        return {}
    values = dict(_checked(file, ("own",), section, OWN, problems))
    if section.people is not None:
        mistake = wrong_people(section.people)
        if mistake is not None:
            problems.add(file.problem(("own", "people"), *mistake))
        values["people"] = section.people
    return values if section.on is None else {**values, "on": section.on}


def _checked(
    file: TomlFile, path: tuple[str, ...], section: msgspec.Struct, table: Mapping[str, Wanted], problems: Problems
) -> Given:
    values = {name: value for name, value in _by_key(section).items() if name in table and value is not None}
    for name, value in values.items():
        mistake = wrong(name, value)
        if mistake is not None:
            problems.add(file.problem((*path, name), *mistake))
    return values


def _by_key(section: msgspec.Struct) -> dict[str, Any]:
    return {field.encode_name: getattr(section, field.name) for field in msgspec.structs.fields(section)}


def workload_of(given: Given) -> Workload:
    """The record; every value was held against WORK before."""
    names = {"requests": "requests_per_day", "in": "input_tokens", "out": "output_tokens"}
    return Workload(**{names.get(name, name): _number(WORK, name, given[name]) for name in WORK if name in given})


def hardware_of(given: Given, device: str, count: int, known: Hardware) -> Hardware:
    """The record, with what is not given taken from `known`: the catalogue's word on the device."""
    own = {name: _number(OWN, name, given[name]) for name in OWN if name in given}
    posts, salary = read_people(given["people"]) or (0.0, 0.0) if "people" in given else (0.0, 0.0)
    rent = own.get("usd_hour", None if "buy" in own else known.usd_hour)
    return msgspec.structs.replace(
        known,
        device=device,
        count=count,
        usd_hour=rent,
        buy_usd=own.get("buy"),
        watts=own.get("watts", known.watts),
        posts=posts,
        salary_usd=salary,
        spare=round(own.get("spare", known.spare)),
        **{name: own[key] for name, key in _SAME if key in own},
    )


_SAME = (("years", "years"), ("pue", "pue"), ("usd_kwh", "kwh"), ("utilisation", "utilisation"))


def pace_of(given: Given) -> Pace | None:
    """The speed that is given by hand; None where none is."""
    if "tps" not in given:
        return None
    prefill = given.get("prefill_tps")
    return Pace(
        decode_tps=sure(_number(OWN, "tps", given["tps"])),
        prefill_tps=None if prefill is None else sure(_number(OWN, "prefill_tps", prefill)),
        said="as given",
    )


def _number(table: Mapping[str, Wanted], name: str, value: object) -> float:
    number = table[name].read(value)
    assert number is not None
    return number
