"""Rules for backends of others: provider, law, place of data, training and retention. None concerns one's own."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Facts
from .file import Serving
from .places import kept_in, within
from .reasons import Reason


def serving_reasons(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    """`where` is the rules' section: `serving`, `data.personal`."""
    if facts.runs_here:
        return
    if rules.local_only:
        yield Reason(f"{where}.local_only", "it does not run on engines of your own", "runs_here")
    if rules.allow_providers or rules.deny_providers:
        yield from _provider(rules, facts, where)
    if rules.allow_jurisdictions or rules.deny_jurisdictions:
        yield from _jurisdiction(rules, facts, where)
    if rules.data_in:
        yield from _place(rules, facts, where)
    if rules.no_training_on_inputs:
        yield from _training(facts, where)
    if rules.most_retention_days is not None:
        yield from _retention(rules.most_retention_days, facts, where)


def _who(facts: Facts) -> str:
    return facts.provider or "whoever serves it"


def _provider(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    if facts.provider is None:
        rule = "allow_providers" if rules.allow_providers else "deny_providers"
        yield Reason(f"{where}.{rule}", "who serves it is not known", "provider")
    elif facts.provider in rules.deny_providers:
        yield Reason(f"{where}.deny_providers", f"{facts.provider} is denied", "provider")
    elif rules.allow_providers and facts.provider not in rules.allow_providers:
        yield Reason(f"{where}.allow_providers", f"{facts.provider} is not on the list", "provider")


def _jurisdiction(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    seat = facts.jurisdiction
    if seat is None:
        rule = "allow_jurisdictions" if rules.allow_jurisdictions else "deny_jurisdictions"
        yield Reason(f"{where}.{rule}", f"the jurisdiction of {_who(facts)} is not known", "jurisdiction")
    elif within(seat.value, rules.deny_jurisdictions):
        detail = f"{facts.provider} is under the law of {seat.value}"
        yield Reason(f"{where}.deny_jurisdictions", detail, "jurisdiction", seat.source)
    elif rules.allow_jurisdictions and not within(seat.value, rules.allow_jurisdictions):
        detail = f"{facts.provider} is under the law of {seat.value}, which is not on the list"
        yield Reason(f"{where}.allow_jurisdictions", detail, "jurisdiction", seat.source)


def _place(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    said = facts.data_location
    if said is None:
        yield Reason(f"{where}.data_in", f"where {_who(facts)} keeps data is not known", "data_location")
        return
    stays = kept_in(said.value, rules.data_in)
    if stays is None:
        detail = f"whether data stay there is not known; {_who(facts)} says: {said.value}"
        yield Reason(f"{where}.data_in", detail, "data_location", said.source)
    elif not stays:
        yield Reason(f"{where}.data_in", f"data go to: {said.value}", "data_location", said.source)


def _training(facts: Facts, where: str) -> Iterator[Reason]:
    said = facts.trains_on_inputs
    rule = f"{where}.no_training_on_inputs"
    if said is None:
        yield Reason(rule, f"whether {_who(facts)} trains on inputs is not known", "trains_on_inputs")
    elif said.value not in ("no", "opt-in"):
        detail = f"{facts.provider} trains on inputs ({said.value})"
        yield Reason(rule, detail, "trains_on_inputs", said.source)


def _retention(most: int, facts: Facts, where: str) -> Iterator[Reason]:
    rule, kept = f"{where}.most_retention_days", facts.retention_days
    if kept is None:
        yield Reason(rule, f"how long {_who(facts)} keeps inputs is not known", "retention_days")
    elif kept.value > most:
        detail = f"{facts.provider} keeps inputs {kept.value:g} days, allowed are {most}"
        yield Reason(rule, detail, "retention_days", kept.source)
