"""A task that was weighed is a table of samples, and nothing is asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.main import main

TASK = """
[task]
items = "items.jsonl"
[prompt]
user = "{{q}}"
[[score]]
kind = "contains"
reference = "label"
[[backend]]
name = "a"
kind = "echo"
settings = { reply = "apples" }
[[backend]]
name = "b"
kind = "echo"
settings = { reply = "pears" }
[[candidate]]
name = "cheap"
backend = "a"
[[candidate]]
name = "dear"
backend = "b"
"""


def test_items_that_were_chosen_for_what_they_tell_are_no_sample_of_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise made from them would be about other work; once all items are answered it is about this one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    items = [{"id": f"i{n}", "q": f"question {n}", "label": ("apples", "pears")[n * 7 % 13 % 2]} for n in range(150)]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    (tmp_path / "task.toml").write_text(TASK)
    (tmp_path / "old.csv").write_text("item,x,y\n" + "".join(f"i{n},{n % 2},{n % 3 // 2}\n" for n in range(150)))
    weigh = ["weigh", str(tmp_path), "--order", "discordant", "--earlier", str(tmp_path / "old.csv"), "--json"]
    assert CliRunner().invoke(main, [*weigh, "--max-items", "60"]).exit_code == 0
    train = ["route", "train", str(tmp_path), "--strong", "dear", "--weak", "cheap", "--keep", "0.5", "--method"]
    train += ["cascade", "--json", "--out", str(tmp_path / "router.json")]

    refused = CliRunner().invoke(main, train)
    whole = CliRunner().invoke(main, [*weigh, "--scope", "items", "--min-items", "150"])
    trained = CliRunner().invoke(main, train)

    assert refused.exit_code == 1
    assert "--scope items --min-items 150" in " ".join(refused.output.split())
    assert (whole.exit_code, trained.exit_code) == (0, 0), trained.output


def test_the_answers_of_a_task_train_a_cascade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the two is right stands nowhere in the prompt, so all goes to the cheap one, which is right as often."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    items = [{"id": f"i{n}", "q": f"question {n}", "label": ("apples", "pears")[n * 7 % 13 % 2]} for n in range(150)]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    (tmp_path / "task.toml").write_text(TASK)
    weighed = CliRunner().invoke(main, ["weigh", str(tmp_path), "--min-items", "150", "--json"])
    assert weighed.exit_code == 0, weighed.output
    calls = sorted((tmp_path / "data").rglob("*"))

    common = ["route", "train", str(tmp_path), "--strong", "dear", "--keep", "0.5", "--method", "cascade", "--json"]
    said = CliRunner().invoke(main, [*common, "--weak", "cheap", "--out", str(tmp_path / "router.json")])

    assert said.exit_code == 0, said.output
    found = json.loads(said.output)
    assert (found["rows"], found["left_out"], found["method"]) == (150, 0, "cascade")
    right = sum(item["label"] == "pears" for item in items) / 150
    assert found["promise"]["strong_quality"] == pytest.approx(right, abs=0.15)
    assert sorted((tmp_path / "data").rglob("*")) == calls
    unknown = CliRunner().invoke(main, [*common, "--weak", "cheep"])
    assert unknown.exit_code == 2
    assert "Did you mean 'cheap'?" in unknown.output
