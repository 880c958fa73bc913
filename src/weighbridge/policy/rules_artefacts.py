"""Rules about what stands behind a name: audited and pinned files, names that move, documents, accelerators."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Facts
from .file import Artefacts, Documents, HardwareRules
from .reasons import Reason


def artefact_reasons(rules: Artefacts, facts: Facts) -> Iterator[Reason]:
    """About files where they run here, about the name where a provider serves it; about who answers in both cases."""
    yield from _files(rules, facts) if facts.runs_here else _name(rules, facts)
    if rules.served_as_asked and facts.served_as_asked is False:
        detail = "the backend serves another model than was asked for"
        yield Reason("artefacts.served_as_asked", detail, "served_as_asked", "ledger")
    drift = facts.drift_days
    if rules.settled_days is not None and drift is not None and drift.value < rules.settled_days:
        detail = (
            f"another model began to answer under this name {drift.value:.0f} days ago, asked are {rules.settled_days}"
        )
        yield Reason("artefacts.settled_days", detail, "drift_days", drift.source)


def _files(rules: Artefacts, facts: Facts) -> Iterator[Reason]:
    if rules.audited or rules.clean:
        yield from _audit(rules, facts)
    if rules.pinned and facts.pinned is not True:
        what = "its revision is not pinned" if facts.pinned is False else "whether its revision is pinned is not known"
        yield Reason("artefacts.pinned", what, "pinned")


def _audit(rules: Artefacts, facts: Facts) -> Iterator[Reason]:
    if facts.audit is None:
        rule = "artefacts.audited" if rules.audited else "artefacts.clean"
        yield Reason(rule, "nobody has audited these weights: weighbridge audit PATH", "audit")
    elif facts.audit == "fail" or (rules.clean and facts.audit != "pass"):
        rule = "artefacts.clean" if rules.clean and facts.audit == "warn" else "artefacts.audited"
        yield Reason(rule, f"its audit says {facts.audit}", "audit")


def _name(rules: Artefacts, facts: Facts) -> Iterator[Reason]:
    """Whether the name at a provider stands still."""
    if not (rules.no_aliases or rules.dated_names):
        return
    if facts.alias is not None:
        rule = "artefacts.no_aliases" if rules.no_aliases else "artefacts.dated_names"
        yield Reason(rule, f"its name moves: today it means {facts.alias.value}", "alias", facts.alias.source)
    elif rules.dated_names and facts.pinned is not True:
        yield Reason("artefacts.dated_names", "whether its name always means one release is not known", "pinned")


def document_reasons(rules: Documents, facts: Facts) -> Iterator[Reason]:
    """What is published about a model: a report, a summary of its training content, the sum of its training."""
    if rules.report:
        yield from _report(facts)
    if rules.training_summary:
        yield from _summary(facts)
    if rules.most_training_flop is not None:
        yield from _flop(rules.most_training_flop, facts)


def _report(facts: Facts) -> Iterator[Reason]:
    said = facts.report
    if said is None:
        yield Reason("documents.report", "whether a technical report is published is not known", "report")
    elif said.value == "no":
        yield Reason("documents.report", "no technical report is published", "report", said.source)


def _summary(facts: Facts) -> Iterator[Reason]:
    said = facts.training_summary
    if said is None:
        detail = "whether a summary of its training content is published is not known"
        yield Reason("documents.training_summary", detail, "training_summary")
    elif said.value != "yes":
        detail = "no summary of its training content is published"
        yield Reason("documents.training_summary", detail, "training_summary", said.source)


def _flop(most: float, facts: Facts) -> Iterator[Reason]:
    flop = facts.training_flop
    if flop is None:
        yield Reason("documents.most_training_flop", "what it took to train is not known", "training_flop")
    elif flop.value > most:
        detail = f"its training took {flop.value:.2g} FLOP, allowed are {most:.2g}"
        yield Reason("documents.most_training_flop", detail, "training_flop", flop.source)


def hardware_reasons(rules: HardwareRules, facts: Facts) -> Iterator[Reason]:
    """About the maker of the accelerator, where the engine runs here."""
    if not rules.deny_vendors or not facts.runs_here:
        return
    vendor = facts.device_vendor
    if vendor is None:
        yield Reason("hardware.deny_vendors", "on whose accelerator it runs is not known", "device_vendor")
    elif vendor.value in rules.deny_vendors:
        yield Reason(
            "hardware.deny_vendors", f"it runs on {vendor.value}, which is denied", "device_vendor", vendor.source
        )
