"""Conversations that would set off a trigger, each beside one that would not.

A probe holds a constant of the template where a message can hold it, has as many messages as a number of the template
says, is asked on another day, with an option of the caller's, or with one of the template's decisions forced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from jinja2 import nodes

from .cases import (
    NEUTRAL,
    PLACES,
    Case,
    at_time,
    call_cases,
    of_count,
    system_and_question,
    talk_with_system,
    tool_cases,
    with_text,
)
from .decisions import Decision
from .taint import Taint
from .tree import Tree
from .worker import FORCED

MOST_TEXTS = 60
MOST_MESSAGES = 400
FEW_MESSAGES = 12
MOST_OPTIONS = 24
LONGEST_TRIGGER = 400
_CONTROL = re.compile(
    r"[<>\[\]{}|｜/\\]|^\W*$|^(?:system|user|assistant|tool|developer|model|function|string|ipython)$"
)
"""Constants that are tokens or roles, not words of a conversation."""
_PART_KEYS = frozenset(
    {"image", "image_url", "video", "video_url", "audio", "audio_url", "input_audio", "text", "type"}
)
"""Keys of the parts that a content is made of: whether one is there says what the part is."""
_STANDARD = frozenset(
    {
        *(
            "messages",
            "tools",
            "add_generation_prompt",
            "raise_exception",
            "strftime_now",
            "namespace",
            "range",
            "dict",
        ),
        *("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "loop", "caller", "joiner"),
        *("dict", "enable_thinking", "thinking", "cycler", "lipsum", "true", "false", "none", "True", "False", "None"),
    }
)
_CUTS = frozenset(
    {
        *("split", "rsplit", "partition", "rpartition", "replace", "removeprefix", "removesuffix", "strip", "lstrip"),
        *("rstrip", "translate", "reject", "select", "rejectattr", "selectattr"),
    }
)
_DATED = frozenset({"strftime_now", "date_string", "current_date"})

Kind = Literal["word", "mark", "count", "date", "option", "forced"]


class Probe(NamedTuple):
    """`case` is compared with `base`."""

    kind: Kind
    case: Case
    base: Case
    word: str = ""
    """The constant that `case` holds and `base` does not, or the option that is set."""
    decision: Decision | None = None


def probes(tree: Tree, taint: Taint, decided: Sequence[Decision], *, parts: bool) -> Iterator[Probe]:
    """Everything worth trying. `parts`: contents come as lists of parts."""
    yield from _worded(tree, taint, decided)
    yield from _counted(tree)
    yield from _optional(tree)
    yield from _forced(decided, parts=parts)
    if tree.names & _DATED:
        yield from _dated()


def _worded(tree: Tree, taint: Taint, decided: Sequence[Decision]) -> Iterator[Probe]:
    """Each text of an expression, where a message may hold it."""
    stripped = dict.fromkeys(text.strip() for text in tree.texts if len(text) < LONGEST_TRIGGER)
    compared = {text.strip() for each in decided if "text" in each.kinds for text in each.constants}
    compared |= {text.strip() for text in _cutting(tree, taint)}
    words = [text for text in stripped if text and (text in compared or not _CONTROL.search(text))]
    words.sort(key=lambda text: text not in compared)
    for word in words[:MOST_TEXTS]:
        is_mark = _CONTROL.search(word) is not None
        for place in ("inside", "first", "system", "later") if is_mark else PLACES:
            yield Probe("mark" if is_mark else "word", with_text(word, place), with_text(NEUTRAL, place), word)


def _cutting(tree: Tree, taint: Taint) -> Iterator[str]:
    """Constants at which the words of a message are cut, or that are taken out of them."""
    for node in (*tree.root.find_all(nodes.Call), *tree.root.find_all(nodes.Filter)):
        name = node.node.attr if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) else ""
        if (name or getattr(node, "name", "")) in _CUTS and "text" in taint.of(node):
            yield from (each.value for each in node.find_all(nodes.Const) if isinstance(each.value, str))


def _counted(tree: Tree) -> Iterator[Probe]:
    """Conversations of few messages, and of as many as a number of the template says."""
    counts = set(range(1, FEW_MESSAGES + 1))
    for number in tree.numbers:
        if 2 < number <= MOST_MESSAGES:
            counts |= {number - 1, number, number + 1}
        if 2 < number <= MOST_MESSAGES // 2:
            counts |= {2 * number - 1, 2 * number}
    for count in sorted(counts):
        yield Probe("count", of_count(count), of_count(3 if count % 2 else 2))


def _optional(tree: Tree) -> Iterator[Probe]:
    """Every variable that a caller may set: on, and to each text it is compared with."""
    compared: dict[str, list[str]] = {}
    for node in tree.root.find_all(nodes.Compare):
        if isinstance(node.expr, nodes.Name):
            texts = [each.value for each in node.find_all(nodes.Const) if isinstance(each.value, str)]
            compared.setdefault(node.expr.name, []).extend(texts)
    names = [name for name in tree.options() if name not in _STANDARD | _DATED]
    bases = (talk_with_system(), *list(tool_cases())[:1])
    for name in names[:MOST_OPTIONS]:
        for value in (True, *compared.get(name, ())):
            for base in bases:
                yield Probe("option", base.also(f"{name} = {value!r}", **{name: value}), base, name)


def _forced(decided: Sequence[Decision], *, parts: bool) -> Iterator[Probe]:
    """Each decision one way and the other, and all that hang on words at once, for those that hang on each other."""
    calls = (*list(tool_cases())[1:2], *call_cases(as_text=False), *call_cases(as_text=True))
    talks = (system_and_question(), talk_with_system(), of_count(1))
    worded = [each for each in decided if "text" in each.kinds and not _asks_for_part(each, parts=parts)]
    for decision in decided:
        if "text" in decision.kinds and decision not in worded:
            continue
        for base in talks if decision.kinds & {"text", "date"} else calls:
            for way in (True, False):
                case = base.also(f"line {decision.line}", **{f"{FORCED}{decision.number}": way})
                yield Probe("forced", case, base, decision=decision)
    if len(worded) > 1:
        every = {f"{FORCED}{each.number}": True for each in worded}
        for base in talks:
            yield Probe("forced", base.also("all decisions", **every), base, decision=worded[0])


def _asks_for_part(decision: Decision, *, parts: bool) -> bool:
    """`'image' in item`, where items are the parts of a content."""
    return parts and bool(decision.constants) and _PART_KEYS.issuperset(decision.constants)


def _dated() -> Iterator[Probe]:
    """Every month, day of the week and part of the day, and years to come."""
    times = [
        f"2026-{month:02d}-{3 * month - 2:02d}T{2 * month - 1:02d}:{5 * month - 5:02d}:00" for month in range(1, 13)
    ]
    times += [f"2027-02-{day:02d}T09:30:15" for day in range(1, 8)]
    times += [f"{year}-06-15T12:00:00" for year in range(2024, 2037)]
    times += ["2024-02-29T00:00:01", "2030-12-31T23:59:59", "2099-12-31T12:00:00"]
    for now in times:
        yield Probe("date", at_time(now), at_time(times[0]))
