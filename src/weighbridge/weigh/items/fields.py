"""Finding a field of an item by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final


class Missing:
    """The type of MISSING."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""No such field; None is a field that is there and holds nothing."""


def look_up(fields: Mapping[str, Any], path: str) -> Any:
    """The value at `path`: a field of that very name, else step by step (`order.lines.0.sku`); MISSING if there is
    none. Steps are keys of objects and places in arrays, nothing else."""
    if path in fields:
        return fields[path]
    here: Any = fields
    for step in path.split("."):
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(here):
            here = here[int(step)]
        else:
            return MISSING
    return here


def paths(fields: Mapping[str, Any], most: int = 200) -> Iterator[str]:
    """Every path into an item, outermost first, for near misses; at most `most` of them."""
    level = [(str(name), value) for name, value in fields.items()]
    given = 0
    while level:
        below: list[tuple[str, Any]] = []
        for path, value in level:
            yield path
            given += 1
            if given >= most:
                return
            if isinstance(value, dict):
                below.extend((f"{path}.{name}", part) for name, part in value.items())
        level = below
