"""Rows with defaults, and a way to wait for a commit."""

from __future__ import annotations

import threading
from typing import Any

from weighbridge.chat import Answer
from weighbridge.errors import LedgerError
from weighbridge.ledger import CallRow, Ledger


def make_row(number: int = 1, **changes: Any) -> CallRow:
    values: dict[str, Any] = {
        "id": f"{number:020d}",
        "at": 1_800_000_000.0 + number,
        "caller": "weigh",
        "run": "run-1",
        "task": "triage",
        "item": f"item-{number}",
        "candidate": "small",
        "backend": "here",
        "model_asked": "m",
        "model_served": None,
        "outcome": "ok",
        "answer_key": f"key-{number}",
    }
    return CallRow(**{**values, **changes})


def record(ledger: Ledger, row: CallRow, answer: Answer | None = None, **how: Any) -> None:
    """Record and wait until it is committed; raises what the writer said."""
    said: list[LedgerError | None] = []
    committed = threading.Event()

    def done(error: LedgerError | None) -> None:
        said.append(error)
        committed.set()

    ledger.record(row, answer, done, **how)
    assert committed.wait(120.0)  # child processes import this too, and see nothing beside it
    if said[0]:
        raise said[0]
