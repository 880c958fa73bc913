"""What an expression of a template hangs on: the words of messages, the tools, the date, the place in the conversation.

Nothing is run: values are followed by name, through assignments, loops, macros and namespaces, whatever the order, so
that too much rather than too little is said to hang on a message's words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from jinja2 import nodes

from .tree import Tree

Kind = Literal["text", "tools", "date", "place", "talk"]
"""text: words of a message; tools: what is on offer or was called; date: the day; place: roles, lengths, positions;
talk: a message or all of them, nothing particular of it."""
Kinds = frozenset[Kind]

PASSES = 6
_NONE: Kinds = frozenset()
_TEXT: Kinds = frozenset({"text"})
_PLACE: Kinds = frozenset({"place"})
_TOOLS: Kinds = frozenset({"tools"})
_SAID = frozenset({"content", "text", "reasoning_content", "reasoning", "thinking", "value"})
_PLACED = frozenset({"role", "type", "from"})
_OFFERED = frozenset(
    {"tool_calls", "function", "arguments", "parameters", "tool_call_id", "name", "properties", "tool_responses"}
)
_ROOTS: dict[str, Kinds] = {
    "messages": frozenset({"talk"}),
    "loop": frozenset({"place"}),
    "strftime_now": frozenset({"date"}),
    "date_string": frozenset({"date"}),
    "current_date": frozenset({"date"}),
    "tools": frozenset({"tools"}),
    "custom_tools": frozenset({"tools"}),
    "builtin_tools": frozenset({"tools"}),
    "documents": frozenset({"tools"}),
}
_COUNTS = frozenset({"length", "count"})
_FLATTENS = frozenset({"string", "tojson", "join", "pprint", "safe", "upper", "lower"})
_SELECTS = frozenset({"map", "selectattr", "rejectattr", "groupby", "sum", "sort", "unique", "max", "min"})


class Taint:
    """What each expression of one tree hangs on."""

    def __init__(self, tree: Tree) -> None:
        self._of_name: defaultdict[str, Kinds] = defaultdict(lambda: _NONE, _ROOTS)
        self._known: dict[int, Kinds] = {}
        self._macros = {macro.name: macro for macro in tree.root.find_all(nodes.Macro)}
        for _ in range(PASSES):
            before = dict(self._of_name)
            self._known.clear()
            for node in tree.root.find_all(
                (nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With, nodes.Call, nodes.CallBlock)
            ):
                self._follow(node)
            if before == dict(self._of_name):
                break
        self._known.clear()

    def of(self, node: nodes.Node) -> Kinds:
        """What the node's value hangs on."""
        key = id(node)
        if key not in self._known:
            self._known[key] = _NONE  # a tree has no cycles; this only keeps a failure small
            self._known[key] = self._of(node)
        return self._known[key]

    def _of(self, node: nodes.Node) -> Kinds:
        if isinstance(node, nodes.Name):
            return self._of_name[node.name]
        if isinstance(node, nodes.Getattr):
            return self._attribute(node.node, node.attr)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._attribute(node.node, node.arg.value)
        if isinstance(node, nodes.Filter):
            return self._filter(node)
        if isinstance(node, nodes.Call) and _is_get(node):
            return self._attribute(node.node.node, node.args[0].value)  # type: ignore[attr-defined]
        return self._union(node.iter_child_nodes())

    def _union(self, children: Iterable[nodes.Node]) -> Kinds:
        return _NONE.union(*(self.of(child) for child in children))

    def _attribute(self, base: nodes.Node, name: str) -> Kinds:
        if isinstance(base, nodes.Name) and f"{base.name}.{name}" in self._of_name:
            return self._of_name[f"{base.name}.{name}"]
        kinds = self.of(base)
        if not kinds & {"talk", "text"}:
            return kinds
        if name in _SAID:
            return _TEXT
        if name in _PLACED:
            return _PLACE
        return _TOOLS if name in _OFFERED else kinds

    def _filter(self, node: nodes.Filter) -> Kinds:
        kinds = self._union(node.iter_child_nodes())
        if "talk" not in kinds:
            return kinds
        if node.name in _COUNTS:
            return _PLACE | (kinds & _TEXT)
        constants = {arg.value for arg in node.find_all(nodes.Const) if isinstance(arg.value, str)}
        if node.name in _FLATTENS or (node.name in _SELECTS and constants & _SAID):
            return kinds | _TEXT
        return kinds

    def _follow(self, node: nodes.Node) -> None:
        """Carry what a value hangs on to the name it is given."""
        if isinstance(node, nodes.Assign):
            self._give(node.target, self.of(node.node))
        elif isinstance(node, nodes.AssignBlock):
            outputs = (each for output in node.find_all(nodes.Output) for each in output.nodes)
            self._give(node.target, self._union(outputs))
        elif isinstance(node, nodes.For):
            self._give(node.target, self.of(node.iter))
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                self._give(target, self.of(value))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in self._macros:
            for parameter, value in self._arguments(node, self._macros[node.node.name]):
                self._give(parameter, self.of(value))

    @staticmethod
    def _arguments(call: nodes.Call, macro: nodes.Macro) -> Iterator[tuple[nodes.Name, nodes.Expr]]:
        yield from zip(macro.args, call.args, strict=False)
        by_name = {parameter.name: parameter for parameter in macro.args}
        yield from ((by_name[each.key], each.value) for each in call.kwargs if each.key in by_name)

    def _give(self, target: nodes.Node, kinds: Kinds) -> None:
        if isinstance(target, nodes.Name):
            self._of_name[target.name] |= kinds
        elif isinstance(target, nodes.NSRef):
            self._of_name[f"{target.name}.{target.attr}"] |= kinds
        elif isinstance(target, nodes.Tuple):
            for each in target.items:
                self._give(each, kinds)


def _is_get(node: nodes.Call) -> bool:
    """`message.get('content')`"""
    return (
        isinstance(node.node, nodes.Getattr)
        and node.node.attr == "get"
        and bool(node.args)
        and isinstance(node.args[0], nodes.Const)
        and isinstance(node.args[0].value, str)
    )
