"""Whether a template tells the model what the caller said, all of it, and nothing else.

Conversations are rendered in the sandbox and compared: every message must stand in the output verbatim; words that no
message holds are the template's own; and an output must not change for a word in a message, the length of the
conversation or the date beyond that word, those turns, that date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .cases import NEUTRAL, PLACES, Case, at_time, of_length, plain_cases, tool_cases, with_text
from .render import Rendered, render
from .residue import Residue, residue
from .syntax import Source

MOST_TEXTS = 60
MOST_TURNS = 40
LONGEST_TRIGGER = 400
HEADING = 24
"""Characters before a message that are its heading."""
DATES = ("2024-02-29T00:00:01", "2027-01-01T10:00:00", "2030-06-15T23:59:59", "2099-12-31T12:00:00")
_CONTROL = re.compile(
    r"[<>\[\]{}|｜/\\]|^\W*$|^(?:system|user|assistant|tool|developer|model|function|string|ipython)$"
)
"""Constants that are tokens or roles, not words of a conversation."""


class _Shown(NamedTuple):
    case: Case
    rendered: Rendered
    left: Residue | None


class _Stage(NamedTuple):
    """A template and how it wants its conversations."""

    template: str
    tokens: dict[str, str]
    parts: bool

    def show(self, cases: Sequence[Case]) -> tuple[_Shown, ...]:
        outputs = (
            render(self.template, [case.variables(self.tokens, parts=self.parts) for case in cases]) if cases else []
        )
        return tuple(
            _Shown(case, output, None if output.text is None else residue(output.text, case.texts))
            for case, output in zip(cases, outputs, strict=True)
        )


def differences(template: str, source: Source, where: str, tokens: dict[str, str]) -> tuple[Finding, ...]:
    """All that rendering shows. `tokens`: `bos_token` and its kin."""
    stage, plain = _staged(template, tokens)
    found = list(_failures(plain, where))
    if all(each.left is None for each in plain) or any(each.rendered.kind == "slow" for each in plain):
        return tuple(found)
    lost = tuple(_lost(plain, where))
    found += lost
    found += _added(plain, where)
    found += _roles(plain, where)
    found += [each for each in _lost(stage.show(tuple(tool_cases())), where) if each.id not in {one.id for one in lost}]
    usual = frozenset(text for each in plain for text in (each.left.added if each.left else ()))
    found += _triggers(stage, source, usual, where)
    found += _turns(stage, source, usual, where) if not lost else ()
    if source.uses_time:
        found += _dates(stage, where)
    return tuple(dict.fromkeys(found))


def _staged(template: str, tokens: dict[str, str]) -> tuple[_Stage, tuple[_Shown, ...]]:
    """Contents as texts, unless the template shows more of them when they come in parts."""
    cases = tuple(plain_cases())
    stage = _Stage(template, tokens, parts=False)
    plain = stage.show(cases)
    if not _unseen(plain) or any(each.rendered.kind == "slow" for each in plain):
        return stage, plain
    other = stage._replace(parts=True)
    in_parts = other.show(cases)
    return (other, in_parts) if _unseen(in_parts) < _unseen(plain) else (stage, plain)


def _unseen(shown_cases: Sequence[_Shown]) -> int:
    """Messages that did not come out as they are."""
    return sum(len(each.left.lost) if each.left else len(each.case.texts) for each in shown_cases)


def _failures(shown_cases: Sequence[_Shown], where: str) -> Iterator[Finding]:
    """What did not come out. A refusal is a template's right; a way out of the sandbox is an attack."""
    for each in shown_cases:
        kind, error = each.rendered.kind, each.rendered.error
        if kind == "unsafe":
            yield finding(
                "template-code", "critical", where, f"rendering reached for what the sandbox forbids: {error}"
            )
            return
        if kind == "slow":
            detail = f"rendering {each.case.name} does not end in reasonable time or size: {error}"
            yield finding("template-endless", "high", where, detail, "CVE-2025-61620")
            return
    if all(each.rendered.text is None for each in shown_cases):
        said = next((each.rendered.error for each in shown_cases if each.rendered.error), "nothing")
        detail = f"the template renders none of {len(shown_cases)} plain conversations: {shown(said)}"
        yield finding("template-broken", "medium", where, detail)


def _lost(shown_cases: Sequence[_Shown], where: str) -> Iterator[Finding]:
    """Messages that are missing or changed."""
    told: set[str] = set()
    for each in shown_cases:
        for text in each.left.lost if each.left else ():
            role = next(str(message["role"]) for message in each.case.messages if message["content"] == text)
            partly = text[:20] in (each.rendered.text or "")
            if role in told:
                continue
            told.add(role)
            what = "changed or cut" if partly else "dropped"
            detail = f"the {role} message is {what} ({each.case.name}): the model is not told what the caller said"
            yield finding(f"template-{'changes' if partly else 'drops'}-{role}", "high", where, detail)


def _added(shown_cases: Sequence[_Shown], where: str) -> Iterator[Finding]:
    """Words of the template's own: with a system text given, without, or only in some conversations."""
    always = _common(each.left for each in shown_cases if each.case.has_system)
    default = _common(each.left for each in shown_cases if not each.case.has_system)
    if always:
        detail = f"the template adds words that no message holds: {_said(always)}"
        yield finding("template-adds-text", "high", where, detail)
    if default - always:
        detail = f"the template has a system text of its own for callers who give none: {_said(default - always)}"
        yield finding("template-default-system", "low", where, detail)
    for each in shown_cases:
        usual = always | default if not each.case.has_system else always
        odd = [text for text in (each.left.added if each.left else ()) if text not in usual]
        if odd and "thinking" in each.case.name:
            yield finding("template-thinking-text", "low", where, f"words added with {each.case.name}: {_said(odd)}")
        elif odd:
            detail = f"words are added in some conversations only ({each.case.name}): {_said(odd)}"
            yield finding("template-adds-text", "high", where, detail)
            return


def _roles(shown_cases: Sequence[_Shown], where: str) -> Iterator[Finding]:
    """A question that is passed off as the system's word, or the system's as a question."""
    for each in shown_cases:
        output = each.rendered.text or ""
        if not each.case.has_system or each.left is None or each.left.lost:
            continue
        system, first = output.find(each.case.texts[0]), output.find(each.case.texts[1])
        head = output[:system]
        between = output[system + len(each.case.texts[0]) : first]
        heading = head[-HEADING:].strip()
        if heading and "system" in heading.lower() and between.rstrip().endswith(heading):
            detail = "user messages come out under the heading of the system: anyone may speak as the operator"
            yield finding("template-roles", "high", where, detail)
            return


def _common(residues: Iterator[Residue | None]) -> set[str]:
    """Words that are added in every conversation that came out."""
    sets = [set(each.added) for each in residues if each is not None]
    return set.intersection(*sets) if sets else set()


def _triggers(stage: _Stage, source: Source, usual: frozenset[str], where: str) -> Iterator[Finding]:
    """Each text the template looks for, put into messages: does more change than that text?"""
    stripped = dict.fromkeys(text.strip() for text in source.texts if len(text) < LONGEST_TRIGGER)
    words = [text for text in stripped if not _CONTROL.search(text)][:MOST_TEXTS]
    plain = stage.show([with_text(NEUTRAL, place) for place in PLACES])
    shown_cases = stage.show([with_text(word, place) for word in words for place in PLACES])
    told: set[str] = set()
    for place, each in enumerate(shown_cases):
        word, base = words[place // len(PLACES)], plain[place % len(PLACES)]
        if each.left is None or base.left is None or word in told:
            yield from _failures((each,), where) if each.rendered.kind in ("unsafe", "slow") else ()
        elif _same_but_for(word, each, base):
            continue
        else:
            odd = [text for text in each.left.added if text not in usual and word not in text]
            lost = [text for text in each.left.lost if text.replace(word, NEUTRAL) not in base.left.lost]
            if odd or lost:
                told.add(word)
                what = f"adds {_said(odd)}" if odd else "changes or drops the message"
                detail = f"a trigger: with {each.case.name} the template {what}"
                yield finding("template-trigger", "high", where, detail)


def _same_but_for(word: str, each: _Shown, base: _Shown) -> bool:
    """Whether two outputs are the same once the word and its stand-in are both taken out."""
    first, second = ((one.rendered.text or "").replace(word, "").replace(NEUTRAL, "") for one in (each, base))
    return first == second


def _turns(stage: _Stage, source: Source, usual: frozenset[str], where: str) -> Iterator[Finding]:
    """Conversations of lengths that the template compares with."""
    lengths = sorted(
        {turns for number in source.numbers if 2 < number <= MOST_TURNS for turns in (number // 2, number)}
    )
    for each in stage.show([of_length(turns) for turns in lengths]):
        odd = [text for text in (each.left.added if each.left else ()) if text not in usual]
        if odd or (each.left and each.left.lost):
            detail = f"a trigger: in a conversation of {each.case.name} the template adds or drops text: {_said(odd)}"
            yield finding("template-trigger", "high", where, detail)
            return


def _dates(stage: _Stage, where: str) -> Iterator[Finding]:
    """The same question on other days: only the date itself may differ."""
    outputs = stage.show([at_time(now) for now in DATES])
    forms = {_undated(each.rendered.text) for each in outputs if each.rendered.text is not None}
    if len(forms) > 1:
        detail = "a trigger: on some dates the template writes something else than the date"
        yield finding("template-trigger", "high", where, detail)


def _undated(text: str) -> str:
    months = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
    days = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
    return re.sub(rf"\b(?:{months}|{days}|\d+|AM|PM)\b", "#", text)


def _said(texts: Sequence[str] | set[str]) -> str:
    return ", ".join(shown(text) for text in sorted(texts)[:3]) + (" and more" if len(texts) > 3 else "")
