"""Votes that most methods stumble on: ties alone, one voter, controls that say nothing or everything, odd files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.cli.main import main
from weighbridge.errors import InputError, UsageError
from weighbridge.formats import vote_codes
from weighbridge.formats import votes as reading
from weighbridge.stats.ratings import Rated, Votes, rate

A, B, TIE = 0, 1, 2


def cast(*rows: tuple[int, int, int], times: int = 1, voter: list[int] | None = None) -> Votes:
    a, b, outcome = (np.repeat(column, times) for column in zip(*rows, strict=True))
    models = tuple(f"m{n}" for n in range(int(max(a.max(), b.max())) + 1))
    return Votes(models, a, b, outcome, None if voter is None else np.array(voter))


def controlled(*columns: np.ndarray) -> Votes:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 5, 2000)
    b = (a + rng.integers(1, 5, 2000)) % 5
    names = tuple("klz"[: len(columns)])
    return Votes(tuple("vwxyz"), a, b, rng.integers(0, 3, 2000), None, np.stack(columns, axis=1), names)


def width(found: Rated) -> float:
    low, high = found.ratings[0].interval or (0.0, 0.0)
    return high - low


@pytest.mark.parametrize("rows", [[(0, 1, TIE)], [(0, 1, TIE), (0, 1, A)], [(0, 1, TIE), (1, 2, TIE), (0, 2, A)]])
def test_where_davidsons_likelihood_has_no_top_ties_are_half_wins_and_it_is_said(
    rows: list[tuple[int, int, int]],
) -> None:
    """Without a win, or where nobody who lost ever won against who beat them, strengths and ties grow without end."""
    votes = cast(*rows, times=20)

    found, half = rate(votes, ties="davidson"), rate(votes)

    assert found.ratings == half.ratings
    assert found.tie_share is None
    assert "half a win each" in found.notes[0]


def test_davidson_is_used_where_a_tie_contradicts_the_order() -> None:
    """0 beats 1 beats 2, and 0 and 2 tie: no order explains that, so the likelihood has a top."""
    found = rate(cast((0, 1, A), (1, 2, A), (0, 2, TIE), times=20), ties="davidson")

    assert found.tie_share is not None
    assert [one.model for one in found.ratings] == ["m0", "m1", "m2"]
    assert found.notes == ()


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=14))
def test_any_votes_with_davidsons_ties_give_finite_ratings(rows: list[tuple[int, int, int]]) -> None:
    rows = [row for row in rows if row[0] != row[1]] or [(0, 1, TIE)]

    found = rate(cast(*rows, times=3), ties="davidson")

    assert all(one.rating is None or abs(one.rating - 1000) < 1e5 for one in found.ratings)


def test_nothing_but_ties_is_no_certainty() -> None:
    """Of fifty votes that are all ties three may well be none."""
    found = rate(cast((0, 1, TIE), times=50))

    assert 10 < width(found) < width(rate(cast((0, 1, A), (0, 1, B), times=25)))


def test_one_voter_is_no_certainty_about_others() -> None:
    """His slopes sum to zero at the maximum: clustered by voter, the interval would have no width at all."""
    rows = [(0, 1, A)] * 25 + [(0, 1, B)] * 15

    alone = rate(cast(*rows, voter=[0] * 40))

    assert width(alone) == pytest.approx(width(rate(cast(*rows))))
    assert (alone.voters, "one voter" in alone.notes[0]) == (1, True)


def test_few_voters_are_few_witnesses() -> None:
    """Three who agree by luck say no more than their votes would by themselves; three who do not, far less."""
    alike = ([(0, 1, A)] * 12 + [(0, 1, B)] * 8) * 3
    apart = [(0, 1, A)] * 18 + [(0, 1, B)] * 2 + ([(0, 1, A)] * 9 + [(0, 1, B)] * 11) * 2
    whose = [n // 20 for n in range(60)]

    few, torn = rate(cast(*alike, voter=whose)), rate(cast(*apart, voter=whose))

    assert width(few) == pytest.approx(width(rate(cast(*alike))))
    assert width(torn) > 2 * width(rate(cast(*apart)))
    assert "3 voters only" in few.notes[0]


def test_controls_that_cannot_be_told_apart_are_refused() -> None:
    x = np.random.default_rng(2).normal(size=2000)
    with pytest.raises(InputError, match="two controls say the same"):
        rate(controlled(x, -x))
    with pytest.raises(InputError, match="two controls say the same"):
        rate(controlled(x, 2 * x, x**2))


def test_a_control_that_decides_every_vote_is_refused() -> None:
    votes = controlled(np.zeros(2000))
    sign = np.array([1.0, -1.0, 0.0])[votes.outcome]

    with pytest.raises(InputError, match="decides every vote by itself"):
        rate(Votes(votes.models, votes.a, votes.b, votes.outcome, None, sign[:, None], ("k",)))


def test_a_control_that_never_differs_changes_nothing() -> None:
    votes = controlled(np.zeros(2000))

    found = rate(votes)

    assert found.controls == {"k": (0.0, 0.0)}
    assert found.ratings[0].rating == pytest.approx(rate(Votes(*vars_of(votes))).ratings[0].rating)


def vars_of(votes: Votes) -> tuple[object, ...]:
    return votes.models, votes.a, votes.b, votes.outcome


def test_ties_of_their_own_and_controls_are_not_had_at_once() -> None:
    with pytest.raises(UsageError, match="goes with no --control"):
        rate(controlled(np.ones(2000)), ties="davidson")


def said(path: Path, text: str, *options: str) -> dict[str, object]:
    path.write_text(text)
    done = CliRunner().invoke(main, ["rank", str(path), "--json", *options])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_line_breaks_within_quotes_end_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """As arenas publish votes: whole conversations beside them, in a file that is read piece by piece."""
    monkeypatch.setattr(reading, "PIECE_BYTES", piece)
    rows = [("x", "y", "model_a"), ("y", "x", "tie (bothbad)"), ("x", "y", "model_b"), ("y", "x", "model_b")] * 5
    text = "".join(f'{n},{a},{b},"He said ""hi""\nand, then\n{"z" * n}",{w}\n' for n, (a, b, w) in enumerate(rows))
    plain = "".join(f"{a},{b},{w}\n" for a, b, w in rows)

    told = said(tmp_path / "long.csv", "id,model_a,model_b,conversation,winner\n" + text)
    bare = said(tmp_path / "bare.csv", "model_a,model_b,winner\n" + plain)

    assert told["ratings"] == bare["ratings"]
    assert told["votes"] == 20


def test_a_quote_that_nothing_closes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 64)
    monkeypatch.setattr(reading, "LONGEST_ROW", 256)
    (tmp_path / "v.csv").write_text('model_a,model_b,winner,why\nx,y,a,"oh\n' + "x,y,b,no\n" * 100)

    done = CliRunner().invoke(main, ["rank", str(tmp_path / "v.csv")])

    assert done.exit_code == 1
    assert "double quote that nothing closes" in done.output


def test_a_column_of_voters_may_have_another_name(tmp_path: Path) -> None:
    text = "model_a,model_b,winner,judge\n" + "".join(
        f"x,y,{w},u{n % 12}\n" for n, w in enumerate(["a", "b", "tie", "a"] * 12)
    )

    found = said(tmp_path / "v.csv", text, "--voter", "judge")

    assert found["voters"] == 12
    assert said(tmp_path / "v.csv", text)["voters"] is None
    wrong = CliRunner().invoke(main, ["rank", str(tmp_path / "v.csv"), "--voter", "juge"])
    assert "no column 'juge'" in wrong.output
    assert "Did you mean 'judge'?" in wrong.output
    part = CliRunner().invoke(main, ["rank", str(tmp_path / "v.csv"), "--voter", "winner"])
    assert (part.exit_code, "part of the vote" in part.output) == (2, True)


def test_an_unknown_winner_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text('why,model_a,model_b,winner\n"two\nlines",x,y,a\nno,x,y,b\nno,x,y,neither\n')

    done = CliRunner().invoke(main, ["rank", str(path)])

    assert done.exit_code == 1
    assert "unknown winner 'neither'" in done.output
    assert "v.csv:5" in done.output


def test_votes_without_voters_are_counted_and_not_kept(tmp_path: Path) -> None:
    """However long the file: of 40,000 votes in many pieces only the kinds remain."""
    path = tmp_path / "v.csv"
    path.write_text("n,model_a,model_b,winner\n" + "".join(f"{n},x,{'yz'[n % 2]},a\n" for n in range(40_000)))

    table = reading.read_votes(path)

    assert len(table.a) == 2
    assert table.weight is not None
    assert sorted(table.weight.tolist()) == [20_000, 20_000]


def test_votes_of_few_voters_are_counted_by_voter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a voter cast alike is kept once, laid together however often while the file is read, and rated as if each
    vote had been kept."""
    monkeypatch.setattr(vote_codes, "MERGED_AT_ONCE", 16)
    monkeypatch.setattr(reading, "PIECE_BYTES", 512)
    rng = np.random.default_rng(7)
    a, b, voter = rng.integers(0, 4, 6000), rng.integers(0, 4, 6000), rng.integers(0, 25, 6000)
    outcome = rng.choice(3, 6000, p=[0.5, 0.3, 0.2])
    told_apart = a != b
    lines = [f"m{i},m{j},{['a', 'b', 'tie'][o]},u{v}" for i, j, o, v in zip(a, b, outcome, voter, strict=True)]
    path = tmp_path / "v.csv"
    path.write_text("\n".join(["model_a,model_b,winner,voter", *lines]))

    table = reading.read_votes(path)
    counted = rate(Votes(table.models, table.a, table.b, table.outcome, table.voter, weight=table.weight))

    kept = rate(Votes(("m0", "m1", "m2", "m3"), *(each[told_apart] for each in (a, b, outcome, voter))))
    assert len(table.a) <= 25 * 4 * 3 * 3
    assert table.against_itself == np.count_nonzero(~told_apart)
    assert counted.votes == kept.votes == np.count_nonzero(told_apart)
    assert [each.model for each in counted.ratings] == [each.model for each in kept.ratings]
    for one, other in zip(counted.ratings, kept.ratings, strict=True):
        assert one.rating == pytest.approx(other.rating, abs=1e-6)
        assert one.interval == pytest.approx(other.interval, abs=1e-6)
        assert one.games == other.games


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_a,model_b,winner\n", "no vote in the file"),
        ("id,model_a,model_b,winner\n", "no vote in the file"),
        ("model_a,model_b,winner\nx,x,a\nx,x,tie\n", "2 are of a model against itself"),
        ("model_a,model_b,winner,voter\nx,x,a,u\n", "1 are of a model against itself"),
        ("model_a;model_b;winner\nx;y;a\n", "Cells are parted by commas"),
    ],
)
def test_a_file_without_a_vote_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "v.csv").write_text(text)

    done = CliRunner().invoke(main, ["rank", str(tmp_path / "v.csv")])

    assert done.exit_code == 1
    assert said in done.output


@pytest.mark.parametrize("tail", ["", ",voter"])
def test_blanks_around_a_name_are_no_part_of_it(tmp_path: Path, tail: str) -> None:
    """`model_a, model_b, winner`, as people write lists: else each model would be two that share a name."""
    path = tmp_path / "votes.csv"
    cell = ", ann" if tail else ""
    path.write_text(f"model_a, model_b, winner{tail}\nx, y, a{cell}\ny, x, a{cell}\n\tx ,y,a{cell}\n")

    found = reading.read_votes(path)

    assert found.models == ("x", "y")
    assert sorted(zip(found.a.tolist(), found.b.tolist(), strict=True))[0] == (0, 1)


def test_a_file_of_empty_lines_holds_no_vote(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(b"model_a,model_b,winner,voter\r\n\r\n\r\n")

    with pytest.raises(InputError, match="there is no vote in the file"):
        reading.read_votes(path)


@pytest.mark.parametrize("tail", ["", ",voter"])
def test_a_column_of_numbers_for_models_is_refused_before_memory_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    """Every pair of models is counted: the names of questions in place of models would ask for gigabytes."""
    monkeypatch.setattr(vote_codes, "MOST_MODELS", 20)
    path = tmp_path / "votes.csv"
    lines = (f"m{n},m{n + 1},a{',ann' if tail else ''}\n" for n in range(20))
    path.write_text(f"model_a,model_b,winner{tail}\n{''.join(lines)}")

    with pytest.raises(InputError, match="more than 20 models") as refused:
        reading.read_votes(path)

    assert "Is 'm20' the name of one?" in str(refused.value)


def test_a_long_chain_of_models_is_ranked_link_by_link() -> None:
    """Each beat the next and none ever lost to a later one: as many levels as models."""
    models = 200
    order = np.random.default_rng(0).permutation(models)
    votes = Votes(tuple(map(str, range(models))), order[:-1], order[1:], np.zeros(models - 1, int))

    assert [int(each.model) for each in rate(votes).ratings] == order.tolist()


@pytest.mark.parametrize("blank", ["", None])
def test_votes_that_name_nobody_are_not_all_of_one_voter(tmp_path: Path, blank: str | None) -> None:
    """In a file where some name their voter: taken for one person, half of the votes would be one witness."""
    who = ["ann", blank, "bob", blank, "ann", blank]
    path = tmp_path / ("votes.csv" if blank == "" else "votes.parquet")
    if blank == "":
        path.write_text("model_a,model_b,winner,voter\n" + "".join(f"x,y,a,{name}\n" for name in who))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        columns = {"model_a": ["x"] * 6, "model_b": ["y"] * 6, "winner": ["a"] * 6, "voter": who}
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path)

    voters = reading.read_votes(path).voter

    assert voters is not None
    assert len(set(voters.tolist())) == 5
