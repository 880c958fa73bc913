"""The same verdict for the terminal: a sentence, a table with the intervals drawn, and where the report is.

Plain characters and no colour where the terminal wants them so: rich tells (`options.ascii_only`), and colours fall
away by themselves when the output is not a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from weighbridge.stats.records import Interval
from weighbridge.units import format_duration, format_usd
from weighbridge.weigh.records import CandidateResult, Report

from .asides import group_sentence, outcome_sentences, recorded_sentences, repeat_sentences
from .judging import judging_lines
from .names import short_names
from .numbers import count, counted, decimals, known, percent, percent_range, seconds
from .plain import one_line, visible
from .strips import Axis, spanning
from .words import BASIS, Strong, calls_saved, calls_share, headline, in_order, order_sentences, sureness, total_cost

BAR, SHORT_BAR = 22, 14
"""Characters of a drawn interval, in a wide terminal and in a narrow one."""
NAME = 40
"""Characters of a candidate's name."""
NARROW = 92
"""Columns below which latency and tokens are left to the report, and names get the room."""
PLAINER = str.maketrans({"−": "-", "–": "-", "…": "...", "’": "'", "“": '"', "”": '"'})
COLOURS = {
    "winner": "green", "tie": "cyan", "undecided": "yellow", "near-best": "cyan", "not-worse": "green", "worse": "cyan",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Summary:
    """What `weighbridge weigh` prints last."""

    report: Report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        report, verdict = self.report, self.report.result.verdict
        sentence = Text(style=COLOURS[verdict.decision])
        for part in headline(report):
            sentence.append(_fit(part, options), style="bold" if isinstance(part, Strong) else "")
        yield sentence
        yield Text(_fit(f"{sureness(report)} {BASIS[verdict.basis][1]}", options), style="dim")
        yield Text(_fit(one_line(verdict.reason, 1_000), options), style="dim")
        yield Padding(_table(report, options), (1, 0))
        for line in _sums(report):
            yield Text(_fit(line, options))
        for line in _failures(report):
            yield Text(_fit(line, options), style="red")
        for warns, line in judging_lines(report):
            yield Text(_fit(line, options), style="yellow" if warns else "")


def summary(report: Report) -> Summary:
    """Something a rich Console prints; `show` adds where the report is."""
    return Summary(report)


def show(report: Report, console: Console) -> None:
    """The summary, then the report's path on one line however long it is, so that it can be copied."""
    console.print(summary(report))
    if report.result.report is not None:
        path = visible(report.result.report)
        console.print(f"Report: {path}", soft_wrap=True, markup=False, highlight=False, emoji=False)


def bar(value: float | None, interval: Interval, axis: Axis, *, width: int, ascii_only: bool = False) -> str:
    """`·····├───●────┤·······`: the interval on the axis, its mean as a dot."""
    ground, left, line, right, dot = (".", "[", "-", "]", "o") if ascii_only else ("·", "├", "─", "┤", "●")
    cells = [ground] * width
    if known(interval.low) and known(interval.high) and value is not None and known(value):
        low, high, mean = (round(axis.at(end) * (width - 1)) for end in (interval.low, interval.high, value))
        cells[low : high + 1] = [line] * (high + 1 - low)
        cells[low], cells[high], cells[mean] = left, right, dot
    return "".join(cells)


def _table(report: Report, options: ConsoleOptions) -> Table:
    ranked, roomy = in_order(report), options.max_width >= NARROW
    scored = [one for one in ranked if one.score is not None]
    axis = spanning((end for one in scored for end in (one.interval.low, one.interval.high)), floor=0.0, ceiling=1.0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Candidate", overflow="fold", min_width=8)
    table.add_column("Score", justify="right", no_wrap=True)
    width = BAR if roomy else SHORT_BAR
    timed = roomy and any((one.latency_p50_s, one.tokens_in, one.tokens_out) != (None,) * 3 for one in ranked)
    table.add_column(_heading(axis, width), no_wrap=True)
    table.add_column("Interval", no_wrap=True)
    for title in ("Calls", "Failed", "Cost", *(("p50", "p95", "Tokens in/out") if timed else ())):
        table.add_column(title, justify="right", no_wrap=True)
    names = short_names([one.name for one in ranked], NAME)
    for one in ranked:
        digits = decimals([one.interval])
        spread = percent_range(one.interval, digits) if one.score is not None else "n/a"
        drawn = bar(one.score, one.interval, axis, ascii_only=options.ascii_only, width=width)
        style = "bold" if one.name in (report.result.verdict.winner, report.result.verdict.chosen) else ""
        cells = [names[one.name], percent(one.score, digits), drawn, spread, *_figures(one, timed)]
        table.add_row(*(Text(_fit(cell, options)) for cell in cells), style=style)
    return table


def _heading(axis: Axis, width: int) -> Text:
    low, high = percent(axis.low), percent(axis.high)
    return Text(low + " " * (width - len(low) - len(high)) + high)


def _figures(one: CandidateResult, timed: bool) -> list[str]:
    cells = [count(one.calls), count(one.failed), format_usd(one.cost_usd)]
    if timed:
        tokens = f"{count(one.tokens_in)}/{count(one.tokens_out)}"
        cells += [seconds(one.latency_p50_s), seconds(one.latency_p95_s), tokens]
    return cells


def _sums(report: Report) -> Iterator[str]:
    if report.result.recorded is not None:
        yield from recorded_sentences(report.result.recorded, report.result.items)
    else:
        yield from _counts(report)
        yield from order_sentences(report)
    yield from filter(None, (group_sentence(report),))
    yield from repeat_sentences(report.result.repeats)
    yield from outcome_sentences(report)


def _counts(report: Report) -> Iterator[str]:
    """What was asked, and what it cost."""
    cost, paid, unknown = total_cost(report)
    items = f"{counted(report.result.items, 'item')} of {count(report.items_total)} compared"
    saved, took = count(calls_saved(report)), format_duration(report.elapsed_s)
    yield f"{items}; {calls_share(report)} calls, {saved} saved; {took}."
    if unknown and paid:
        yield f"Cost: unknown in part; {format_usd(paid)} where a price is known."
    else:
        yield f"Cost: {format_usd(cost)}."


def _failures(report: Report) -> Iterator[str]:
    commonest = sorted(report.failures, key=lambda one: -one.count)[:3]
    names = short_names([*(one.name for one in report.result.candidates), *(one.candidate for one in commonest)], NAME)
    for failure in commonest:
        who, why = names[failure.candidate], one_line(failure.reason, 60)
        yield f"Failed: {who}, {counted(failure.count, 'call')}: {why}"


def _fit(said: str, options: ConsoleOptions) -> str:
    """`said` in letters that the terminal's encoding has."""
    if not options.ascii_only:
        return str(said)
    return said.translate(PLAINER).encode("ascii", "backslashreplace").decode()
