"""No test is a race against the machine: whoever waits has patience, and nobody measures by the clock on the wall.

A limit that is reached on a busy day fails a run in which nothing was wrong. Where time is the claim, the test holds
the clock itself (`Calls(clock=...)`, `HandClock`), or counts processor time and allows for the machine (`slowness`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from patience import slowness

LEAST_S = 30.0
"""Shorter limits on a wait stand in no test; `PATIENCE_S` is the one to take."""
WAITS = {"wait_for": 1, "wait": 0, "join": 0, "communicate": 0}
"""Calls that wait, and which of their arguments says how long."""
CLOCKS = ("monotonic", "perf_counter", "time.time")
HERE = Path(__file__).parent


def impatience(code: str) -> Iterator[str]:
    """Every place that waits for less than LEAST_S or compares readings of the wall clock."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            limits = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            limits += node.args[WAITS[name] :][:1] if name in WAITS else []
            if any(isinstance(one, ast.Constant) and _is_short(one.value) for one in limits):
                yield f"line {node.lineno} waits too little: {ast.unparse(node)[:80]}"
        elif isinstance(node, ast.Compare) and any(clock in ast.unparse(node) for clock in CLOCKS):
            yield f"line {node.lineno} compares the wall clock: {ast.unparse(node)[:80]}"


def _is_short(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < LEAST_S


def test_no_test_waits_too_little_or_measures_by_the_wall_clock() -> None:
    found = {
        f"{path.relative_to(HERE)}: {place}"
        for path in sorted(HERE.rglob("*.py"))
        if path.name != "patience.py"
        for place in impatience(path.read_text())
    }

    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    "line",
    [
        "await asyncio.wait_for(done.wait(), 2)",
        "process.communicate(timeout=20)",
        "thread.join(10)",
        "assert time.monotonic() - started < 4",
        "assert time.perf_counter() < began + 1",
    ],
)
def test_a_race_is_known_when_it_is_seen(line: str) -> None:
    """Otherwise every test would pass."""
    code = f"async def test():\n    {line}\n"

    assert len(list(impatience(code))) == 1


@pytest.mark.parametrize("line", ["await asyncio.wait_for(it, PATIENCE_S)", "', '.join(names)", "thread.join(60)"])
def test_patience_is_no_race(line: str) -> None:
    assert not list(impatience(f"async def test():\n    {line}\n"))


def test_a_machine_is_never_faster_than_the_one_bounds_were_set_on() -> None:
    """A bound must not become tighter than it was measured."""
    assert slowness() >= 1.0
