"""What makes a template say other things than usual: a word, a number of messages, a day, an option, a decision forced.

Two ways, for each covers what the other cannot. Conversations are made to hold every constant of the template, so a
trigger is shown by what sets it off. And every decision that hangs on words, tools or the date is forced both ways, so
that lengths, letters, sums and whatever else nobody can guess are seen as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from weighbridge.audit.containers.member import finding
from weighbridge.audit.records import Finding

from .cases import NEUTRAL, TOOL_WORDS, Case
from .decisions import THINKS, decisions
from .probes import Probe, probes
from .residue import is_of_messages
from .stage import Shown, Stage, failures, said
from .taint import Taint
from .tree import Tree
from .words import odd_ones

_DAYS = re.compile(
    r"\b(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*|\d+|AM|PM)\b"
)


def trigger_findings(
    stage: Stage, tree: Tree, taint: Taint, usual: frozenset[str], where: str
) -> tuple[tuple[Shown, ...], tuple[Finding, ...]]:
    """What was shown, and what is wrong with it. `usual`: words that the template adds to ordinary conversations."""
    decided = decisions(tree, taint)
    wanted = tuple(probes(tree, taint, decided, parts=stage.parts))
    cases: dict[str, Case] = {}
    for probe in wanted:
        for case in (probe.case, probe.base):
            cases.setdefault(_key(case), case)
    outputs = stage.show(tuple(cases.values()), tuple(each.number for each in decided))
    every = dict(zip(cases, outputs, strict=True))
    found: dict[str, Finding] = {}
    for probe in wanted:
        what = _judged(probe, every[_key(probe.case)], every[_key(probe.base)], usual)
        line = probe.decision.line if probe.decision else ""
        if what and probe.kind == "option":
            found.setdefault(probe.word, finding("template-option-text", "medium", where, what))
        elif what:
            detail = f"a trigger: {what}"
            found.setdefault(f"{probe.kind} {probe.word} {line}", finding("template-trigger", "high", where, detail))
    return outputs, (*failures(outputs, where), *found.values())


def _key(case: Case) -> str:
    """What tells a case from all others."""
    return f"{case.name} {len(case.messages)} {sorted((name, str(value)) for name, value in case.more.items())}"


class _Seen(NamedTuple):
    """A probe, what came out of both its conversations, and how they differ."""

    probe: Probe
    each: Shown
    base: Shown
    added: tuple[str, ...]
    lost: tuple[str, ...]


def _judged(probe: Probe, each: Shown, base: Shown, usual: frozenset[str]) -> str | None:
    """What the probe shows, in words; None where all is well or either conversation was refused."""
    if each.left is None or base.left is None:
        return None
    if probe.kind == "word" and _same_but_for(probe.word, each, base):
        return None
    own = usual | set(base.left.added)
    added = tuple(text for text in each.left.added if text not in own and not is_of_messages(text, each.case.texts))
    lost = tuple(text for text in each.left.lost if not _was_lost(text, probe, base))
    return _JUDGES[probe.kind](_Seen(probe, each, base, added, lost))


def _was_lost(text: str, probe: Probe, base: Shown) -> bool:
    assert base.left is not None
    return (text.replace(probe.word, NEUTRAL) if probe.word else text) in base.left.lost


def _word(seen: _Seen) -> str | None:
    """A word of a conversation must come out as it is, and change nothing else."""
    odd = [text for text in seen.added if seen.probe.word not in text]
    if odd or seen.lost:
        return f"with {seen.each.case.name} the template {_does(odd)}"
    if _around(seen.each) != _around(seen.base):
        return f"with {seen.each.case.name} the template puts other tokens around the messages"
    return None


def _mark(seen: _Seen) -> str | None:
    """A switch or token in a message may vanish, or bring words on thinking; the rest of the message stays."""
    word = seen.probe.word
    odd = odd_ones((text for text in seen.added if word not in text), TOOL_WORDS)
    gone = [text for text in seen.lost if not all(part.strip() in seen.each.text for part in text.split(word))]
    if odd or (gone and not THINKS.search(word)):
        return f"with {seen.each.case.name} the template {_does(odd)}"
    return None


def _count(seen: _Seen) -> str | None:
    if seen.added or seen.lost:
        return f"in a conversation of {len(seen.each.case.messages)} messages the template {_does(seen.added)}"
    return None


def _date(seen: _Seen) -> str | None:
    if _DAYS.sub("#", seen.each.text) != _DAYS.sub("#", seen.base.text):
        return "on some dates the template writes something else than the date"
    return None


def _option(seen: _Seen) -> str | None:
    """An option is the caller's own wish; what it brings must still speak of tools, formats or thinking."""
    odd = odd_ones(seen.added, TOOL_WORDS)
    return f"when a caller sets {seen.probe.word}, the template {_does(odd)}" if odd else None


def _forced(seen: _Seen) -> str | None:
    """What a decision would do if it went the other way."""
    decision = seen.probe.decision
    assert decision is not None
    is_mark = decision.is_mark
    odd = odd_ones(seen.added, TOOL_WORDS) if is_mark or "tools" in decision.kinds else seen.added
    answers = {message["content"] for message in seen.each.case.messages if message["role"] == "assistant"}
    lost = [text for text in seen.lost if not (is_mark and text in answers)]
    if not odd and not lost:
        return None
    hangs = " or ".join(_HANGS[kind] for kind in sorted(decision.kinds & _HANGS.keys()))
    return f"line {decision.line} decides by {hangs}, and one way the template {_does(odd)}"


def _does(odd: Sequence[str]) -> str:
    return f"adds {said(odd)}" if odd else "changes or drops a message"


_HANGS = {"text": "the words of a message", "tools": "which tools there are", "date": "the date"}
_JUDGES: dict[str, Callable[[_Seen], str | None]] = {
    "word": _word,
    "mark": _mark,
    "count": _count,
    "date": _date,
    "option": _option,
    "forced": _forced,
}


def _around(each: Shown) -> str:
    """The output without the messages."""
    text = each.text
    for said_text in sorted(each.case.texts, key=len, reverse=True):
        text = text.replace(said_text, "\ue000").replace(said_text.strip(), "\ue000")
    return text


def _same_but_for(word: str, each: Shown, base: Shown) -> bool:
    """Whether two outputs are the same once the word and its stand-in are both taken out, and none of them is gone."""
    if each.text.count(word) < base.text.count(NEUTRAL):
        return False
    first, second = (one.text.replace(word, "").replace(NEUTRAL, "") for one in (each, base))
    return first == second
