"""`weighbridge race` and `weighbridge adoption`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.main import main


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_race_tells_the_lag_what_it_is_made_of_and_what_speaks_against_it() -> None:
    shown = run("race").output

    assert "open behind closed: 4.9 months (95% 3.3 to 7.6), 4.7 points; rough" in shown
    assert "Kimi K3 (157, 2026-07-16) has reached what GPT-5.4 Pro had on 2026-03-05" in shown
    assert "but: without Kimi K3 it is 8.4 months" in shown
    assert "LMArena text              2026-09-13" in shown


@pytest.mark.parametrize("name", ["race.svg", "race.png", "RACE.PNG"])
def test_a_plot_is_written_whole_and_nothing_else(tmp_path: Path, name: str) -> None:
    out = tmp_path / name

    result = run("race", "--benchmark", "WeirdML", "--out", out)

    assert result.exit_code == 0
    assert f"Drawn: {out}" in result.output
    assert out.read_bytes().startswith(b"\x89PNG" if name.lower().endswith("png") else b"<svg")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--benchmark", "GPQA Diamnd"], 2, "Did you mean 'GPQA Diamond'"),
        (["--benchmark", "MMLU"], 2, "of the labs themselves or of mixed origin"),
        (["--until", "2019-01-01"], 2, "nobody is in any race"),
        (["--until", "yesterday"], 2, "'yesterday' does not match the format"),
        (["--licence", "free"], 2, "'free' is not one of"),
        (["--out", "race.gif"], 2, "Name the file .svg or .png"),
        (["--out", "no/such/folder/race.svg"], 1, "cannot be written: No such file or directory"),
        (["--now", "--out", "race.svg"], 2, "--out draws a race"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_move(words: list[str], code: int, says: str) -> None:
    result = run("race", *words)

    assert result.exit_code == code
    assert says in result.stderr


def test_a_file_that_was_there_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "race.svg"
    folder.mkdir()

    assert run("race", "--benchmark", "WeirdML", "--out", folder).exit_code == 2
    assert folder.is_dir()


def test_now_states_its_method_its_evidence_and_its_intervals() -> None:
    shown = run("race", "--now", "--kind", "coding", "--top", "3").output

    assert shown.startswith("Composite: one latent general ability a model")
    assert "Rank correlation with Epoch's index: 0.9" in shown
    assert "coding: write and repair programs (at least 2 of 13 benchmarks; " in shown
    assert "maths:" not in shown
    places = [line for line in shown.splitlines() if line.strip()[:1].isdigit()]
    assert len(places) == 3
    assert all("[" in line and "benchmarks" in line for line in places)


def test_now_as_json_has_every_kind_with_intervals_around_the_scores() -> None:
    value = json.loads(run("race", "--now", "--json").output)

    assert [board["kind"] for board in value["boards"]] == [
        "all", "coding", "maths", "reasoning", "knowledge", "agents", "chat",
    ]  # fmt: skip
    for board in value["boards"]:
        scores = [placed["score"] for placed in board["placed"]]
        assert scores == sorted(scores, reverse=True)
        assert all(low < placed["score"] < high for placed in board["placed"] for low, high in [placed["interval_80"]])


def test_now_can_list_open_weights_alone() -> None:
    value = json.loads(run("race", "--now", "--open", "--json").output)
    all_of_them = json.loads(run("race", "--now", "--json").output)

    assert {placed["open"] for board in value["boards"] for placed in board["placed"]} == {True}
    assert {placed["open"] for placed in all_of_them["boards"][0]["placed"]} == {False}
    assert value["rank_correlation_with_eci"] == all_of_them["rank_correlation_with_eci"]


def test_list_names_benchmarks_and_what_they_are_for() -> None:
    shown = run("race", "--list").output
    listed = {each["benchmark"]: each for each in json.loads(run("race", "--list", "--json").output)["benchmarks"]}

    assert "GPQA Diamond" in shown
    assert listed["GPQA Diamond"]["kind"] == "knowledge"
    assert listed["MMLU"]["kind"] is None
    assert not any("LiveBench-" in name for name in listed)


def test_adoption_shows_source_day_and_quality() -> None:
    shown = run("adoption", "qwen", "--metric", "hf_derivatives").output

    assert "family:Qwen" in shown
    assert "180,000  2026-01-13  Qwen team; self-reported" in shown
    assert "Xinhua on Qwen's downloads" in shown


def test_a_count_that_cannot_be_true_is_shown_as_rejected_with_the_reason() -> None:
    value = json.loads(run("adoption", "DeepSeek-V3", "--metric", "github_stars", "--json").output)

    assert [(each["value"], each["standing"]) for each in value["counts"]] == [(52_000, "rejected")]
    assert value["counts"][0]["reason"] == "the model did not exist in July 2024"
    assert "REJECTED: the model did not exist" in run("adoption", "DeepSeek-V3").output


def test_counts_that_others_contradict_are_disputed() -> None:
    value = json.loads(run("adoption", "china", "--metric", "openrouter_token_share_pct", "--json").output)

    assert [(each["subject"], each["standing"]) for each in value["counts"]] == [("country:CN", "disputed")]


def test_a_model_that_nobody_counted_is_no_mistake_and_no_zero() -> None:
    result = run("adoption", "moonshotai/Kimi-K3")

    assert result.exit_code == 0
    assert "Nothing was counted of moonshotai/Kimi-K3" in result.output
    assert json.loads(run("adoption", "moonshotai/Kimi-K3", "--json").output) == {"counts": []}


def test_what_is_neither_model_nor_group_is_answered_with_the_groups() -> None:
    result = run("adoption", "famly:Qwen")

    assert result.exit_code == 2
    assert "Did you mean 'family:Qwen'" in result.stderr
