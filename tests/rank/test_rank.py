"""Ratings from votes: the maximum likelihood, honest intervals, and a plain word where votes cannot say."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.cli.main import main
from weighbridge.stats.ratings import Votes, rate
from weighbridge.stats.ratings.rate import ELO, Rated


def drawn(
    seed: int, models: int, votes: int, *, ties: float = 0.0, voters: int = 0, pull: float = 0.0
) -> tuple[Votes, Any]:
    """Votes among models of known strengths, and those strengths. `pull`: how far each voter has a taste of his own."""
    rng = np.random.default_rng(seed)
    strengths = rng.normal(0, 0.7, models)
    strengths -= strengths.mean()
    a = rng.integers(0, models, votes)
    b = (a + rng.integers(1, models, votes)) % models
    voter = rng.integers(0, voters, votes) if voters else None
    taste = rng.normal(0, pull, (max(1, voters), models))[voter if voter is not None else np.zeros(votes, int)]
    d = strengths[a] - strengths[b] + taste[np.arange(votes), a] - taste[np.arange(votes), b]
    outcome = np.where(rng.random(votes) < 1 / (1 + np.exp(-d)), 0, 1)
    outcome[rng.random(votes) < ties] = 2
    return Votes(tuple(f"m{n}" for n in range(models)), a, b, outcome, voter), strengths


def by_name(found: Rated) -> dict[str, float]:
    return {one.model: one.rating for one in found.ratings if one.rating is not None}


def test_ratings_are_the_maximum_of_the_likelihood() -> None:
    """Against the fixed point of Zermelo's iteration, which is slow and simple."""
    votes, _ = drawn(1, 8, 2000, ties=0.2)
    score = np.array([1.0, 0.0, 0.5])[votes.outcome]
    won, games = np.zeros(8), np.zeros((8, 8))
    np.add.at(won, votes.a, score)
    np.add.at(won, votes.b, 1 - score)
    np.add.at(games, (votes.a, votes.b), 1.0)
    games = games + games.T
    worth = np.ones(8)
    for _ in range(20_000):
        worth = won / (games / (worth[:, None] + worth[None, :])).sum(axis=1)
    slow = np.log(worth) - np.log(worth).mean()

    fast = by_name(rate(votes))

    assert [fast[f"m{n}"] for n in range(8)] == pytest.approx(list(1000 + ELO * slow), abs=1e-5)


@pytest.mark.parametrize("ways", [{}, {"ties": "davidson"}])
def test_intervals_cover_what_is_true(ways: dict[str, Any]) -> None:
    """Of 95% intervals about 95% hold the true strength, over 100 data sets of six models."""
    held = []
    for seed in range(100):
        votes, strengths = drawn(seed, 6, 500)
        for one in rate(votes, **ways).ratings:
            assert one.interval is not None
            held.append(one.interval[0] <= 1000 + ELO * strengths[int(one.model[1:])] <= one.interval[1])

    assert 0.92 <= np.mean(held) <= 0.98


def test_a_voter_is_one_witness_however_often_he_votes() -> None:
    """Voters with tastes of their own: intervals that ignore that hold far too seldom, clustered ones do not."""
    clustered, naive = [], []
    for seed in range(60):
        votes, strengths = drawn(seed, 5, 1500, voters=60, pull=1.0)
        plain = Votes(votes.models, votes.a, votes.b, votes.outcome)
        shrunk = strengths / np.sqrt(1 + 0.346 * 2.0)  # strengths as seen through tastes that differ
        for found, held in ((rate(votes), clustered), (rate(plain), naive)):
            for one in found.ratings:
                assert one.interval is not None
                held.append(one.interval[0] <= 1000 + ELO * shrunk[int(one.model[1:])] <= one.interval[1])

    assert np.mean(clustered) > 0.88
    assert np.mean(naive) < np.mean(clustered) - 0.1


def test_the_bootstrap_agrees_with_the_sandwich() -> None:
    votes, _ = drawn(3, 5, 3000, ties=0.1)
    plain, resampled = rate(votes), rate(votes, bootstrap=300)

    for one, two in zip(plain.ratings, resampled.ratings, strict=True):
        assert one.interval is not None
        assert two.interval is not None
        assert two.interval[1] - two.interval[0] == pytest.approx(one.interval[1] - one.interval[0], rel=0.2)


def test_davidson_finds_how_often_equals_tie() -> None:
    votes, _ = drawn(5, 6, 20_000, ties=0.25)

    assert rate(votes, ties="davidson").tie_share == pytest.approx(0.26, abs=0.02)


def test_style_is_taken_out() -> None:
    """Two equal models, one of which always writes more, before judges who like length."""
    rng = np.random.default_rng(0)
    a, b = np.zeros(4000, int), np.ones(4000, int)
    length = rng.normal(1.0, 1.0, 4000)
    outcome = np.where(rng.random(4000) < 1 / (1 + np.exp(-length)), 0, 1)
    raw = rate(Votes(("long", "short"), a, b, outcome))
    controlled = rate(Votes(("long", "short"), a, b, outcome, controls=length[:, None], control_names=("length",)))

    assert by_name(raw)["long"] - by_name(raw)["short"] > 100
    assert abs(by_name(controlled)["long"] - by_name(controlled)["short"]) < 30
    assert controlled.controls["length"][0] == pytest.approx(ELO, rel=0.15)


def test_a_model_that_won_everything_has_no_finite_rating_and_the_first_rank() -> None:
    votes = Votes(("best", "x", "y"), np.array([0, 0, 1, 2]), np.array([1, 2, 2, 1]), np.array([0, 0, 0, 0]))

    first, *others = rate(votes).ratings

    assert (first.model, first.rating, first.interval, first.rank) == ("best", None, None, 1)
    assert "won every game" in first.note
    assert {one.rank for one in others} == {2, 3}


def test_groups_without_a_vote_between_them_are_said() -> None:
    votes = Votes(("a", "b", "c", "d"), np.array([0, 0, 2, 2]), np.array([1, 1, 3, 3]), np.array([0, 1, 0, 1]))

    found = rate(votes)

    assert found.components == 2
    assert {one.model: one.component for one in found.ratings} == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_one_vote_that_ties_is_no_certainty() -> None:
    votes = Votes(("a", "b"), np.array([0]), np.array([1]), np.array([2]))

    (low, high), _ = (one.interval for one in rate(votes).ratings)  # type: ignore[misc]

    assert high - low > 300


HEAD = "model_a,model_b,winner\n"
ARENA = {"a": "model_a", "b": "model_b", "tie": "tie (bothbad)"}


def ranked(path: Path, text: str | bytes, *options: str) -> Result:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CliRunner().invoke(main, ["rank", str(path), "--json", *options])


def test_every_way_of_writing_the_same_votes_gives_the_same_ratings(tmp_path: Path) -> None:
    rows = [("x", "y", "a"), ("y", "x", "tie"), ("x", "z", "b"), ("z", "y", "b"), ("x", "y", "b")]
    plain = HEAD + "".join(f"{a},{b},{w}\n" for a, b, w in rows)
    arena = HEAD + "".join(f'"{a}","{b}",{ARENA[w]}\r\n' for a, b, w in rows)
    voters = "winner,voter,model_b,model_a\n" + "".join(f"{w},u{n},{b},{a}\n" for n, (a, b, w) in enumerate(rows))

    answers = [
        json.loads(ranked(tmp_path / "plain.csv", plain).stdout),
        json.loads(ranked(tmp_path / "arena.csv", arena).stdout),
        json.loads(ranked(tmp_path / "plain.csv.gz", gzip.compress(plain.encode())).stdout),
        json.loads(ranked(tmp_path / "voters.csv", voters, "--ignore-voters").stdout),
    ]

    ratings = [{one["model"]: round(one["rating"], 6) for one in answer["ratings"]} for answer in answers]
    assert all(each == ratings[0] for each in ratings)
    assert [answer["votes"] for answer in answers] == [5] * 4


BAD = {
    "no winner column": ("model_a,model_b,won\nx,y,a\n", "no column 'winner'"),
    "unknown winner": (HEAD + "x,y,c\n", "unknown winner 'c'"),
    "missing cell": (HEAD + "x,y\n", "2 cells where 3 are wanted"),
    "no name": (HEAD + ",y,a\n", "a model without a name"),
    "empty": ("", "the file is empty"),
    "control that is no number": ("model_a,model_b,winner,l_a,l_b\nx,y,a,1,long\n", "must be numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_wrong_is_told_where(name: str, tmp_path: Path) -> None:
    text, said = BAD[name]
    options = ["--control", "l"] if "control" in name else []

    done = ranked(tmp_path / "votes.csv", text, *options)

    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "votes.csv" in done.stderr


def test_votes_of_a_model_against_itself_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(HEAD + "x,y,a\ny,x,a\nx,x,tie\n")

    done = CliRunner().invoke(main, ["rank", str(path)])

    assert "1 votes of a model against itself were left out." in done.stdout
    assert "2 votes" in done.stdout


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30))
def test_any_votes_give_an_answer_in_which_every_model_has_a_place(rows: list[tuple[int, int, int]]) -> None:
    rows = [row for row in rows if row[0] != row[1]] or [(0, 1, 0)]
    a, b, outcome = (np.array(column) for column in zip(*rows, strict=True))
    names = tuple(f"m{n}" for n in range(5))

    found = rate(Votes(names, a, b, outcome))

    assert sorted(one.model for one in found.ratings) == list(names)
    for one in found.ratings:
        assert one.rank_interval[0] <= one.rank <= one.rank_interval[1]
        assert one.rating is None or np.isfinite(one.rating)
