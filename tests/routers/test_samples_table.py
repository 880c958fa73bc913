"""Tables of recorded samples: what is wrong with one is said with its place, and nothing is guessed."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from routed_samples import rows, write
from weighbridge.cli.main import main
from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.routers import Places, Samples, read_samples
from weighbridge.routers.grams import LONGEST_SEEN


def read(path: Path, *voters: str, **places: Any) -> Samples:
    return read_samples(Places(path, **places), voters or ("small",), "big")


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.csv"
    path.write_text(text)
    return path


def trained(tmp_path: Path, items: list[dict[str, Any]]) -> str:
    """What the command says of them."""
    path = write(tmp_path / "s.csv", items)
    said = CliRunner().invoke(
        main,
        [
            "route",
            "train",
            str(path),
            "--weak",
            "small",
            "--strong",
            "big",
            "--keep",
            "0.9",
            "--out",
            str(tmp_path / "r"),
        ],
    )
    assert said.exit_code in (1, 2)
    return said.output


@pytest.mark.parametrize("score", ["1.2", "-0.1", "nan", "inf", "1_0", "yes", "١"])
def test_a_score_beyond_its_range_is_named_with_its_place(tmp_path: Path, score: str) -> None:
    with pytest.raises(InputError, match="is not a score from 0 to 1") as caught:
        read(table(tmp_path, f"prompt,small,big\na,1,1\nb,{score},1\n"))

    assert caught.value.where == "s.csv:3: small"


def test_another_scale_is_named_and_never_guessed(tmp_path: Path) -> None:
    path = table(tmp_path, "prompt,small,big\na,8,10\nb,5,9\n")

    with pytest.raises(InputError, match="--out-of 10"):
        read(path)
    assert list(read(path, out_of=10.0).scores["small"]) == [0.8, 0.5]


def test_a_row_without_a_score_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read(table(tmp_path, "prompt,small,big\na,1,1\nb,,1\nc,0, \nd,0,1\n"))

    assert (len(found), found.rows, found.left_out) == (2, 4, 2)


def test_a_name_that_is_no_column_gets_the_one_that_was_meant(tmp_path: Path) -> None:
    path = table(tmp_path, "prompt,small,big\na,1,1\n")

    with pytest.raises(UsageError, match="no column 'smal'") as caught:
        read(path, "smal")
    assert "Did you mean 'small'?" in str(caught.value)
    with pytest.raises(UsageError, match="no column 'question'"):
        read(path, prompt="question")
    with pytest.raises(UsageError, match="named twice"):
        read(path, "small", "small")


def test_a_column_that_never_changes_teaches_nothing(tmp_path: Path) -> None:
    items = rows(100)
    for item in items:
        item["big"] = 1

    assert "every score of big is 1" in trained(tmp_path, items)


def test_a_handful_of_items_is_refused(tmp_path: Path) -> None:
    assert "60 are the least" in trained(tmp_path, rows(1))
    assert "60 are the least" in trained(tmp_path, rows(59))


def test_tables_of_their_own_are_joined_by_item(tmp_path: Path) -> None:
    items = rows(5)
    main_table = write(tmp_path / "scores.csv", items, only=("item", "small", "big"))
    answers = tmp_path / "answers.csv.gz"
    with gzip.open(answers, "wt", newline="") as file:
        csv.writer(file).writerows(
            [["item", "other", "small"], *([one["item"], "x", one["small.answer"]] for one in reversed(items))]
        )
    prompts = write(tmp_path / "prompts.csv", items, only=("item", "prompt"))

    found = read(main_table, sides={"answer": answers, "prompt": prompts})

    assert found.answers["small"] == tuple(one["small.answer"] for one in items)
    assert found.prompts == tuple(one["prompt"] for one in items)


def test_an_item_that_another_table_lacks_is_named(tmp_path: Path) -> None:
    main_table = write(tmp_path / "scores.csv", rows(5), only=("item", "small", "big"))
    prompts = write(tmp_path / "prompts.csv", rows(4), only=("item", "prompt"))

    with pytest.raises(InputError, match=r"no item 'i4' in prompts\.csv"):
        read(main_table, sides={"prompt": prompts})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the table is empty"),
        ("prompt,small,big\na,1\n", "a row of 2 cells where the header has 3"),
        ('prompt,small,big\n"a,1,1\n', "cannot be read"),
        ("prompt,small,small,big\na,1,1,1\n", "2 columns are called 'small'"),
    ],
)
def test_a_table_that_is_none_is_told(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read(table(tmp_path, text))


def test_a_table_that_swells_beyond_belief_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"prompt,small,big\n")
        for _ in range(80):
            file.write(b"a" * (1 << 20) + b",1,1\n")

    with pytest.raises(InputError, match="unpacks to more than"):
        read(path)


def test_of_a_long_prompt_both_ends_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write(path, [{"prompt": "begin " + "x" * 100_000 + " end", "small": 1, "big": 0}])

    found = read(path)

    assert found.prompt_chars == (100_010,)
    assert len(found.prompts[0]) <= LONGEST_SEEN
    assert found.prompts[0].startswith("begin")
    assert found.prompts[0].endswith("end")


def test_lengths_that_are_missing_are_unknown(tmp_path: Path) -> None:
    found = read(table(tmp_path, "prompt,small,small.chars,big\na,1,-1,1\nb,1,,1\nc,1,7,1\n"))

    assert np.isnan(found.chars["small"][:2]).all()
    assert found.chars["small"][2] == 7


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_whatever_stands_in_a_file_it_is_read_or_explained(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "s.csv"
    path.write_bytes(b"prompt,small,big\n" + data)

    try:
        found = read(path)
    except WeighbridgeError:
        return
    assert len(found) == len(found.prompts) == found.rows - found.left_out


def test_without_prompts_rows_are_told_apart_by_all_they_say(tmp_path: Path) -> None:
    """Two scores alone would make four groups of all items, and no split that deserves the name."""
    items = rows(200)

    found = read(write(tmp_path / "s.csv", items, only=("small", "small.answer", "small.chars", "big")))

    assert len(set(found.groups.tolist())) > 190
