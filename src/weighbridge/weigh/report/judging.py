"""The judges: what a reader must know before believing them, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.units import format_usd
from weighbridge.weigh.judges.records import HumanCheck, JudgeLine, Judging, ProbeResult
from weighbridge.weigh.records import Report

from .markup import Child, Markup, tag
from .numbers import MISSING, count, percent, percent_range, points, points_range
from .page import Column, note, section, table
from .plain import one_line, shorten

EXAMPLE = 300


def judging_lines(report: Report) -> Iterator[tuple[bool, str]]:
    """Lines for the terminal, each with whether it is a warning."""
    for judging in report.result.judging:
        yield False, one_line(_who(judging), 400)
        if judging.human is not None:
            yield False, one_line(people_sentence(judging.human), 600)
        for warning in judging.warnings:
            yield True, one_line(warning, 1_000)


def people_sentence(human: HumanCheck) -> str:
    """The verdict by the human standard."""
    pairs = ", ".join(
        f"{pair.first} against {pair.second} {points(pair.difference, 1)} ({points_range(pair.interval, 1)})"
        for pair in human.pairs[:3]
    )
    return f"People: {human.reason} {human.labels} labels{f': {pairs}' if pairs else ''}."


def judging_section(report: Report) -> Markup | None:
    """None for a run without judges."""
    if not report.result.judging:
        return None
    aside = [
        tag("p", "A judge is a model, and its idea of better is not yours until people say so. Before it was believed "
            "it was attacked with answers that answer nothing; what moved it besides quality is measured here."),
        tag("p", "Scores at equal length answer “if all were as long”, not “how good”."),
    ]  # fmt: skip
    return section("judges", "Judges", aside, [_one(judging) for judging in report.result.judging])


def _one(judging: Judging) -> Markup:
    warned = tag("ul", (tag("li", warning) for warning in judging.warnings), class_="warnings")
    parts: list[Child] = [tag("h3", one_line(judging.score, 60)), note(_who(judging))]
    parts += [warned] if judging.warnings else [note("Nothing was found that speaks against these judges.")]
    if judging.human is not None:
        parts += [note(people_sentence(judging.human)), _people(judging.human)]
    parts.append(_judges(judging))
    if judging.probes:
        parts.append(_probes(judging))
    if judging.length is not None:
        parts.append(_length(judging))
    return tag("div", parts)


def _who(judging: Judging) -> str:
    names = ", ".join(one.name for one in judging.judges)
    counted = sum(one.judgements for one in judging.judges)
    costs = [one.cost_usd for one in judging.judges]
    cost = format_usd(None if None in costs else sum(cost or 0.0 for cost in costs))
    how = f"in pairs, against {judging.against}" if judging.mode == "pairwise" else "graded"
    panel = f", {judging.combine} of a panel" if len(judging.judges) > 1 else ""
    agreed = f", alpha between judges {judging.alpha:.2f}" if judging.alpha is not None else ""
    return f"Judged by {names} ({how}{panel}): {count(counted)} judgements, cost {cost}{agreed}."


def _judges(judging: Judging) -> Markup:
    paired = judging.mode == "pairwise"
    columns = [
        Column("Judge"), Column("Model"), Column("Judgements", number=True), Column("Unreadable", number=True),
        Column("Mean", number=True), Column("Said most", number=True),
        *([Column("Prefers the first", number=True), Column("Same both ways", number=True)] if paired else []),
        Column("Cost", number=True),
    ]  # fmt: skip

    def row(one: JudgeLine) -> list[Child]:
        usual = MISSING if one.usual is None else f"{one.usual} ({percent(one.usual_share)})"
        first = MISSING
        if one.first_share is not None and one.first_interval is not None:
            first = f"{percent(one.first_share)} ({percent_range(one.first_interval)})"
        places: list[Child] = [first, percent(one.consistent)] if paired else []
        return [
            one_line(one.name, 60), one_line(one.model, 80), count(one.judgements), count(one.unreadable),
            percent(one.mean), one_line(usual, 60), *places, format_usd(one.cost_usd),
        ]  # fmt: skip

    return table(columns, map(row, judging.judges), caption="The judges")


def _probes(judging: Judging) -> Markup:
    paired = judging.mode == "pairwise"
    columns = [
        Column("Attack"), Column("Judge"), Column("Items", number=True),
        Column("Preferred" if paired else "Score", number=True),
        Column("An equal answer" if paired else "Honest answers", number=True), Column("Result"),
        Column("Shown", wide=True),
    ]  # fmt: skip

    def row(one: ProbeResult) -> list[Child]:
        shown, cut = shorten(one.example, EXAMPLE)
        return [
            one.attack, one_line(one.judge, 60), count(one.items), percent(one.score), percent(one.honest),
            tag("strong", "fell for it") if one.fell else "withstood",
            tag("code", shown + ("…" if cut else "")) if shown.strip() else "(nothing)",
        ]  # fmt: skip

    return table(columns, map(row, judging.probes), caption="Attacks on the judges")


def _length(judging: Judging) -> Markup:
    length = judging.length
    assert length is not None, "the caller looked"
    columns = [Column("Candidate"), Column("As judged", number=True), Column("At equal length", number=True)]
    rows = (
        [one_line(name, 60), percent(length.raw[name], 1), percent(length.corrected[name], 1)] for name in length.raw
    )
    worth = f"Twice as long is worth {points(length.twice_as_long, 1)} (standard error {100 * length.error:.1f})"
    if not length.certain:
        return note(f"{worth}: no more than chance gives, so there is nothing to correct.")
    said = note(f"{worth}.")
    return tag("div", said, table(columns, rows, caption="Scores with and without length"))


def _people(human: HumanCheck) -> Markup:
    columns = [
        Column("Candidate"), Column("By people", number=True), Column("Interval", number=True),
        Column("Labels", number=True), Column("Labels alone", number=True), Column("Judge alone", number=True),
        Column("Worth labels", number=True),
    ]  # fmt: skip
    rows = (
        [
            one_line(one.name, 60), percent(one.estimate, 1), percent_range(one.interval, 1), count(one.labels),
            f"{percent(one.labels_alone, 1)} ({percent_range(one.labels_alone_interval, 1)})",
            percent(one.judge_alone, 1), f"× {one.worth:.1f}",
        ]
        for one in human.means
    )  # fmt: skip
    agreed = f"Weighted kappa {human.kappa:.2f}" if human.kappa is not None else "Weighted kappa is not defined"
    if human.kappa_interval is not None:
        agreed += f" ({human.kappa_interval.low:.2f} to {human.kappa_interval.high:.2f})"
    return tag("div", note(f"{agreed} on {human.labels} labels of {one_line(human.file, 80)}."),
               table(columns, rows, caption="By the human standard"))  # fmt: skip
