"""`--check` looks at the weights that are on this machine, for a run would fail on them after everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from task_folder import SOUND, make_task

from gguf_bytes import small_model
from weighbridge.cli.main import main
from weighbridge.formats.problems import Problem
from weighbridge.weigh.check import check_task


def local_task(source: str, *, endpoint: str = "") -> str:
    """Backend `one` with those weights; candidate A asks it at that endpoint."""
    text = SOUND.replace('kind = "echo"', f'kind = "llamacpp"\nsource = "{source}"', 1)
    return text.replace('backend = "one"', f'backend = "one"\nendpoint = "{endpoint}"') if endpoint else text


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file: nope.gguf", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(small_model()[:-40], "truncated", id="truncated"),
        pytest.param(b"<html>not found</html>", "a web page", id="web-page"),
    ],
)
def test_weights_that_cannot_be_used_are_named_with_the_line_of_their_source(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    text = local_task("file:nope.gguf")
    folder = make_task(tmp_path, text, **({} if content is None else {"nope__gguf": content}))

    problem = only(check_task(folder))

    assert (problem.file, problem.line, problem.field) == ("task.toml", line_of(text, "source"), "backend[0].source")
    assert said in problem.what
    assert str(tmp_path / "nope.gguf") in problem.what
    assert problem.next_move


def test_the_command_refuses_a_task_whose_weights_are_not_there(tmp_path: Path) -> None:
    folder = make_task(tmp_path, local_task("file:nope.gguf"))

    said = CliRunner().invoke(main, ["weigh", str(folder), "--check"])

    assert said.exit_code == 1
    assert "backend[0].source: the weights of backend 'one' cannot be used: no such file: nope.gguf" in said.output


@pytest.mark.parametrize("endpoint", ["", "completion"])
def test_a_base_model_that_continues_texts_is_sound(tmp_path: Path, endpoint: str) -> None:
    text = local_task("file:base.gguf", endpoint=endpoint)

    assert check_task(make_task(tmp_path, text, base__gguf=small_model(template=False))) == ()


def test_a_base_model_that_is_talked_to_is_named_at_its_candidate(tmp_path: Path) -> None:
    text = local_task("file:base.gguf", endpoint="chat")

    problem = only(check_task(make_task(tmp_path, text, base__gguf=small_model(template=False))))

    assert (problem.line, problem.field) == (line_of(text, "endpoint"), "candidate[0].endpoint")
    assert "no chat template" in problem.what
    assert 'endpoint = "completion"' in (problem.next_move or "")


def test_a_model_made_for_chat_may_be_talked_to(tmp_path: Path) -> None:
    text = local_task("file:chat.gguf", endpoint="chat")

    assert check_task(make_task(tmp_path, text, chat__gguf=small_model())) == ()


def test_weights_of_a_hub_are_looked_at_where_they_were_pulled_before(tmp_path: Path) -> None:
    """Where they were not, nothing can be said without a network, and nothing is."""
    kept = tmp_path / "kept.gguf"
    kept.write_bytes(small_model(template=False))
    folder = make_task(tmp_path / "task", local_task("hf:org/model", endpoint="chat"))

    before, after = check_task(folder), check_task(folder, {"hf:org/model": kept}.get)

    assert before == ()
    assert only(after).field == "candidate[0].endpoint"
