"""Rules that a need states, each a record that judges one model and names the fact it goes by.

A finding is True, False or None: None is a fact that nobody states, and it never passes a rule that asks for it. The
rules are data, so that a policy can stand in for any of them: it only has to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from weighbridge.pick.languages import name_of
from weighbridge.pick.reading import Need
from weighbridge.pick.subject import Subject
from weighbridge.policy.licences import judge_terms
from weighbridge.policy.use import Use

_OTHER_PURPOSE = re.compile(
    r"(?<![a-z])(?:safe)?guard|embed|re-?rank|reward|moderation|(?<![a-z])(?:ocr|asr|tts|prm)(?![a-z])", re.IGNORECASE
)
"""Judges of safety, embedders, rankers and the like; the catalogue has no fact for it, and labs say it in the name."""
OPENNESS = ("I", "II", "III")


class Finding(msgspec.Struct, frozen=True):
    passes: bool | None
    """None: what the rule asks for is not known."""
    because: str
    """Why, with the fact; what is worth saying of a model that passes."""


class Rule(Protocol):
    """Anything that judges a model."""

    def judge(self, subject: Subject) -> Finding: ...


class Has(msgspec.Struct, frozen=True):
    """A flag that must be set: open_weights, tools, reasoning."""

    fact: str
    said: str
    """As it goes on after `whether` and `it is not so that`."""

    def judge(self, subject: Subject) -> Finding:
        value = subject.facts.get(self.fact)
        if value is None:
            return Finding(None, f"whether {self.said} is not known")
        return Finding(bool(value), "" if value else f"it is not so that {self.said}")


class Answers(msgspec.Struct, frozen=True):
    """Trained to answer text, not only to continue it, and taking what the work gives it."""

    takes: frozenset[str]

    def judge(self, subject: Subject) -> Finding:
        facts = subject.facts
        if facts.get("stage") == "base":
            return Finding(False, "a base model: it continues texts, and was not trained to answer")
        purpose = _OTHER_PURPOSE.search(f"{subject.id} {subject.model.name}")
        if purpose is not None:
            return Finding(False, f"made for something else than answering, by its name: {purpose[0]}")
        taken = facts.get("modalities")
        if taken is None and self.takes != {"text"}:
            return Finding(None, f"whether it takes {_and(self.takes - {'text'})} is not known")
        missing = self.takes - set(taken or ("text",))
        if missing:
            return Finding(False, f"takes {_and(taken)}, not {_and(missing)}")
        given = facts.get("modalities_out")
        return Finding(False, f"gives {_and(given)}, not text") if given and "text" not in given else Finding(True, "")


class AnswersAtOnce(msgspec.Struct, frozen=True):
    """Can answer without thinking first."""

    def judge(self, subject: Subject) -> Finding:
        stage = subject.facts.get("stage")
        if stage == "reasoning":
            return Finding(False, "always thinks before it answers")
        return (
            Finding(None, "whether it can answer without thinking is not known") if stage is None else Finding(True, "")
        )


class HoldsContext(msgspec.Struct, frozen=True):
    tokens: int

    def judge(self, subject: Subject) -> Finding:
        longest = subject.facts.get("context_tokens")
        if longest is None:
            return Finding(None, "its longest context is not known")
        return Finding(longest >= self.tokens, f"its context is {longest:,} tokens, {self.tokens:,} are asked for")


class Speaks(msgspec.Struct, frozen=True):
    """Was released for every one of these languages."""

    codes: tuple[str, ...]

    def judge(self, subject: Subject) -> Finding:
        spoken = subject.facts.get("languages")
        if spoken is None:
            return Finding(None, f"languages it was released for are not known; asked: {_named(self.codes)}")
        missing = [code for code in self.codes if code not in spoken]
        return Finding(not missing, f"not released for {_named(missing)}" if missing else "")


class From(msgspec.Struct, frozen=True):
    """Where its lab sits."""

    allowed: frozenset[str] | None
    refused: frozenset[str]

    def judge(self, subject: Subject) -> Finding:
        country = subject.facts.get("country")
        if country is None:
            return Finding(None, "the country of its lab is not known")
        if country in self.refused or (self.allowed is not None and country not in self.allowed):
            return Finding(False, f"its lab sits in {country}")
        return Finding(True, f"lab in {country}")


class OpenAs(msgspec.Struct, frozen=True):
    """At least a class of openness."""

    least: str

    def judge(self, subject: Subject) -> Finding:
        found = subject.facts.get("openness")
        if found is None:
            return Finding(None, "its class of openness is not known")
        enough = found in OPENNESS and OPENNESS.index(found) <= OPENNESS.index(self.least)
        return Finding(enough, f"its class of openness is {found}, asked: {self.least}")


class Since(msgspec.Struct, frozen=True):
    day: str

    def judge(self, subject: Subject) -> Finding:
        released = subject.facts.get("released")
        if released is None:
            return Finding(None, "when it was released is not known")
        rough = min(len(released), len(self.day))
        return Finding(released[:rough] >= self.day[:rough], f"released {released}, asked: since {self.day}")


class Licensed(msgspec.Struct, frozen=True):
    """The terms allow the use that is meant, at the size of the user."""

    use: Use

    def judge(self, subject: Subject) -> Finding:
        facts, licence = subject.facts, subject.licence
        if facts.get("open_weights") is False:
            return Finding(True, "no weights: used under its provider's contract")
        terms = facts.get("commercial_use")
        if licence is None or terms in (None, "unknown"):
            return Finding(None, "its licence, or what that allows, is not known")
        believed = (
            licence if licence.commercial_use == terms else msgspec.structs.replace(licence, commercial_use=terms)
        )
        found = judge_terms(believed, self.use, text_only=facts.get("modalities") == ["text"])
        return Finding(found.permitted, found.why)


def use_of(need: Need) -> Use:
    """What the need says of use and user, as the licences' judge takes it."""
    rules = need.file.rules
    return Use(
        commercial=rules.use != "research",
        internal=rules.use == "internal",
        monthly_users=rules.monthly_users,
        annual_revenue_usd=rules.annual_revenue_usd,
        hosting_for_others=rules.hosts_for_others,
        training_on_outputs=rules.trains_on_outputs,
        based_in=need.based_in,
        conditions=rules.conditions,
    )


def rules_of(need: Need) -> Iterator[Rule]:
    """Every rule of a need that is about the model itself; those about serving follow (ways.py)."""
    file = need.file
    yield Answers(frozenset({"text", *file.work.takes}))
    if file.rules.open_weights:
        yield Has("open_weights", "its weights can be had")
    if file.rules.use is not None:
        yield Licensed(use_of(need))
    if need.origin is not None or need.not_origin:
        yield From(need.origin, need.not_origin)
    if file.rules.openness is not None:
        yield OpenAs(file.rules.openness)
    if file.work.tools:
        yield Has("tools", "it was trained to call tools")
    if file.work.reasoning is True:
        yield Has("reasoning", "it can think before it answers")
    if file.work.reasoning is False:
        yield AnswersAtOnce()
    yield HoldsContext(need.context)
    if need.languages:
        yield Speaks(need.languages)
    if file.rules.released_since is not None:
        yield Since(file.rules.released_since)


def _named(codes: Any) -> str:
    return _and(name_of(code) for code in codes)


def _and(words: Any) -> str:
    return ", ".join(sorted(words))
