"""What several answers to the same item say: pass@k and pass^k, runs, flaky items."""

from __future__ import annotations

from weighbridge.stats.repeats import Repeatability
from weighbridge.weigh.records import Report

from .markup import Child, Markup, tag
from .numbers import bare_points, count, decimals, percent, percent_range
from .page import Column, candidate, note, section, table
from .plain import one_line
from .words import places


def repeats_section(report: Report) -> Markup | None:
    """None where every item was answered once."""
    repeats = report.result.repeats
    if not repeats:
        return None
    aside = [
        tag("p", "pass@k: the chance that at least one of k answers to an item is fully right. pass^k: the chance that "
            "all k are. Both are unbiased estimates; intervals are ordinary 95% intervals over items."),
        tag("p", "An item is flaky where its answers do not all score the same."),
    ]  # fmt: skip
    return section("repeats", "Repeats", aside, _rates(report), tag("h3", "Where scores vary"), _spread(report),
                   *[_flaky(one) for one in repeats if one.flaky])  # fmt: skip


def _rates(report: Report) -> Markup:
    by_name = places(report)
    columns = [
        Column("Candidate"), Column("k", number=True), Column("Items", number=True), Column("pass@k", number=True),
        Column("pass^k", number=True),
    ]  # fmt: skip

    def rows() -> list[list[Child]]:
        found: list[list[Child]] = []
        for one in report.result.repeats:
            for rate in one.pass_rates:
                some, every = decimals([rate.any_interval]), decimals([rate.all_interval])
                found.append(
                    [
                        candidate(one.name, by_name),
                        count(rate.k),
                        count(rate.items),
                        [
                            percent(rate.any, some),
                            tag("span", percent_range(rate.any_interval, some), class_="remark"),
                        ],
                        [
                            percent(rate.all, every),
                            tag("span", percent_range(rate.all_interval, every), class_="remark"),
                        ],
                    ]
                )
        return found

    return table(columns, rows(), caption="Chance of one right answer, and of all right, among k")


def _spread(report: Report) -> Markup:
    by_name = places(report)
    columns = [
        Column("Candidate"), Column("Answers", number=True), Column("Within an item", number=True),
        Column("Between items", number=True), Column("Runs", number=True), Column("Between runs", number=True),
        Column("Standard error", number=True), Column("With one answer", number=True), Column("Flaky", number=True),
    ]  # fmt: skip

    def row(one: Repeatability) -> list[Child]:
        return [
            candidate(one.name, by_name),
            count(one.answers),
            _points(one.within_sd),
            _points(one.between_sd),
            count(len(one.runs)),
            "n/a" if one.run_sd is None else _points(one.run_sd),
            _points(one.standard_error),
            _points(one.standard_error_once),
            f"{count(one.flaky)} of {count(one.items)}",
        ]

    written = table(columns, map(row, report.result.repeats), caption="Standard deviations, in points")
    said = note(
        "Standard deviations in points. Where most of the spread lies between items, more items sharpen the comparison "
        "and more repeats hardly do."
    )
    return tag("div", written, said)


def _points(value: float) -> str:
    return bare_points(value, 1, sign=False)


def _flaky(one: Repeatability) -> Markup:
    named = ", ".join(one_line(item, 60) for item in one.flaky_items)
    rest = one.flaky - len(one.flaky_items)
    more = f" and {count(rest)} more" if rest > 0 else ""
    return note("Flaky for ", tag("strong", one_line(one.name, 60)), f", the flakiest first: {named}{more}.")
