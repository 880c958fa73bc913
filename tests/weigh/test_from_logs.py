"""A verdict on logs that other programs wrote: every format leads to the same verdict on the same scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from log_factory import (
    clear_cut,
    inspect_json,
    inspect_log,
    lm_eval,
    openai_evals,
    promptfoo,
    promptfoo_rows,
    wide,
    write_zip,
)

from weighbridge.cli.main import main

SCORES = clear_cut()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weigh", "--from", *map(str, arguments)])


def verdict(*arguments: object) -> dict[str, Any]:
    said = run(*arguments, "--json")
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def once(values: list[float]) -> list[list[str]]:
    """Inspect's letters, one epoch each."""
    return [["C" if value else "I"] for value in values]


def of_inspect(folder: Path, scores: Mapping[str, list[float]], **said: Any) -> Path:
    for name, values in scores.items():
        inspect_log(folder / f"{name}.eval", name, once(values), **said)
    return folder


def of_inspect_json(folder: Path, scores: Mapping[str, list[float]]) -> Path:
    for name, values in scores.items():
        inspect_json(folder / f"{name}.json", name, once(values))
    return folder


def of_evals(folder: Path, scores: Mapping[str, list[float]]) -> Path:
    folder.mkdir()
    for name, values in scores.items():
        openai_evals(folder / f"{name}.jsonl", name, values)
    return folder


def of_promptfoo(folder: Path, scores: Mapping[str, list[float]]) -> Path:
    folder.mkdir()
    return promptfoo(folder / "out.json", scores)


def of_rows(folder: Path, scores: Mapping[str, list[float]]) -> Path:
    folder.mkdir()
    rows = [{"item": n, "model": name, "score": one} for name in scores for n, one in enumerate(scores[name])]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


WRITERS: dict[str, Callable[[Path, Mapping[str, list[float]]], Path]] = {
    "lm-eval": lm_eval,
    "inspect-zstd": of_inspect,
    "inspect-deflate": lambda folder, scores: of_inspect(folder, scores, zstd=False),
    "inspect-without-summaries": lambda folder, scores: of_inspect(folder, scores, summaries=False),
    "inspect-json": of_inspect_json,
    "promptfoo": of_promptfoo,
    "openai-evals": of_evals,
    "rows": of_rows,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_format_says_what_the_scores_say(
    tmp_path: Path, write: Callable[[Path, Mapping[str, list[float]]], Path]
) -> None:
    found = verdict(write(tmp_path / "logs", SCORES))

    assert (found["verdict"]["winner"], found["verdict"]["basis"]) == ("good", "certified")
    assert {one["name"]: one["score"] for one in found["candidates"]} == {
        name: pytest.approx(sum(values) / len(values)) for name, values in SCORES.items()
    }
    assert (found["items"], found["calls_used"], found["recorded"]["kind"]) == (120, 240, "reported")
    assert found["recorded"]["items_seen"] == found["recorded"]["items_paired"] == 120
    assert Path(found["report"]).read_text().count("recorded by others") >= 1


def test_the_page_and_the_terminal_say_that_others_recorded_it(tmp_path: Path) -> None:
    report = tmp_path / "r.html"

    said = run(lm_eval(tmp_path / "out", SCORES), "--report", report)

    flat = " ".join(said.output.split())
    assert said.exit_code == 0
    assert "good does better than bad" in flat
    assert "Reported by others: 2 files (lm-eval samples); nothing was asked or scored here." in flat
    assert "drawn in random order, seed 0" in flat
    assert "A live run in this order would have ended after" in flat
    assert "no model and graded no answer" in report.read_text()
    assert "What is 7 + 1?" in report.read_text(), "the items' own texts stand side by side"


def test_the_order_is_the_seeds_and_the_scores_are_not(tmp_path: Path) -> None:
    out = lm_eval(tmp_path / "out", SCORES)

    one, two = verdict(out, "--seed", 1), verdict(out, "--seed", 2)

    assert [c["score"] for c in one["candidates"]] == [c["score"] for c in two["candidates"]]
    assert one["recorded"]["live_items"] != two["recorded"]["live_items"]
    assert verdict(out, "--seed", 1) == one


def test_lm_eval_pairs_documents_by_their_hash_where_numbers_moved(tmp_path: Path) -> None:
    """Another revision of the data set, or a shard, has the same documents under other numbers."""
    found = verdict(lm_eval(tmp_path / "out", SCORES, shift={"bad": 1_000}))

    assert found["recorded"]["items_paired"] == 120


def test_lm_eval_without_hashes_pairs_by_number_and_says_so(tmp_path: Path) -> None:
    found = verdict(lm_eval(tmp_path / "out", SCORES, hashes=False))

    assert found["recorded"]["items_paired"] == 120
    assert "paired by their number alone" in found["recorded"]["sources"][0]["notes"][0]


def test_lm_eval_counts_the_first_metric_of_the_first_filter_unless_told(tmp_path: Path) -> None:
    out = lm_eval(tmp_path / "out", SCORES, filters=("strict-match", "flexible-extract"))

    usual, other = verdict(out), verdict(out, "--metric", "exact_match,flexible-extract")

    assert usual["recorded"]["metrics"] == {"arith": "exact_match"}
    assert "exact_match,flexible-extract" in usual["recorded"]["other_metrics"]
    assert (usual["verdict"]["winner"], other["verdict"]["winner"]) == ("good", "bad")


def test_a_metric_of_which_less_is_better_needs_its_scale(tmp_path: Path) -> None:
    out = lm_eval(tmp_path / "out", SCORES)

    refused, scaled = run(out, "--metric", "chars"), verdict(out, "--metric", "chars", "--scale", "20..0")

    assert refused.exit_code == 2
    assert "less is better" in refused.output
    assert [one["score"] for one in scaled["candidates"]] == [pytest.approx(0.65), pytest.approx(0.65)]
    assert any("on every item" in note for note in scaled["recorded"]["notes"]), "a constant column is said"


def test_an_unknown_metric_is_named_with_those_there_are(tmp_path: Path) -> None:
    said = run(lm_eval(tmp_path / "out", SCORES), "--metric", "exact_mach")

    assert said.exit_code == 2
    assert "Did you mean 'exact_match'?" in said.output


def test_two_runs_of_one_model_are_repeats(tmp_path: Path) -> None:
    out = lm_eval(tmp_path / "out", SCORES)
    other = {name: [1.0 - v if n % 10 == 0 else v for n, v in enumerate(values)] for name, values in SCORES.items()}
    lm_eval(tmp_path / "out", other, date="2026-02-01T00-00-00.000000")

    found = verdict(out)

    assert [one["flaky"] for one in found["repeats"]] == [12, 12]
    assert {rate["k"] for rate in found["repeats"][0]["pass_rates"]} == {1, 2}


def test_runs_of_one_model_with_other_settings_are_other_candidates(tmp_path: Path) -> None:
    only = {"acme/m": SCORES["good"]}
    lm_eval(tmp_path / "greedy", only)
    lm_eval(tmp_path / "hot", {"acme/m": SCORES["bad"]}, config={"gen_kwargs": "temperature=1"})

    found = verdict(tmp_path / "greedy", tmp_path / "hot")

    assert found["verdict"]["winner"] == "acme/m (greedy)"
    assert {one["name"] for one in found["candidates"]} == {"acme/m (greedy)", "acme/m (hot)"}


def test_a_name_before_a_path_is_the_candidates_name(tmp_path: Path) -> None:
    """Two runs of one model, before and after a change that no log tells of."""
    lm_eval(tmp_path / "a", {"acme/m": SCORES["good"]})
    lm_eval(tmp_path / "b", {"acme/m": SCORES["bad"]})

    found = verdict(f"after={tmp_path / 'a'}", f"before={tmp_path / 'b'}")

    assert found["verdict"]["winner"] == "after"


def test_the_same_file_given_twice_counts_once(tmp_path: Path) -> None:
    out = lm_eval(tmp_path / "out", SCORES)
    copy = tmp_path / "out" / "good" / "samples_arith_2026-03-01T00-00-00.000000.jsonl"
    copy.write_bytes(next((tmp_path / "out" / "good").glob("samples_*")).read_bytes())

    found = verdict(out, out / "good")

    assert found["calls_used"] == 240
    assert "repeats" not in found
    assert any("same bytes" in note for one in found["recorded"]["sources"] for note in one["notes"])


def test_items_that_do_not_pair_are_counted_and_said(tmp_path: Path) -> None:
    part = {"good": SCORES["good"], "bad": SCORES["bad"][:70]}

    said = run(lm_eval(tmp_path / "out", part))

    assert "70 items compared; 50 items not paired (bad lacks 50)." in " ".join(said.output.split())


def test_candidates_without_a_common_item_are_refused_with_examples(tmp_path: Path) -> None:
    lm_eval(tmp_path / "out", {"good": SCORES["good"]})
    of_rows(tmp_path / "rows", {"bad": SCORES["bad"]})

    said = run(tmp_path / "out", tmp_path / "rows")

    assert said.exit_code == 1
    assert "no item has an answer of every candidate: good has 120, bad has 120" in said.output


def test_inspects_epochs_are_repeats_and_its_errors_are_failures(tmp_path: Path) -> None:
    values = [["C", "I", "C"] if n % 4 == 0 else ["C"] * 3 for n in range(60)]
    inspect_log(tmp_path / "logs" / "a.eval", "a", values)
    inspect_log(tmp_path / "logs" / "b.eval", "b", [[None] if n < 6 else ["I", "I", "I"] for n in range(60)])

    found = verdict(tmp_path / "logs")

    line = {one["name"]: one for one in found["candidates"]}
    assert (found["items"], line["b"]["failed"], line["a"]["failed"]) == (60, 6, 0)
    assert line["a"]["score"] == pytest.approx((15 * 2 / 3 + 45) / 60)
    assert found["repeats"][0]["flaky"] == 15
    assert found["repeats"][0]["pass_rates"][-1] == {
        "k": 3, "items": 60, "any": 1.0, "any_interval": found["repeats"][0]["pass_rates"][-1]["any_interval"],
        "all": 0.75, "all_interval": found["repeats"][0]["pass_rates"][-1]["all_interval"],
    }  # fmt: skip
    assert line["a"]["cost_usd"] == pytest.approx(180 * 0.01)
    assert found["outcomes"]["latency_s"][0]["difference"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1.0), ("I", 0.0), ("P", 0.5), ("N", 0.0), (0.25, 0.25), (True, 1.0), ("0.75", 0.75), ("yes", 1.0)],
)
def test_inspects_values_mean_what_inspect_means(tmp_path: Path, value: object, score: float) -> None:
    inspect_log(tmp_path / "a.eval", "a", [[value]] * 5)
    inspect_log(tmp_path / "b.eval", "b", [["C"]] * 5)

    found = verdict(tmp_path / "a.eval", tmp_path / "b.eval")

    assert found["candidates"][0]["score"] == score


def test_an_unscored_sample_is_failed_and_never_wrong(tmp_path: Path) -> None:
    """Inspect writes NaN, which is no JSON, for a sample its scorer could not score."""
    inspect_log(tmp_path / "a.eval", "a", [[float("nan")] if n < 3 else ["C"] for n in range(20)])
    inspect_log(tmp_path / "b.eval", "b", [["C"]] * 20)

    found = verdict(tmp_path / "a.eval", tmp_path / "b.eval")

    assert (found["candidates"][0]["failed"], found["candidates"][0]["score"]) == (3, 1.0)


def test_a_scorer_with_several_values_has_several_metrics(tmp_path: Path) -> None:
    for name, second in (("a", 0.9), ("b", 0.1)):
        inspect_log(tmp_path / f"{name}.eval", name, [[{"fact": 0.5, "style": second}]] * 40)

    usual, style = verdict(tmp_path), verdict(tmp_path, "--metric", "match.style")

    assert usual["recorded"]["metrics"] == {"sums": "match.fact"}
    assert (usual["verdict"]["winner"], style["verdict"]["winner"]) == (None, "a")


def test_an_inspect_run_that_was_tried_again_counts_once(tmp_path: Path) -> None:
    inspect_log(tmp_path / "1.eval", "a", once(SCORES["good"])[:50], status="error")
    inspect_log(tmp_path / "2.eval", "a", once(SCORES["good"]))
    inspect_log(tmp_path / "3.eval", "b", once(SCORES["bad"]))

    found = verdict(tmp_path)

    assert (found["items"], found["calls_used"]) == (120, 240)
    assert any("earlier try" in note for one in found["recorded"]["sources"] for note in one["notes"])


def test_the_same_id_with_another_content_is_another_item(tmp_path: Path) -> None:
    """Inspect numbers samples of a data set without ids; two data sets then have the same ids."""
    inspect_log(tmp_path / "a.eval", "a", once(SCORES["good"]))
    other = json.dumps(json.loads((_member := _members(tmp_path, "b"))["summaries.json"])).replace("question 7", "else")
    write_zip(tmp_path / "b.eval", {**_member, "summaries.json": other.encode()}, zstd=True)

    found = verdict(tmp_path)

    assert found["items"] == 109, "question 7 and 70 to 79 have another text"
    assert any("another content" in note for note in found["recorded"]["notes"])


def _members(folder: Path, name: str) -> dict[str, bytes]:
    from log_factory import inspect_members

    return inspect_members(name, once(SCORES["bad"]))


@pytest.mark.parametrize("version", [2, 3, 4])
def test_every_layout_of_promptfoo_is_read(tmp_path: Path, version: int) -> None:
    found = verdict(promptfoo(tmp_path / "out.json", SCORES, version=version))

    assert found["verdict"]["winner"] == "good"
    assert found["outcomes"]["usd"][0]["difference"] == pytest.approx(-0.001)
    assert [one["tokens_in"] for one in found["candidates"]] == [600, 600]


def test_promptfoo_as_lines_and_with_several_prompts(tmp_path: Path) -> None:
    rows = promptfoo_rows(SCORES)
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    several = promptfoo(tmp_path / "two.json", SCORES, prompts=("Plain {{q}}", "Polite {{q}}"))

    assert verdict(tmp_path / "out.jsonl")["verdict"]["winner"] == "good"
    assert {one["name"] for one in verdict(several)["candidates"]} == {
        f"{who} · {prompt} {{{{q}}}}" for who in SCORES for prompt in ("Plain", "Polite")
    }


def test_promptfoos_repetitions_are_repeats_though_each_has_its_own_number(tmp_path: Path) -> None:
    found = verdict(promptfoo(tmp_path / "out.json", SCORES, repeats=3))

    assert found["items"] == 120
    assert found["repeats"][0]["most"] == 3


def test_a_promptfoo_result_that_broke_is_failed(tmp_path: Path) -> None:
    path = promptfoo(tmp_path / "out.json", SCORES)
    whole = json.loads(path.read_text())
    for row in whole["results"]["results"][:6:2]:
        row |= {"error": "API error: 500", "failureReason": 2, "success": False, "score": 0, "gradingResult": None}
    path.write_text(json.dumps(whole))

    line = {one["name"]: one for one in verdict(path)["candidates"]}

    assert (line["good"]["failed"], line["bad"]["failed"]) == (3, 0)


def test_openai_evals_metrics_events_are_metrics(tmp_path: Path) -> None:
    for name, values in SCORES.items():
        openai_evals(tmp_path / f"{name}.jsonl", name, [0.2 + 0.6 * value for value in values], event="metrics")

    found = verdict(tmp_path)

    assert found["recorded"]["metrics"] == {"sums.dev.v0": "score"}
    assert found["verdict"]["winner"] == "good"


def test_several_tasks_are_weighed_together_and_told_apart_as_groups(tmp_path: Path) -> None:
    lm_eval(tmp_path / "out", SCORES, "easy")
    lm_eval(tmp_path / "out", {"good": SCORES["good"][:40], "bad": SCORES["good"][:40]}, "same")

    found = verdict(tmp_path / "out")

    groups = {(one["tag"], one["value"]): one["better"] for one in found["groups"]["groups"]}
    assert (found["items"], found["groups"]["method"]) == (160, "holm")
    assert (groups["task", "easy"], groups["task", "same"]) == ("good", None)


def test_only_some_candidates_may_be_weighed(tmp_path: Path) -> None:
    three = {**SCORES, "third": SCORES["bad"][:10]}

    found = verdict(lm_eval(tmp_path / "out", three), "--candidates", "good,bad")
    typo = run(tmp_path / "out", "--candidates", "good,bat")

    assert (found["items"], len(found["candidates"])) == (120, 2)
    assert typo.exit_code == 2
    assert "Did you mean 'bad'?" in typo.output


@pytest.mark.parametrize("arguments", [("--scope", "items"), ("--margin", "0.02"), ("--max-items", "50")])
def test_the_rule_is_that_of_any_other_weigh(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    found = verdict(wide(tmp_path / "t.csv", SCORES), *arguments)

    assert found["verdict"]["winner"] == "good"
    assert found["items"] == (50 if "--max-items" in arguments else 120)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"results": {"results": [{"promptIdx": 0', "cut off"),
        ("a.eval", "PK\x03\x04 but no zip", "the log cannot be read"),
        ("a.jsonl", '{"doc_id": 0, "resps": [], "metrics": ["m"], "m": 1}\n{broken', "a.jsonl:2"),
        ("a.json", '{"some": "other document"}', "no results that are known here"),
        ("a.jsonl", '{"text": "items of a task"}\n', "no results that are known here"),
        ("a.csv", "", "the table is empty"),
        ("a.txt", "just words", "no column of this table holds scores"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))

    refused = run(tmp_path / name)

    assert refused.exit_code == 1
    assert said in refused.output


def test_a_folder_without_results_says_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")

    said = run(tmp_path)

    assert said.exit_code == 1
    assert "no recorded results are in" in said.output
    assert "notes.json" in said.output


def test_one_candidate_alone_is_refused(tmp_path: Path) -> None:
    said = run(lm_eval(tmp_path / "out", {"good": SCORES["good"]}))

    assert said.exit_code == 2
    assert "--from base=out/a" in " ".join(said.output.split())


@pytest.mark.parametrize("arguments", [("--check",), ("--replay", "t.csv")])
def test_from_goes_with_nothing_that_asks_models(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(wide(tmp_path / "t.csv", SCORES), *arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [("--max-usd", "1"), ("--repeats", "3"), ("--max-failed", "0.5")])
def test_what_is_about_asking_means_nothing_to_logs(tmp_path: Path, arguments: tuple[str, str]) -> None:
    said = run(wide(tmp_path / "t.csv", SCORES), *arguments)

    assert said.exit_code == 2
    assert f"{arguments[0]} is about asking models" in said.output


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        (("--goal", "near-best"), "winner"),
        (("--goal", "not-worse", "--baseline", "bad", "--margin", "0.02"), "not-worse"),
    ],
)
def test_every_goal_may_be_asked_of_logs(tmp_path: Path, arguments: tuple[str, ...], decision: str) -> None:
    found = verdict(wide(tmp_path / "t.csv", SCORES), *arguments)

    assert found["verdict"]["decision"] in (decision, "near-best")
    assert found["verdict"]["goal"] == arguments[1]


def test_how_logs_are_read_means_nothing_to_a_task(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["weigh", str(tmp_path), "--metric", "acc"])

    assert said.exit_code == 2
    assert "--metric goes with --from only" in said.output


def test_promptfoos_lines_tell_prompts_apart(tmp_path: Path) -> None:
    """Two prompts of one provider are two candidates, never one that answered twice."""
    rows = promptfoo_rows(SCORES, prompts=("Plain {{q}}", "Polite {{q}}"))
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = promptfoo(tmp_path / "out.json", SCORES, prompts=("Plain {{q}}", "Polite {{q}}"))

    lines, document = verdict(tmp_path / "out.jsonl"), verdict(whole)

    assert {one["name"] for one in lines["candidates"]} == {one["name"] for one in document["candidates"]}
    assert len(lines["candidates"]) == 4
    assert "repeats" not in lines


def test_what_a_promptfoo_call_that_broke_cost_is_unknown(tmp_path: Path) -> None:
    """promptfoo writes 0 there before it asks."""
    path = promptfoo(tmp_path / "out.json", SCORES)
    whole = json.loads(path.read_text())
    whole["results"]["results"][0] |= {"error": "API error: 500", "failureReason": 2, "score": 0, "cost": 0,
                                       "gradingResult": None, "response": {"error": "API error: 500"}}  # fmt: skip
    path.write_text(json.dumps(whole))

    line = {one["name"]: one for one in verdict(path)["candidates"]}

    assert line["good"]["cost_usd"] is None
    assert line["bad"]["cost_usd"] == pytest.approx(0.24)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("out.yaml", "results: []", "promptfoo eval -o results.json"),
        ("out.csv", "q,[a],Status,Grader Reason,[b],Status,Grader Reason\nx,y,PASS,ok,y,FAIL,no\n", "-o results.json"),
        ("sheet.xlsx", "PK\x03\x04", "Save the sheet as CSV"),
    ],
)  # fmt: skip
def test_files_of_other_kinds_are_answered_with_the_way_there(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)

    found = run(tmp_path / name)

    assert found.exit_code == 1
    assert said in found.output


def _likelihoods(folder: Path, **more: Any) -> Path:
    """Logs of lm-eval's kind `loglikelihood`: perplexity comes first, holds log-likelihoods, and wants less."""
    lm_eval(folder, SCORES, task="cloze")
    for path in folder.rglob("samples_*"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row |= {"metrics": ["perplexity", "acc"], "perplexity": -0.5, "acc": row.pop("exact_match"), **more}
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in folder.rglob("results_*"):
        whole = json.loads(path.read_text())
        whole["higher_is_better"] = {"cloze": {"perplexity": False, "acc": True}}
        path.write_text(json.dumps(whole))
    return folder


@pytest.mark.parametrize("results", [True, False])
def test_a_metric_that_is_no_score_gives_way_to_one_that_is(tmp_path: Path, results: bool) -> None:
    """Whether a log says that less is better, or only its values betray it; what was left is said."""
    folder = _likelihoods(tmp_path / "out")
    for path in () if results else list(folder.rglob("results_*")):
        path.unlink()

    found = verdict(folder)

    assert found["recorded"]["metrics"] == {"cloze": "acc"}
    assert found["verdict"]["winner"] == "good"
    assert any("Also recorded: perplexity" in note for note in found["recorded"]["notes"])


def test_metrics_of_whole_texts_are_no_scores_and_are_shown(tmp_path: Path) -> None:
    folder = _likelihoods(tmp_path / "out", metrics=["word_perplexity"], word_perplexity=[-3.5, 6])

    said = run(folder)

    assert said.exit_code == 1
    assert "word_perplexity holds [-3.5, 6]" in " ".join(said.output.split())


def test_a_task_without_scores_among_others_is_left_out_and_said(tmp_path: Path) -> None:
    _likelihoods(tmp_path / "out", metrics=["word_perplexity"], word_perplexity=[-3.5, 6])
    lm_eval(tmp_path / "out", SCORES, date="2026-01-06T10-00-00.123456")

    found = verdict(tmp_path / "out")

    assert found["task"] == "arith"
    assert any(note.startswith("Left out, for no answer has a score") for note in found["recorded"]["notes"])


def test_early_versions_of_lm_eval_name_files_by_arguments_and_task(tmp_path: Path) -> None:
    """0.4.0 to 0.4.2: an array in `MODEL_ARGS_TASK.jsonl`, all models in one folder beside the newest results."""
    folder = lm_eval(tmp_path / "new", SCORES, hashes=False)
    old = tmp_path / "old"
    old.mkdir()
    for name in SCORES:
        rows = [json.loads(line) for line in next((folder / name).glob("samples_*")).read_text().splitlines()]
        for row in rows:
            del row["filter"], row["metrics"]
        (old / f"pretrained__acme__{name},dtype__float16_arith.jsonl").write_text(json.dumps(rows, indent=2))
    args = "pretrained=acme/bad,dtype=float16"
    (old / "results.json").write_text(json.dumps({"config": {"model_args": args}, "configs": {"arith": {}}}))

    found = verdict(old)

    assert found["task"] == "arith"
    assert {one["name"] for one in found["candidates"]} == {"acme/good", "acme/bad"}
    assert found["verdict"]["winner"] == "acme/good"


def test_answers_that_were_only_asked_for_have_no_score(tmp_path: Path) -> None:
    """lm-eval's `--predict_only` writes 999 in the place of a score."""
    folder = _likelihoods(tmp_path / "out", metrics=["bypass"], bypass=999)

    said = run(folder)

    assert said.exit_code == 1
    assert "Were they scored at all?" in said.output
