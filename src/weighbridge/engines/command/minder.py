"""Runs one command and sees to it that nothing of it is left behind.

Run by its path, so that it imports nothing of weighbridge. It talks to its parent through its standard streams, as the
process of a local engine does (llamacpp/child.py):

    stdin    one line of JSON, {"command", "folder", "grace_s"}; its end afterwards means that the parent is gone
    stdout   one line of JSON, {"pid"} once the command runs, else {"error"}
    stderr   whatever the command says, on either of its streams

The command stands in a session of its own, so that a Ctrl-C meant for the gateway does not reach it first. When the
minder is told to end (SIGTERM), when its parent is gone (also by `kill -9`), or when the command ends, every process
below it gets SIGTERM and, after a grace, SIGKILL: engines start workers of their own. On Linux the minder adopts those
whose parent has ended, and the command is killed by the system if the minder itself is.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SET_DEATH_SIGNAL, SET_SUBREAPER = 1, 36
"""Of prctl(2)."""
LOOK_S = 0.05


def main() -> int:
    """Start the command and end with it. Returns its exit code."""
    report = os.dup(1)
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0  # the parent was gone before it had said anything
    spec = json.loads(line)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wanted_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: wanted_end.set())
    _prctl(SET_SUBREAPER, 1)
    try:
        process = _start(spec)
    except OSError as error:
        _say(report, {"error": f"{spec['command'][0]}: {error.strerror or error}"})
        return 127
    _say(report, {"pid": process.pid})
    threading.Thread(target=_await_end_of_stdin, args=(wanted_end,), daemon=True).start()
    while process.poll() is None and not wanted_end.wait(LOOK_S):
        _reap(process)
    _end_all(process, spec["grace_s"])
    return _as_it_ended(process.wait())


def _start(spec: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        spec["command"],
        stdin=subprocess.DEVNULL,
        cwd=spec.get("folder"),
        start_new_session=True,
        preexec_fn=lambda: _prctl(SET_DEATH_SIGNAL, signal.SIGKILL),  # noqa: PLW1509 - no thread runs yet
    )


def _say(report: int, said: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(said).encode() + b"\n")
    os.close(report)


def _await_end_of_stdin(wanted_end: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    wanted_end.set()


def _end_all(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Whatever lives below us, its group first."""
    until = time.monotonic() + grace_s
    _signal_all(process.pid, signal.SIGTERM)
    while _is_left(process) and time.monotonic() < until:
        time.sleep(LOOK_S)
    while _is_left(process):
        _signal_all(process.pid, signal.SIGKILL)
        time.sleep(LOOK_S)


def _signal_all(group: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)
    for pid in _below(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _is_left(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything still runs; what has ended is buried."""
    _reap(process)
    if process.poll() is None:
        return True
    if sys.platform == "linux":
        return bool(_below(os.getpid()))
    try:
        os.killpg(process.pid, 0)
    except OSError:
        return False
    return True


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Bury adopted processes; the command itself is buried by `poll`."""
    for pid in _below(os.getpid(), only_children=True):
        if pid != process.pid:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


def _below(root: int, *, only_children: bool = False) -> list[int]:
    """Ids of the processes below one; empty where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = list(parents.get(root, ()))
    if not only_children:
        for pid in found:
            found += parents.get(pid, ())
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _as_it_ended(code: int) -> int:
    """The command's exit code; one that a signal ended ends us the same way, so that it can be told."""
    if code >= 0:
        return code
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


if __name__ == "__main__":
    raise SystemExit(main())
