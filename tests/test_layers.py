"""The architecture is a table, and the table is a test, so the picture cannot drift."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parent.parent / "src" / "weighbridge"
WORDS = {"units", "errors", "settings", "__version__"}
MAY_USE: dict[str, set[str]] = {
    "__init__": set(),
    "chat": set(),
    "stats": set(),
    "routers": {"stats", "formats"},
    "formats": set(),
    "net": set(),
    "charts": set(),
    "catalog": {"net", "formats", "charts"},
    "fit": {"formats", "catalog"},
    "cost": {"formats", "catalog", "fit", "charts"},
    "pick": {"formats", "catalog", "fit", "cost", "charts", "policy"},
    "audit": {"formats", "catalog"},
    "policy": {"formats", "catalog"},
    "ledger": {"chat"},
    "engines": {"chat", "net", "formats"},
    "dispatch": {"chat", "engines", "ledger", "net"},
    "weigh": {"chat", "stats", "formats", "engines", "dispatch", "ledger"},
    "gateway": {"chat", "formats", "routers", "net", "ledger", "engines", "dispatch"},
    "cli": {
        *("chat", "stats", "formats", "charts", "catalog", "fit", "cost", "pick", "ledger", "net", "engines"),
        *("dispatch", "weigh", "gateway", "audit", "policy", "routers"),
    },
    "__main__": {"cli"},
}


def neighbours(path: Path) -> Iterator[str]:
    """Parts of weighbridge that a file imports, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("weighbridge."))


def surprises(path: Path) -> set[str]:
    """Parts that a file imports and that do not lie below its own."""
    here = path.relative_to(SRC).parts[0].removesuffix(".py")
    return set(neighbours(path)) - MAY_USE.get(here, set()) - WORDS - {here}


def test_a_module_knows_only_what_lies_below_it() -> None:
    paths = sorted(SRC.rglob("*.py"))

    found = {str(path.relative_to(SRC)): sorted(surprises(path)) for path in paths}

    assert len(paths) > 100, "the modules are looked for in the wrong place"
    assert not {path: names for path, names in found.items() if names}, "docs/layout.md shows the way down"


def test_every_package_stands_in_the_table() -> None:
    """A new package without a line here could import anything."""
    packages = {path.parent.name for path in SRC.glob("*/__init__.py")}

    assert packages <= set(MAY_USE)
