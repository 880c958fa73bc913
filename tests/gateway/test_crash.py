"""`kill -9` at any moment: what was answered is in the ledger once, what was held is settled, nothing stays lent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from gateway_running import HELLO, calls, config_of, make_key, query, read_reply, request

from fault_server import STREAM_HEAD, Behaviour, answers, chat_body, chat_events, chunked, script, serving, sse, stalls
from patience import eventually


@contextmanager
def process(tmp_path: Path, config: bytes, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`weighbridge serve` as a process of its own, and the port it took."""
    file = tmp_path / "weighbridge.toml"
    file.write_bytes(config)
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "UP_KEY": "sk-upstream-secret-0123"}
    command = [sys.executable, "-m", "weighbridge", "serve", "--config", str(file), "--json", *arguments]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, cwd=tmp_path) as gateway:
        try:
            assert gateway.stdout is not None
            port = int(json.loads(gateway.stdout.readline())["url"].rpartition(":")[2])
            yield gateway, port
        finally:
            gateway.kill()


async def ask(port: int, key: str, stream: bool = False) -> int:
    """The status, once the whole answer is there; 0 where the connection broke."""
    body = msgspec.json.encode({**HELLO, "stream": stream})
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        writer.write(request("POST", "/v1/chat/completions", body, key, {}))
        reply = await read_reply(reader)
    except (OSError, asyncio.IncompleteReadError):
        return 0
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
    return reply.status if reply.whole else 0


@pytest.mark.parametrize("stream", [False, True])
def test_every_answered_call_is_in_the_ledger_once_after_kill_9(tmp_path: Path, stream: bool) -> None:
    data_dir = tmp_path / "data" / "weighbridge"
    key_id, key = make_key(data_dir, "5/day")
    good: Behaviour = answers(chat_body())
    if stream:
        from fault_server import streams

        good = streams(chat_events("a", "b"))
    answered = 0

    async def hammer(port: int, victim: subprocess.Popen[bytes]) -> None:
        nonlocal answered

        async def one() -> None:
            nonlocal answered
            while (status := await ask(port, key, stream)) != 0:
                assert status == 200
                answered += 1
                if answered == 200:
                    victim.send_signal(signal.SIGKILL)

        await asyncio.gather(*(one() for _ in range(16)))

    with serving(good) as up:
        config = config_of({"up": up})
        with process(tmp_path, config) as (victim, port):
            asyncio.run(hammer(port, victim))

        with process(tmp_path, config) as (_, port):
            assert asyncio.run(ask(port, key, stream)) == 200

    rows = [row for row in calls(data_dir) if row.outcome == "ok"]
    assert len(rows) >= answered >= 200
    assert len({row.id for row in rows}) == len(rows)
    (spent,) = query(data_dir, f"SELECT sum(usd) FROM spent WHERE scope = 'key' AND name = '{key_id}'")[0]
    assert spent == pytest.approx(sum(row.usd or 0 for row in calls(data_dir)))


def test_calls_under_way_are_settled_with_what_was_held(tmp_path: Path) -> None:
    data_dir = tmp_path / "data" / "weighbridge"
    key_id, key = make_key(data_dir, "5/day")
    begun = chunked(sse(chat_events("a", done=False)[:1]))

    async def start_and_kill(port: int, victim: subprocess.Popen[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = msgspec.json.encode({**HELLO, "stream": True})
        writer.write(request("POST", "/v1/chat/completions", body, key, {}))
        await reader.readuntil(b"\n\n")
        journal = next((data_dir / "journal").glob("*.jsonl"))
        await asyncio.to_thread(eventually, lambda: b'"open"' in journal.read_bytes())
        victim.send_signal(signal.SIGKILL)
        writer.close()

    with serving(stalls(STREAM_HEAD + begun)) as up, process(tmp_path, config_of({"up": up})) as (victim, port):
        asyncio.run(start_and_kill(port, victim))
        victim.wait()

    (row,) = calls(data_dir)
    assert (row.outcome, row.reason, row.usd_is, row.key) == ("failed", "gateway ended", "held", key_id)
    assert row.usd == pytest.approx((len(msgspec.json.encode({**HELLO, "stream": True})) + 64 + 10) * 1e-6)
    assert query(data_dir, "SELECT count(*) FROM leases") == [(0,)]
    assert query(data_dir, "SELECT count(*) FROM under_way") == [(0,)]


def test_two_workers_share_a_port_and_a_budget(tmp_path: Path) -> None:
    """Whatever the kernel gives to whom, together they spend no more than there is."""
    data_dir = tmp_path / "data" / "weighbridge"
    _, key = make_key(data_dir, "0.002/day")

    async def many(port: int) -> list[int]:
        return list(await asyncio.gather(*(ask(port, key) for _ in range(400))))

    with (
        serving(answers(chat_body())) as up,
        process(tmp_path, config_of({"up": up}), "--workers", "2") as (boss, port),
    ):
        statuses = asyncio.run(many(port))
        boss.send_signal(signal.SIGTERM)
        assert boss.wait() == 0

    rows = [row for row in calls(data_dir) if row.outcome == "ok"]
    assert set(statuses) == {200, 429}
    assert len(rows) == statuses.count(200)
    assert sum(row.usd or 0 for row in rows) <= 0.002
    assert query(data_dir, "SELECT count(*) FROM leases") == [(0,)]


def test_ctrl_c_lets_calls_end_and_leaves_with_0(tmp_path: Path) -> None:
    data_dir = tmp_path / "data" / "weighbridge"
    _, key = make_key(data_dir)

    async def slowly(exchange: object) -> None:
        await asyncio.sleep(0.3)
        await answers(chat_body())(exchange)  # type: ignore[arg-type]

    async def run(gateway: subprocess.Popen[bytes], port: int) -> int:
        call = asyncio.ensure_future(ask(port, key))
        await asyncio.to_thread(eventually, lambda: up.requests)
        gateway.send_signal(signal.SIGINT)
        return await call

    with serving(script(slowly)) as up, process(tmp_path, config_of({"up": up})) as (gateway, port):
        assert asyncio.run(run(gateway, port)) == 200
        assert gateway.wait() == 0

    assert [row.outcome for row in calls(data_dir)] == ["ok"]


def test_no_worker_goes_on_without_the_process_that_watches_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data" / "weighbridge"
    with process(tmp_path, b"[server]\nport = 0\n", "--workers", "2") as (boss, _):
        assert len(list((data_dir / "journal").glob("*.lock"))) == 2
        boss.send_signal(signal.SIGKILL)
        boss.wait()

        eventually(lambda: not list((data_dir / "journal").glob("*.lock")))
