"""Quality: what others measured decides, little evidence is drawn towards models like it, none has a long interval."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pick_cases import BENCHES, field_of_models, make_traits, seen

from weighbridge.catalog.records import Score
from weighbridge.pick.evidence import Quality, Traits, judge_abilities
from weighbridge.pick.measured import measured
from weighbridge.pick.ranking import group_by_doubt, told_apart

CODING = {"coding": 1.0}


def test_a_measured_model_is_placed_by_its_scores_and_not_by_its_size() -> None:
    rows, traits = field_of_models()
    rows += [seen("small and good", name, 2.0, kind=kind) for name, kind in BENCHES]
    traits["small and good"] = make_traits(0)

    abilities = judge_abilities(rows, traits)

    best, usual = abilities.quality("small and good", CODING), abilities.quality("m0", CODING)
    assert best is not None
    assert usual is not None
    assert best.low > usual.high


def test_one_score_moves_a_model_less_than_four_do() -> None:
    rows, traits = field_of_models()
    rows += [seen("four scores", name, 2.5, kind=kind) for name, kind in BENCHES]
    rows.append(seen("one score", "WeirdML", 2.5))
    traits |= {name: make_traits(4) for name in ("four scores", "one score", "no score")}

    abilities = judge_abilities(rows, traits)

    four, one, none = (
        abilities.quality(f"{name} score{'s' * (name == 'four')}", CODING) for name in ("four", "one", "no")
    )
    assert four is not None
    assert one is not None
    assert none is not None
    assert none.value < one.value < four.value
    assert none.deviation > one.deviation > four.deviation
    assert (len(four.of_work), four.of_other) == (2, 2)


def test_a_model_nobody_measured_stands_where_models_of_its_size_and_date_stand() -> None:
    rows, traits = field_of_models()
    traits["new"] = make_traits(12)

    abilities = judge_abilities(rows, traits)

    new, sibling = abilities.quality("new", {}), abilities.quality("m12", {})
    assert new is not None
    assert sibling is not None
    assert abs(new.value - sibling.value) < 3
    assert new.deviation > sibling.deviation


def test_nothing_is_said_of_a_model_without_scores_size_or_date() -> None:
    rows, traits = field_of_models()

    assert judge_abilities(rows, traits).quality("who?", CODING) is None


def test_a_lab_whose_models_do_better_than_their_size_lends_it_to_the_next_one() -> None:
    rows, traits = field_of_models()
    for place in range(6):
        rows += [seen(f"s{place}", name, (place - 6) / 6 + 1.5, kind=kind) for name, kind in BENCHES]
        traits[f"s{place}"] = Traits("strong", date(2025, 6, 1), False, 1e9 * 1.3**place, 1e9 * 1.3**place)
    traits |= {name: Traits(lab, date(2025, 6, 1), False, 4e9, 4e9) for name, lab in (("a", "strong"), ("b", "other"))}

    abilities = judge_abilities(rows, traits)

    ours, theirs = abilities.quality("a", {}), abilities.quality("b", {})
    assert ours is not None
    assert theirs is not None
    assert ours.value > theirs.value + 1


def score(
    model: str, value: float, independence: str, benchmark: str = "SWE-bench Verified", day: str = "2026-01-01"
) -> Score:
    return Score(benchmark, "percent", model, model, value, day, independence, "somebody", "s")  # type: ignore[arg-type]


def test_what_others_measured_goes_before_the_labs_own_figure_however_high() -> None:
    field = [score(f"f{n}", 20 + n, "independent") for n in range(6)]

    found = {
        each.model: each for each in measured([*field, score("x", 90, "self-reported"), score("x", 60, "independent")])
    }

    assert found["x"].shown == 60
    assert not found["x"].is_own


def test_a_labs_own_figure_counts_where_nobody_else_measured_and_counts_less() -> None:
    field = [score(f"f{n}", 20 + n, "independent") for n in range(6)]

    found = {
        each.model: each
        for each in measured([*field, score("own", 60, "self-reported"), score("other", 60, "independent")])
    }

    assert found["own"].is_own
    assert found["own"].variance > found["other"].variance + 0.1
    assert found["own"].y == found["other"].y


def test_ratings_of_an_older_snapshot_are_moved_to_the_scale_of_the_fullest() -> None:
    old = [score(f"m{n}", 1000 + 20 * n, "independent", "LMArena text", "2025-01-01") for n in range(12)]
    new = [score(f"m{n}", 1100 + 20 * n, "independent", "LMArena text", "2026-01-01") for n in range(1, 14)]

    found = {each.model: each for each in measured([*old, *new])}

    assert found["m0"].y == pytest.approx(found["m1"].y - 20 / 173.7178, abs=1e-6)
    assert (found["m0"].shown, found["m0"].date) == (1000, "2025-01-01")


def test_a_snapshot_that_shares_too_few_models_is_left_out() -> None:
    old = [score(f"old{n}", 1000 + 20 * n, "independent", "LMArena text", "2025-01-01") for n in range(9)]
    new = [score(f"m{n}", 1100 + 20 * n, "independent", "LMArena text", "2026-01-01") for n in range(12)]

    assert {each.model for each in measured([*old, *new])} == {f"m{n}" for n in range(12)}


def made(value: float, deviation: float) -> Quality:
    return Quality(value, value - 1.2815515655446004 * deviation, value + 1.2815515655446004 * deviation, (), 0)


def test_groups_begin_where_the_evidence_tells_models_apart() -> None:
    ranked = [made(60, 0.5), made(59.8, 0.5), made(59, 3.0), made(55, 0.5), made(54.9, 0.5)]

    assert group_by_doubt(ranked) == [1, 1, 1, 2, 2]


@given(st.lists(st.tuples(st.floats(20, 70), st.floats(0.1, 10)), min_size=1, max_size=20))
def test_every_group_begins_with_somebody_who_is_told_from_the_first_before(found: list[tuple[float, float]]) -> None:
    ranked = sorted((made(*each) for each in found), key=lambda each: -each.low)

    groups = group_by_doubt(ranked)

    assert groups[0] == 1
    first = {group: ranked[groups.index(group)] for group in groups}
    for quality, group in zip(ranked, groups, strict=True):
        assert quality is first[group] or not told_apart(first[group], quality)
        assert group == 1 or quality is not first[group] or told_apart(first[group - 1], quality)


def test_a_lab_nobody_measured_leaves_more_doubt_than_one_that_is_known() -> None:
    rows, traits = field_of_models()
    for place in range(12):  # labs that differ, so that it matters which one it is
        lab = f"lab{place % 6}"
        rows += [seen(f"l{place}", name, (place % 6 - 2.5) / 2, kind=kind) for name, kind in BENCHES]
        traits[f"l{place}"] = Traits(lab, date(2025, 6, 1), False, 8e9, 8e9)
    traits |= {name: Traits(lab, date(2025, 6, 1), False, 8e9, 8e9) for name, lab in (("a", "lab0"), ("b", "stranger"))}

    abilities = judge_abilities(rows, traits)

    known, stranger = abilities.quality("a", {}), abilities.quality("b", {})
    assert known is not None
    assert stranger is not None
    assert stranger.deviation > 5  # labs differ by about 8.5 points here; the line alone would leave 3
    assert known.deviation < 2
