"""A template and how it wants its conversations: what came out, and what in it is the template's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .cases import Case
from .render import Rendered, render
from .residue import Residue, residue


class Shown(NamedTuple):
    """One conversation and what the template made of it."""

    case: Case
    rendered: Rendered
    left: Residue | None
    """None where nothing came out."""

    @property
    def text(self) -> str:
        return self.rendered.text or ""


class Stage(NamedTuple):
    """A template, the tokens it may name, and whether contents come as lists of parts."""

    template: str
    tokens: dict[str, str]
    parts: bool

    def show(self, cases: Sequence[Case], forced: Sequence[int] = ()) -> tuple[Shown, ...]:
        """Every conversation rendered, in order; the process is started once."""
        variables = [case.variables(self.tokens, parts=self.parts) for case in cases]
        outputs = render(self.template, variables, forced=forced)
        return tuple(
            Shown(case, output, None if output.text is None else residue(output.text, case.texts))
            for case, output in zip(cases, outputs, strict=True)
        )


def staged(template: str, tokens: dict[str, str], cases: Sequence[Case]) -> tuple[Stage, tuple[Shown, ...]]:
    """Contents as texts, unless the template shows more of them when they come in parts."""
    stage = Stage(template, tokens, parts=False)
    plain = stage.show(cases)
    if not unseen(plain) or any(each.rendered.kind == "slow" for each in plain):
        return stage, plain
    other = stage._replace(parts=True)
    in_parts = other.show(cases)
    return (other, in_parts) if unseen(in_parts) < unseen(plain) else (stage, plain)


def unseen(shown_cases: Iterable[Shown]) -> int:
    """Messages that did not come out as they are."""
    return sum(len(each.left.lost) if each.left else len(each.case.texts) for each in shown_cases)


def failures(shown_cases: Iterable[Shown], where: str) -> Iterator[Finding]:
    """A refusal is a template's right; a way out of the sandbox is an attack, and so is what never ends."""
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


def said(texts: Iterable[str]) -> str:
    """A few of them, for a finding."""
    every = sorted(set(texts))
    return ", ".join(shown(text) for text in every[:3]) + (" and more" if len(every) > 3 else "")
