"""Rules about a model itself: its licence, and who made it and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Facts, Link
from .file import LicenceRules, Origin
from .licences import judge_terms
from .places import within
from .reasons import Reason
from .use import Use


def licence_reasons(rules: LicenceRules, use: Use, facts: Facts) -> Iterator[Reason]:
    """About open weights, the licence's name and its terms; a closed model is under a contract instead."""
    if rules.open_weights and facts.open_weights is not True:
        detail = (
            "its weights are not open" if facts.open_weights is False else "whether its weights are open is not known"
        )
        yield Reason("licence.open_weights", detail, "open_weights")
    if facts.open_weights is False:
        return  # a contract, not a licence
    licence = facts.licence
    if licence is None:
        yield Reason("use", "its licence is not known", "licence")
        return
    if rules.allow or rules.deny:
        names = {licence.id, licence.name, *licence.names}
        if rules.allow and not names & set(rules.allow):
            yield Reason("licence.allow", f"{licence.id} is not on the list", "licence", facts.licence_source)
        if names & set(rules.deny):
            yield Reason("licence.deny", f"{licence.id} is denied", "licence", facts.licence_source)
    if licence.commercial_use == "yes" and licence.geography is None and not use.training_on_outputs:
        return  # what most licences say, without looking further
    terms = judge_terms(licence, use, text_only=facts.text_only)
    if not terms.permitted:
        yield Reason("use", terms.why, terms.fact, facts.terms_source)


def origin_reasons(rules: Origin, facts: Facts) -> Iterator[Reason]:
    """About the labs and countries behind the weights: the maker's, and with `chain` those it was made from."""
    asks_country = bool(rules.allow_countries or rules.deny_countries)
    asks_lab = bool(rules.allow_labs or rules.deny_labs)
    if not (asks_country or asks_lab):
        return
    if not facts.chain:
        yield Reason("origin", "who made it is not known", "lab")
    for link in facts.chain if rules.chain else facts.chain[:1]:
        if link.role not in rules.roles:
            continue
        if asks_lab and link.role not in ("server", "storage"):
            yield from _lab(rules, link)
        if asks_country:
            yield from _country(rules, link)


def _lab(rules: Origin, link: Link) -> Iterator[Reason]:
    lab = link.lab if link.role != "lab" else link.lab or link.name
    if lab is None:
        what = f"the lab behind its {link.role} {link.name} is not known"
        yield Reason("origin.deny_labs" if rules.deny_labs else "origin.allow_labs", what, "lab")
    elif lab in rules.deny_labs:
        yield Reason("origin.deny_labs", f"its {_named(link)} is denied", link.role, link.source)
    elif rules.allow_labs and link.role == "lab" and lab not in rules.allow_labs:
        yield Reason("origin.allow_labs", f"its lab {lab} is not on the list", "lab", link.source)


def _named(link: Link) -> str:
    """`lab deepseek`, `base model Qwen/Qwen3-8B-Base of alibaba`."""
    of = f" of {link.lab}" if link.lab is not None and link.role != "lab" and link.lab != link.name else ""
    return f"{link.role} {link.name}{of}"


def _country(rules: Origin, link: Link) -> Iterator[Reason]:
    if link.country is None:
        yield Reason("origin", f"the country of its {link.role} {link.name} is not known", "country")
    elif within(link.country.value, rules.deny_countries):
        detail = f"its {link.role} {link.name} is of {link.country.value}"
        yield Reason("origin.deny_countries", detail, "country", link.country.source)
    elif rules.allow_countries and not within(link.country.value, rules.allow_countries):
        detail = f"its {link.role} {link.name} is of {link.country.value}, which is not on the list"
        yield Reason("origin.allow_countries", detail, "country", link.country.source)
