"""The doctor asks every backend at a URL for its models, whichever dialect it speaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fault_server import FaultServer, answers, serving
from weighbridge.cli.main import main

LISTS = {
    "openai": b'{"data": [{"id": "one"}, {"id": "two"}]}',
    "anthropic": b'{"data": [{"id": "one", "type": "model"}, {"id": "two", "type": "model"}]}',
    "gemini": b'{"models": [{"name": "models/one"}, {"name": "models/two"}]}',
    "ollama": b'{"models": [{"name": "one"}, {"name": "two"}]}',
    "responses": b'{"data": [{"id": "one"}, {"id": "two"}]}',
}


def said_of(kind: str, folder: Path, server: FaultServer) -> str:
    CliRunner().invoke(main, ["weigh", "--init", str(folder)])
    task = folder / "task.toml"
    record = f'kind = "{kind}"\nmodel = "one"\nbase_url = "{server.base_url}"\n'
    task.write_text(task.read_text().replace('kind = "echo"\nsettings = { skill = 0.95 }\n', record, 1))
    return CliRunner().invoke(main, ["doctor", str(folder)]).output


@pytest.mark.parametrize("kind", LISTS)
def test_a_backend_that_answers_is_well(kind: str, tmp_path: Path) -> None:
    with serving(answers(LISTS[kind])) as server:
        assert "serves 2 models" in said_of(kind, tmp_path / "task", server)


@pytest.mark.parametrize("kind", LISTS)
def test_a_backend_that_wants_a_key_is_missing_one(kind: str, tmp_path: Path) -> None:
    with serving(answers(b'{"error": {"message": "no key"}}', 401)) as server:
        said = said_of(kind, tmp_path / "task", server)

    assert "MISSING careful" in said
    assert "401" in said
