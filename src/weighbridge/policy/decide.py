"""The decision: every rule that is asked, held against the facts. Pure, and made in microseconds.

The same function decides for `pick` (which model could we take?), `weigh` (may this candidate be asked?), the gateway
(may this call go there?) and `policy check`. What has to be done to files before they are used (audit, pin) cannot be
asked of files that nobody has fetched: where `is_choice` says so, such rules are not reasons against but due later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from .facts import Facts
from .file import Policy
from .reasons import Reason
from .rules_artefacts import artefact_reasons, document_reasons, hardware_reasons
from .rules_origin import licence_reasons, origin_reasons
from .rules_serving import serving_reasons

Shares = Sequence[Mapping[str, float]]
"""For each `[[concentration]]` of the file in order: a name to its share of traffic, from 0 to 1; a rule whose window
holds too few calls has none."""


class Decision(msgspec.Struct, frozen=True):
    """Allowed when no rule speaks against it."""

    allowed: bool
    reasons: tuple[Reason, ...]
    due: tuple[Reason, ...] = ()
    """What must be done before it is used: of a choice only."""


ALLOWED = Decision(True, ())


def decide(policy: Policy, facts: Facts, shares: Shares = (), *, is_choice: bool = False) -> Decision:
    """Every reason against, in the order of the policy file; none: allowed.

    `is_choice`: the files are not here yet, so that what is asked of them is due later.
    """
    reasons = tuple(_reasons(policy, facts, shares))
    if not reasons:
        return ALLOWED
    if not is_choice:
        return Decision(False, reasons)
    due = tuple(each for each in reasons if _comes_later(each, facts))
    reasons = tuple(each for each in reasons if each not in due)
    return Decision(not reasons, reasons, due)


def _comes_later(reason: Reason, facts: Facts) -> bool:
    """Whether a reason goes by a fact that is made only once files and machine are there."""
    if not facts.runs_here:
        return False
    later = {"audit": facts.audit is None, "pinned": True, "device_vendor": facts.device_vendor is None}
    return later.get(reason.fact, False)


def _reasons(policy: Policy, facts: Facts, shares: Shares) -> Iterator[Reason]:
    file = policy.file
    yield from licence_reasons(file.licence, file.use, facts)
    yield from origin_reasons(file.origin, facts)
    yield from serving_reasons(file.serving, facts, "serving")
    if facts.data_class is not None:
        rules = file.data.get(facts.data_class)
        if rules is None:
            detail = f"the policy says nothing of data of class {facts.data_class!r}: it may go nowhere"
            yield Reason("data", detail, "data_class", policy.path)
        else:
            yield from serving_reasons(rules, facts, f"data.{facts.data_class}")
    yield from artefact_reasons(file.artefacts, facts)
    yield from document_reasons(file.documents, facts)
    yield from hardware_reasons(file.hardware, facts)
    if file.concentration:
        yield from _concentration(policy, facts, shares)


def _concentration(policy: Policy, facts: Facts, shares: Shares) -> Iterator[Reason]:
    for place, rule in enumerate(policy.file.concentration):
        name = counted_as(rule.by, facts)
        if name is None:
            yield Reason(f"concentration.{rule.by}", f"its {rule.by} is not known, so nobody can count it", rule.by)
            continue
        share = shares[place].get(name, 0.0) if place < len(shares) else 0.0
        if share > rule.most:
            days = f"{rule.days} days" if rule.days > 1 else "a day"
            detail = f"{name} has {share:.0%} of {rule.of} over {days}, allowed are {rule.most:.0%}"
            yield Reason(f"concentration.{rule.by}", detail, rule.by, "ledger")


def counted_as(by: str, facts: Facts) -> str | None:
    """The name that a share is counted under: `local` for engines of one's own."""
    if by == "provider":
        return "local" if facts.runs_here else facts.provider
    first = facts.chain[0] if facts.chain else None
    if first is None:
        return None
    return first.lab or first.name if by == "lab" else first.country.value if first.country else None
