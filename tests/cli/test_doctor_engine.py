"""The doctor loads llama.cpp in a process of its own and says what came of it, whatever that is."""

from __future__ import annotations

import pytest

from weighbridge.cli.checks import loads


@pytest.mark.parametrize(
    ("code", "most_s", "status", "said"),
    [
        pytest.param("print('CPU : AVX2 = 1 | AVX512 = 0 |')", 120.0, "ok", "uses AVX2", id="it-loads"),
        pytest.param("raise ImportError('no GLIBC_2.34')", 120.0, "missing", "no GLIBC_2.34", id="it-fails"),
        pytest.param("import os; os.kill(os.getpid(), 4)", 120.0, "missing", "ended with -4", id="wrong-processor"),
        pytest.param("import time; time.sleep(3600)", 0.2, "warn", "not loaded within 0.2 s", id="it-takes-for-ever"),
    ],
)
def test_loading_the_engine_ends_in_one_line(code: str, most_s: float, status: str, said: str) -> None:
    check = loads(code, most_s)

    assert (check.status, check.name) == (status, "llama.cpp")
    assert said in check.found
    assert (check.next_move is None) == (status == "ok")
