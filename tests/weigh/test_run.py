"""A run draws, asks, scores and decides, and counts what it did honestly."""

from __future__ import annotations

from pathlib import Path

from run_factory import run_folder, write_task

from weighbridge.ledger import Ledger


def test_the_better_of_two_is_named_before_all_items_are_asked(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data")

    result = report.result
    assert (result.verdict.decision, result.verdict.winner, result.verdict.basis) == ("winner", "good", "certified")
    assert result.calls_used < result.calls_full == 600
    with Ledger(tmp_path / "data") as ledger:
        rows = list(ledger.calls(report.provenance["run"]))
    assert len(rows) == result.calls_used == sum(candidate.calls for candidate in result.candidates)
