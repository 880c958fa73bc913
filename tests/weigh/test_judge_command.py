"""`weighbridge judge`: files of scores and labels, and samples to be labelled, through the command."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from stub_judges import score, write_judged

from weighbridge.cli.main import main
from weighbridge.errors import InputError
from weighbridge.weigh.judges.ratings import Columns, read_ratings


def judge(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["judge", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def found(*words: object) -> dict:
    return json.loads(judge("check", *words, "--json"))


def write(path: Path, head: str, rows) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head.split(","))
        writer.writerows(rows)
    return path


def made_up(items: int = 600, labelled: int = 60, *, noise: float = 1.0, bias: float = -1.0):
    """Rows item,model,judge,human of two models; people give 6 and 7 on average, the judge a point less."""
    rng = random.Random(7)
    for n in range(items):
        hard = rng.gauss(0, 1.5)
        for model, level in (("A", 6), ("B", 7)):
            human = min(10, max(1, round(level + hard + rng.gauss(0, 1))))
            said = min(10, max(1, round(human + bias + rng.gauss(0, noise))))
            yield f"i{n}", model, said, human if n < labelled else ""


def test_a_few_labels_correct_what_the_judge_says_of_all(tmp_path) -> None:
    rows = list(made_up())
    path = write(tmp_path / "scores.csv", "item,model,judge,human", rows)

    checked = found(path)["judges"][0]

    mean = checked["means"][0]["found"]
    low, high = mean["interval"]
    alone_low, alone_high = mean["labels_alone_interval"]
    assert mean["labels"] == 60
    assert low < 6.0 < high
    assert mean["judge_alone"] < low
    assert high - low < 0.9 * (alone_high - alone_low)
    pair = checked["compared"][0]
    assert (pair["first"], pair["second"], pair["winner"]) == ("A", "B", "B")
    assert checked["bias"] == pytest.approx(-1.0, abs=0.3)
    assert checked["weighted_kappa"]["value"] > 0.6
    assert sum(map(sum, checked["confusion"]["counts"])) == checked["labelled"] == 120


def test_one_file_or_two_in_any_form_say_the_same(tmp_path) -> None:
    rows = list(made_up())
    wide = write(tmp_path / "wide.csv", "item,model,judge,human", rows)
    long = write(tmp_path / "long.csv", "item,model,judge,score", [(i, m, "gpt", s) for i, m, s, _ in rows])
    labels = write(tmp_path / "labels.csv", "item,model,score", [(i, m, h) for i, m, _, h in rows if h != ""])
    lines = tmp_path / "judged.jsonl"
    lines.write_text("".join(json.dumps({"item_id": i, "candidate": m, "score": s}) + "\n" for i, m, s, _ in rows))
    packed = tmp_path / "long.csv.gz"
    packed.write_bytes(gzip.compress(long.read_bytes()))

    one = found(wide)["judges"][0]

    for others in ((long, labels), (lines, labels), (packed, labels)):
        other = found(*others)["judges"][0]
        assert {key: one[key] for key in ("means", "confusion", "kappa", "ordinal")} == {
            key: other[key] for key in ("means", "confusion", "kappa", "ordinal")
        }


def test_columns_may_go_by_other_names(tmp_path) -> None:
    path = write(tmp_path / "scores.csv", "prompt,system,gpt,ann,tokens", [(i, m, s, h, 7) for i, m, s, h in made_up()])

    checked = found(path, "--item", "prompt", "--model", "system", "--judge", "gpt", "--human", "ann")

    assert [one["judge"] for one in checked["judges"]] == ["gpt"]
    assert checked["labels"] == 120


def test_the_position_bias_of_pairs_in_both_orders_is_measured(tmp_path) -> None:
    """This judge says the first of 80 in 100; of the rest the better one, which is b."""
    rng = random.Random(1)
    rows = []
    for n in range(200):
        for first, second in (("a-model", "b-model"), ("b-model", "a-model")):
            honest = "b" if second == "b-model" else "a"
            rows.append((f"i{n}", first, second, "a" if rng.random() < 0.8 else honest))
    pairs = write(tmp_path / "pairs.csv", "item,model_a,model_b,winner", rows)
    labels = write(
        tmp_path / "labels.csv",
        "item,model_a,model_b,winner",
        [(f"i{n}", "b-model", "a-model", "a" if n % 4 else "tie") for n in range(50)],
    )

    checked = found(pairs, labels)["judges"][0]

    assert checked["first_share"] == pytest.approx(0.9, abs=0.04)
    assert checked["first_interval"][0] > 0.8
    assert checked["compared"][0]["winner"] == "b-model"
    assert any("stands first" in warning for warning in checked["warnings"])


def test_several_judges_and_several_people_are_held_against_each_other(tmp_path) -> None:
    rng = random.Random(2)
    rows = []
    for n in range(100):
        good = rng.randint(1, 5)
        near = [min(5, max(1, good + rng.choice((-1, 0, 0, 1)))) for _ in range(3)]
        rows.append((f"i{n}", *near[:2], near[2] if n < 40 else "", good if n < 40 else ""))
    path = write(tmp_path / "panel.csv", "item,gpt,qwen,ann,bob", rows)

    checked = found(path, "--judge", "gpt", "--judge", "qwen", "--human", "ann", "--human", "bob")

    assert [one["judge"] for one in checked["judges"]] == ["gpt", "qwen"]
    assert checked["among_judges"] > 0.5
    assert checked["among_people"] > 0.5
    assert "People among themselves" in judge("check", path, "--judge", "gpt", "--human", "ann", "--human", "bob")


def test_a_rating_given_twice_is_averaged_and_said(tmp_path) -> None:
    rows = [("i1", "A", 4, 4), ("i1", "A", 2, 4), ("i2", "A", 5, 5), ("i3", "A", 1, 1)]

    said = judge("check", write(tmp_path / "scores.csv", "item,model,judge,human", rows))

    assert "3 units" in said
    assert "2 ratings are of what the same rater had rated before; they were averaged." in said


def test_labels_that_were_hand_picked_are_told_on(tmp_path) -> None:
    rows = [(i, m, s, s + 1 if s <= 3 else "") for i, m, s, _ in made_up()]
    path = write(tmp_path / "scores.csv", "item,model,judge,human", rows)

    assert "not like the rest" in judge("check", path)


def test_a_judge_on_another_scale_still_helps_and_no_agreement_is_claimed(tmp_path) -> None:
    rows = [(i, m, s / 1000 + 0.123, h) for i, m, s, h in made_up(noise=0.5)]
    path = write(tmp_path / "scores.csv", "item,model,judge,human", rows)

    checked = found(path)["judges"][0]

    assert checked["agreement"] is None
    assert checked["kappa"]["value"] is None
    assert checked["means"][0]["found"]["power"] > 100
    assert any("different values" in warning for warning in checked["warnings"])


BAD = [
    ("item,model,judge,human\ni1,A,7,\n", "nobody labelled anything"),
    ("item,model,judge,human\ni1,A,seven,6\n", "no column of judgements"),
    ("item,model,judge,human\ni1,A,7\n", "a row of 3 cells, and the header has 4"),
    ("model,judge\nA,7\n", "no value in a column 'item'"),
    ("", "the file is empty"),
    ("item,model_a,model_b,winner\ni,A,B,left\n", "an unknown winner 'left'"),
    ("item,judge,human\ni1,nan,3\n", "'nan' is no number"),
]


@pytest.mark.parametrize(("text", "what"), BAD)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, what) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)

    said = judge("check", path, code=1)

    assert what in said
    assert "scores.csv" in said


def test_a_file_that_is_not_there_is_refused(tmp_path) -> None:
    assert "cannot be read" in judge("check", tmp_path / "none.csv", code=1)


@given(st.binary(max_size=300) | st.text(alphabet='item,model"judge\n7\t{}:', max_size=200).map(str.encode))
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory, data) -> None:
    for suffix in (".csv", ".jsonl"):
        path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
        path.write_bytes(data)
        with contextlib.suppress(InputError):
            assert read_ratings(path, None, Columns()).humans


def test_a_sample_hides_whose_answers_it_holds_and_comes_back_as_labels(tmp_path) -> None:
    """From a run to labels to the verdict by people."""
    texts = {"good": "quality 8 of {n}", "bad": "quality 3 of {n}"}
    options = {"judges": ["judge"], "probes": 0}
    same = {"judge": {"settings": {"reply": score(8)}}}
    folder = write_judged(tmp_path / "task", texts, options, items=40, weigh={"min_items": 40}, backends=same)
    assert CliRunner().invoke(main, ["weigh", str(folder), "--json"]).exit_code == 0
    out = tmp_path / "labels.csv"

    judge("sample", folder, "--count", 15, "--out", out)

    assert "may hold labels" in judge("sample", folder, "--out", out, code=1)
    assert "needs --out" in judge("sample", folder, "--json", code=2)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert not any(name in row["candidate"] for row in rows for name in ("good", "bad"))
    for row in rows:
        row["score"] = row["answer"].split()[1]
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    labelled = write_judged(
        folder, texts, options | {"labels": "labels.csv"}, items=40, weigh={"min_items": 40}, backends=same
    )
    done = CliRunner().invoke(main, ["weigh", str(labelled), "--json"])
    human = json.loads(done.stdout)["judging"][0]["human"]
    assert human["winner"] == "good"
    assert human["labels"] == 30
    assert human["ignored"] == 0


def test_there_is_nothing_to_sample_before_a_run(tmp_path) -> None:
    folder = write_judged(tmp_path / "task", {"a": "x {n}", "b": "y {n}"}, {"judges": ["judge"]}, items=3)

    assert "Run `weighbridge weigh" in judge("sample", folder, code=2)


@pytest.mark.parametrize("option", ["--judge", "--human", "--item", "--model", "--score"])
def test_a_column_that_is_named_and_not_there_is_refused(tmp_path, option) -> None:
    """A typo must not leave the usual column to be taken instead."""
    path = write(tmp_path / "scores.csv", "item,model,judge,human", made_up(20))

    said = judge("check", path, option, "humam", code=1 if option == "--item" else 2)

    assert "no value in a column 'humam'" in said
    assert "human" in said.splitlines()[-1]


def test_a_text_among_a_judges_scores_is_refused_and_a_column_of_texts_is_none(tmp_path) -> None:
    rows = [[n, "A", 3, "42" if n == 4 else "an answer", 3 + n % 2] for n in range(9)]
    head = "item,model,judge,answer,human"

    assert [one["judge"] for one in found(write(tmp_path / "t.csv", head, rows))["judges"]] == ["judge"]
    rows[5][2] = "refused"
    assert "'refused' is no number" in judge("check", write(tmp_path / "t.csv", head, rows), code=1)
    assert "t.csv:7: judge" in judge("check", tmp_path / "t.csv", code=1)


def test_two_columns_of_one_name_are_refused(tmp_path) -> None:
    path = write(tmp_path / "t.csv", "item,judge,judge,human", [[1, 2, 3, 2], [2, 3, 3, 3]])

    assert "two columns are called 'judge'" in judge("check", path, code=1)


def test_labels_of_other_answers_are_refused(tmp_path) -> None:
    judged = write(tmp_path / "judged.csv", "item,model,score", [[f"i{n}", "A", 3] for n in range(9)])
    labels = write(tmp_path / "labels.csv", "item,model,score", [[f"{n}", "A", 3] for n in range(9)])

    said = judge("check", judged, labels, code=1)

    assert "not one of the 9 labelled answers was judged" in said
    assert "'0' of A, a score of 'i0' of A" in said


def test_labels_that_are_all_alike_are_said_to_leave_intervals_unknown(tmp_path) -> None:
    path = write(tmp_path / "t.csv", "item,judge,human", [[n, n % 3, 1 if n < 20 else ""] for n in range(40)])

    (checked,) = found(path)["judges"]

    assert any("All 20 labels are 1" in warning for warning in checked["warnings"])
