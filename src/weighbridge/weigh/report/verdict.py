"""The top of the page: the verdict in a sentence, how sure it is, on what, and at what price."""

from __future__ import annotations

from weighbridge.stats.records import Comparison, Interval
from weighbridge.units import format_duration, format_usd
from weighbridge.weigh.records import Report

from .markup import Child, Markup, tag
from .numbers import count, counted, decimals, margin_points, points, points_range
from .page import candidate, facts, sentence
from .plain import visible
from .strips import Mark, around_zero, scale, strip
from .words import (
    BASIS,
    calls_saved,
    calls_share,
    deciding,
    headline,
    limits,
    places,
    promises,
    sureness,
    total_cost,
)

DECISION = {
    "winner": "Winner", "tie": "Tie", "undecided": "Undecided",
    "near-best": "Close to the best", "not-worse": "Not worse", "worse": "Worse",
}  # fmt: skip


def verdict_section(report: Report) -> Markup:
    verdict = report.result.verdict
    basis, explained = BASIS[verdict.basis]
    stamp = tag("p", tag("b", DECISION[verdict.decision]), basis, class_=f"stamp {verdict.decision}")
    pair = deciding(report)
    return tag(
        "section",
        stamp,
        tag("h1", sentence(headline(report)), id="verdict-title"),
        tag("p", sureness(report), " ", explained, class_="lead"),
        _balance(report, pair) if pair is not None and pair.difference is not None else None,
        facts(_figures(report)),
        tag("p", tag("span", "The test says: ", class_="label"), visible(verdict.reason), class_="reason"),
        _guarantee(report),
        id="verdict",
        aria_labelledby="verdict-title",
    )


def _balance(report: Report, pair: Comparison) -> Markup:
    """The deciding pair on a line with zero in the middle: which way it tips, and how far it may be wrong."""
    margin = report.rule.margin
    axis = around_zero([pair.interval.low, pair.interval.high, 1.3 * margin, pair.difference or 0.0])
    digits = decimals([pair.interval])
    by_name = places(report)
    said = (
        f"{points(pair.difference, digits)}, interval {points_range(pair.interval, digits)}, "
        f"on {counted(pair.items, report.rule.unit.removesuffix('s'))} answered by both"
    )
    return tag(
        "figure",
        tag(
            "div",
            tag("span", "← better: ", candidate(pair.second, by_name, 40)),
            tag("span", "better: ", candidate(pair.first, by_name, 40), " →"),
            class_="sides",
        ),
        strip([Mark(None, pair.difference, pair.interval)], axis, row=40, band=Interval(-margin, margin), zero=True),
        scale(axis, [points(tick, sign=True).split(" ")[0] for tick in axis.ticks]),
        tag("figcaption", "Difference of mean scores: ", said, "."),
        class_="balance",
    )


def _figures(report: Report) -> list[tuple[str, Child, Child]]:
    result = report.result
    cost, known, unknown = total_cost(report)
    saved = calls_saved(report)
    named = (
        "no price given"
        if len(unknown) == len(result.candidates)
        else f"no price: {counted(len(unknown), 'candidate')}"
    )
    return [
        ("Items compared", count(result.items), f"of {count(report.items_total)}"),
        ("Calls made", calls_share(report).split(" (")[0], f"{count(saved)} saved" if saved else "none saved")
        if result.recorded is None
        else ("Answers read", count(result.calls_used), "recorded by others"),
        (
            "Cost",
            format_usd(cost),
            (f"{named}; known part {format_usd(known)}" if known else named) if unknown else None,
        ),
        ("Time", format_duration(report.elapsed_s), None),
        ("Error rate", f"{100 * result.verdict.alpha:.3g}%", f"of {_error(report)}, at most"),
        _room(report),
    ]


def _error(report: Report) -> str:
    return (
        "calling anybody worse, or not worse, by mistake"
        if report.rule.goal == "not-worse"
        else "naming a wrong winner"
    )


def _room(report: Report) -> tuple[str, Child, Child]:
    """How near is near enough."""
    if report.rule.goal == "near-best":
        return ("Regret", margin_points(report.rule.regret), "below the best, at most")
    margin = margin_points(report.rule.margin) if report.rule.margin else "none"
    return ("Margin" if report.rule.goal == "not-worse" else "Tie margin", margin, None)


def _guarantee(report: Report) -> Markup:
    def column(title: str, lines: tuple[str, ...]) -> Markup:
        return tag("div", tag("h2", title), tag("ul", (tag("li", line) for line in lines)))

    return tag(
        "div",
        column("What this guarantees", promises(report)),
        column("What it does not", limits(report)),
        class_="guarantee",
    )
