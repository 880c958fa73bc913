"""The syntax tree of a chat template: its constants, its words, and a number for every expression, so that the process
that renders can be told which one to force."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from jinja2 import TemplateSyntaxError, nodes

from .worker import environment

LONGEST_SOURCE = 1 << 20
LONGEST_TEXT = 4096
_SILENT = ("raise_exception", "strftime_now")
"""Functions whose texts the model is never told."""


class Tree:
    """One parsed template. Raises nothing: `parse` gives None for what does not parse."""

    def __init__(self, root: nodes.Template) -> None:
        self.root = root

    @cached_property
    def silent(self) -> frozenset[int]:
        """Ids of the nodes within calls that print nothing: what is said when a template refuses."""
        calls = (call for call in self.root.find_all(nodes.Call) if isinstance(call.node, nodes.Name))
        return frozenset(
            id(inner)
            for call in calls
            if isinstance(call.node, nodes.Name) and call.node.name in _SILENT
            for inner in (*call.find_all(nodes.Node),)
        )

    @cached_property
    def expressions(self) -> tuple[nodes.Expr, ...]:
        """Every expression, in an order that parsing again gives again."""
        return tuple(self.root.find_all(nodes.Expr))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Constants in expressions: whatever a message may be compared with, and so may trigger another output."""
        found: dict[str, None] = {}
        for node in self.root.find_all((nodes.Const, nodes.Concat, nodes.Add)):
            value = node.value if isinstance(node, nodes.Const) else constant(node)
            if isinstance(value, str) and value and id(node) not in self.silent:
                found[value] = None
        return tuple(found)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Whole numbers in expressions: lengths, turns, years."""
        values = (node.value for node in self.root.find_all(nodes.Const))
        return tuple(dict.fromkeys(value for value in values if type(value) is int))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that is read."""
        return frozenset(node.name for node in self.root.find_all(nodes.Name) if node.ctx == "load")

    @cached_property
    def assigned(self) -> frozenset[str]:
        """Names that the template itself gives a value."""
        stored = {node.name for node in self.root.find_all(nodes.Name) if node.ctx in ("store", "param")}
        return frozenset(stored | {macro.name for macro in self.root.find_all(nodes.Macro)} | {"loop", "caller"})

    def options(self) -> tuple[str, ...]:
        """Variables that callers may set, in name order."""
        return tuple(sorted(self.names - self.assigned))

    def written(self) -> Iterator[tuple[str, nodes.Node]]:
        """Texts that the template itself may write, with their nodes."""
        for data in self.root.find_all(nodes.TemplateData):
            yield data.data, data
        for const in self.root.find_all(nodes.Const):
            if isinstance(const.value, str) and id(const) not in self.silent:
                yield const.value, const


def parse(source: str) -> Tree | None:
    """None for a source that does not parse."""
    try:
        return Tree(environment().parse(source[:LONGEST_SOURCE]))
    except (TemplateSyntaxError, RecursionError, MemoryError):
        return None


def constant(node: nodes.Node) -> object:
    """The value of an expression of constants: `'__cl' ~ 'ass__'`. None where it is none, or too long to be made."""
    if not isinstance(node, nodes.Concat | nodes.Add | nodes.Getitem):
        return None
    expression = node.arg if isinstance(node, nodes.Getitem) else node
    try:
        return expression.as_const()
    except (nodes.Impossible, RecursionError, TypeError, ValueError, OverflowError, MemoryError):
        return None
