"""A candidate that cannot be asked costs nothing, and a run that stops keeps what it has begun to pay for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from run_factory import run_folder, write_task

from weighbridge.chat import ChatRequest, Piece
from weighbridge.engines.echo import EchoEngine
from weighbridge.errors import BackendRefused, CannotAsk
from weighbridge.ledger import CallRow, Ledger
from weighbridge.weigh.comparison import AHEAD_FEWEST
from weighbridge.weigh.progress import Progress
from weighbridge.weigh.records import Report

PRICE = {"price": {"input": 1.0, "output": 2.0}}


def rows_of(data: Path, report: Report) -> list[CallRow]:
    with Ledger(data) as ledger:
        return list(ledger.calls(report.provenance["run"]))


def with_endpoint(folder: Path, endpoint: str) -> Path:
    """Candidates over the backends `base` and `other`, the first asked at that endpoint."""
    backends = {"base": {"settings": {"abilities": ["completion", "grammar"]}}, "other": PRICE}
    write_task(folder, backends, items=200)
    with (folder / "task.toml").open("a") as file:
        file.write(f'[[candidate]]\nname = "Base"\nbackend = "base"\nendpoint = "{endpoint}"\n')
        file.write('[[candidate]]\nname = "Other"\nbackend = "other"\n')
    return folder


def test_a_base_model_that_is_talked_to_is_refused_before_anything_is_paid(tmp_path: Path) -> None:
    with pytest.raises(CannotAsk, match=r"candidate 'Base' cannot be asked: backend 'base' cannot do 'chat'") as caught:
        run_folder(with_endpoint(tmp_path / "task", "chat"), tmp_path / "data")

    assert 'endpoint = "completion"' in str(caught.value)
    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "other").answered == 0


def test_the_same_model_is_asked_at_the_endpoint_it_has(tmp_path: Path) -> None:
    report = run_folder(with_endpoint(tmp_path / "task", "completion"), tmp_path / "data")

    assert report.result.candidates[0].failed == 0


class Refusing(EchoEngine):
    """Says of every request only when it comes that it cannot be asked; the other backends are sound."""

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        if self.name == "odd":
            raise CannotAsk("these labels begin with the same token", next_move="Rename one.")
        async for piece in super().answer(request):
            yield piece


def test_what_no_request_can_be_asked_ends_the_run_after_a_few(tmp_path: Path) -> None:
    """Each further item would be paid for at the other backend and could not be weighed."""
    backends = {"odd": {"concurrency": 1}, "sound": {**PRICE, "concurrency": 1}}

    report = run_folder(write_task(tmp_path / "task", backends, items=200), tmp_path / "data", make=Refusing)

    assert report.stopped_by == "failures"
    assert "none of 3 samples of odd could be asked" in report.result.verdict.reason
    assert "Rename one" in report.result.verdict.reason
    assert sum(row.candidate == "sound" for row in rows_of(tmp_path / "data", report)) <= 3 + AHEAD_FEWEST


class OneFails(EchoEngine):
    """`bad` is refused at once; `sound` keeps its first answer back until the run says that it is stopping."""

    stopping: asyncio.Event
    calls = 0

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        if self.name == "bad":
            raise BackendRefused("no such model", status=404)
        self.calls += 1
        if self.calls == 1:
            await self.stopping.wait()
        async for piece in super().answer(request):
            yield piece


def test_when_failures_stop_a_run_the_others_calls_under_way_are_waited_for(tmp_path: Path) -> None:
    """They may be billed: given up, their answers would be paid for and lost."""
    backends = {"bad": {"concurrency": 4}, "sound": {**PRICE, "concurrency": 4}}
    task = write_task(tmp_path / "task", backends, items=200, weigh={"max_items": 10})
    OneFails.stopping = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.stage == "stopping":
            OneFails.stopping.set()

    report = run_folder(task, tmp_path / "data", make=OneFails, progress=tell)

    rows = [row for row in rows_of(tmp_path / "data", report) if row.candidate == "sound"]
    assert report.stopped_by == "failures"
    assert [row.outcome for row in rows] == ["ok"] * 10
