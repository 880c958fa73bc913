"""Docs that cannot lie: every ```console and ```python block of a page is run, in order, in one empty folder.

A console block holds lines `$ command` and, below each, what it prints; `...` stands for anything, within a line or
over several. A command is expected to exit 0, or N when it ends in `# exit N`. Output is not compared where none is
shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from patience import PATIENCE_S

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])
FENCE = re.compile(r"^```(?P<kind>\w+)[^\n]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"#\s*exit (\d+)\s*$")


@dataclass(frozen=True)
class Step:
    command: str
    expected: str
    exit_code: int


def steps(body: str) -> Iterator[Step]:
    """Commands of one console block, each with the output written below it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command[:-1]}{more.removeprefix('> ')}"
        code = EXIT.search(command)
        yield Step(command, expected.rstrip("\n"), int(code.group(1)) if code else 0)


def matches(expected: str, printed: str) -> bool:
    """Whether output reads as the page says, where `...` is anything and trailing spaces do not count."""
    if not expected.strip():
        return True
    pattern = ".*?".join(re.escape(part) for part in "\n".join(map(str.rstrip, expected.splitlines())).split("..."))
    return re.fullmatch(pattern, "\n".join(map(str.rstrip, printed.strip("\n").splitlines())), re.DOTALL) is not None


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    home = folder.parent / "home"
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
    }
    shell = isinstance(command, str)
    return subprocess.run(
        command, shell=shell, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")

    for block in FENCE.finditer(page.read_text()):
        if block["kind"] == "python":
            done = run([sys.executable, "-c", block["body"]], folder)
            assert done.returncode == 0, f"{page.name}:\n{block['body']}\n{done.stderr}"
        for step in steps(block["body"]) if block["kind"] == "console" else ():
            done = run(step.command, folder)
            printed = done.stdout + done.stderr
            assert done.returncode == step.exit_code, f"{page.name}: $ {step.command}\n{printed}"
            assert matches(step.expected, printed), (
                f"{page.name}: $ {step.command}\nwanted:\n{step.expected}\ngot:\n{printed}"
            )


def test_the_comparison_knows_a_difference_when_it_sees_one() -> None:
    """Otherwise every page would pass."""
    assert matches("a ... c", "a b c")
    assert matches("a\n...\nd", "a\nb\nc\nd")
    assert not matches("a b", "a c")
    assert not matches("a", "a\nb")
