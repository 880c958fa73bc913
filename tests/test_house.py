"""Promises about the project itself that are cheap to check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def packages_pulled_in(requirements: list[str]) -> set[str]:
    """Names of what an install without extras brings on this machine, ourselves left out."""
    todo, seen = list(requirements), set()
    while todo:
        text = todo.pop()
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0].lower().replace("_", "-")
        if "extra ==" in text or ("sys_platform == 'win32'" in text.replace('"', "'")) or name in seen:
            continue
        seen.add(name)
        try:
            todo += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            seen.discard(name)
    return seen


def test_the_base_install_is_at_most_twelve_packages() -> None:
    assert len(packages_pulled_in(PROJECT["dependencies"])) <= 12


def test_the_extra_all_names_every_other_extra() -> None:
    """But not lm-eval, which pulls in more than all the rest together."""
    extras = PROJECT["optional-dependencies"]
    every = {req for name, group in extras.items() if name not in {"all", "lm-eval"} for req in group}

    assert set(extras["all"]) == every


def test_every_requirement_is_locked_with_hashes() -> None:
    for name in ("run.txt", "test.txt"):
        entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text().strip())
        assert entries
        for entry in entries:
            assert "==" in entry.splitlines()[0]
            assert "--hash=sha256:" in entry


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    """`weighbridge --help` answers in under 0.2 s only as long as numpy and the engines wait until they are needed."""
    code = "import sys, weighbridge.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"numpy", "xllamacpp", "urllib3", "httptools", "uvloop", "asyncio", "rich", "sqlite3"} & set(loaded)


def environment_reads(path: Path) -> list[int]:
    """Lines of a file that look at the process's environment."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]


def test_the_environment_is_read_in_one_place() -> None:
    """Settings are handed down; a module that looks for itself cannot be tested or configured."""
    found = {path: environment_reads(path) for path in sorted((ROOT / "src").rglob("*.py"))}

    assert [path.name for path, lines in found.items() if lines], "the place itself is not seen any more"
    surprises = {str(path): lines for path, lines in found.items() if path.name not in ("environment.py", "child.py")}
    assert not {path: lines for path, lines in surprises.items() if lines}, "os.environ is read at these lines"


def test_no_two_files_of_tests_share_a_name() -> None:
    """pytest imports them by name alone: one of the two would not be collected, and all of the run fails."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py"]

    assert {name for name in names if names.count(name) > 1} == set()


def test_every_setting_stands_in_the_docs() -> None:
    from weighbridge.settings import SETTINGS

    page = (ROOT / "docs" / "settings.md").read_text()

    for name, default, sentence in SETTINGS:
        assert f"`{name}`" in page
        assert sentence in page
        assert default in page


def test_quick_start_is_two_commands_of_one_line() -> None:
    section = re.search(
        r"^## Quick start\b(.*?)(?=^## |\Z)", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert section

    blocks = re.findall(r"```sh\n(.*?)```", section[1], re.DOTALL)

    assert len(blocks) == 2
    assert all(len(block.strip().splitlines()) == 1 for block in blocks)


def test_what_one_run_of_ci_leaves_out_the_other_runs() -> None:
    """A marker on one side only would leave its tests to nobody."""
    left_out = re.search(r"WEIGHBRIDGE_TESTS_ELSEWHERE=(\S+)", (ROOT / ".ci" / "run").read_text())
    run = re.search(r'marks="(.*)"', (ROOT / ".ci" / "others").read_text())
    assert left_out
    assert run

    markers = left_out[1].split(",")
    assert markers == run[1].split(" or ")
    marked = re.compile(rf"pytest\.mark\.({'|'.join(markers)})\b")
    files = [path for path in (ROOT / "tests").rglob("*.py") if marked.search(path.read_text())]
    assert files
    assert all(path.name.startswith("test_") for path in files), "where .ci/others looks for them"
