"""A run that is killed or stopped goes on with the same command and never pays twice for what it knows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from run_factory import write_task

from fault_server import Behaviour, Exchange, FaultServer, answers, chat_body, response, serving, stalls
from patience import NEVER_S, PATIENCE_S, eventually

pytestmark = pytest.mark.slow

ITEMS = 40
AT_ONCE = 4
STOPPING = "finishing the calls under way"


async def right_answer(exchange: Exchange) -> None:
    """Says what the question says is right."""
    question = exchange.json()["messages"][-1]["content"]
    exchange.write(response(200, chat_body(question.rpartition("answer=")[2])))


def half_way(gate: threading.Event) -> Behaviour:
    """Right answers; after half of the run none until the gate is open, so that the run is caught in its middle."""

    async def behave(exchange: Exchange) -> None:
        while exchange.number >= ITEMS and not gate.is_set() and not exchange.left.is_set():
            await asyncio.sleep(0.002)
        await right_answer(exchange)

    return behave


def hosted_task(folder: Path, server: FaultServer, *, at_once: int = AT_ONCE, **weigh: Any) -> Path:
    """Two priced candidates that are always right, so that the run asks everything."""
    backend = {
        "kind": "openai",
        "base_url": server.base_url,
        "concurrency": at_once,
        "timeout_s": NEVER_S,
        "price": {"input": 1.0, "output": 2.0},
        "settings": {"stream": False},
    }
    backends = {"one": {**backend, "model": "m1"}, "two": {**backend, "model": "m2"}}
    return write_task(folder, backends, items=ITEMS, weigh={"futility": False, **weigh})


def start(task: Path, complaints: Path | None = None) -> subprocess.Popen[str]:
    """The run in a process of its own; what it says while it goes is written to `complaints`, or to the pipe."""
    command = [sys.executable, "-m", "weighbridge", "weigh", str(task), "--json"]
    if complaints is None:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with complaints.open("w") as file:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)


def recorded() -> int:
    """Calls that the run has written down so far."""
    path = Path(os.environ["XDG_DATA_HOME"]) / "weighbridge" / "ledger.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM calls").fetchone()
    return int(count)


def asked(server: FaultServer) -> Counter[bytes]:
    return Counter(exchange.body for exchange in server.requests)


def test_after_kill_9_only_what_was_under_way_is_asked_again(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(half_way(gate)) as server:
        task = hosted_task(tmp_path, server)
        with start(task) as killed:
            eventually(lambda: len(server.requests) > ITEMS and recorded() == ITEMS)
            killed.send_signal(signal.SIGKILL)
        before = len(server.requests)
        gate.set()
        done = start(task)
        said, complained = done.communicate(timeout=PATIENCE_S)

    assert done.returncode == 0, complained
    result = json.loads(said)
    assert (result["verdict"]["basis"], result["calls_used"]) == ("exhausted", 2 * ITEMS)
    again = [body for body, times in asked(server).items() if times > 1]
    assert len(asked(server)) == 2 * ITEMS
    assert len(again) <= 2 * AT_ONCE
    assert len(server.requests) == 2 * ITEMS + len(again)
    report = Path(result["report"]).read_text()
    assert "cut off when an earlier process of this run ended" in report
    assert before < 2 * ITEMS


def test_ctrl_c_finishes_what_is_under_way_says_how_to_go_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    gate, complaints = threading.Event(), tmp_path / "stderr"
    with serving(half_way(gate)) as server:
        task = hosted_task(tmp_path, server)
        stopped = start(task, complaints)
        eventually(lambda: len(server.requests) > ITEMS)
        stopped.send_signal(signal.SIGINT)
        eventually(lambda: STOPPING in complaints.read_text())
        gate.set()
        said, _ = stopped.communicate(timeout=PATIENCE_S)
        complained = complaints.read_text()
        first = json.loads(said)
        done = start(task)
        last = json.loads(done.communicate(timeout=PATIENCE_S)[0])

    assert "Traceback" not in complained
    assert stopped.returncode == 130
    assert (first["verdict"]["decision"], first["verdict"]["basis"]) == ("undecided", "stopped")
    assert "Ctrl-C" in first["verdict"]["reason"]
    assert "same command goes on" in first["verdict"]["reason"]
    assert 0 < first["items"] < ITEMS
    assert Path(first["report"]).exists()
    assert last["verdict"]["basis"] == "exhausted"
    assert set(asked(server).values()) == {1}
    assert len(server.requests) == 2 * ITEMS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verdict_that_falls_after_ctrl_c_is_told_and_the_exit_code_still_says_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Twelve items are under way when it comes, and their answers are enough for a winner at this error rate."""
    gate, complaints = threading.Event(), tmp_path / "stderr"

    async def behave(exchange: Exchange) -> None:
        while not gate.is_set() and not exchange.left.is_set():
            await asyncio.sleep(0.002)
        good = exchange.json()["model"] == "m1"
        await (right_answer(exchange) if good else answers(chat_body("wrong"))(exchange))

    with serving(behave) as server:
        stopped = start(hosted_task(tmp_path, server, at_once=12, alpha=0.4), complaints)
        eventually(lambda: len(server.requests) >= 24)
        stopped.send_signal(number)
        eventually(lambda: STOPPING in complaints.read_text())
        gate.set()
        said, _ = stopped.communicate(timeout=PATIENCE_S)

    verdict = json.loads(said)["verdict"]
    assert (verdict["decision"], verdict["winner"]) == ("winner", "one")
    assert stopped.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait_for_a_backend_that_hangs(tmp_path: Path, number: signal.Signals) -> None:
    """The first one waits for the calls under way, and would end with a verdict after all."""
    complaints = tmp_path / "stderr"
    with serving(stalls()) as server:
        stopped = start(hosted_task(tmp_path, server), complaints)
        eventually(lambda: len(server.requests) >= 2 * AT_ONCE)
        stopped.send_signal(number)
        eventually(lambda: STOPPING in complaints.read_text())
        still_waiting = stopped.poll() is None
        stopped.send_signal(number)
        said, _ = stopped.communicate(timeout=PATIENCE_S)

    assert still_waiting
    assert said == ""
    assert stopped.returncode != 0
    assert "Traceback" not in complaints.read_text()


def test_ctrl_c_gives_up_what_a_run_that_was_stopped_by_failures_still_waits_for(tmp_path: Path) -> None:
    """One backend refuses all ten questions; the other hangs over the first, and answers its last one last."""
    complaints = tmp_path / "stderr"
    came: Counter[str] = Counter()

    async def behave(exchange: Exchange) -> None:
        model = exchange.json()["model"]
        came[model] += 1
        if model == "m1":
            await answers(b"no such model", 404)(exchange)
        elif came["m2"] == 1:
            await stalls()(exchange)
        else:
            while came["m2"] == 10 and came["m1"] < 10:
                await asyncio.sleep(0.002)
            await right_answer(exchange)

    with serving(behave) as server:
        stopped = start(hosted_task(tmp_path, server, max_items=10), complaints)
        eventually(lambda: STOPPING in complaints.read_text())
        stopped.send_signal(signal.SIGINT)
        said, _ = stopped.communicate(timeout=PATIENCE_S)

    assert stopped.returncode == 1
    assert "samples of one failed" in json.loads(said)["verdict"]["reason"]


def test_the_same_run_is_not_made_twice_at_once(tmp_path: Path) -> None:
    with serving(stalls()) as server:
        task = hosted_task(tmp_path, server)
        with start(task) as first:
            eventually(lambda: len(server.requests) >= 2 * AT_ONCE)
            second = start(task)
            _, complained = second.communicate(timeout=PATIENCE_S)
            first.kill()

    assert second.returncode == 1
    assert "under way in another process" in complained
    assert len(server.requests) == 2 * AT_ONCE


def test_calls_cut_off_by_a_kill_count_against_the_limit_at_the_most_they_can_cost(tmp_path: Path) -> None:
    """Nothing limits the length of an answer, so each call may cost up to $0.0083: two fit under $0.02 at once. Both
    that are cut off may be billed, and leave no room for a third, though each answer so far cost $0.000013."""

    async def behave(exchange: Exchange) -> None:
        await (stalls()(exchange) if exchange.number in (10, 11) else right_answer(exchange))

    with serving(behave) as server:
        task = hosted_task(tmp_path, server, max_usd=0.02)
        with start(task) as killed:
            eventually(lambda: len(server.requests) == 12 and recorded() == 10)
            killed.send_signal(signal.SIGKILL)
        done = start(task)
        said, complained = done.communicate(timeout=PATIENCE_S)

    result = json.loads(said)
    assert "Traceback" not in complained
    assert result["verdict"]["basis"] == "stopped"
    assert "the limit of $0.02 would be passed: $0.016" in result["verdict"]["reason"]
    assert len(server.requests) == 12
    assert 0 < result["items"] <= 5
