"""A replay draws from recorded scores as a live run draws from models, and refuses tables that are no such thing."""

from __future__ import annotations

import asyncio
import gzip
import math
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_factory import GOOD_AND_BAD, run_folder, write_task

from weighbridge.dispatch import SystemClock
from weighbridge.dispatch.collect import collect
from weighbridge.engines.echo import EchoEngine
from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.stats import Rule
from weighbridge.weigh.records import Result
from weighbridge.weigh.replay import replay
from weighbridge.weigh.table import read_table
from weighbridge.weigh.task import load_task


def write(path: Path, rows: Iterable[Sequence[object]], header: Sequence[str] = ("item", "a", "b")) -> Path:
    lines = [",".join(map(str, row)) for row in (header, *rows)]
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def clear_cut(items: int = 200) -> list[tuple[object, ...]]:
    """`a` is right in 9 of 10 items, `b` in 4 of 10."""
    rng = random.Random(7)
    return [(f"i{n}", int(rng.random() < 0.9), int(rng.random() < 0.4)) for n in range(items)]


def go(path: Path, candidates: Sequence[str] = ("a", "b"), seed: int = 0, **rule: Any) -> Result:
    return replay(path, candidates, rule=Rule(**rule), seed=seed)


def test_a_clear_difference_is_certified_with_few_calls(tmp_path: Path) -> None:
    result = go(write(tmp_path / "t.csv", clear_cut()))

    assert (result.verdict.decision, result.verdict.winner, result.verdict.basis) == ("winner", "a", "certified")
    assert result.calls_used == 2 * result.items < result.calls_full == 400
    assert (result.report, result.candidates[0].cost_usd, result.candidates[0].tokens_in) == (None, None, None)


def test_a_limit_on_the_items_holds_for_a_replay_too(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", clear_cut())

    result = replay(table, ("a", "b"), rule=Rule(), seed=0, max_items=5)

    assert (result.items, result.calls_used, result.calls_full) == (5, 10, 10)
    assert (result.verdict.decision, result.verdict.basis) == ("undecided", "exhausted")


def test_a_claim_about_all_items_is_not_made_of_the_few_that_were_drawn(tmp_path: Path) -> None:
    """Five of 200 items say nothing certain about the 200, however clear they are."""
    table = write(tmp_path / "t.csv", [(f"i{n}", 1, 0) for n in range(200)])

    result = replay(table, ("a", "b"), rule=Rule(scope="items"), seed=0, max_items=5)

    assert (result.verdict.decision, result.verdict.basis) == ("undecided", "exhausted")
    assert result.candidates[0].interval.low < 0.5


def test_a_compressed_table_says_the_same(tmp_path: Path) -> None:
    plain = go(write(tmp_path / "t.csv", clear_cut()))
    packed = go(write(tmp_path / "t.csv.gz", clear_cut()))

    assert packed.verdict == plain.verdict


async def scores_of_all(folder: Path) -> list[tuple[object, ...]]:
    """A row for each item of a task: its id, and what each candidate's answer scores."""
    task = load_task(folder)
    rows = []
    for item in task.items:
        row: list[object] = [item.id]
        for candidate in task.candidates:
            engine = EchoEngine(candidate.backend)
            pieces = engine.answer(task.request(candidate, item, engine.abilities))
            row.append(task.score(item, await collect(pieces, SystemClock())).score)
        rows.append(tuple(row))
    task.close()
    return rows


@pytest.mark.parametrize("seed", [0, 3, 2026])
def test_a_replay_draws_the_items_a_live_run_draws_and_decides_alike(tmp_path: Path, seed: int) -> None:
    """The scores a live run would see, written to a table, lead to its verdict by the same steps."""
    task = write_task(tmp_path / "task", GOOD_AND_BAD, items=200)
    table = write(tmp_path / "t.csv", asyncio.run(scores_of_all(task)), ("item", "good", "bad"))

    live = run_folder(task, tmp_path / "data", seed=seed).result
    replayed = go(table, ("good", "bad"), seed=seed)

    assert replayed.verdict == live.verdict
    assert replayed.items == live.items < 200
    assert [one.interval for one in replayed.candidates] == [one.interval for one in live.candidates]


def test_a_replay_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "state"))
    table = write(tmp_path / "t.csv", clear_cut())

    go(table)

    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_the_seed_decides_and_is_repeatable(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", clear_cut())

    assert go(table, seed=1) == go(table, seed=1)
    assert len({go(table, seed=seed).items for seed in range(8)}) > 1


def test_only_items_present_for_all_named_candidates_are_drawn(tmp_path: Path) -> None:
    rows = [("x", 1, "", 0), ("y", "", 0, 1), ("z", 1, " ", 0), *((f"i{n}", 1, 0, "") for n in range(30))]
    table = write(tmp_path / "t.csv", rows, ("item", "a", "b", "c"))

    assert go(table, ("a", "b")).calls_full == 60
    assert go(table, ("a", "c")).calls_full == 4


def test_other_columns_are_ignored_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = ["item,note,a,b"] + [f'i{n},"a, ""prompt""\nof {n} lines, score 17",1,0' for n in range(40)]
    path.write_text("\n".join(lines))

    assert go(path).verdict.winner == "a"


def test_a_tie_needs_a_margin(tmp_path: Path) -> None:
    rows = [(n, 0.5, 0.5) for n in range(2_000)]
    table = write(tmp_path / "t.csv", rows)

    without, within = go(table, futility=False), go(table, margin=0.1, futility=False)

    assert (without.verdict.decision, without.verdict.basis) == ("undecided", "exhausted")
    assert (within.verdict.decision, within.verdict.basis, within.verdict.winner) == ("tie", "certified", None)


def test_calls_count_every_candidate_until_it_is_eliminated(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [(n, *(int(rng.random() < share) for share in (0.7, 0.7, 0.02))) for n in range(1_000)]
    table = write(tmp_path / "t.csv", rows, ("item", "a", "b", "worst"))

    result = go(table, ("a", "b", "worst"), futility=False)

    calls = {one.name: one.calls for one in result.candidates}
    assert calls["worst"] < calls["a"] == calls["b"] == result.items
    assert result.calls_used == sum(calls.values())
    assert result.calls_full == 3_000


@pytest.mark.parametrize(
    "cell", ["1.01", "-0.1", "nan", "inf", "-inf", "yes", "0,5", "1e400", "0x1", "1_0", "١", "1/2"]
)
def test_what_is_no_score_is_refused_with_row_and_column(tmp_path: Path, cell: str) -> None:
    table = write(tmp_path / "t.csv", [("x", 1, 0), ("y", f'"{cell}"', 0)])

    with pytest.raises(InputError, match=r"row 2: .* is not a number from 0 to 1\n  at t\.csv:3: a"):
        go(table)


def test_a_wrong_score_is_found_beside_a_missing_one(tmp_path: Path) -> None:
    """The item would not be drawn, but a table with such a cell is not what its owner thinks."""
    with pytest.raises(InputError, match=r"'2' is not a number from 0 to 1\n  at t\.csv:2: a"):
        go(write(tmp_path / "t.csv", [("x", 2, "")]))


@pytest.mark.parametrize("cell", ["0", "1", "0.5", " 0.25 ", "1e-3", "1.", ".5", "+1", "-0.0", "1.0000"])
def test_every_way_to_write_a_score_is_read(tmp_path: Path, cell: str) -> None:
    table = read_table(write(tmp_path / "t.csv", [("x", cell, 1)]), ("a", "b"))

    assert table.scores.tolist() == [[float(cell), 1.0]]


def test_an_unknown_candidate_is_named_with_the_nearest(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", [("x", 1, 0)], ("item", "Llama-3.1-8B", "Qwen2.5-7B"))

    with pytest.raises(UsageError, match=r"no candidate 'Llama-3-8B'(.|\n)*Did you mean 'Llama-3\.1-8B'\?") as caught:
        go(table, ("Llama-3-8B", "Qwen2.5-7B"))

    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        (("a",), "two candidates or more"),
        (("a", "a"), "'a' is named twice"),
        (("item", "a"), "the first column, 'item', holds the items"),
    ],
)
def test_wrong_names_are_refused(tmp_path: Path, candidates: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        go(write(tmp_path / "t.csv", [("x", 1, 0)]), candidates)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the table is empty"),
        (b"item,a,b\n", "none of the 0 items"),
        (b"item,a,b\nx,1,\ny,,1\n", "none of the 2 items has a score for all of: a, b"),
        (b"item,a,b\nx,1,0\ny,1,0\nx,0,1\n", r"item 'x' stands there twice, first on line 2\n  at t\.csv:4"),
        (b"item,a,b\n,1,0\n", r"row 1 has no item\n  at t\.csv:2"),
        (b"item,a,b\nx,1\n", r"row 1 has 2 cells, and the header has 3\n  at t\.csv:2"),
        (b"item,a,b\nx,1,0,1\n", "row 1 has 4 cells, and the header has 3"),
        (b"item,a,b,a\nx,1,0,1\n", "2 columns are called 'a'"),
        (b'item,a,b\n"x,1,0\n', "cannot be read: unexpected end of data"),
        (b'item,a,b\n"x"y,1,0\n', r"cannot be read: .*expected after"),
        (b"item,a,b\nx\xff,1,0\n", "byte 0xff at place 2 of line 2 is not UTF-8"),
        (b"\x1f\x8b\x08\x00rubbish", "damaged or cut off"),
        (gzip.compress(b"item,a,b\n" + b"x,1,0\n" * 100, mtime=0)[:-20], "damaged or cut off"),
        (b"PK\x03\x04\xff\xfe", "is not UTF-8"),
        (b"item;a;b\nx;1;0\n", "no candidate 'a'"),
    ],
)
def test_a_table_that_is_wrong_is_one_clear_error(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)

    with pytest.raises(WeighbridgeError, match=said) as caught:
        go(path)

    assert caught.value.next_move


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_table_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="the table cannot be read"):
        go(tmp_path / name)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfitem,a,b\r\nx,1,0\r\n\r\ny,1,0\r\n")

    assert read_table(path, ("a", "b")).scores.tolist() == [[1.0, 0.0], [1.0, 0.0]]


@pytest.mark.slow
def test_a_table_that_swells_beyond_belief_is_refused_early(tmp_path: Path) -> None:
    """20 KB that would become 20 MB of one line; 70 KB that would become 70 MB of short ones."""
    line, lines = tmp_path / "line.csv", tmp_path / "lines.csv"
    line.write_bytes(gzip.compress(b"item,a,b\n" + b"0" * (20 << 20)))
    lines.write_bytes(gzip.compress(b"item,a,b\n" + (b"\n" + b" " * 9_999) * 7_000 + b"\n"))

    with pytest.raises(InputError, match="line 2 is longer than 16"):
        go(line)
    with pytest.raises(InputError, match=r"unpacks to more than 500 times its size|cells"):
        go(lines)


def test_blank_lines_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(b"item,a,b\n" + b"\r\n" * (4 << 20)))

    with pytest.raises(InputError, match="more than 100,000 blank lines"):
        go(path)


def test_the_limit_of_the_csv_module_is_left_as_it_was(tmp_path: Path) -> None:
    """It belongs to the whole process; a prompt of a megabyte in another column is fine meanwhile."""
    import csv

    before = csv.field_size_limit()
    read_table(write(tmp_path / "t.csv", [("x", 1, 0, "y" * 1_000_000)], ("item", "a", "b", "note")), ("a", "b"))

    assert csv.field_size_limit() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200) | st.text(st.sampled_from('ab,"\n\r 01.;x\x00'), max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.csv"
    path.write_bytes(b"item,a,b\n" + content)

    result = None
    with suppress(InputError, UsageError):
        result = go(path)

    assert result is None or 0 < result.items <= result.calls_full // 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(0, 2**63),
    st.sampled_from([0.0, 0.05, 0.5]),
)
def test_a_replay_ends_with_a_verdict_for_any_scores(
    tmp_path: Path, rows: list[tuple[float, float, bool]], seed: int, margin: float
) -> None:
    cells = [(n, a, "" if missing else b) for n, (a, b, missing) in enumerate(rows)]
    present = sum(1 for row in rows if not row[2])
    table = write(tmp_path / "any.csv", [*cells, ("last", 1, 1)])

    result = go(table, seed=seed, margin=margin)

    assert result.calls_full == 2 * (present + 1)
    assert result.calls_used == 2 * result.items <= result.calls_full
    assert result.verdict.decision in ("winner", "tie", "undecided")
    assert all(0 <= one.interval.low <= one.interval.high <= 1 for one in result.candidates)
    assert all(one.score is not None and not math.isnan(one.score) for one in result.candidates)
