"""Who is in a race: what is unknown is left out and counted, and never passes a filter that asks for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from racers import score
from small_catalogue import write_catalogue

from weighbridge.catalog.racing.entries import field_of, region
from weighbridge.catalog.racing.race import Asked, races_of, run_race
from weighbridge.catalog.racing.words import lag_words
from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.validate import compile_folder
from weighbridge.errors import UsageError

LARGE = "acme-hub/Large"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """One lab in China; its Large is of 10 January 2026, open, MIT."""
    return compile_folder(write_catalogue(tmp_path / "c"))


def test_release_openness_and_region_come_from_the_row_and_else_from_the_catalogue(catalogue: Catalogue) -> None:
    bare = score("large", 50, is_open=None, model=LARGE, released="", country="")
    said = score("large", 50, is_open=False, model=LARGE, released="2026-02-01", country="US")

    fields = [field_of(catalogue, [row], "Puzzles").entries[0] for row in (bare, said)]

    assert [(each.released, each.is_open, each.region) for each in fields] == [
        (date(2026, 1, 10), True, "China"),
        (date(2026, 2, 1), False, "West"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(score("x", 50, is_open=None), id="nobody knows whether it is open"),
        pytest.param(score("x", 50, released=""), id="nobody knows when it was released"),
        pytest.param(score("x", 50, released="2026-01"), id="of a month no day is made"),
    ],
)
def test_what_is_unknown_is_left_out_and_counted(catalogue: Catalogue, row: object) -> None:
    field = field_of(catalogue, [row, score("y", 1)], "Puzzles")  # type: ignore[list-item]

    assert [each.name for each in field.entries] == ["y"]
    assert field.left_out == 1


@pytest.mark.parametrize("independence", ["self-reported", "aggregator", "mixed"])
def test_what_labs_say_of_themselves_is_not_raced(catalogue: Catalogue, independence: str) -> None:
    with pytest.raises(UsageError, match="nobody is in the race") as caught:
        run_race(catalogue, [score("x", 99, independence=independence)], "Puzzles")

    assert "labs themselves" in (caught.value.next_move or "")


def test_a_licence_filter_lets_only_known_licences_through(catalogue: Catalogue) -> None:
    rows = [
        score("mit", 1, model=LARGE),
        score("base", 2, model="acme-hub/Large-Base", access="unrestricted"),
        score("nobody knows", 3),
        score("closed", 4, is_open=False),
    ]

    names = {
        licence: {each.name for each in field_of(catalogue, rows, "Puzzles", licence=licence).entries}
        for licence in ("any", "unrestricted", "commercial")
    }

    assert names["any"] == {"mit", "base", "nobody knows", "closed"}
    assert names["commercial"] == {"mit", "closed"}  # no licence is known of the base model
    assert names["unrestricted"] == {"base", "closed"}


@pytest.mark.parametrize(
    ("codes", "bloc"),
    [("CN", "China"), ("US", "West"), ("FR", "West"), ("AE", "Other"), ("KR", "Other"), ("US,DE", "West"),
     ("US,CN", "Other"), ("", None)],
)  # fmt: skip
def test_regions_are_blocs_of_countries(codes: str, bloc: str | None) -> None:
    assert region(codes) == bloc


def test_a_share_of_known_tasks_has_the_sampling_error_of_so_many_tasks(catalogue: Catalogue) -> None:
    """GPQA Diamond has 198 questions: at 50% one standard error is 100 sqrt(.25 / 198) = 3.553 points."""
    row = score("x", 50, benchmark="GPQA Diamond")

    one = field_of(catalogue, [row], "GPQA Diamond").entries[0]
    unknown = field_of(catalogue, [score("x", 50)], "Puzzles").entries[0]
    published = field_of(
        catalogue, [score("x", 50, benchmark="GPQA Diamond", low=49.0, high=52.0)], "GPQA Diamond"
    ).entries[0]

    assert one.high is not None
    assert one.high - 50 == pytest.approx(1.6449 * 3.5533, abs=0.001)
    assert (unknown.low, unknown.high) == (None, None)
    assert (published.low, published.high) == (49.0, 52.0)


def test_of_ratings_that_move_one_snapshot_is_raced(catalogue: Catalogue) -> None:
    rows = [
        score("old", 1500, benchmark="LMArena text", date="2025-01-01"),
        score("new", 1400, benchmark="LMArena text", date="2026-01-01"),
    ]

    newest = field_of(catalogue, rows, "LMArena text")
    before = field_of(catalogue, rows, "LMArena text", snapshot="2025-06-01")

    assert [each.name for each in newest.entries] == ["new"]
    assert [each.name for each in before.entries] == ["old"]
    with pytest.raises(UsageError, match="no snapshot up to 2024"):
        field_of(catalogue, rows, "LMArena text", snapshot="2024-01-01")


def test_scores_without_a_day_are_said_to_have_none_and_minutes_are_no_points(catalogue: Catalogue) -> None:
    rows = [
        score("c", 90, is_open=False, benchmark="METR time horizon", date=""),
        score("o", 30, benchmark="METR time horizon", date="", released="2026-02-01"),
    ]

    race = run_race(catalogue, rows, "METR time horizon")

    assert race.field.snapshot == "unknown day"
    assert lag_words(race.told[0]) == "open behind closed: 60.0 minutes"


def test_a_day_to_come_does_not_lengthen_a_lag(catalogue: Catalogue) -> None:
    rows = [score("c", 90, is_open=False, released="2025-01-01"), score("o", 80, released="2025-07-01")]

    now = run_race(catalogue, rows, "Puzzles")
    later = run_race(catalogue, rows, "Puzzles", Asked(until=date(2031, 1, 1)))
    before = run_race(catalogue, rows, "Puzzles", Asked(until=date(2025, 3, 1)))

    assert now.end == later.end == date(2025, 7, 1)
    assert before.end == date(2025, 3, 1)
    assert [group.name for group in before.groups] == ["closed"]


def test_a_benchmark_is_found_in_any_case_and_a_wrong_name_is_answered_with_the_near_one(catalogue: Catalogue) -> None:
    assert run_race(catalogue, [score("x", 1)], "PUZZLES").field.benchmark.name == "Puzzles"
    with pytest.raises(UsageError, match="no benchmark 'Puzzels'") as caught:
        races_of(catalogue, [score("x", 1)], ["Puzzels"])
    assert "Did you mean 'Puzzles'" in (caught.value.next_move or "")
