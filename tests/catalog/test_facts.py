"""Which of several statements is believed, and what happens to the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog import Fact, Source, resolve

SOURCES = {
    "card": Source("card", "Model card", "primary"),
    "paper": Source("paper", "Paper", "primary"),
    "lab": Source("lab", "Somebody who measured", "independent"),
    "blog": Source("blog", "A blog", "press"),
}


@pytest.mark.parametrize(
    ("facts", "believed"),
    [
        pytest.param([Fact(1, "blog", "2026-09"), Fact(2, "card", "2024")], 2, id="primary-over-newer-press"),
        pytest.param([Fact(1, "blog", "2026-09"), Fact(2, "lab", "2024")], 2, id="independent-over-newer-press"),
        pytest.param([Fact(1, "lab", "2026-09"), Fact(2, "card", "2024")], 2, id="primary-over-newer-independent"),
        pytest.param([Fact(1, "card", "2024-12-26"), Fact(2, "paper", "2025-02")], 2, id="newer-over-older"),
        pytest.param([Fact(1, "card", "2024"), Fact(2, "paper", "2024-12-26")], 2, id="day-over-its-year"),
        pytest.param([Fact(1, "card", "2024"), Fact(2, "paper", "2024")], 1, id="else-as-written"),
    ],
)
def test_standing_goes_before_date_and_date_before_order(facts: list[Fact], believed: int) -> None:
    resolved = resolve(facts, SOURCES)

    assert resolved is not None
    assert resolved.value == believed
    assert resolved.disputed
    assert [fact.value for fact in resolved.alternatives] == [3 - believed]


def test_nobody_saying_anything_is_unknown() -> None:
    assert resolve([], SOURCES) is None


def test_two_who_agree_are_no_dispute_but_both_are_kept() -> None:
    resolved = resolve([Fact(1, "card", "2024"), Fact(1, "blog", "2025")], SOURCES)

    assert resolved is not None
    assert not resolved.disputed
    assert resolved.alternatives == (Fact(1, "blog", "2025"),)


def test_one_who_differs_is_a_dispute_although_another_agrees() -> None:
    resolved = resolve([Fact(1, "card", "2024"), Fact(1, "lab", "2025"), Fact(2, "blog", "2025")], SOURCES)

    assert resolved is not None
    assert resolved.disputed


@given(
    st.lists(
        st.builds(
            Fact,
            st.integers(0, 3),
            st.sampled_from(sorted(SOURCES)),
            st.sampled_from(["2024", "2025-01", "2026-02-03"]),
        )
    )
)
def test_nothing_that_was_said_is_ever_lost(facts: list[Fact]) -> None:
    resolved = resolve(facts, SOURCES)

    kept = [] if resolved is None else [Fact(resolved.value, resolved.source, resolved.date), *resolved.alternatives]
    assert sorted(kept, key=repr) == sorted(facts, key=repr)
