"""Decisions of a template that hang on the words of messages, on the tools or on the date, and so may be a trigger.

An ordinary template decides by roles, positions and whether something is there at all. What compares words with a
constant, counts letters or takes a piece out of a text is a decision that rendering forces both ways, whatever would
have to be said to bring it about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from jinja2 import nodes

from .taint import Kind, Kinds, Taint
from .tree import Tree

MOST = 120
THINKS = re.compile(r"think|reason|thought|channel|analysis|CONTINUE_FINAL_MESSAGE", re.I)
"""Switches and tokens of thinking, and the tag by which transformers finds the end of an answer to go on with."""
_TESTS = frozenset(
    {
        *("eq", "equalto", "==", "ne", "!=", "in", "gt", "ge", "lt", "le", ">", ">=", "<", "<=", "greaterthan"),
        *("lessthan", "upper", "lower", "divisibleby", "odd", "even"),
    }
)
_QUESTIONS = frozenset(
    {
        *("startswith", "endswith", "isupper", "islower", "isdigit", "isalpha", "isalnum", "istitle", "isspace"),
        *("isascii", "isnumeric", "isdecimal", "isidentifier", "count", "find", "index", "rfind"),
    }
)
_SAME = frozenset({"trim", "string", "default", "d", "list", "safe", "tojson", "length", "count", "first", "last"})
_SAME_CALLS = frozenset({"strip", "lstrip", "rstrip", "get", "items", "keys"})
_COMPUTED = (
    *(nodes.Mod, nodes.Sub, nodes.Add, nodes.Mul, nodes.FloorDiv, nodes.Div, nodes.Filter, nodes.Call, nodes.Getitem),
)
_NOTHING = ("", 0, None, True, False)
_DECIDING: tuple[Kind, ...] = ("text", "date", "tools")


class Decision(NamedTuple):
    """One expression that a trigger could hide in."""

    number: int
    """Its place in `Tree.expressions`."""
    line: int
    kinds: Kinds
    constants: tuple[str, ...]
    """Texts it compares with."""

    @property
    def is_mark(self) -> bool:
        """Whether all it looks for is a switch or token of thinking: `/no_think`, `</think>`."""
        return bool(self.constants) and all(THINKS.search(text) for text in self.constants)


def decisions(tree: Tree, taint: Taint) -> tuple[Decision, ...]:
    """At most MOST, in the tree's order."""
    asked = {id(node) for node in _asked(tree)}
    named = {
        each.target.name: each.node.value
        for each in tree.root.find_all(nodes.Assign)
        if isinstance(each.target, nodes.Name) and isinstance(each.node, nodes.Const)
    }
    found: list[Decision] = []
    for number, node in enumerate(tree.expressions):
        kinds = taint.of(node)
        if kinds.intersection(_DECIDING) and _decides(node, id(node) in asked):
            found.append(Decision(number, node.lineno, kinds, tuple(dict.fromkeys(_texts(node, named)))))
    return tuple(found[:MOST])


def _decides(node: nodes.Expr, is_asked: bool) -> bool:
    if isinstance(node, nodes.Compare):
        return not _is_plain(node)
    if isinstance(node, nodes.Test):
        return node.name in _TESTS
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr in _QUESTIONS:
        return True
    return is_asked and isinstance(node, _COMPUTED) and not _is_same(node)


def _asked(tree: Tree) -> Iterator[nodes.Node]:
    """Expressions whose truth is asked for."""
    tests = [
        *(node.test for node in tree.root.find_all(nodes.If)),
        *(node.test for node in tree.root.find_all(nodes.For)),
    ]
    tests += [node.test for node in tree.root.find_all(nodes.CondExpr)]
    yield from (test for test in tests if test is not None)
    for pair in (*tree.root.find_all(nodes.And), *tree.root.find_all(nodes.Or)):
        yield from (pair.left, pair.right)
    yield from (node.node for node in tree.root.find_all(nodes.Not))


def _is_plain(node: nodes.Compare) -> bool:
    """Whether it only asks if something is there (`content != ''`, `content|length > 0`, `x == none`), or if two values
    of the caller's are the same."""
    sides = (node.expr, *(each.expr for each in node.ops))
    values = [each.value for each in sides if isinstance(each, nodes.Const)]
    others = [each for each in sides if not isinstance(each, nodes.Const)]
    return all(value in _NOTHING for value in values) and all(_is_same(side) for side in others)


def _is_same(node: nodes.Node) -> bool:
    """Whether the value is there exactly when what it is made of is: `content | trim`, `message.get('x')`."""
    while True:
        if isinstance(node, nodes.Filter) and node.name in _SAME and node.node is not None:
            node = node.node
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr in _SAME_CALLS:
            node = node.node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            node = node.node
        elif isinstance(node, nodes.List | nodes.Tuple) and all(isinstance(each, nodes.Const) for each in node.items):
            return all(each.value in _NOTHING for each in node.items if isinstance(each, nodes.Const))
        else:
            return isinstance(node, nodes.Name | nodes.Getattr)


def _constants(node: nodes.Node) -> Iterator[nodes.Const]:
    return node.find_all(nodes.Const)


def _texts(node: nodes.Node, named: Mapping[str, object]) -> Iterator[str]:
    """Constants in an expression, those that have a name included."""
    values = [each.value for each in node.find_all(nodes.Const)]
    values += [named.get(each.name) for each in node.find_all(nodes.Name)]
    yield from (value for value in values if isinstance(value, str) and value.strip())
