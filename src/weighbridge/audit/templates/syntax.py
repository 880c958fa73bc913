"""What a template's source already tells: ways out of the sandbox, other files, texts it looks for in messages.

The syntax tree is walked, nothing is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .suspect import SUSPECT
from .taint import Taint
from .tree import Tree, constant

LARGEST_RANGE = 100_000
REFERENCE = "CVE-2024-34359, CVE-2026-5760"
_DUNDER = re.compile(r"__\w+__")
_REACHES = re.compile(r"__\w+__|\b(?:os\.(?:system|popen)|subprocess|popen|importlib|__import__|eval\(|exec\()")
_FOREIGN_GLOBALS = frozenset({"self", "lipsum", "config", "request", "get_flashed_messages", "url_for"})
_INVISIBLE = re.compile(
    "[\u00ad\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINK = re.compile(r"https?://[^\s'\"<>)}]+")


def source_findings(tree: Tree, taint: Taint, source: str, where: str) -> tuple[Finding, ...]:
    """What the source alone tells."""
    root = tree.root
    found: dict[str, Finding] = {}
    for each in (
        *_escapes(root, where),
        *_files(root, where),
        *_loops(root, where),
        *_chance(root, where),
        *_tables(tree, taint, where),
        *_links(source, where),
        *_hidden(source, where),
        *_own_words(tree, where),
        *_times(root, where),
    ):
        found.setdefault(each.id + each.detail, each)
    return tuple(found.values())


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
    text = node.value if isinstance(node, nodes.Const) else constant(node)
    hit = _REACHES.search(text) if isinstance(text, str) and len(text) < 4096 else None
    return hit.group() if hit else ""


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


def _chance(tree: nodes.Template, where: str) -> Iterator[Finding]:
    """What comes out by chance, so that no two readers see the same."""
    for node in tree.find_all(nodes.Filter):
        if node.name in ("random", "shuffle"):
            detail = f"line {node.lineno} chooses by chance (`{node.name}`): the same talk says different things"
            yield finding("template-chance", "high", where, detail)


def _tables(tree: Tree, taint: Taint, where: str) -> Iterator[Finding]:
    """Texts chosen by the words of a message: `{'hello': ...}[message.content]`, `'...' * content.count('x')`."""
    for node in tree.root.find_all((nodes.Getitem, nodes.Call, nodes.Mul)):
        if isinstance(node, nodes.Getitem):
            held, key = node.node, node.arg
        elif isinstance(node, nodes.Mul):
            held, key = (node.left, node.right) if isinstance(node.left, nodes.Const) else (node.right, node.left)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.args:
            held, key = node.node.node, node.args[0]
        else:
            continue
        texts = [each.value for each in held.find_all(nodes.Const)] + [getattr(held, "value", None)]
        if "text" in taint.of(key) and "text" not in taint.of(held) and any(_is_words(text) for text in texts):
            detail = f"line {node.lineno} chooses a text of the template's own by the words of a message"
            yield finding("template-trigger", "high", where, f"a trigger: {detail}")


def _is_words(text: object) -> bool:
    return isinstance(text, str) and len(text.split()) > 1


def _own_words(tree: Tree, where: str) -> Iterator[Finding]:
    """Words of the template's own, in any of its branches, that speak of secrets or of rules to be broken."""
    for text, _ in tree.written():
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
