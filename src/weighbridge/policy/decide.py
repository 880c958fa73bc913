"""The decision: every rule that is asked, held against the facts. Pure, and made in microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from .facts import Facts, Known, Link
from .file import Origin, Policy, Serving
from .licences import permits
from .places import within

Shares = Mapping[tuple[str, str], float]
"""(`lab`, `provider` or `country`; its name) to its share of traffic, from 0 to 1, over the rule's window."""


class Reason(msgspec.Struct, frozen=True):
    """One rule that speaks against, and the fact behind it."""

    rule: str
    """As the policy file writes it: `origin.deny_countries`."""
    detail: str
    fact: str
    """The fact's name; with `is not known` in the detail where that is what is missing."""
    source: str = ""


class Decision(msgspec.Struct, frozen=True):
    """Allowed when no rule speaks against it."""

    allowed: bool
    reasons: tuple[Reason, ...]


ALLOWED = Decision(True, ())


def decide(policy: Policy, facts: Facts, shares: Shares | None = None) -> Decision:
    """Every reason against, in the order of the policy file; none: allowed."""
    reasons = tuple(_reasons(policy, facts, shares or {}))
    return Decision(False, reasons) if reasons else ALLOWED


def _reasons(policy: Policy, facts: Facts, shares: Shares) -> Iterator[Reason]:
    file = policy.file
    yield from _licence(policy, facts)
    yield from _origin(file.origin, facts)
    yield from _serving(file.serving, facts, "serving")
    if facts.data_class is not None:
        rules = file.data.get(facts.data_class)
        if rules is None:
            detail = f"the policy says nothing of data of class {facts.data_class!r}: it may go nowhere"
            yield Reason("data", detail, "data_class", policy.path)
        else:
            yield from _serving(rules, facts, f"data.{facts.data_class}")
    yield from _artefacts(policy, facts)
    yield from _concentration(policy, facts, shares)


def _licence(policy: Policy, facts: Facts) -> Iterator[Reason]:
    rules = policy.file.licence
    if rules.open_weights and facts.open_weights is not True:
        what = "are not open" if facts.open_weights is False else "are open is not known"
        yield Reason("licence.open_weights", f"its weights {what}", "open_weights")
    if facts.open_weights is False:
        return  # a contract, not a licence
    if facts.licence is None:
        yield Reason("use", "its licence is not known", "licence")
        return
    if rules.allow or rules.deny:
        names = {facts.licence.id, facts.licence.name, *facts.licence.names}
        if rules.allow and not names & set(rules.allow):
            yield Reason("licence.allow", f"{facts.licence.id} is not on the list", "licence", facts.licence_source)
        if names & set(rules.deny):
            yield Reason("licence.deny", f"{facts.licence.id} is denied", "licence", facts.licence_source)
    permitted, why = permits(facts.licence, policy.file.use)
    if not permitted:
        yield Reason("use", why, "licence", facts.licence.source)


def _origin(rules: Origin, facts: Facts) -> Iterator[Reason]:
    asks_country = bool(rules.allow_countries or rules.deny_countries)
    for link in facts.chain if rules.chain else facts.chain[:1]:
        if link.name in rules.deny_labs:
            yield Reason("origin.deny_labs", f"its {link.role} {link.name} is denied", link.role)
        if rules.allow_labs and link.role == "lab" and link.name not in rules.allow_labs:
            yield Reason("origin.allow_labs", f"its lab {link.name} is not on the list", "lab")
        if asks_country:
            yield from _country(rules, link)
    if asks_country and not facts.chain:
        yield Reason("origin", "who made it is not known", "lab")


def _country(rules: Origin, link: Link) -> Iterator[Reason]:
    if link.country is None:
        yield Reason("origin", f"the country of its {link.role} {link.name} is not known", "country")
    elif within(link.country.value, rules.deny_countries):
        detail = f"its {link.role} {link.name} is of {link.country.value}"
        yield Reason("origin.deny_countries", detail, "country", link.country.source)
    elif rules.allow_countries and not within(link.country.value, rules.allow_countries):
        detail = f"its {link.role} {link.name} is of {link.country.value}, which is not on the list"
        yield Reason("origin.allow_countries", detail, "country", link.country.source)


def _serving(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    """Rules for backends of others; nothing of them concerns an engine of one's own."""
    if facts.runs_here:
        return
    if rules.local_only:
        yield Reason(f"{where}.local_only", "it does not run on engines of your own", "runs_here")
    if rules.allow_providers or rules.deny_providers:
        yield from _provider(rules, facts, where)
    if rules.allow_jurisdictions or rules.deny_jurisdictions:
        yield from _jurisdiction(rules, facts.jurisdiction, facts.provider, where)
    if rules.no_training_on_inputs:
        yield from _training(facts, where)
    if rules.most_retention_days is not None:
        yield from _retention(rules.most_retention_days, facts, where)


def _provider(rules: Serving, facts: Facts, where: str) -> Iterator[Reason]:
    if facts.provider is None:
        yield Reason(f"{where}.allow_providers", "who serves it is not known", "provider")
    elif facts.provider in rules.deny_providers:
        yield Reason(f"{where}.deny_providers", f"{facts.provider} is denied", "provider")
    elif rules.allow_providers and facts.provider not in rules.allow_providers:
        yield Reason(f"{where}.allow_providers", f"{facts.provider} is not on the list", "provider")


def _jurisdiction(rules: Serving, seat: Known | None, provider: str | None, where: str) -> Iterator[Reason]:
    if seat is None:
        detail = f"the jurisdiction of {provider or 'whoever serves it'} is not known"
        yield Reason(f"{where}.allow_jurisdictions", detail, "jurisdiction")
    elif within(seat.value, rules.deny_jurisdictions):
        detail = f"{provider} is under the law of {seat.value}"
        yield Reason(f"{where}.deny_jurisdictions", detail, "jurisdiction", seat.source)
    elif rules.allow_jurisdictions and not within(seat.value, rules.allow_jurisdictions):
        detail = f"{provider} is under the law of {seat.value}, which is not on the list"
        yield Reason(f"{where}.allow_jurisdictions", detail, "jurisdiction", seat.source)


def _training(facts: Facts, where: str) -> Iterator[Reason]:
    said = facts.trains_on_inputs
    rule = f"{where}.no_training_on_inputs"
    if said is None:
        yield Reason(
            rule, f"whether {facts.provider or 'the provider'} trains on inputs is not known", "trains_on_inputs"
        )
    elif said.value not in ("no", "opt-in"):
        detail = f"{facts.provider} trains on inputs ({said.value})"
        yield Reason(rule, detail, "trains_on_inputs", said.source)


def _retention(most: int, facts: Facts, where: str) -> Iterator[Reason]:
    rule = f"{where}.most_retention_days"
    if facts.retention_days is None:
        yield Reason(rule, f"how long {facts.provider or 'the provider'} keeps inputs is not known", "retention_days")
    elif facts.retention_days > most:
        yield Reason(rule, f"inputs are kept {facts.retention_days} days, allowed are {most}", "retention_days")


def _artefacts(policy: Policy, facts: Facts) -> Iterator[Reason]:
    rules = policy.file.artefacts
    if facts.runs_here and (rules.audited or rules.clean):
        if facts.audit is None:
            yield Reason("artefacts.audited", "nobody has audited these weights: weighbridge audit PATH", "audit")
        elif facts.audit == "fail" or (rules.clean and facts.audit != "pass"):
            rule = "artefacts.clean" if rules.clean and facts.audit == "warn" else "artefacts.audited"
            yield Reason(rule, f"its audit says {facts.audit}", "audit")
    if rules.pinned and facts.pinned is not True:
        what = "its revision is not pinned" if facts.pinned is False else "whether its revision is pinned is not known"
        yield Reason("artefacts.pinned", what, "pinned")
    if rules.served_as_asked and facts.served_as_asked is False:
        detail = "the backend serves another model than was asked for"
        yield Reason("artefacts.served_as_asked", detail, "served_as_asked")


def _concentration(policy: Policy, facts: Facts, shares: Shares) -> Iterator[Reason]:
    for rule in policy.file.concentration:
        name = _counted(rule.by, facts)
        share = shares.get((rule.by, name), 0.0) if name is not None else 0.0
        if share > rule.most:
            detail = f"{name} has {share:.0%} of traffic over {rule.days} days, allowed are {rule.most:.0%}"
            yield Reason(f"concentration.{rule.by}", detail, rule.by, "ledger")


def _counted(by: str, facts: Facts) -> str | None:
    """The name that a share is counted under."""
    if by == "provider":
        return "local" if facts.runs_here else facts.provider
    first = facts.chain[0] if facts.chain else None
    if first is None:
        return None
    return first.name if by == "lab" else first.country.value if first.country else None
