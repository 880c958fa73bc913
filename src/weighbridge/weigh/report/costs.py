"""What each candidate cost, in dollars, seconds and tokens."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.stats.outcomes import OutcomeDifference
from weighbridge.units import format_usd
from weighbridge.weigh.records import CandidateResult, Report

from .asides import dollars, signed_seconds
from .markup import Child, Markup, tag
from .numbers import count, seconds
from .page import Column, candidate, note, section, table
from .words import in_order, places, total_cost

PAIRS = 45
"""Differences of one quantity that are listed."""


def costs_section(report: Report) -> Markup:
    by_name = places(report)
    columns = [
        Column("Candidate"), Column("Cost", number=True), Column("per 1,000 items", number=True),
        Column("Latency p50", number=True), Column("Latency p95", number=True), Column("Tokens in", number=True),
        Column("Tokens out", number=True), Column("Calls", number=True), Column("Failed", number=True),
    ]  # fmt: skip

    def row(one: CandidateResult) -> list[Child]:
        return [
            candidate(one.name, by_name),
            format_usd(one.cost_usd),
            format_usd(_per_thousand(one) if report.result.order is None else None),
            seconds(one.latency_p50_s),
            seconds(one.latency_p95_s),
            count(one.tokens_in),
            count(one.tokens_out),
            count(one.calls),
            count(one.failed),
        ]

    total, known, unknown = total_cost(report)
    if not unknown:
        said = f"The whole comparison cost {format_usd(total)}{_as_told(report)}."
    elif known:
        said = f"The known part of the comparison cost {format_usd(known)}{_as_told(report)}; the rest has no price."
    else:
        said = "No backend has a price, so the cost is unknown. It is not zero: a machine and its power cost money too."
    if report.result.recorded is not None and not known:
        said = "What the answers cost is not recorded, or not for all of them; unknown is not zero."
    aside = [
        tag("p", "Latency is from sending a request to the last byte: half of the calls took less than p50, 95 of 100 "
            "less than p95."),
        tag("p", said),
        tag("p", "What a thousand items would cost is not told, and p50 and p95 are of the calls that were made: some "
            "items came up more often than others, and they may be dearer and slower. Differences are weighted.")
        if report.result.order is not None else None,
    ]  # fmt: skip
    written = table(columns, map(row, in_order(report)), caption="Cost and latency of each candidate")
    return section("costs", "Cost and speed", aside, written, _differences(report))


def _as_told(report: Report) -> str:
    return "" if report.result.recorded is None else ", as recorded"


def _differences(report: Report) -> Markup | None:
    """The leader against each other candidate, per item."""
    outcomes = report.result.outcomes
    if outcomes is None:
        return None
    by_name = places(report)
    columns = [
        Column("What"), Column("Pair"), Column("Items", number=True), Column("First", number=True),
        Column("Second", number=True), Column("Difference an item", number=True),
    ]  # fmt: skip
    rows = [
        _difference(what, one, by_name, write)
        for what, found, write in (("Cost", outcomes.usd, dollars), ("Latency", outcomes.latency_s, signed_seconds))
        for one in found[:PAIRS]
    ]
    said = note(
        f"First minus second, on items that both have a value for; intervals hold together at "
        f"{100 * (1 - outcomes.alpha):.3g}% whenever a run stops, in the limit of many items."
    )
    written = table(columns, rows, caption="Differences of cost and latency")
    return tag("div", tag("h3", "Beside quality"), written, said)


def _difference(
    what: str, one: OutcomeDifference, by_name: dict[str, int], write: Callable[[float], str]
) -> list[Child]:
    interval = one.interval
    spread = "too few items" if interval is None else f"{write(interval.low)} to {write(interval.high)}"
    pair = [
        candidate(one.first, by_name, 40),
        tag("span", " minus ", class_="minus"),
        candidate(one.second, by_name, 40),
    ]
    size = [tag("b", write(one.difference)), tag("span", spread, class_="remark")]
    return [what, pair, count(one.items), write(one.first_mean), write(one.second_mean), size]


def _per_thousand(one: CandidateResult) -> float | None:
    """What a thousand such items would cost at this rate."""
    return None if one.cost_usd is None or not one.calls else 1000 * one.cost_usd / one.calls
