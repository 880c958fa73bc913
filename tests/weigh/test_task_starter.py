"""`--init` writes a task that is sound, runs at once and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.chat import Answer
from weighbridge.errors import InputError, UsageError
from weighbridge.weigh.check import check_task
from weighbridge.weigh.starter import write_starter
from weighbridge.weigh.task import load_task


def test_the_starter_has_no_problems_and_grades_its_own_references(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "task"

    written = write_starter(folder)

    assert [path.name for path in written] == ["task.toml", "items.jsonl", "shots.jsonl"]
    assert check_task(folder) == ()
    task = load_task(folder)
    assert all(task.score(item, Answer(text=item.fields["team"])).score == 1 for item in task.items)
    task.close()


def test_what_the_starter_shows_in_comments_is_sound_too(tmp_path: Path) -> None:
    """A commented example that no longer loads is worse than none."""
    write_starter(tmp_path)
    text = (tmp_path / "task.toml").read_text()
    shown = [line.removeprefix("#").removeprefix("     ") for line in text.splitlines() if line.startswith("#     ")]
    shown = [line for line in shown if not line.startswith("weighbridge weigh")]
    (tmp_path / "task.toml").write_text(text + "\n".join(shown) + "\n")

    assert check_task(tmp_path) == ()
    task = load_task(tmp_path)
    assert [candidate.backend.kind for candidate in task.candidates] == ["echo", "echo", "llamacpp", "openai", "openai"]
    task.close()


def test_a_starter_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text("mine")

    with pytest.raises(UsageError, match="already there"):
        write_starter(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["items.jsonl"]
    assert (tmp_path / "items.jsonl").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="cannot write the starter"):
        write_starter(tmp_path / "file")
