"""What a run shows while it is under way, on a terminal and without one."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from weighbridge.cli.live import PLAIN_EVERY_S, RunTable, plain_line
from weighbridge.stats import Interval
from weighbridge.weigh.progress import CandidateProgress, Progress


def make_candidate(name: str = "small", **changes: Any) -> CandidateProgress:
    values: dict[str, Any] = {
        "name": name,
        "score": 0.75,
        "interval": Interval(0.6, 0.85),
        "calls": 120,
        "failed": 0,
        "usd": 0.0421,
        "tokens_per_s": 37.4,
        "active": True,
    }
    return CandidateProgress(**{**values, **changes})


def make_progress(*candidates: CandidateProgress, **changes: Any) -> Progress:
    values: dict[str, Any] = {
        "items": 120,
        "total": 800,
        "candidates": candidates or (make_candidate(), make_candidate("large", score=0.9)),
        "spent_usd": 0.0842,
        "elapsed_s": 60.0,
        "left_s": 340.0,
        "state": "Still open after 120 of 800 items.",
        "stage": "running",
    }
    return Progress(**{**values, **changes})


def shown(*told: Progress, width: int = 120) -> str:
    """What stands on a terminal of that width."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with RunTable(console) as table:
        for progress in told:
            table(progress)
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"(\r|\x1b\[[0-9;?]*[A-Za-z])+", "\n", console.file.getvalue()).strip()  # a line for each drawing


def test_long_names_that_differ_at_their_end_are_told_apart() -> None:
    names = [f"Qwen/Qwen2.5-72B-Instruct, prompt of support, {end}" for end in ("with examples", "without any")]

    text = shown(make_progress(*(make_candidate(name) for name in names)))

    assert "with examples" in text
    assert "without any" in text


def test_a_terminal_shows_items_scores_intervals_dollars_speed_and_time_left() -> None:
    text = shown(make_progress())

    for part in ("120 of 800 items", "$0.0842 spent", "5 min 40 s left at most", "0.750", "0.60-0.85", "$0.0421", "37"):
        assert part in text
    assert "Still open after 120 of 800 items." in text
    assert text.index("large") < text.index("small")


def test_a_narrow_terminal_keeps_to_its_width() -> None:
    lines = shown(make_progress(), width=60).splitlines()

    assert any("0.750" in line for line in lines)
    assert all(len(line) <= 60 for line in lines)


def test_unknown_costs_and_speeds_are_unknown() -> None:
    text = shown(make_progress(make_candidate(usd=None, tokens_per_s=None, score=None), spent_usd=0.0))

    row = next(line for line in text.splitlines() if line.startswith("small"))
    assert row.split() == ["small", "-", "0.60-0.85", "120", "unknown", "unknown"]
    assert "spent" not in text


def test_after_ctrl_c_it_says_what_is_happening() -> None:
    text = shown(make_progress(stage="stopping"))

    assert "Ctrl-C again gives them up" in text
    assert plain_line(make_progress(stage="stopping")).endswith("Ctrl-C again gives them up")
    assert "left at most" not in text


def test_nothing_is_drawn_before_something_is_told() -> None:
    assert shown() == ""


def test_names_are_never_read_as_markup() -> None:
    assert "[red]x[/red]" in shown(make_progress(make_candidate("[red]x[/red]")))


def test_without_a_terminal_there_is_a_plain_line_now_and_then() -> None:
    now = 0.0
    console = Console(file=io.StringIO(), width=20)
    with RunTable(console, clock=lambda: now) as table:
        for second in range(60):
            now = float(second)
            table(make_progress(items=second))
        table(make_progress(items=60, stage="done"))

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 60 / PLAIN_EVERY_S + 1
    assert lines[-1].startswith("60 of 800 items, large 0.900 (0.60 to 0.85), small 0.750 (0.60 to 0.85)")
    assert "\x1b" not in console.file.getvalue()


def test_a_plain_line_leaves_out_who_is_out_and_counts_failures() -> None:
    line = plain_line(make_progress(make_candidate(failed=3), make_candidate("gone", active=False)))

    assert line == "120 of 800 items, small 0.750 (0.60 to 0.85), 3 failed, $0.0842 spent, 5 min 40 s left at most"
