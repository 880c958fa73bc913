"""Amounts, shares and rates as people write them; a slip is an error, never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cost.amounts import DAYS_A_MONTH, read_amount, read_people, read_rate, read_share
from weighbridge.cost.asked import OWN, WORK, read_workload_file, wrong
from weighbridge.cost.starter import STARTER
from weighbridge.formats.problems import Problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1200", 1200), ("1,200", 1200), ("1_200", 1200), ("1.2k", 1200), ("14.8T", 14.8e12), ("37b", 37e9)),
        *((" 5 ", 5), ("1e6", 1e6), (3, 3), (0.5, 0.5), ("1,5", None), ("-3", None), ("12x", None), ("", None)),
        *(
            ("ten", None),
            ("0x10", None),
            (True, None),
            (None, None),
            ("1e999", None),
            (float("inf"), None),
            ("٣", None),
        ),
    ],
)
def test_amounts_are_read_strictly(text: object, value: float | None) -> None:
    assert read_amount(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [("60%", 0.6), ("0.6", 0.6), (0.6, 0.6), ("60", None), (60, None), ("101%", None), ("-1%", None), ("%", None)],
)
def test_a_share_is_a_share_and_sixty_is_not_sixty_percent(text: object, value: float | None) -> None:
    assert read_share(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [("50000/day", 50_000), ("1/s", 86_400), ("1.5M/month", 1.5e6 / DAYS_A_MONTH), ("7/week", 1), ("50000", None)],
)
def test_a_rate_needs_its_unit(text: str, value: float | None) -> None:
    assert read_rate(text) == (None if value is None else pytest.approx(value))


def test_people_are_posts_and_a_salary() -> None:
    assert read_people("0.2@150000") == (0.2, 150_000)
    assert read_people("0.2") is None


@given(st.text(max_size=20) | st.floats() | st.integers() | st.none())
def test_nothing_that_is_written_crashes_a_reader(text: object) -> None:
    for name in (*WORK, *OWN):
        mistake = wrong(name, text)
        assert mistake is None or all(mistake)


def test_the_starter_is_read_without_mistakes_also_with_every_comment_taken_out() -> None:
    read_workload_file("w.toml", STARTER.encode(), Problems(first_raises=True))
    lines = [line.removeprefix("# ") for line in STARTER.splitlines() if not line.startswith(("# What", "# Hardware"))]

    work, own = read_workload_file("w.toml", "\n".join(lines).encode(), Problems(first_raises=True))

    assert set(work) == set(WORK)
    assert set(OWN) - set(own) == {"prefill_tps"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[work]\nrequests = "5/day"\nin = 5\nuot = 5\n', 4, "Did you mean 'out'?"),
        ('[work]\nrequests = "5/day"\nin = -5\nout = 5\n', 3, "work.in"),
        ('[work]\nrequests = "5/day"\nin = 5\nout = 5\ncached = 60\n', 5, "a percent sign"),
        ('[work]\nrequests = "5/day"\nin = 5\nout = 5\n[own]\nusd_hour = -2\n', 6, "own.usd_hour"),
        ('[work]\nrequests = "5/day"\nin = 5\nout = 5\n[own]\npeople = "two"\n', 6, "0.2@150000"),
        ('[work]\nrequests = "5/day"\nin = 5\n', 1, "'out' is missing"),
    ],
)
def test_a_mistake_in_a_workload_is_named_with_its_line(text: str, line: int, words: str) -> None:
    problems = Problems()

    read_workload_file("w.toml", text.encode(), problems)

    assert any(str(each).startswith(f"w.toml:{line}:") and words in str(each) for each in problems.found)


@given(st.binary(max_size=120))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    problems = Problems()

    assert read_workload_file("w.toml", data, problems) == ({}, {})
    assert problems.found
