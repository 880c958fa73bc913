"""The base install runs, and says what to install for the rest, before anything is downloaded for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.main import main

LOCAL = """\
[task]
items = "items.jsonl"
[prompt]
user = "{{text}}"
[[score]]
kind = "exact"
reference = "text"
[[backend]]
name = "one"
kind = "llamacpp"
source = "hf:somebody/weights/a.gguf"
[[backend]]
name = "two"
kind = "echo"
"""


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task for an engine that is not installed, whose weights nobody serves."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.toml").write_text(LOCAL)
    (folder / "items.jsonl").write_text('{"id": "a", "text": "x"}\n')
    return folder


def test_a_run_without_the_engine_says_what_to_install_and_pulls_nothing(task: Path) -> None:
    said = CliRunner().invoke(main, ["weigh", str(task)])

    assert said.exit_code == 1
    assert "pip install 'weighbridge[local]'" in said.stderr
    assert "pulling" not in said.stderr


def test_the_doctor_counts_an_engine_that_the_task_needs_as_missing(task: Path) -> None:
    said = CliRunner().invoke(main, ["doctor", str(task)])

    assert said.exit_code == 1
    assert "MISSING one" in said.stdout
    assert "weighbridge[local]" in said.stdout
