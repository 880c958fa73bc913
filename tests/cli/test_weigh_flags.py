"""Flags of `weighbridge weigh`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.main import main

TASK = """\
[task]
items = "items.jsonl"
[prompt]
user = "{{text}} answer={{label}}"
[[score]]
kind = "exact"
reference = "label"
[[backend]]
name = "good"
kind = "echo"
price = { input = 1.0, output = 2.0 }
[[backend]]
name = "bad"
kind = "echo"
price = { input = 1.0, output = 2.0 }
settings = { skill = 0.3 }
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weigh", *map(str, arguments)])


def write_task(folder: Path, *, items: int = 300) -> Path:
    folder.mkdir()
    rows = ({"id": f"i{n}", "text": f"question {n}", "label": f"l{n % 5}"} for n in range(items))
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "task.toml").write_text(TASK)
    return folder


def write_table(path: Path, first: str = "item") -> Path:
    """300 rows in which `a` is always right and `b` never; the first cell names one of three subjects."""
    path.write_text(f"{first},a,b\n" + "".join(f"subject {n % 3},1,0\n" for n in range(300)))
    return path


def test_a_run_goes_on_to_min_items_though_it_is_certain_before(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task")

    early = json.loads(run(task, "--json").stdout)
    later = json.loads(run(task, "--min-items", 120, "--json").stdout)

    assert early["items"] < 60
    assert 120 <= later["items"] < 300
    assert later["verdict"]["winner"] == early["verdict"]["winner"] == "good"


def test_a_replay_goes_on_to_min_items_too(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")

    said = run("--replay", table, "--candidates", "a,b", "--rows-are-items", "--min-items", 200, "--json")

    assert json.loads(said.stdout)["items"] == 200


def test_a_table_whose_first_column_is_no_id_says_what_to_do_and_is_read_so(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", "subject")

    refused = run("--replay", table, "--candidates", "a,b")
    read = run("--replay", table, "--candidates", "a,b", "--rows-are-items", "--json")

    assert refused.exit_code == 1
    assert "item 'subject 0' stands there twice, first on line 2" in refused.stderr
    assert "--rows-are-items" in refused.stderr
    assert read.exit_code == 0
    assert json.loads(read.stdout)["calls_full"] == 600


def test_rows_are_items_is_about_tables_only(tmp_path: Path) -> None:
    said = run(write_task(tmp_path / "task"), "--rows-are-items")

    assert said.exit_code == 2
    assert "goes with --replay and --from" in said.stderr


@pytest.mark.parametrize("stored", [0, 5], ids=["nothing-stored", "some-stored"])
def test_a_limit_of_no_dollars_says_that_only_stored_answers_are_used(tmp_path: Path, stored: int) -> None:
    task = write_task(tmp_path / "task")
    if stored:
        run(task, "--max-items", stored, "--json")

    said = run(task, "--max-usd", 0, "--json")

    result = json.loads(said.stdout)
    assert said.exit_code == 0
    assert (result["items"], result["verdict"]["basis"]) == (stored, "stopped")
    reason = result["verdict"]["reason"]
    assert "a limit of $0 lets stored answers be used and nothing be asked, and the next call could cost" in reason
    assert ("was spent on this run before" in reason) == bool(stored)
    assert "With a higher limit the same command goes on" in reason


@pytest.mark.parametrize("option", [("--max-usd", 1), ("--repeats", 3), ("--max-failed", 0.1), ("--data", "open")])
@pytest.mark.parametrize("mode", ["--replay", "--from"])
def test_options_about_asking_are_refused_where_nothing_is_asked(
    tmp_path: Path, mode: str, option: tuple[str, float]
) -> None:
    said = run(mode, write_table(tmp_path / "t.csv"), "--rows-are-items", "--candidates", "a,b", *option)

    assert (said.exit_code, f"{option[0]} is about asking models" in said.output) == (2, True)


@pytest.mark.parametrize("option", [("--goal", "near-best"), ("--margin", 0.1), ("--report", "x.html")])
def test_options_about_verdicts_are_refused_where_votes_are_cast(tmp_path: Path, option: tuple[str, float]) -> None:
    said = run("--arena", write_task(tmp_path / "task", items=3), *option)

    assert (said.exit_code, f"{option[0]} is about verdicts" in said.output) == (2, True)


def test_a_regret_is_refused_where_the_goal_does_not_know_it(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    sources = [("--replay", table, "--rows-are-items"), ("--from", table, "--rows-are-items")]
    for words in [*sources, (write_task(tmp_path / "task", items=3),)]:
        said = run(*words, "--candidates", "a,b" if len(words) > 1 else "good,bad", "--regret", 0.1)

        assert (said.exit_code, "--regret goes with --goal near-best" in said.output) == (2, True)


def test_ctrl_c_ends_a_command_that_keeps_nothing_with_130_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("weighbridge.cli.compose_rehearsal.replay_table", interrupted)
    said = run("--replay", write_table(tmp_path / "t.csv"), "--candidates", "a,b")

    assert (said.exit_code, said.output) == (130, "\nStopped.\n")
