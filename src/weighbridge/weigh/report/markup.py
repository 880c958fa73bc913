"""HTML written by functions: text is escaped unless it was made here.

`tag("p", "a < b")` gives `<p>a &lt; b</p>`. Only Markup passes unescaped, and only this module makes it, so a model's
answer can reach the page as text and in no other way.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from .plain import visible

VOID = frozenset({"meta", "link", "input", "br", "hr"})
EMPTY = frozenset({"path", "line", "rect", "use"})
"""Elements of SVG that hold nothing and close themselves."""


class Markup(str):
    """HTML that may be sent as it is."""

    __slots__ = ()


Child = str | Iterable["Child"] | None
Attribute = str | int | float | bool | None


def text(value: object) -> Markup:
    """Any value as escaped text, its unseen characters made visible."""
    return Markup(html.escape(visible(value)))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element. `class_` is `class`, `aria_label` is `aria-label`; True is a bare attribute, None and False none."""
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in VOID:
        return Markup(f"<{name}{written}>")
    if name in EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    """Children one after the other; strings are escaped, Markup is not."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return text(children)
    return Markup("".join(map(join, children)))


def trusted(source: str) -> Markup:
    """Text of ours from a package file (CSS, script). Never for anything read at run time."""
    return Markup(source)


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return f" {name}" if value else ""
    if isinstance(value, float):
        value = f"{value:.6g}"
    return f' {name}="{text(value)}"'
