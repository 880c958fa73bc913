"""The process in which mathematics is compared, started when first needed and again after it was ended."""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import IO

import msgspec

_START_S = 60.0
"""Wall time for the first answer, which waits for sympy's import."""


class Question(msgspec.Struct, frozen=True):
    reference: str
    answer: str
    seconds: float
    digits: int


class Said(msgspec.Struct, frozen=True):
    equal: bool = False
    reference_read: bool = True
    note: str = ""
    """What was read, or why nothing was."""


class MathProcess:
    """Compares one pair at a time."""

    def __init__(self, timeout_s: float, digits: int) -> None:
        self._timeout_s = timeout_s
        self._digits = digits
        self._child: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = _nothing

    def compare(self, reference: str, answer: str) -> Said:
        question = Question(reference, answer, self._timeout_s, self._digits)
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(msgspec.json.encode(question) + b"\n")
            child.stdin.flush()
            line = _read_line(child.stdout, _START_S + 3 * self._timeout_s)  # 3: a busy machine
        except BrokenPipeError:
            line = b""
        if line:
            return msgspec.json.decode(line, type=Said)
        self._end()
        self._child = None
        return Said(note=f"comparing took longer than {self._timeout_s:g} s, or too much memory")

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "weighbridge.weigh.scorers.math_worker"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._child = child
        self._end = weakref.finalize(self, _stop, child)
        return child


def _read_line(stream: IO[bytes], seconds: float) -> bytes:
    """One line, or nothing when the process ended or the time is up; answers are far shorter than a pipe holds."""
    ready, _, _ = select.select([stream], [], [], seconds)
    return stream.readline() if ready else b""


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # what was still to be written has nobody to read it
                stream.close()


def _nothing() -> None:
    pass
