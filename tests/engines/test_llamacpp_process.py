"""The engine's process: a crash is a failed call and never the end of a run, and nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from llamacpp_running import ask, chat, is_alive, needs_xllamacpp, pid_of, text_of
from llamacpp_running import running as started
from tiny_gguf import write_tiny_gguf

from patience import NEVER_S, PATIENCE_S, eventually
from weighbridge.chat import ChatRequest, Piece, Sampling
from weighbridge.engines.llamacpp import LlamaCppEngine
from weighbridge.engines.llamacpp import child as child_module
from weighbridge.engines.llamacpp.process import KEPT_STDERR, Child, StartFailed
from weighbridge.engines.llamacpp.server import CHILD
from weighbridge.errors import BackendUnreachable, EngineCrashed

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

CONTEXT = 32_768
LONG = ChatRequest("", prompt="abc", sampling=Sampling(max_tokens=30_000), extra={"ignore_eos": True})
"""Takes even the tiny model minutes, so that it is under way whatever else the machine does."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = {"llama.context_length": CONTEXT}
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf", metadata=metadata)


def running(weights: Path, **settings: Any) -> AbstractAsyncContextManager[LlamaCppEngine]:
    return started(weights, context_tokens=CONTEXT, **settings)


def scripted(body: str, grace_s: float = NEVER_S) -> Child:
    """A child that runs a script in place of the engine."""
    return Child((sys.executable, "-c", f"import sys, json, time, signal\n{body}"), grace_s=grace_s)


async def rest_of(call: AsyncIterator[Piece]) -> list[Piece]:
    return [piece async for piece in call]


READY = "sys.stdin.readline(); print(json.dumps({'address': 'x'}), flush=True)\n"


@linux
@needs_xllamacpp
def test_a_killed_engine_fails_the_call_under_way_and_the_next_call_starts_it_again(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            first = pid_of(engine)
            call = engine.answer(LONG)
            await anext(call)
            os.kill(first, signal.SIGKILL)

            with pytest.raises(EngineCrashed, match="killed by SIGKILL") as caught:
                await rest_of(call)
            answer = await ask(engine, chat("hello"))

            assert caught.value.retryable
            assert text_of(answer)
            assert pid_of(engine) != first

    asyncio.run(scenario())


@linux
@needs_xllamacpp
def test_several_calls_at_once_all_fail_with_the_crash_and_one_new_process_serves_them_after(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, slots=3) as engine:
            calls = [engine.answer(LONG) for _ in range(3)]
            await asyncio.gather(*(anext(call) for call in calls))
            os.kill(pid_of(engine), signal.SIGSEGV)
            outcomes = await asyncio.gather(*map(rest_of, calls), return_exceptions=True)
            again = await asyncio.gather(*(ask(engine, chat("hello")) for _ in range(3)))

            assert all(isinstance(outcome, EngineCrashed) for outcome in outcomes), outcomes
            assert "SIGSEGV" in str(outcomes[0])
            assert all(text_of(answer) for answer in again)

    asyncio.run(scenario())


@linux
@needs_xllamacpp
def test_an_engine_that_crashes_again_and_again_is_given_up_with_a_clear_end(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, restarts=1) as engine:
            outcomes = []
            for _ in range(3):
                call = engine.answer(LONG)
                try:
                    await anext(call)
                    os.kill(pid_of(engine), signal.SIGKILL)
                    await rest_of(call)
                except EngineCrashed as error:
                    outcomes.append(error)

            assert [error.retryable for error in outcomes] == [True, True, False]
            assert "crashed 2 times" in str(outcomes[-1])
            assert "settings.restarts" in str(outcomes[-1])

    asyncio.run(scenario())


@linux
@needs_xllamacpp
def test_an_answer_between_two_crashes_starts_the_count_anew(tiny: Path) -> None:
    """One crash in a thousand items must not add up to the end of a long run."""

    async def scenario() -> None:
        async with running(tiny, restarts=1) as engine:
            for _ in range(3):
                os.kill(pid_of(engine), signal.SIGKILL)
                assert text_of(await ask_until_answered(engine))

    async def ask_until_answered(engine: object) -> list:
        try:
            return await ask(engine, chat("hello"))
        except EngineCrashed:
            return await ask(engine, chat("hello"))

    asyncio.run(scenario())


@linux
@needs_xllamacpp
def test_close_leaves_no_process_and_ends_a_call_that_is_under_way(tiny: Path) -> None:
    async def scenario() -> tuple[int, str]:
        async with running(tiny) as engine:
            pid, child = pid_of(engine), engine._server._running.child
            call = engine.answer(LONG)
            await anext(call)
            reading = asyncio.create_task(rest_of(call))
            await asyncio.sleep(0)
            await engine.close()
            with pytest.raises(BackendUnreachable, match="stopped"):
                await reading
            return pid, child.how_it_ended()

    pid, ended = asyncio.run(scenario())

    assert not is_alive(pid)
    assert ended == "was killed by SIGTERM"


@linux
@needs_xllamacpp
def test_an_abandoned_call_frees_its_slot(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny, slots=1) as engine:
            call = engine.answer(LONG)
            await anext(call)
            await call.aclose()

            assert text_of(await asyncio.wait_for(ask(engine, chat("hello")), PATIENCE_S))

    asyncio.run(scenario())


@linux
@needs_xllamacpp
@pytest.mark.parametrize("when", ["serving", "loading"])
def test_the_engine_is_gone_soon_after_its_parent_was_killed(tiny: Path, tmp_path: Path, when: str) -> None:
    """kill -9 gives the parent no chance to stop anything."""
    told = tmp_path / "pid"
    script = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from llamacpp_running import running, pid_of
async def main():
    async with running(Path({str(tiny)!r})) as engine:
        Path({str(told)!r}).write_text(str(pid_of(engine)))
        await asyncio.sleep({NEVER_S})
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        child = _child_of(parent.pid) if when == "loading" else int(_text_of(told))
    finally:
        parent.kill()
        parent.wait()

    assert _gone_in_the_end(child)


@linux
def test_the_end_of_the_pipe_ends_a_child_whose_interpreter_is_held() -> None:
    """llama.cpp holds the interpreter while it loads, so a thread alone could not watch. The parent lives here and
    only closes its end, so that Linux' own signal for a parent's death plays no part."""
    script = f"""
import sys, ctypes, os
sys.path.insert(0, {str(CHILD.parent)!r})
import child
child.end_with_parent(os.getppid())
print("held", flush=True)
ctypes.PyDLL(None).sleep({int(NEVER_S)})  # PyDLL keeps the interpreter's lock
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        process.stdin.close()
        assert process.wait(timeout=PATIENCE_S) != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    async def scenario() -> str:
        child = scripted(f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{READY}time.sleep(3600)", grace_s=0.3)
        await child.start({}, PATIENCE_S)
        await child.stop()
        return child.how_it_ended()

    assert asyncio.run(scenario()) == "was killed by SIGKILL"


def test_a_child_that_says_nothing_in_time_is_stopped_and_reported() -> None:
    async def scenario() -> Child:
        child = scripted("time.sleep(3600)")
        with pytest.raises(StartFailed, match=r"not ready within 0\.3 s"):
            await child.start({}, 0.3)
        return child

    assert asyncio.run(scenario()).how_it_ended() == "was killed by SIGTERM"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("sys.exit(3)", "ended with exit code 3", id="it ends at once"),
        pytest.param("print('hello')", "ended with exit code 0", id="it says something else"),
        pytest.param("print('[1]')", "ended with exit code 0", id="it reports no object"),
        pytest.param("print(json.dumps({'error': 'no room'}))", "no room", id="it says why"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL", id="it is killed"),
    ],
)
def test_a_child_that_never_gets_ready_is_said_how(script: str, words: str) -> None:
    async def scenario() -> None:
        with pytest.raises(StartFailed, match=words):
            await scripted(script).start({}, PATIENCE_S)

    asyncio.run(scenario())


def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    async def scenario() -> Child:
        child = scripted("time.sleep(3600)")
        start = asyncio.create_task(child.start({}, PATIENCE_S))
        await asyncio.sleep(0.1)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        return child

    assert asyncio.run(scenario()).how_it_ended() == "was killed by SIGTERM"


def test_stderr_is_kept_bounded_and_never_shown(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> str:
        flood = "for n in range(40000): print('line', n, file=sys.stderr)\n"
        child = scripted(f"{flood}{READY}time.sleep(3600)")
        await child.start({}, PATIENCE_S)
        await child.stop()
        return child.stderr()

    kept = asyncio.run(scenario())

    assert kept.rstrip().endswith("line 39999")
    assert len(kept) <= KEPT_STDERR + 8192
    assert capfd.readouterr() == ("", "")


def test_the_key_reaches_the_child_by_neither_arguments_nor_environment(tiny: Path) -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")

    async def scenario() -> None:
        async with running(tiny) as engine:
            key = engine._server._running.headers["authorization"].removeprefix("Bearer ")
            seen = [Path(f"/proc/{pid_of(engine)}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]

            assert len(key) >= 32
            assert all(key not in text for text in seen)
            assert key not in repr(engine._server._running)

    asyncio.run(scenario())


def test_the_childs_file_imports_nothing_of_ours() -> None:
    """It is run by its path, so that a start does not wait for imports it does not need."""
    assert Path(child_module.__file__) == CHILD
    assert "weighbridge" not in "".join(
        line for line in CHILD.read_text().splitlines() if line.strip().startswith(("import ", "from "))
    )


def _text_of(path: Path) -> str:
    eventually(lambda: path.exists() and path.read_text())
    return path.read_text()


def _child_of(parent: int) -> int:
    """The engine's process as soon as there is one, so while it still loads."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    eventually(lambda: children.read_text().split())
    return int(children.read_text().split()[0])


def _gone_in_the_end(pid: int) -> bool:
    """Whether it ends by itself, which a process that serves never does."""
    try:
        eventually(lambda: not is_alive(pid))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        return False
    return True
