"""Engines behind a command: started when asked, watched, started again, stopped when idle, never left behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gateway_running import running
from test_crash import ask, process

from fault_server import FaultServer, answers, chat_body
from patience import PATIENCE_S, eventually, soon
from weighbridge.errors import InputError
from weighbridge.gateway.config import read_config
from weighbridge.gateway.started import StartedPool

STUB = Path(__file__).parent.parent / "engines" / "command_server_stub.py"
linux = pytest.mark.skipif(sys.platform != "linux", reason="counts on the system to tell the minder of orphans")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config(port: int, *how: str, kind: str = "vllm", more: str = "", server: str = "") -> bytes:
    command = ", ".join(f'"{part}"' for part in (sys.executable, STUB, port, *how))
    return f"""
[server]
port = 0
{server}
[[backend]]
name = "gpu"
kind = "{kind}"
base_url = "http://127.0.0.1:{port}/v1"
command = [{command}]
start_timeout_s = {PATIENCE_S}
{more}
[[route]]
model = "public"
to = [{{ backend = "gpu", price = {{ input = 1.0, output = 1.0 }} }}]
""".encode()


def pids(folder: Path) -> list[int]:
    file = folder / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pool_of(gate: Any) -> StartedPool:
    pool = gate.gateway.doors["gpu"].pool
    assert isinstance(pool, StartedPool)
    return pool


@pytest.mark.parametrize("kind", ["vllm", "sglang", "tensorrt-llm", "openai"])
def test_an_engine_is_started_by_the_first_call_and_stopped_with_the_gateway(tmp_path: Path, kind: str) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=config(free_port(), kind=kind)) as gate:
            assert pids(tmp_path) == [], "nobody asked yet"
            replies = await asyncio.gather(*(gate.chat() for _ in range(5)))

            (pid,) = pids(tmp_path)
            assert [reply.status for reply in replies] == [200] * 5
            assert is_alive(pid)
        assert not is_alive(pid)

    asyncio.run(run())


def test_one_that_crashes_is_started_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=config(free_port()), key=True) as gate:
            await gate.chat()
            crash = await gate.chat(messages=[{"role": "user", "content": "crash"}])
            assert crash.status == 502
            await soon(lambda: not is_alive(pids(tmp_path)[-1]))
            await soon(lambda: pool_of(gate).server.pid is None)

            deadline = asyncio.get_running_loop().time() + PATIENCE_S
            while (await gate.chat()).status != 200:
                assert asyncio.get_running_loop().time() < deadline
            assert is_alive(pids(tmp_path)[-1])

    asyncio.run(run())


def test_one_that_does_not_start_says_why_and_is_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first call tries twice (the second try comes at once, as after a crash), then there is a rest."""

    async def run() -> None:
        async with running(tmp_path, {}, config=config(free_port(), "crash_at_start")) as gate:
            first, again = await gate.chat(), await gate.chat()

            assert (first.status, again.status) == (502, 502)
            assert "ended with exit code 1" in first.json()["error"]["message"]
            assert "no such model" not in first.json()["error"]["message"], "some print their keys"
            assert "no such model" in caplog.text
            assert len(pids(tmp_path)) < 8

    asyncio.run(run())


def test_another_backend_answers_while_one_cannot_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body("fine"))) as up:
            text = config(free_port(), "crash_at_start").decode()
            text = text.replace("to = [", "to = [\n").replace("} }]", '} }, { backend = "up", model = "m" }]')
            text += f'[[backend]]\nname = "up"\nkind = "openai"\nbase_url = "{up.base_url}"\n'
            async with running(tmp_path, {}, config=text.encode()) as gate:
                reply = await gate.chat()

                assert (reply.status, gate.calls()[0].backend) == (200, "up")

    asyncio.run(run())


def test_a_client_that_leaves_while_it_starts_does_not_stop_it_for_others(tmp_path: Path) -> None:
    """Weights take minutes to load, and clients wait for one."""

    async def run() -> None:
        async with running(tmp_path, {}, config=config(free_port(), "waits")) as gate:
            leaves = asyncio.ensure_future(gate.chat())
            await soon(lambda: pids(tmp_path))
            stays = asyncio.ensure_future(gate.chat())
            await soon(lambda: len(gate.gateway.calls_under_way) == 2)
            leaves.cancel()
            await soon(lambda: len(gate.gateway.calls_under_way) == 1)
            (tmp_path / "go").touch()

            assert (await stays).status == 200
            assert len(pids(tmp_path)) == 1

    asyncio.run(run())


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        text = config(free_port()).replace(sys.executable.encode(), b"no-such-program")
        async with running(tmp_path, {}, config=text) as gate:
            assert "no-such-program: No such file" in (await gate.chat()).json()["error"]["message"]

    asyncio.run(run())


def test_an_idle_engine_is_stopped_and_started_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=config(free_port(), more="idle_stop_s = 0.5")) as gate:
            assert (await gate.chat()).status == 200
            (first,) = pids(tmp_path)
            await soon(lambda: not is_alive(first))
            await soon(lambda: not pool_of(gate).server.is_running)

            assert (await gate.chat()).status == 200
            assert len(pids(tmp_path)) == 2

    asyncio.run(run())


@pytest.mark.parametrize(("idle_stop_s", "stops"), [(0, None), (7, 7.0), (None, 600.0)])
def test_how_long_an_engine_idles_is_a_setting_of_local_ones_too(
    tmp_path: Path, idle_stop_s: float | None, stops: float | None
) -> None:
    from weighbridge.engines.kinds import idle_stop_s as read

    more = "" if idle_stop_s is None else f"idle_stop_s = {idle_stop_s}"
    text = f'[[backend]]\nname = "here"\nkind = "llamacpp"\nsource = "file:x.gguf"\n{more}\n'

    (record,) = read_config(text.encode(), tmp_path / "weighbridge.toml").backends

    assert read(record) == stops


@linux
@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGKILL, "children"),
        (signal.SIGTERM, "children"),
        (signal.SIGINT, "children"),
        pytest.param(signal.SIGKILL, "stubborn", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_behind_however_the_gateway_ends(tmp_path: Path, number: signal.Signals, how: str) -> None:
    """Its children too, one of which has a session of its own and, where it is stubborn, does not mind SIGTERM."""
    text = config(free_port(), how, server='auth = "none"')
    with process(tmp_path, text) as (gateway, port):
        assert asyncio.run(ask(port, "none")) == 200
        started = pids(tmp_path)
        assert len(started) == 3

        gateway.send_signal(number)

        gateway.wait(PATIENCE_S)
        eventually(lambda: not any(map(is_alive, started)))


@linux
def test_several_workers_share_one_engine(tmp_path: Path) -> None:
    text = config(free_port(), server='auth = "none"')
    with process(tmp_path, text, "--workers", "2") as (gateway, port):

        async def run() -> list[int]:
            return await asyncio.gather(*(ask(port, "none") for _ in range(12)))

        assert asyncio.run(run()) == [200] * 12
        (pid,) = pids(tmp_path)
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(PATIENCE_S)
        eventually(lambda: not is_alive(pid))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("command = []", "a command is empty"),
        ('health = "/health"', "there is none"),
        ('sourc = "x"', "sourc"),
    ],
)
def test_a_record_that_makes_no_sense_is_a_mistake_with_its_line(tmp_path: Path, change: str, said: str) -> None:
    text = f'[[backend]]\nname = "gpu"\nkind = "vllm"\n{change}\n'

    with pytest.raises(InputError) as caught:
        read_config(text.encode(), tmp_path / "weighbridge.toml")

    assert said in str(caught.value)
    assert ":4" in str(caught.value)


def test_without_a_command_nothing_of_it_is_loaded() -> None:
    """What only some configs need is not waited for by all."""
    script = (
        "import sys, weighbridge.gateway.doors; print([m for m in sys.modules if '.llamacpp' in m or '.command' in m])"
    )

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
