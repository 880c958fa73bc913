"""Words that a template holds and that no conversation brought out: what waits for something nobody thought of.

An ordinary template's words come out with tools, with thinking, without a system text, or speak of tools and thinking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jinja2 import nodes

from weighbridge.audit.containers.member import finding
from weighbridge.audit.records import Finding, Severity

from .residue import sentences
from .stage import said
from .taint import Kinds, Taint
from .tree import Tree
from .words import is_odd

FEWEST_WORDS = 3
_WORD = re.compile(r"[^\W\d_]{2,}")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


def unseen_findings(tree: Tree, taint: Taint, outputs: Sequence[str], where: str) -> Iterator[Finding]:
    """Texts of the template's own that never came out and are not about tools or thinking."""
    shown = _words("\n".join(dict.fromkeys(outputs)))
    guards = dict(_guards(tree, taint))
    hidden: dict[str, Severity] = {}
    for text, node in tree.written():
        for sentence in sentences(text):
            if _is_long(sentence) and _words(sentence) not in shown and is_odd(sentence):
                hangs = guards.get(id(node), frozenset()) & {"text", "date", "place"}
                hidden[sentence] = "high" if hangs else hidden.get(sentence, "medium")
    for severity in ("high", "medium"):
        texts = [sentence for sentence, grave in hidden.items() if grave == severity]
        if texts:
            detail = f"the template holds words that no ordinary conversation brings out: {said(texts)}"
            yield finding("template-unseen-text", "high" if severity == "high" else "medium", where, detail)


def _is_long(sentence: str) -> bool:
    return len(_WORD.findall(sentence)) >= FEWEST_WORDS or len(_WIDE.findall(sentence)) >= 2 * FEWEST_WORDS


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text)) + "".join(_WIDE.findall(text))


def _guards(tree: Tree, taint: Taint) -> Iterator[tuple[int, Kinds]]:
    """For each node what the decisions around it hang on."""
    left: list[tuple[nodes.Node, Kinds]] = [(tree.root, frozenset())]
    while left:
        node, around = left.pop()
        yield id(node), around
        if isinstance(node, nodes.If | nodes.CondExpr) and node.test is not None:
            around |= taint.of(node.test)
        left += [(child, around) for child in node.iter_child_nodes()]
