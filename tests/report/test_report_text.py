"""The summary in the terminal."""

from __future__ import annotations

import io
import re

import pytest
from msgspec.structs import replace
from report_factory import make_report
from rich.cells import cell_len
from rich.console import Console

from weighbridge.stats import Interval, Rule
from weighbridge.weigh.records import Failure, Report
from weighbridge.weigh.report import show, summary
from weighbridge.weigh.report.strips import Axis
from weighbridge.weigh.report.text import bar

WINNER = make_report({"qwen-7b": 0.9, "gemma-4b": 0.5}, rule=Rule(margin=0.02), price=0.2)


class AsciiOnly(io.StringIO):
    encoding = "ascii"  # type: ignore[assignment]


def printed(report: Report, width: int = 80, file: io.StringIO | None = None) -> str:
    out = file or io.StringIO()
    show(report, Console(file=out, width=width))
    return out.getvalue()


def test_the_verdict_comes_first_and_the_report_last() -> None:
    lines = printed(WINNER).splitlines()

    assert lines[0].startswith("qwen-7b does better than gemma-4b on this work: ")
    assert lines[-1] == "Report: runs/support-triage-20261128/report.html"


def test_each_candidate_has_a_line_with_interval_calls_failures_and_cost() -> None:
    first = WINNER.result.candidates[0]

    line = next(line for line in printed(WINNER, 120).splitlines() if line.startswith("qwen-7b  "))

    assert f"{100 * (first.score or 0):.0f}%" in line
    assert "├" in line
    assert "●" in line
    assert str(first.calls) in line
    assert f"${first.cost_usd:.4f}" in line


def test_calls_saved_are_said() -> None:
    saved = WINNER.result.calls_full - WINNER.result.calls_used

    assert f"{saved} saved" in printed(WINNER)
    assert saved > 0


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = replace(WINNER, result=replace(WINNER.result, report=None))

    assert all(cell_len(line) <= width for line in printed(long, width).splitlines())


def test_a_long_path_is_never_broken_for_it_is_there_to_be_copied() -> None:
    path = "/home/somebody/" + "very-long-folder/" * 12 + "report.html"
    far = replace(WINNER, result=replace(WINNER.result, report=path))

    assert f"Report: {path}" in printed(far, 60).splitlines()


def test_a_terminal_without_unicode_gets_ascii() -> None:
    report = replace(WINNER, result=replace(WINNER.result, task="tâche"))

    printed(report, 100, AsciiOnly()).encode("ascii")


def test_output_that_is_not_a_terminal_carries_no_colour_codes() -> None:
    assert "\x1b" not in printed(WINNER)


def test_names_and_reasons_cannot_command_the_terminal_or_rich() -> None:
    evil = make_report({"\x1b[2J[bold red]a[/]": 0.9, "\u202eb": 0.5}, stop=30)
    failed = replace(evil, failures=(Failure(candidate="\x1b[1mx", reason="[red]\x07bell", count=3, example=""),))

    said = printed(failed, 120)

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", said)
    assert "[bold red]a[/]" in said
    assert "[red]␇bell" in said


def test_a_run_without_prices_says_unknown() -> None:
    said = printed(make_report(stop=20))

    assert "Cost: unknown." in said
    assert "$0" not in said


def test_a_candidate_without_a_score_has_no_bar() -> None:
    said = printed(make_report({"a": 0.9, "b": 0.9}, failing={"b": 1.0}, stop=30), 120)

    line = next(line for line in said.splitlines() if line.startswith("b  "))
    assert "n/a" in line
    assert "├" not in line


def test_a_bar_shows_where_the_interval_lies() -> None:
    drawn = bar(0.5, Interval(0.25, 0.75), Axis(0.0, 1.0), width=9)

    assert drawn == "··├─●─┤··"


def test_the_summary_is_a_renderable_of_its_own() -> None:
    out = io.StringIO()

    Console(file=out, width=80).print(summary(WINNER))

    assert "Report:" not in out.getvalue()
    assert "qwen-7b" in out.getvalue()


def test_a_goal_that_names_no_winner_says_whom_it_speaks_for() -> None:
    """`chosen` is no claim to be better, so the words must not make it one."""
    rates = {"big": 0.8, "open": 0.82, "small": 0.3}

    near = printed(make_report(rates, rule=Rule(goal="near-best", regret=0.05), total=400), width=200)
    goal = Rule(goal="not-worse", baseline="big", margin=0.1)
    not_worse = printed(make_report(rates, rule=goal, total=400), width=200)

    assert "is most likely within 5 points of the best of 3 on these items" in near
    assert "A forecast from the items drawn says so" in near
    assert "open is at most 10 points worse than big on this work." in not_worse
    assert "does better" not in near + not_worse


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"big": 0.9, "open": 0.2}, "Every other candidate is more than 2 points worse than big on this work."),
        ({"big": 0.6, "open": 0.55}, "do not settle whether any candidate is at most 2 points worse than big."),
    ],
)
def test_a_challenger_that_is_worse_or_open_is_said_to_be(rates: dict[str, float], said: str) -> None:
    rule = Rule(goal="not-worse", baseline="big", margin=0.02)

    assert said in printed(make_report(rates, rule=rule), width=200)
