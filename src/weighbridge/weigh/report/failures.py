"""Calls that failed, by reason. Failed is never wrong: these samples have no score."""

from __future__ import annotations

from weighbridge.weigh.records import Failure, Report

from .markup import Child, Markup, tag
from .numbers import count, percent
from .page import Column, candidate, note, section, table
from .plain import one_line, shorten, without_credentials
from .words import places

ROWS = 200
EXAMPLE = 1_200


def failures_section(report: Report) -> Markup:
    aside = tag(
        "p",
        "A failed sample has no score: it is left out of every mean and every pair, and it is never counted as wrong.",
    )
    if not report.failures:
        return section("failures", "Failures", aside, note("Every call was answered and could be scored."))
    by_name = places(report)
    calls = {one.name: one.calls for one in report.result.candidates}
    columns = [
        Column("Candidate"), Column("Reason"), Column("Calls", number=True), Column("Share", number=True),
        Column("Example", wide=True),
    ]  # fmt: skip

    def row(failure: Failure) -> list[Child]:
        made = calls.get(failure.candidate, 0)
        example, _ = shorten(without_credentials(failure.example), EXAMPLE)
        return [
            candidate(failure.candidate, by_name),
            one_line(failure.reason, 80),
            count(failure.count),
            percent(failure.count / made if made else None, 1),
            tag("code", example, class_="example"),
        ]

    commonest = sorted(report.failures, key=lambda failure: -failure.count)
    written = table(columns, map(row, commonest[:ROWS]), caption="Failed calls by reason", class_="failures")
    return section("failures", "Failures", aside, written)
