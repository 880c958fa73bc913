"""Whether a template tells the model what the caller said, all of it, and nothing else.

Conversations are rendered in the sandbox and compared: every message must stand in the output verbatim, words that no
message holds are the template's own, and where tools or thinking bring words of the template's, they must speak of
tools or thinking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from jinja2 import nodes

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .cases import CALL_VALUE, TOOL_NAMES, TOOL_WORDS, call_cases, parts_cases, plain_cases, thinking_cases, tool_cases
from .residue import Residue, is_of_messages
from .stage import Shown, Stage, failures, said, staged
from .taint import Taint
from .tree import Tree
from .triggers import trigger_findings
from .unseen import unseen_findings
from .words import odd_ones

HEADING = 24
"""Characters before a message that are its heading."""


def differences(template: str, tree: Tree, taint: Taint, where: str, tokens: dict[str, str]) -> tuple[Finding, ...]:
    """All that rendering shows. `tokens`: `bos_token` and its kin."""
    stage, plain = staged(template, tokens, tuple(plain_cases()))
    found = [*failures(plain, where), *_broken(plain, where)]
    if all(each.left is None for each in plain) or any(each.rendered.kind == "slow" for each in plain):
        return tuple(found)
    lost = tuple(_lost(plain, where))
    found += [*lost, *_added(plain, where), *_order(plain, where), *_roles(plain, where)]
    found += _operator_as_user(plain, where)
    usual = frozenset(text for each in plain for text in (each.left.added if each.left else ()))
    modes, tools, parts = _further(stage)
    known = {one.id for one in lost}
    found += _in_parts(parts, tree, usual, where)
    found += [each for each in _lost(modes, where) if each.id not in known]
    found += [*failures((*modes, *tools), where), *_thoughts(modes, usual, where)]
    found += [each for each in _with_tools(tools, tree, where) if each.id not in known]
    found += _tool_text(tools, usual, where)
    ordinary = usual | {text for each in (*modes, *tools) if each.left for text in each.left.added}
    probed, triggers = trigger_findings(stage, tree, taint, frozenset(ordinary), where)
    found += triggers
    outputs = [each.text for each in (*plain, *modes, *tools, *probed)]
    found += unseen_findings(tree, taint, outputs, where) if not any(each.id in _SAYS for each in found) else ()
    return tuple(dict.fromkeys(found))


def _further(stage: Stage) -> tuple[tuple[Shown, ...], tuple[Shown, ...], tuple[Shown, ...]]:
    """Conversations with ways of thinking, with tools and calls, in parts; rendered by one process."""
    modes = tuple(thinking_cases())
    tools = (*tool_cases(), *call_cases(as_text=False), *call_cases(as_text=True))
    parts = () if stage.parts else tuple(parts_cases())
    every = stage.show((*modes, *tools, *parts))
    return every[: len(modes)], every[len(modes) : len(modes) + len(tools)], every[len(modes) + len(tools) :]


_SAYS = frozenset({"template-adds-text", "template-trigger", "template-code", "template-endless"})
"""Findings after which texts that did not come out say nothing new."""


def _broken(plain: Sequence[Shown], where: str) -> Iterator[Finding]:
    if all(each.rendered.text is None for each in plain):
        why = next((each.rendered.error for each in plain if each.rendered.error), "nothing")
        detail = f"the template renders none of {len(plain)} plain conversations: {shown(why)}"
        yield finding("template-broken", "medium", where, detail)


def _lost(shown_cases: Iterable[Shown], where: str) -> Iterator[Finding]:
    """Messages that are missing or changed."""
    told: set[str] = set()
    for each in shown_cases:
        for text in each.left.lost if each.left else ():
            role = next(str(message["role"]) for message in each.case.messages if message["content"] == text)
            partly = text[:20] in each.text
            if role in told:
                continue
            told.add(role)
            what = "changed or cut" if partly else "dropped"
            detail = f"the {role} message is {what} ({each.case.name}): the model is not told what the caller said"
            yield finding(f"template-{'changes' if partly else 'drops'}-{role}", "high", where, detail)


def _added(plain: Sequence[Shown], where: str) -> Iterator[Finding]:
    """Words of the template's own: with a system text given, without, or only in some conversations."""
    always = _common(each.left for each in plain if each.case.has_system)
    default = _common(each.left for each in plain if not each.case.has_system)
    late = {text for each in plain if each.left and not each.left.lost for text in each.left.late}
    if always | (default & late):
        detail = f"the template adds words that no message holds: {said(always | (default & late))}"
        yield finding("template-adds-text", "high", where, detail)
    if default - always - late:
        detail = f"the template has a system text of its own for callers who give none: {said(default - always)}"
        yield finding("template-default-system", "low", where, detail)
    for each in plain:
        usual = always | default if not each.case.has_system else always
        odd = [text for text in (each.left.added if each.left else ()) if text not in usual]
        if odd:
            detail = f"words are added in some conversations only ({each.case.name}): {said(odd)}"
            yield finding("template-adds-text", "high", where, detail)
            return


def _common(residues: Iterator[Residue | None]) -> set[str]:
    """Words that are added in every conversation that came out."""
    sets = [set(each.added) for each in residues if each is not None]
    return set.intersection(*sets) if sets else set()


def _order(plain: Sequence[Shown], where: str) -> Iterator[Finding]:
    """Questions and answers in another order than they were said; the system's text may stand anywhere."""
    for each in plain:
        said_so = [text for text in each.case.texts[each.case.has_system :] if each.left and text in each.left.order]
        came_out = [text for text in (each.left.order if each.left else ()) if text in said_so]
        if came_out != said_so:
            detail = f"messages come out in another order than they were said ({each.case.name})"
            yield finding("template-order", "high", where, detail)
            return


def _roles(plain: Sequence[Shown], where: str) -> Iterator[Finding]:
    """A question that is passed off as the system's word or as the model's, or an answer as the user's."""
    wrong = (
        ("system", "user", "user messages come out under the heading of the system: anyone may speak as the operator"),
        ("assistant", "user", "user messages come out as if the model had said them"),
        ("user", "assistant", "the model's answers come out as if the user had said them"),
    )
    for each in plain:
        if each.left is None or each.left.lost or each.left.order != tuple(dict.fromkeys(each.case.texts)):
            continue
        headings = dict(_headings(each))
        for other, role, detail in wrong:
            heading = headings.get(role, "")
            if other in heading.lower() and role not in heading.lower() and heading == headings.get(other, heading):
                yield finding("template-roles", "high", where, detail)
                return


def _operator_as_user(plain: Sequence[Shown], where: str) -> Iterator[Finding]:
    """The operator's text as a whole turn of the user's. Templates that put it into the user's first turn have no
    heading between the two."""
    for each in plain:
        if not each.case.has_system or each.left is None or each.left.lost:
            continue
        turns = list(_headings(each))
        for (role, heading), (following, next_heading) in pairwise(turns):
            is_user = "user" in heading.lower() and "system" not in heading.lower()
            if (role, following) == ("system", "user") and is_user and "user" in next_heading.lower():
                detail = "the system's text comes out as a turn of the user's: the model is not told who speaks"
                yield finding("template-roles", "medium", where, detail)
                return


def _headings(each: Shown) -> Iterator[tuple[str, str]]:
    """What stands right before the messages of each role."""
    end = 0
    for message in each.case.messages:
        at = each.text.find(message["content"], end)
        yield message["role"], each.text[max(end, at - HEADING) : at].strip()
        end = at + len(message["content"])


def _thoughts(modes: Sequence[Shown], usual: frozenset[str], where: str) -> Iterator[Finding]:
    """Words that come with a way of thinking must be about thinking."""
    added = {text for each in modes if each.left for text in each.left.added} - usual
    odd = odd_ones(sorted(added))
    if odd:
        detail = f"when a caller chooses how the model thinks, the template adds words on something else: {said(odd)}"
        yield finding("template-adds-text", "high", where, detail)
    elif added:
        yield finding("template-thinking-text", "low", where, f"words added with a way of thinking: {said(added)}")


def _with_tools(tools: Sequence[Shown], tree: Tree, where: str) -> Iterator[Finding]:
    """Messages that are lost when tools are on offer, tools of which some are kept from the model, changed calls."""
    if "tools" not in tree.names and "tool" not in tree.texts:
        tools = [each for each in tools if all(message["role"] != "tool" for message in each.case.messages)]
    seen: dict[str, Shown] = {}
    for each in tools:  # the form of arguments that the template takes
        if each.left is not None and (each.case.name not in seen or not each.left.lost):
            seen[each.case.name] = each
    yield from _lost(seen.values(), where)
    told = next((found for each in seen.values() for found in _half_told(each, where)), None)
    if told is not None:
        yield told


def _half_told(each: Shown, where: str) -> Iterator[Finding]:
    """Tools or calls of which the model is told a part only."""
    if "tools" in each.case.more:
        named = [name for name in TOOL_NAMES if name in each.text]
        if 0 < len(named) < len(TOOL_NAMES) and not _has_call(each):
            detail = f"of {len(TOOL_NAMES)} tools on offer the model is told of {len(named)} ({each.case.name})"
            yield finding("template-drops-tool", "high", where, detail)
    elif _has_call(each):
        told = [text for text in (TOOL_NAMES[0], CALL_VALUE) if text in each.text]
        if len(told) == 1:
            detail = f"of a call of {TOOL_NAMES[0]} with {CALL_VALUE!r} the model is told only {told[0]!r}"
            yield finding("template-changes-call", "high", where, detail)


def _has_call(each: Shown) -> bool:
    return any("tool_calls" in message for message in each.case.messages)


def _in_parts(shown_cases: Sequence[Shown], tree: Tree, usual: frozenset[str], where: str) -> Iterator[Finding]:
    """The same messages in parts, where the template takes them so."""
    takes = any(node.attr in ("text", "type") for node in tree.root.find_all(nodes.Getattr)) or "text" in tree.texts
    for each in shown_cases if takes else ():
        if each.left is None or "'type':" in each.text or '"type":' in each.text:
            continue
        odd = [text for text in each.left.added if text not in usual and not is_of_messages(text, each.case.texts)]
        if odd or each.left.lost:
            what = f"adds {said(odd)}" if odd else "changes or drops a text"
            yield finding("template-trigger", "high", where, f"a trigger: with {each.case.name} the template {what}")
            return


def _tool_text(tools: Sequence[Shown], usual: frozenset[str], where: str) -> Iterator[Finding]:
    """Words that come with tools must be about tools."""
    for each in tools:
        if each.left is None or each.left.lost:
            continue
        odd = odd_ones((text for text in each.left.added if text not in usual), TOOL_WORDS)
        if odd:
            detail = f"with {each.case.name} the template adds words that are not about tools: {said(odd)}"
            yield finding("template-adds-text", "high", where, detail)
            return
