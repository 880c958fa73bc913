r"""Texts with `{{field}}` in them: fields are looked up, nothing is ever executed.

{{text}}            the field; a missing or null one is an error
{{order.lines.0}}   a step into an object or an array
{{context?}}        nothing where the field is missing or null
\{{                 two braces as they are
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from weighbridge.weigh.items import MISSING, look_up

_MARK = re.compile(r"(\\\{\{)|\{\{([^{}\n]{0,200})\}\}|(\{\{)")


class TemplateError(ValueError):
    """A text that is no template, or an item it cannot be filled with; `field` is the one it is about."""

    def __init__(self, what: str, field: str | None = None) -> None:
        super().__init__(what)
        self.field = field


class Slot(NamedTuple):
    path: str
    optional: bool


class Template:
    """A text parsed once and filled many times."""

    def __init__(self, text: str) -> None:
        """Raises TemplateError for braces that do not name a field."""
        self.text = text
        self._parts: list[str | Slot] = []
        end = 0
        for mark in _MARK.finditer(text):
            self._parts.append(text[end : mark.start()])
            self._parts.append(_slot(mark))
            end = mark.end()
        self._parts.append(text[end:])

    @property
    def needed(self) -> tuple[str, ...]:
        """Paths an item must have, each once."""
        return tuple({part.path: None for part in self._parts if isinstance(part, Slot) and not part.optional})

    def fill(self, fields: Mapping[str, Any]) -> str:
        """The text for one item. Raises TemplateError naming the field that is missing."""
        return "".join([part if type(part) is str else _value(part, fields) for part in self._parts])  # type: ignore[arg-type]


def _slot(mark: re.Match[str]) -> str | Slot:
    escaped, name, lone = mark.groups()
    if escaped:
        return "{{"
    path = (name or "").strip()
    optional = path.endswith("?")
    path = path.removesuffix("?").strip()
    if lone or not path:
        shown = mark.string[mark.start() : mark.start() + 30].split("\n")[0]
        raise TemplateError(f"{shown!r} does not name a field: write {{{{field}}}}, or \\{{{{ for two braces")
    return Slot(path, optional)


def _value(slot: Slot, fields: Mapping[str, Any]) -> str:
    value = look_up(fields, slot.path)
    if value is MISSING or value is None:
        if slot.optional:
            return ""
        state = "null" if value is None else "missing"
        raise TemplateError(f"the field {slot.path!r} is {state}", slot.path)
    return as_text(value)


def as_text(value: Any) -> str:
    """How a value stands in a prompt: a text as it is, everything else as JSON."""
    return value if type(value) is str else msgspec.json.encode(value).decode()
