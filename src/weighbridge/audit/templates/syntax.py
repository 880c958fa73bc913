"""What a template's source already tells: ways out of the sandbox, other files, texts it looks for in messages.

The syntax tree is walked, nothing is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .suspect import SUSPECT

LONGEST_SOURCE = 1 << 20
LARGEST_RANGE = 100_000
REFERENCE = "CVE-2024-34359, CVE-2026-5760"
_DUNDER = re.compile(r"__\w+__")
_REACHES = re.compile(r"__\w+__|\b(?:os\.(?:system|popen)|subprocess|popen|importlib|__import__|eval\(|exec\()")
_FOREIGN_GLOBALS = frozenset({"self", "lipsum", "config", "request", "get_flashed_messages", "url_for"})
_INVISIBLE = re.compile(
    "[\u00ad\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINK = re.compile(r"https?://[^\s'\"<>)}]+")


class _Tags(Extension):
    """Tags that transformers knows and jinja2 does not: read as nothing."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: object) -> list[nodes.Node]:
        next(parser.stream)  # type: ignore[attr-defined]
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)  # type: ignore[attr-defined, no-any-return]


class Source(NamedTuple):
    """What the tree holds that rendering must try."""

    findings: tuple[Finding, ...]
    texts: tuple[str, ...]
    """Constants in expressions: whatever a message may be compared with, and so may trigger another output."""
    uses_time: bool
    numbers: tuple[int, ...]
    """Whole numbers in expressions: lengths, turns, years."""


def read_source(source: str, where: str) -> Source | None:
    """None for a source that does not parse, which `unreadable` says."""
    env = Environment(extensions=[_Tags, loopcontrols])  # noqa: S701 - nothing is rendered here
    try:
        tree = env.parse(source[:LONGEST_SOURCE])
    except (TemplateSyntaxError, RecursionError, MemoryError):
        return None
    found: dict[str, Finding] = {}
    for each in (
        *_escapes(tree, where),
        *_files(tree, where),
        *_loops(tree, where),
        *_links(source, where),
        *_hidden(source, where),
        *_own_words(tree, where),
        *_times(tree, where),
    ):
        found.setdefault(each.id + each.detail, each)
    texts, numbers = _constants_of(tree)
    return Source(tuple(found.values()), texts, "strftime_now" in source or "date_string" in source, numbers)


def _escapes(tree: nodes.Template, where: str) -> Iterator[Finding]:
    """Attributes that lead from a value to the interpreter, however they are spelled."""
    for node in tree.find_all(
        (nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Name, nodes.Const, nodes.Concat, nodes.Add)
    ):
        reached = _reached(node)
        if reached:
            detail = f"line {node.lineno} reaches for {shown(reached)}: a way from a template to running code"
            yield finding("template-code", "critical", where, detail, REFERENCE)
        elif isinstance(node, nodes.Filter) and node.name == "attr":
            detail = (
                f"line {node.lineno} takes an attribute by a computed name (`attr`), which no ordinary template does"
            )
            yield finding("template-attr", "high", where, detail, REFERENCE)
        elif isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _FOREIGN_GLOBALS:
            detail = f"line {node.lineno} uses `{node.name}`, a value of other frameworks that leads out of a template"
            yield finding("template-foreign-name", "high", where, detail, REFERENCE)


def _reached(node: nodes.Node) -> str:
    """The name that leads out of the sandbox, if this node is one."""
    if isinstance(node, nodes.Getattr):
        return node.attr if _DUNDER.search(node.attr) or node.attr in ("mro", "func_globals", "gi_frame") else ""
    if isinstance(node, nodes.Name):
        return node.name if _DUNDER.search(node.name) else ""
    text = node.value if isinstance(node, nodes.Const) else _constant(node)
    hit = _REACHES.search(text) if isinstance(text, str) and len(text) < 4096 else None
    return hit.group() if hit else ""


def _constant(node: nodes.Node) -> object:
    """The value of an expression of constants: `'__cl' ~ 'ass__'`."""
    if not isinstance(node, nodes.Concat | nodes.Add | nodes.Getitem):
        return None
    expression = node.arg if isinstance(node, nodes.Getitem) else node
    try:
        return expression.as_const()
    except (nodes.Impossible, RecursionError, TypeError, ValueError):
        return None


def _files(tree: nodes.Template, where: str) -> Iterator[Finding]:
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        detail = (
            f"line {node.lineno} takes in another template ({type(node).__name__.lower()}): what that says is not here"
        )
        yield finding("template-include", "high", where, detail)


def _loops(tree: nodes.Template, where: str) -> Iterator[Finding]:
    for node in tree.find_all(nodes.Call):
        if isinstance(node.node, nodes.Name) and node.node.name == "range":
            limits = [arg.value for arg in node.args if isinstance(arg, nodes.Const) and isinstance(arg.value, int)]
            if any(abs(limit) > LARGEST_RANGE for limit in limits):
                detail = f"line {node.lineno} counts to {max(limits):,}: a request would hang the server"
                yield finding("template-endless", "high", where, detail, "CVE-2025-61620")


def _links(source: str, where: str) -> Iterator[Finding]:
    for link in sorted({link for link in _LINK.findall(source) if "json-schema.org" not in link})[:20]:
        detail = f"the template holds the address {shown(link)}: what the model is told may send it there"
        yield finding("template-address", "medium", where, detail)


def _hidden(source: str, where: str) -> Iterator[Finding]:
    """Letters that nobody sees and a model reads all the same."""
    unseen = sorted({f"U+{ord(letter):04X}" for letter in source if _INVISIBLE.match(letter)})
    if unseen:
        detail = f"the template holds invisible letters ({', '.join(unseen[:5])}): text that a reader does not see"
        yield finding("template-invisible", "high", where, detail)


def _own_words(tree: nodes.Template, where: str) -> Iterator[Finding]:
    """Words of the template's own, in any of its branches, that speak of secrets or of rules to be broken."""
    texts = [node.data for node in tree.find_all(nodes.TemplateData)]
    texts += [node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)]
    for text in texts:
        hit = SUSPECT.search(text)
        if hit:
            around = text[max(0, hit.start() - 40) : hit.end() + 40]
            yield finding("template-suspect-words", "high", where, f"the template itself says {shown(around.strip())}")


def _times(tree: nodes.Template, where: str) -> Iterator[Finding]:
    """Branches on the date: ordinary templates print it and nothing else."""
    dated = {"strftime_now"}
    for assign in tree.find_all(nodes.Assign):
        if isinstance(assign.target, nodes.Name) and _uses(assign.node, dated):
            dated.add(assign.target.name)
    for compare in tree.find_all(nodes.Compare):
        if _uses(compare, dated):
            detail = (
                f"line {compare.lineno} compares the date with something: the template says other things on other days"
            )
            yield finding("template-trigger", "high", where, detail)


def _uses(node: nodes.Node, names: set[str]) -> bool:
    found = (node, *node.find_all(nodes.Name)) if isinstance(node, nodes.Name) else node.find_all(nodes.Name)
    return any(isinstance(each, nodes.Name) and each.name in names for each in found)


def _constants_of(tree: nodes.Template) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Every text and number in an expression: whatever the template may compare a message with."""
    texts: dict[str, None] = {}
    numbers: dict[int, None] = {}
    for node in tree.find_all((nodes.Const, nodes.Concat, nodes.Add)):
        value = node.value if isinstance(node, nodes.Const) else _constant(node)
        if isinstance(value, str) and value:
            texts[value] = None
        elif isinstance(value, int) and not isinstance(value, bool):
            numbers[value] = None
    return tuple(texts), tuple(numbers)
