"""Where the scores of a verdict on recorded results come from: files, who recorded them, and what was paired."""

from __future__ import annotations

from weighbridge.weigh.records import Report, Source

from .asides import recorded_sentences
from .markup import Child, Markup, tag
from .numbers import count
from .page import Column, note, section, table
from .plain import one_line

ROWS = 200


def sources_section(report: Report) -> Markup | None:
    recorded = report.result.recorded
    if recorded is None:
        return None
    aside = [
        tag("p", "These scores were recorded by others: Weighbridge asked no model and graded no answer. What a file "
            "says of itself is taken as it stands."),
        tag("p", "Files keep an order of their own, so the items were drawn at random."),
    ]  # fmt: skip
    columns = [
        Column("File", wide=True), Column("Format"), Column("Task"), Column("Candidate"), Column("Written"),
        Column("Answers", number=True),
    ]  # fmt: skip
    sentences = [tag("li", sentence) for sentence in recorded_sentences(recorded, report.result.items)]
    rest = len(recorded.sources) - ROWS
    written = table(columns, map(_row, recorded.sources[:ROWS]), caption="Files the scores come from")
    more = note(f"{count(rest)} more files are not shown.") if rest > 0 else None
    return section("sources", "Sources", aside, tag("ul", sentences, class_="said"), written, more)


def _row(source: Source) -> list[Child]:
    return [
        tag("bdi", one_line(source.path, 200)),
        source.format,
        tag("bdi", one_line(source.task, 60)),
        tag("bdi", one_line(", ".join(source.candidates) or "several", 80)),
        one_line(source.written, 40),
        count(source.samples),
    ]
