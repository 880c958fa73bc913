"""Whatever a backend answers, the run ends with one reason that names it, and what was paid for stays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from run_factory import write_task

from fault_server import (
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    chat_body,
    floods,
    response,
    says,
    says_and_cuts,
    stalls,
    streams,
)
from patience import PATIENCE_S
from weighbridge.dispatch import Door, SystemClock
from weighbridge.engines.registry import make_engine
from weighbridge.ledger import Ledger
from weighbridge.net.calls import Calls
from weighbridge.weigh.records import Report
from weighbridge.weigh.run import name_run, weigh
from weighbridge.weigh.task import load_task

HTML = b"<html><body>Sign in to continue</body></html>"
HALF = chat_body("l1")[:40]


BRIEF_S = 0.5


def hosted(server: FaultServer, timeout_s: float) -> dict[str, object]:
    return {
        "kind": "openai",
        "base_url": server.base_url,
        "model": "m",
        "retries": 0,
        "timeout_s": timeout_s,
        "settings": {"stream": False},
    }


async def run(folder: Path, behave: Behaviour, timeout_s: float = PATIENCE_S) -> Report:
    """A backend that behaves so, against one that is sound."""
    async with FaultServer(behave) as server, Calls(environ={}) as calls:
        task = load_task(write_task(folder / "task", {"bad": hosted(server, timeout_s), "sound": {}}, items=60))
        records = {one.backend.name: one.backend for one in task.candidates}
        engines = {name: make_engine(record, calls=calls, environ={}) for name, record in records.items()}
        clock = SystemClock()
        with Ledger(folder / "data") as ledger:
            door = Door(engines, records, ledger, clock=clock, rng=Random(0))
            try:
                return await weigh(
                    task,
                    door,
                    clock=clock,
                    run_id=name_run(task, 0),
                    seed=0,
                    abilities={name: engine.abilities for name, engine in engines.items()},
                )
            finally:
                task.close()


@pytest.mark.parametrize(
    ("behave", "reason", "names"),
    [
        pytest.param(answers(b'{"error": {"message": "bad key"}}', 401), "status 401", "bad key", id="401"),
        pytest.param(answers(b'{"error": {"message": "no such model"}}', 404), "status 404", "no such model", id="404"),
        pytest.param(answers(b"slow down", 429, retry_after="3600"), "status 429", "1 h 0 min", id="429"),
        pytest.param(answers(b"oops", 500), "status 500", "oops", id="500"),
        pytest.param(answers(HTML, 200, "text/html"), "unreadable answer", "web page", id="html"),
        pytest.param(answers(HALF), "unreadable answer", "", id="half-a-json"),
        pytest.param(answers(b"[" * 5000), "unreadable answer", "", id="garbage-that-is-quoted-at-length"),
        pytest.param(answers(b""), "unreadable answer", "", id="nothing"),
        pytest.param(says_and_cuts(), "unreachable", "", id="hangs-up"),
        pytest.param(says_and_cuts(response(200, chat_body())[:90]), "cut", "", id="cut-off"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n"), "unreadable answer", "", id="not-http"),
        pytest.param(streams([b'{"choices":[']), "unreadable answer", "", id="a-stream-nobody-asked-for"),
        pytest.param(stalls(), "timed out", "0.5 s", id="never"),
        pytest.param(
            floods(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", b" " * (1 << 20)),
            "",
            "",
            id="without-end",
        ),
    ],
)
def test_a_bad_backend_stops_the_run_with_its_reason_and_keeps_the_rest(
    tmp_path: Path, behave: Behaviour, reason: str, names: str, request: pytest.FixtureRequest
) -> None:
    """Only a backend without an end needs a time-out that is over soon; an answer that comes must not meet one."""
    endless = request.node.callspec.id in ("never", "without-end")

    report = asyncio.run(run(tmp_path, behave, BRIEF_S if endless else PATIENCE_S))

    verdict = report.result.verdict
    assert (verdict.decision, verdict.basis) == ("undecided", "stopped")
    assert "samples of bad failed, and 20% may" in verdict.reason
    assert "Once that is mended the same command goes on" in verdict.reason
    failure = next(one for one in report.failures if one.candidate == "bad")  # the commonest
    assert reason in failure.reason
    assert names in failure.example
    assert "bad" in failure.example
    # The next move, whatever was quoted before. Of two reasons, the commoner may change while the last calls land.
    moves = [one.example.splitlines()[-1].strip(" .") for one in report.failures if one.candidate == "bad"]
    assert any(move in verdict.reason for move in moves)
    bad, sound = report.result.candidates
    assert (bad.score, bad.failed > 0) == (None, True)
    assert sound.failed == 0
    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "sound").answered >= 12


def test_a_backend_that_recovers_is_asked_again_and_nothing_is_lost(tmp_path: Path) -> None:
    async def behave(exchange: Exchange) -> None:
        question = exchange.json()["messages"][-1]["content"]
        body = chat_body(question.rpartition("answer=")[2])
        exchange.write(response(500, b"") if exchange.number % 9 == 8 else response(200, body))

    report = asyncio.run(run(tmp_path, behave))

    assert report.result.verdict.basis != "stopped"
    assert 0 < report.result.candidates[0].failed < 12
    assert report.result.candidates[0].score == 1.0
