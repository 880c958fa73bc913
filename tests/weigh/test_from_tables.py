"""A verdict on tables: wide and long, what pairs and what is missing, and every cell that is no score."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_factory import clear_cut, table, wide, write_zip

from weighbridge.cli.main import main
from weighbridge.errors import InputError, UsageError
from weighbridge.weigh.imports.find import find_logs
from weighbridge.weigh.imports.gather import Wanted, gather
from weighbridge.weigh.imports.naming import named
from weighbridge.weigh.imports.recorded import Taken

SCORES = clear_cut()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weigh", "--from", *map(str, arguments)])


def verdict(*arguments: object) -> dict[str, Any]:
    said = run(*arguments, "--json")
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def long(path: Path, extra: Sequence[str] = (), header: Sequence[str] = ("item", "model", "score")) -> Path:
    rows = [[n, name, score, *extra] for name, values in SCORES.items() for n, score in enumerate(values)]
    return table(path, rows, [*header, *(f"extra{n}" for n in range(len(extra)))])


def test_a_wide_table_is_weighed_by_its_columns(tmp_path: Path) -> None:
    found = verdict(wide(tmp_path / "t.csv", SCORES))

    assert found["verdict"]["winner"] == "good"
    assert found["recorded"]["sources"][0]["format"] == "table, one column per candidate"


@pytest.mark.parametrize(
    "header", [("item", "model", "score"), ("sample_id", "Candidate", "correct"), ("id", "system", "acc")]
)
def test_a_long_table_is_known_by_its_header(tmp_path: Path, header: Sequence[str]) -> None:
    found = verdict(long(tmp_path / "t.tsv", header=header))

    assert found["verdict"]["winner"] == "good"
    assert found["recorded"]["sources"][0]["format"] == "table, one row per answer"


def test_a_compressed_table_and_one_with_semicolons_say_the_same(tmp_path: Path) -> None:
    plain = wide(tmp_path / "t.csv", SCORES)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "s.csv").write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b",", b";"))

    scores = [verdict(tmp_path / name)["candidates"] for name in ("t.csv", "t.csv.gz", "s.csv")]

    assert scores[0] == scores[1] == scores[2]


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [[n, t, m, s] for m, v in SCORES.items() for n, s in enumerate(v) for t in (1, 2)],
                 ["q", "turn", "who", "points"])  # fmt: skip

    twice = run(path, "--columns", "item=q,candidate=who,score=points")
    found = verdict(path, "--columns", "item=q+turn,candidate=who,score=points")

    assert twice.exit_code == 1
    assert "stands there twice" in twice.output
    assert (found["items"], found["verdict"]["winner"]) == (240, "good")
    assert run(path, "--columns", "item=qq").exit_code == 2
    assert run(path, "--columns", "thing=q").exit_code == 2


def test_only_rows_that_say_so_are_taken(tmp_path: Path) -> None:
    """The same answers graded by two judges are not two answers."""
    rows = [
        [n, m, s if judge == "x" else 1 - s, judge]
        for m, v in SCORES.items()
        for n, s in enumerate(v)
        for judge in "xy"
    ]
    path = table(tmp_path / "t.csv", rows, ["item", "model", "score", "judge"])

    assert "--where COLUMN=VALUE" in run(path).output
    assert verdict(path, "--where", "judge=x")["verdict"]["winner"] == "good"
    assert verdict(path, "--where", "judge=y")["verdict"]["winner"] == "bad"
    assert "Did you mean 'judge'?" in run(path, "--where", "juge=x").output


def test_the_same_item_twice_is_an_error_unless_it_is_meant(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [["a", 1, 0], ["b", 1, 0], ["a", 1, 1]], ["item", "x", "y"])

    refused = run(path)

    assert refused.exit_code == 1
    assert "t.csv:4" in refused.output
    assert verdict(path, "--again-is-repeat")["items"] == 2
    assert verdict(path, "--rows-are-items")["items"] == 3


def test_a_column_repeat_says_which_answer_it_is(tmp_path: Path) -> None:
    rows = [[n, m, s, r] for m, v in SCORES.items() for n, s in enumerate(v) for r in range(3)]
    path = table(tmp_path / "t.csv", rows, ["item", "model", "score", "repeat"])
    twice = table(tmp_path / "twice.csv", [*rows, rows[0]], ["item", "model", "score", "repeat"])

    assert verdict(path)["repeats"][0]["most"] == 3
    assert "(repeat 0) stands there twice" in run(twice).output


def test_missing_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [["a", 1, 0], ["b", "", 0], ["c", 1, "NA"], ["d", 1, 0]]

    found = verdict(table(tmp_path / "t.csv", rows, ["item", "x", "y"]))

    assert (found["items"], found["recorded"]["items_seen"]) == (2, 4)
    assert found["recorded"]["missing"] == {"x": 1, "y": 1}


def test_an_answer_without_a_score_in_a_long_table_is_missing_and_one_with_an_error_failed(tmp_path: Path) -> None:
    rows = [[n, m, "" if n == 5 else s, "time out" if n == 5 and m == "good" else ""] for m, v in SCORES.items()
            for n, s in enumerate(v)]  # fmt: skip

    found = verdict(table(tmp_path / "t.csv", rows, ["item", "model", "score", "error"]))

    assert (found["recorded"]["blank"], found["items"]) == (1, 119), "only one of the two says that it failed"


@pytest.mark.parametrize("cell", ["1.5", "-0.1", "7", "inf", "1e9"])
def test_a_score_off_the_scale_is_refused_with_its_place(tmp_path: Path, cell: str) -> None:
    said = run(table(tmp_path / "t.csv", [["a", 1, 0], ["b", cell, 0], ["c", 1, 0]], ["item", "x", "y"]))

    assert said.exit_code == 1
    assert "t.csv:3" in said.output
    assert "--scale 1..10" in said.output or cell == "inf"


def test_a_scale_maps_scores_and_holds_for_all(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [["a", 10, 1], ["b", 5.5, 1]], ["item", "x", "y"])

    found = verdict(path, "--scale", "1..10")

    assert [one["score"] for one in found["candidates"]] == [0.75, 0.0]
    assert "not on the scale 0..5" in run(path, "--scale", "0..5").output
    assert run(path, "--scale", "5").exit_code == 2


def test_a_text_among_scores_is_refused_where_it_stands(tmp_path: Path) -> None:
    rows = [[f"i{n}", 1, 0] for n in range(300)] + [["last", "great", 0]]

    said = run(table(tmp_path / "t.csv", rows, ["item", "x", "y"]))

    assert said.exit_code == 1
    assert "t.csv:302" in said.output
    assert "'great'" in said.output


def test_one_item_is_a_comparison_of_one_item(tmp_path: Path) -> None:
    found = verdict(table(tmp_path / "t.csv", [["a", 1, 0]], ["item", "x", "y"]))

    assert (found["items"], found["verdict"]["decision"]) == (1, "undecided")


def test_all_ties_are_a_tie_within_a_margin_and_no_winner_without(tmp_path: Path) -> None:
    path = wide(tmp_path / "t.csv", {"x": SCORES["good"] * 10, "y": SCORES["good"] * 10})

    assert verdict(path)["verdict"]["decision"] == "undecided"
    assert verdict(path, "--margin", "0.1")["verdict"]["decision"] == "tie"


def test_constant_columns_are_weighed_and_said(tmp_path: Path) -> None:
    found = verdict(wide(tmp_path / "t.csv", {"x": [1.0] * 50, "y": [0.0] * 50}))

    assert found["verdict"]["winner"] == "x"
    assert found["recorded"]["notes"] == ["x scores 1 on every item.", "y scores 0 on every item."]


def test_columns_of_texts_and_tags_are_no_candidates(tmp_path: Path) -> None:
    rows = [[f"i{n}", "a prompt", n % 3, *pair] for n, pair in enumerate(zip(*SCORES.values(), strict=True))]

    found = verdict(table(tmp_path / "t.csv", rows, ["item", "prompt", "level", *SCORES]))

    assert [one["name"] for one in found["candidates"]] == ["good", "bad"]
    assert {one["tag"] for one in found["groups"]["groups"]} == {"level"}


def test_tags_may_be_asked_for(tmp_path: Path) -> None:
    rows = [[f"i{n}", ("uk", "fr")[n % 2], *pair] for n, pair in enumerate(zip(*SCORES.values(), strict=True))]
    path = table(tmp_path / "t.csv", rows, ["item", "country", *SCORES])

    found = verdict(path, "--tags", "country")

    assert {(one["tag"], one["value"]) for one in found["groups"]["groups"]} == {("country", "uk"), ("country", "fr")}
    assert "Did you mean 'country'?" in run(path, "--tags", "contry").output


def test_cost_and_latency_stand_beside_quality(tmp_path: Path) -> None:
    rng = Random(3)
    rows = [
        [n, m, s, 0.002 if m == "good" else 0.001, rng.gauss(300 if m == "good" else 250, 20)]
        for m, v in SCORES.items()
        for n, s in enumerate(v)
    ]
    path = table(tmp_path / "t.csv", rows, ["item", "model", "score", "cost_usd", "latency_ms"])

    found = verdict(path)
    said = " ".join(run(path).output.split())

    usd, seconds = found["outcomes"]["usd"][0], found["outcomes"]["latency_s"][0]
    assert (usd["first"], usd["difference"], found["candidates"][0]["cost_usd"]) == (
        "good", pytest.approx(0.001), pytest.approx(0.24))  # fmt: skip
    assert seconds["interval"][0] < 0.05 < seconds["interval"][1]
    assert seconds["interval"][0] > 0
    assert "Cost: good takes $0.002000 an item, bad $0.001000: difference $0.001000" in said


def test_a_price_that_is_missing_in_part_makes_the_sum_unknown(tmp_path: Path) -> None:
    rows = [[n, m, s, "" if n == 7 else 0.01] for m, v in SCORES.items() for n, s in enumerate(v)]

    found = verdict(table(tmp_path / "t.csv", rows, ["item", "model", "score", "usd"]))

    assert found["candidates"][0]["cost_usd"] is None
    assert found["outcomes"]["usd"][0]["items"] == 119


def test_many_candidates_are_weighed_at_once(tmp_path: Path) -> None:
    rng = Random(1)
    scores = {f"m{k}": [float(rng.random() < 0.3 + 0.06 * k) for _ in range(300)] for k in range(10)}

    found = verdict(wide(tmp_path / "t.csv", scores))

    assert len(found["candidates"]) == 10
    assert found["verdict"]["winner"] in ("m9", None)


CELLS = st.sampled_from(
    ["", "0", "1", "0.5", "NA", "nan", "true", "C", "7", "-1", "x", "1e400", "é", '"', "a\nb", " 1 ", "٣"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["item", "model", "score", "id", "a", "b", "repeat", "cost", "", "category"]), max_size=5),
    st.lists(st.lists(CELLS, max_size=5), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.booleans(),
)
def test_any_table_is_weighed_or_refused(
    tmp_path: Path, header: list[str], rows: list[list[str]], mark: str, raw: bool
) -> None:
    """Never another error than ours, and never a score off the scale."""
    path = tmp_path / "t.csv"
    text = "\n".join(mark.join(row) for row in [header, *rows])
    path.write_text(text if raw else text.replace('"', ""))
    try:
        logs = named(find_logs([str(path)], Taken()))
        gathered = gather(logs, Wanted(), lambda *_: None)
    except (InputError, UsageError):
        return
    for column in gathered.sheet.columns.values():
        assert all(0.0 <= total <= count for total, count in zip(column.total, column.count, strict=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(["C", "I", "x", "", "1"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["doc_id", "resps", "metrics", "doc", "doc_hash", "acc", "filter", "spec", "completion_fns", "sample_id",
             "type", "data", "correct", "provider", "score", "testIdx", "vars", "testCase", "results", "prompts",
             "eval", "model", "samples", "scores", "value", "id", "epoch", "item", "candidate", "error",
             "gradingResult", "model_usage", "latencyMs", "cost", "response", "metadata", "arguments", "version",
             "status"]
        ),
        inner,
        max_size=8,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JSON, min_size=1, max_size=4), st.sampled_from(["a.jsonl", "a.json"]))
def test_any_json_is_read_or_refused(tmp_path: Path, values: list[Any], name: str) -> None:
    path = tmp_path / name
    lines = [json.dumps(value) for value in values]
    path.write_text("\n".join(lines) if name.endswith("l") else lines[0])
    try:
        gather(named(find_logs([str(path)], Taken())), Wanted(), lambda *_: None)
    except (InputError, UsageError):
        return


def test_a_table_that_names_candidates_row_by_row_must_say_which_column_is_the_score(tmp_path: Path) -> None:
    """Its cost would else be weighed as a candidate."""
    path = table(tmp_path / "t.csv", [["a", "x", 1, 0.1], ["a", "y", 0, 0.2]], ["item", "model", "mark", "cost"])

    said = run(path)

    assert said.exit_code == 2
    assert "no column is called score" in said.output
    assert verdict(path, "--columns", "score=mark")["items"] == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, JSON, st.booleans())
def test_any_inspect_log_is_read_or_refused(tmp_path: Path, spec: Any, samples: Any, zstd: bool) -> None:
    members = {"header.json": {"eval": spec, "status": "success"}, "summaries.json": samples, "samples/a.json": samples}
    path = write_zip(
        tmp_path / "a.eval", {key: json.dumps(value).encode() for key, value in members.items()}, zstd=zstd
    )
    try:
        gather(named(find_logs([str(path)], Taken())), Wanted(), lambda *_: None)
    except (InputError, UsageError):
        return


def test_runs_are_those_the_table_names_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    """Items that one candidate lacks are not compared, and count in no run."""
    rows = [[n, name, run, float(run == "late")] for n in range(20) for run in ("early", "late") for name in "ab"]
    rows += [["alone", "a", "early", 1]]
    Random(3).shuffle(rows)
    found = verdict(table(tmp_path / "t.csv", rows, ["item", "model", "repeat", "score"]))

    assert [sorted(one["runs"]) for one in found["repeats"]] == [[0.0, 1.0], [0.0, 1.0]]


def test_a_failed_answer_keeps_its_place_among_the_runs(tmp_path: Path) -> None:
    rows = [[n, name, score, ""] for score in (0, 1) for n in range(20) for name in "ab"]
    rows[0][2:] = ["", "timeout"]
    path = table(tmp_path / "t.csv", rows, ["item", "model", "score", "error"])
    found = verdict(path, "--again-is-repeat")

    assert [one["runs"] for one in found["repeats"]] == [[0.0, 1.0], [0.0, 1.0]]


def test_columns_that_are_no_candidates_are_said_unless_candidates_were_named(tmp_path: Path) -> None:
    """A candidate that was asked late, or whose scores are words, does not vanish without a word."""
    rows = [[n, 1, 0, "" if n < 250 else 1, "good", 1] for n in range(300)]
    path = table(tmp_path / "t.csv", rows, ["item", "x", "y", "late", "word", ""])

    notes = verdict(path)["recorded"]["sources"][0]["notes"]

    assert len(notes) == 1
    assert notes[0].endswith("are lacking: late, word, (without a name)")
    assert "late, word" in run(path).stdout.replace("\n", " ")
    assert verdict(path, "--candidates", "x,late")["recorded"]["sources"][0]["notes"] == []


def test_a_cell_that_is_no_score_is_told_with_its_column(tmp_path: Path) -> None:
    said = run(table(tmp_path / "t.csv", [["a", 1, 0], ["b", 1, 7], ["c", 1, 0]], ["item", "x", "y"]))

    assert "t.csv:3: y" in said.output


def test_names_that_are_not_there_are_answered_with_all_that_are(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [["a", 1, 0, ""], ["b", 1, 0, ""]], ["item", "good", "bad", "late"])

    assert "Did you mean 'bad'" in run(path, "--candidates", "good,bat").output
    assert "There are: good, bad, late." in run(path, "--candidates", "good").output
    late = run(path, "--candidates", "good,late")
    assert (late.exit_code, "'late' has no score at all" in late.output) == (2, True)


@pytest.mark.parametrize("cell", ["50%", "50 %", "0,5", "12,5%", "-1,5"])
def test_numbers_that_are_spelled_in_another_way_are_refused_and_never_left_out(tmp_path: Path, cell: str) -> None:
    """A candidate whose scores are percentages would quietly be no candidate."""
    path = tmp_path / "t.csv"
    path.write_text("".join(["item;a;b;c\n", *(f"i{n};{cell};1;0\n" for n in range(5))]))

    said = run(path)

    assert said.exit_code == 1
    assert f"the column 'a' holds '{cell}'" in said.output
    assert run(path, "--candidates", "b,c").exit_code == 0


def test_an_array_of_objects_is_read_like_lines_of_them(tmp_path: Path) -> None:
    """As pandas writes it: `to_json(orient="records")`."""
    rows = [{"id": f"q{n}", "model": who, "correct": n % 3 > 0 or who == "a"} for n in range(60) for who in "ab"]
    (tmp_path / "rows.json").write_text(json.dumps(rows, indent=1))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    array, lines = verdict(tmp_path / "rows.json"), verdict(tmp_path / "rows.jsonl")

    assert array["verdict"] == lines["verdict"]
    assert array["verdict"]["winner"] == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_a,model_b,winner\nx,y,a\n", "`weighbridge rank` makes ratings of them"),
        ("item,a,b\n", "a header and no rows"),
    ],
)
def test_a_table_without_scores_says_what_it_is(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)

    found = run(tmp_path / "t.csv")

    assert found.exit_code == 1
    assert said in found.output


@pytest.mark.parametrize("cell", ["inf", "nan", "good"])
def test_a_single_candidate_is_told_with_the_columns_that_are_none(tmp_path: Path, cell: str) -> None:
    """Without them nobody could tell why the second model is not there."""
    path = tmp_path / "scores.csv"
    path.write_text("item,a,b\n" + "".join(f"{n},{cell},{n % 2}\n" for n in range(20)))

    said = run(path)

    assert said.exit_code == 2
    assert "'b' is the only candidate" in said.output
    assert "most of their cells hold no finite number: a." in " ".join(said.output.split())
