"""Ask the sandbox process what a template makes of conversations."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

WORKER = Path(__file__).parent / "worker.py"
SECONDS = 2.0
"""Processor time of one conversation: a busy machine makes no template endless."""
PATIENCE_S = 600.0
"""For all of them, should the process hang; its processor time has a bound of its own."""
LONGEST = 1_000_000
"""Characters of one rendered conversation."""


class Rendered(NamedTuple):
    """What came out: `text`, or why nothing did."""

    text: str | None
    error: str = ""
    kind: str = ""
    """`refused` (the template said no), `unsafe` (the sandbox said no), `slow`, `broken`."""


def can_render() -> bool:
    """Whether the library that renders is installed (the extra `audit`)."""
    return find_spec("jinja2") is not None


def render(
    template: str, cases: Sequence[Mapping[str, Any]], *, forced: Sequence[int] = (), seconds: float = SECONDS
) -> list[Rendered]:
    """Each conversation rendered, in order. A process that dies gives `slow` for what it did not answer.

    `forced`: expressions (Tree.expressions) that cases may decide with a variable `FORCED` + number.
    """
    if not cases:
        return []
    asked = json.dumps(
        {"template": template, "cases": list(cases), "forced": list(forced), "seconds": seconds, "longest": LONGEST}
    )
    command = [sys.executable, "-I", "-B", str(WORKER)]
    try:
        done = subprocess.run(
            command,
            input=asked.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=PATIENCE_S,
            env={},
            cwd="/",
            check=False,
        )
        lines = done.stdout.splitlines()
    except subprocess.TimeoutExpired as error:
        lines = (error.stdout or b"").splitlines()
    answers = [_read(line) for line in lines[: len(cases)]]
    lost = Rendered(None, "the process that rendered it was ended: too much memory or time", "slow")
    return answers + [lost] * (len(cases) - len(answers))


def _read(line: bytes) -> Rendered:
    try:
        said = json.loads(line)
        return Rendered(said.get("text"), said.get("error", ""), said.get("kind", ""))
    except ValueError:
        return Rendered(None, "its answer was cut off", "slow")
