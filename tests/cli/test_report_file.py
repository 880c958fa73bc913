"""A report that cannot be written is one error, and costs nothing that was paid for."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.main import main


@pytest.mark.parametrize("place", ["a-file/report.html", "a-file/deeper/report.html"])
def test_a_report_that_cannot_be_written_says_where_and_the_next_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The parent is no folder, so that nothing can be written there and nothing be removed, whoever runs the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a-file").write_text("not a folder")
    cli = CliRunner()
    cli.invoke(main, ["weigh", "--init", str(tmp_path / "task")])

    said = cli.invoke(main, ["weigh", str(tmp_path / "task"), "--report", str(tmp_path / place)])

    assert said.exit_code == 1
    assert not isinstance(said.exception, OSError)
    assert "the report cannot be written" in said.stderr
    assert str(tmp_path / place) in said.stderr
    assert "asks nothing again" in said.stderr
