"""Somebody's claims held against the catalogue.

confirmed     what is believed says the same, at the precision of the claim
disputed      what is believed says something else, and a source that is not press, and that nobody doubts, agrees
contradicted  what is believed says something else, and nobody better than press agrees
unknown       the model, the field or the value is not known here, or the claim cannot be read
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from weighbridge.catalog.article import Claim
from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.fields import FIELDS, SYNONYMS, Field, find_field, same
from weighbridge.catalog.match import Match
from weighbridge.catalog.names import name_key
from weighbridge.catalog.profile import profile
from weighbridge.catalog.reading_claims import Reading, says
from weighbridge.catalog.records import Catalogue, TrainingRun
from weighbridge.catalog.spellings import read_architecture
from weighbridge.catalog.wording import say
from weighbridge.errors import InputError

Status = Literal["confirmed", "contradicted", "disputed", "unknown"]
Resolve = Callable[[str], Match]
"""What a name means (match.py)."""
_OF_ATTENTION = ("hybrid", "ssm")
_OF_EXPERTS = ("moe", "dense")
_FOOTNOTE = re.compile(r"(?:\s*(?:\[\d+\]|[*†‡§¹²³⁴]))+$")
_STAGE = re.compile(r"[-_](?:instruct|chat|it|base|hf|v\d+(?:\.\d+)?)(?=[-_]|$)", re.IGNORECASE)
_BRACKETED = re.compile(r"(.{2,}?)\s*\(([^()]+)\)")


class Judged(msgspec.Struct, frozen=True):
    """A claim and what becomes of it."""

    claim: Claim
    status: Status
    field: str
    """The catalogue's name of the field; the title as it is written where there is none."""
    model: str | None
    """Id of the model that is meant."""
    catalogue: Any = None
    """What is believed; None where nothing is known."""
    source: str | None = None
    reason: str = ""


class Judge:
    """Looks each model up, and judges each claim, once."""

    def __init__(self, catalogue: Catalogue, runs: Iterable[TrainingRun], resolve: Resolve) -> None:
        self.catalogue = catalogue
        self.resolve = resolve
        self._runs = tuple(runs)
        self._matches: dict[str, Match] = {}
        self._facts: dict[str, dict[str, Resolved]] = {}
        self._judged: dict[tuple[str, str, str], Judged] = {}

    def judge(self, claim: Claim) -> Judged:
        """A claim that was made before is not judged again."""
        key = (claim.model, claim.title, claim.value)
        if key not in self._judged:
            self._judged[key] = self._judge(claim)
        return msgspec.structs.replace(self._judged[key], claim=claim)

    def _judge(self, claim: Claim) -> Judged:
        """A name that several models go by (base and chat of one release) is judged for each of them: where the
        catalogue gives all the same answer, it does not matter which is meant."""
        field, match = _field_of(claim.title), self._meant(claim.model)
        name = field.name if field else claim.title
        models = _candidates(match)
        if not models:
            return Judged(claim, "unknown", name, None, reason=f"{match.how}{_perhaps(match.alternatives)}")
        if field is None:
            return Judged(claim, "unknown", name, match.id, reason=_no_field(claim.title))
        answers = [self._about(model, claim, field) for model in models]
        known = [answer for answer in answers if answer.source is not None] or answers
        if len({answer.status for answer in known}) == 1:
            return known[0] if match.id else msgspec.structs.replace(known[0], reason=_of_each(known))
        own = [answer for answer in known if answer.model and _is_own_name(claim.model, answer.model)]
        if len(own) == 1:
            return msgspec.structs.replace(own[0], reason=f"{own[0].reason}; taken to be {own[0].model}")
        return Judged(claim, "unknown", name, None, reason=f"differs between {_and(known)}")

    def _about(self, model: str, claim: Claim, field: Field) -> Judged:
        fact = self._of(model).get(field.name)
        if fact is None:
            return Judged(claim, "unknown", field.name, model, reason="nobody says")
        status, reason = self._held(field, claim.value, fact, model)
        return Judged(claim, status, field.name, model, fact.value, fact.source, reason)

    def _held(self, field: Field, text: str, fact: Resolved, model: str) -> tuple[Status, str]:
        """A claim against a fact and its alternatives."""
        reading = Reading(self.catalogue, self._named, model, self._base)
        agrees = says(reading, field, text, fact.value)
        if agrees is None:
            return "unknown", f"{text!r} cannot be read as {field.name}"
        believed = say(self.catalogue, field.name, fact.value)
        doubt = f"; doubtful: {fact.doubt}" if fact.doubt else ""
        note = f"; {fact.note}" if fact.note else ""
        others = [other for other in fact.alternatives if not says(reading, field, text, other.value)]
        if agrees:
            against = f"; {others[0].source} says {say(self.catalogue, field.name, others[0].value)}" if others else ""
            return "confirmed", f"{believed}{note}{against}{doubt}"
        if field.name == "architecture" and read_architecture(text) in _OF_ATTENTION and fact.value in _OF_EXPERTS:
            return "unknown", f"{believed}: classed by experts, whatever the attention, and {text!r} speaks of that"
        if field.name == "released" and self._agrees_with_weights(reading, text, model):
            return "confirmed", f"the weights could be had then; announced {believed}"
        for other in fact.alternatives:
            standing = self.catalogue.sources[other.source].standing
            if standing != "press" and not other.doubt and says(reading, field, text, other.value):
                return "disputed", f"believed is {believed}; {other.source} agrees{doubt}"
        return "contradicted", f"{believed}{note}{doubt}"

    def _agrees_with_weights(self, reading: Reading, text: str, model: str) -> bool:
        fact = self._of(model).get("weights_released")
        return fact is not None and bool(says(reading, FIELDS["weights_released"], text, fact.value))

    def _of(self, model: str) -> dict[str, Resolved]:
        if model not in self._facts:
            self._facts[model] = profile(self.catalogue, self.catalogue.models[model], self._runs)
        return self._facts[model]

    def _base(self, model: str) -> str | None:
        """The model it was made from."""
        fact = self._of(model).get("base_model") if model in self.catalogue.models else None
        return None if fact is None else str(fact.value)

    def _named(self, name: str) -> tuple[str, ...]:
        """Every model a name can mean."""
        return _candidates(self._match(name))

    def _meant(self, name: str) -> Match:
        """What a cell means, also with a footnote's mark behind it, or with a size or a date in brackets that is the
        model's own."""
        match = self._match(name)
        bare = _FOOTNOTE.sub("", name)
        bracketed = _BRACKETED.fullmatch(bare)
        if _candidates(match) or (bare == name and bracketed is None):
            return match
        plain = self._match(bare)
        if bracketed is None or _candidates(plain):
            return plain
        joined, without = self._match(f"{bracketed[1]} {bracketed[2]}"), self._match(bracketed[1])
        if _candidates(joined):
            return joined
        models = _candidates(without)
        return without if models and all(self._fits(each, bracketed[2]) for each in models) else match

    def _fits(self, model: str, text: str) -> bool:
        """Whether what stands in brackets says what is known of the model's size or date."""
        facts = self._of(model)
        return any(
            name in facts and same(FIELDS[name], facts[name].value, text) for name in ("parameters_total", "released")
        )

    def _match(self, name: str) -> Match:
        if name not in self._matches:
            try:
                self._matches[name] = self.resolve(name)
            except InputError as error:
                self._matches[name] = Match(name, None, error.what)
        return self._matches[name]


def _candidates(match: Match) -> tuple[str, ...]:
    """The models that go by exactly this name, or by it with their stage or version: `Mixtral 8x7B` is the base and the
    instruct model of that size, and no model that somebody else made of it."""
    if match.id is not None:
        return (match.id,)
    if "go by this name" in match.how or "listed name" in match.how:
        return match.alternatives
    name = name_key(match.name)
    return tuple(model for model in match.alternatives if name_key(_STAGE.sub("", model.rpartition("/")[2])) == name)


def _is_own_name(name: str, model: str) -> bool:
    """Whether a name is a model's own, to the last letter: `Falcon-40B` is falcon-40b before falcon-40b-instruct."""
    return name_key(name) == name_key(model.rpartition("/")[2])


def _and(answers: list[Judged]) -> str:
    return " and ".join(f"{answer.model} ({answer.status})" for answer in answers)


def _of_each(answers: list[Judged]) -> str:
    return f"{answers[0].reason}; so for {' and '.join(str(answer.model) for answer in answers)}"


def _perhaps(alternatives: tuple[str, ...]) -> str:
    return f"; perhaps {' or '.join(alternatives[:3])}" if alternatives else ""


def _field_of(title: str) -> Field | None:
    """`Params (active)` is not about all of them; otherwise what stands in brackets is left out."""
    within = " ".join(re.findall(r"\(([^()]*)\)", title)).lower()
    if "activ" in within and "total" not in within and find_field(title) is FIELDS["parameters_total"]:
        return FIELDS["parameters_active"]
    return find_field(title)


def _no_field(title: str) -> str:
    known = {name.replace("_", " "): name for name in FIELDS} | SYNONYMS
    close = get_close_matches(title.lower().replace("_", " ")[:60], known, n=1)
    return "no field of the catalogue" + (f"; did you mean {known[close[0]]}?" if close else "")
