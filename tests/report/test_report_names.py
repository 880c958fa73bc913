"""Names of candidates in a table: short, and never two that look alike."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from report_factory import make_report
from rich.console import Console

from weighbridge.weigh.report import show
from weighbridge.weigh.report.names import short_name, short_names

LONG = "mistralai/Mistral-Small-3.2-24B-Instruct-2506, prompt of support, "


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert short_name(f"{LONG}with examples", 20) == "mistralai…h examples"


def test_a_name_that_fits_is_left_as_it_is() -> None:
    assert short_name("qwen-7b", 7) == "qwen-7b"


def test_names_that_differ_only_in_their_middle_are_shown_from_there() -> None:
    names = [f"{LONG}{kind}, temperature 0, the twelfth of November" for kind in ("few-shot", "zero-shot")]

    shown = short_names(names, 32)

    assert shown[names[0]].startswith("mistra…few-shot")
    assert shown[names[1]].startswith("mistra…zero-shot")


@given(st.lists(st.text("ab", min_size=1, max_size=60), unique=True, max_size=12), st.integers(16, 40))
def test_different_names_never_look_the_same_and_none_is_too_long(names: list[str], limit: int) -> None:
    shown = short_names(names, limit)

    assert len(set(shown.values())) == len(names)
    assert max(map(len, shown.values()), default=0) <= limit


def test_candidates_with_long_names_are_told_apart_in_the_terminal() -> None:
    names = [f"{LONG}{end}" for end in ("with examples", "without any")]
    out = io.StringIO()

    show(make_report({names[0]: 0.9, names[1]: 0.5}), Console(file=out, width=100))

    said = " ".join(out.getvalue().split())
    assert "with examples does better than" in said
    assert "without any on this work" in said
