"""Shares and drift, from the ledger's sums of traffic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.ledger.decisions import Traffic
from weighbridge.policy import Facts, Known, Link
from weighbridge.policy.file import Concentration
from weighbridge.policy.traffic import Seen, first_hour, seen_of, shares_of, too_large

NOW = 500_000
LABS = {"m1": ("one", "US"), "m2": ("two", "CN"), "m3": ("three", "CN")}


def who(_: str, model: str) -> Facts:
    if model not in LABS:
        return Facts(model=model)
    lab, country = LABS[model]
    return Facts(model=model, chain=(Link("lab", lab, Known(country), lab),), provider="p")


def row(model: str, calls: int, *, hour: int = NOW, tokens: int = 0, served: str = "", backend: str = "b") -> Traffic:
    return Traffic(hour, backend, model, served, calls, tokens)


def test_a_share_is_of_all_answered_calls_in_the_window_known_or_not() -> None:
    sums = [row("m1", 50), row("m2", 30), row("unheard-of", 20), row("m1", 900, hour=NOW - 24 * 7 - 1)]

    shares = shares_of([Concentration("lab", 0.5, 7), Concentration("country", 0.5, 7)], sums, who, NOW)

    assert shares == ({"one": 0.5, "two": 0.3, "": 0.2}, {"US": 0.5, "CN": 0.3, "": 0.2})


def test_tokens_can_be_counted_instead() -> None:
    sums = [row("m1", 100, tokens=100), row("m2", 100, tokens=300)]

    assert shares_of([Concentration("lab", 0.5, 7, "tokens")], sums, who, NOW) == ({"one": 0.25, "two": 0.75},)


def test_too_few_calls_say_nothing() -> None:
    assert shares_of([Concentration("lab", 0.5, 7)], [row("m1", 99)], who, NOW) == ({},)


def test_only_what_is_above_its_limit_changes_decisions() -> None:
    rules = [Concentration("lab", 0.5), Concentration("country", 0.9)]

    assert too_large(rules, [{"one": 0.5, "two": 0.501}, {"CN": 0.8}]) == ({"two": 0.501}, {})


def test_the_longest_window_decides_how_far_is_looked_back() -> None:
    assert first_hour([Concentration("lab", 0.5, 7), Concentration("lab", 0.5, 30)], NOW) == NOW - 720


@given(st.lists(st.tuples(st.sampled_from([*LABS, "x"]), st.integers(0, 50), st.integers(0, 800)), max_size=30))
def test_shares_are_parts_of_one_whole(rows: list[tuple[str, int, int]]) -> None:
    sums = [row(model, calls, hour=NOW - ago) for model, calls, ago in rows]

    (shares,) = shares_of([Concentration("lab", 0.5, 30, least_calls=1)], sums, who, NOW)

    assert not shares or abs(sum(shares.values()) - 1) < 1e-9
    assert all(0 <= share <= 1 for share in shares.values())


def same(one: str, other: str) -> bool:
    return one.partition("@")[0] == other.partition("@")[0]


def test_drift_is_when_another_model_began_to_answer_under_a_name() -> None:
    sums = [
        row("alias", 5, hour=NOW - 100, served="old"),
        row("alias", 5, hour=NOW - 40, served="old"),
        row("alias", 5, hour=NOW - 30, served="new"),
        row("alias", 5, hour=NOW, served="new"),
    ]

    assert seen_of(sums, same) == {("b", "alias"): Seen(False, NOW - 30, "old", "new")}


def test_a_dated_name_of_the_same_model_is_no_drift() -> None:
    sums = [row("m", 5, hour=NOW - 9, served="m@1"), row("m", 5, served="m@2"), row("m", 1, backend="other")]

    assert seen_of(sums, same) == {("b", "m"): Seen(True, None, now="m@2")}
