"""Joins a policy with what a command line names: a model, a source of weights, or a route of weighbridge.toml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from weighbridge.cli.chosen import choose, held
from weighbridge.cli.compose_evidence import asks_for_traffic, traffic_for
from weighbridge.cli.compose_gate import observed
from weighbridge.cli.compose_policy import (
    Backends,
    audit_verdict,
    class_hint,
    facts_for,
    model_named,
    pulled_weights,
    same_model,
    vendor_named,
)
from weighbridge.cli.compose_report import Who
from weighbridge.cli.environment import settings_from_environment
from weighbridge.ledger.decisions import HOUR_S, Traffic
from weighbridge.policy import Decision, Facts, Policy, Reason, decide
from weighbridge.policy.file import Test
from weighbridge.policy.gather import Weights
from weighbridge.policy.licences import judge_terms
from weighbridge.policy.traffic import seen_of, shares_of

if TYPE_CHECKING:
    from weighbridge.gateway.config import Config
    from weighbridge.gateway.config_tables import RouteTable

SCHEMES = ("hf:", "modelscope:", "pypi:", "file:")


class Target(msgspec.Struct, frozen=True):
    """One backend of a route, and what was decided of it."""

    backend: str
    model: str
    decision: Decision


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    """For people: `Qwen/Qwen3-32B on engines of your own`."""
    allowed: bool
    reasons: tuple[Reason, ...]
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()
    """Duties that remain although it is allowed; what to write instead of a class of data that the policy lacks."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a policy's tests, as it came out."""

    what: str
    allowed: bool
    right: bool
    wanted: str
    rules: tuple[str, ...]


def check_subject(
    policy: Policy,
    subject: str,
    *,
    provider: str | None,
    data_class: str | None,
    verdict: Any,
    pinned: bool | None,
    vendor: str | None,
    config: Path | None,
) -> Checked:
    """A route where one has that name, else a model. Raises UsageError for a name that nobody knows."""
    hint = class_hint(policy, data_class)
    hints = () if hint is None else (f"the policy has no class of data {data_class!r}. {hint}",)
    routes = _config(config)
    route = None if routes is None else next((each for each in routes.routes if each.model == subject), None)
    if route is not None and routes is not None and provider is None:
        checked = _check_route(policy, routes, route, data_class, config)
        return msgspec.structs.replace(checked, notes=hints)
    facts = _named(policy, subject, provider, Weights(audit=verdict, pinned=pinned), vendor_named(vendor))
    facts = msgspec.structs.replace(facts, data_class=data_class)
    shares = _shares(policy, config) if policy.file.concentration else ()
    decision = decide(policy, facts, shares)
    where = f"by {facts.provider}" if facts.provider else "on engines of your own"
    notes = tuple(_duties(policy, facts)) if decision.allowed else hints
    return Checked(what=f"{facts.model} {where}", allowed=decision.allowed, reasons=decision.reasons, notes=notes)


def _named(policy: Policy, subject: str, provider: str | None, weights: Weights, vendor: str | None) -> Facts:
    from weighbridge.catalog.snapshot import DATA

    catalogue = held().catalogue
    if subject.startswith(SCHEMES):
        model = model_named(subject)
        weights = _of_source(subject, weights)
    else:
        model = choose(DATA, subject)
    facts = facts_for(catalogue, model, policy, provider=provider, weights=weights, vendor=vendor)
    return facts if model is not None else msgspec.structs.replace(facts, model=subject)


def _of_source(source: str, given: Weights) -> Weights:
    """What is known of weights that were pulled, where the command line does not say it."""
    from weighbridge.engines.pull.source import parse_source

    settings = settings_from_environment()
    pinned = parse_source(source).is_pinned if given.pinned is None else given.pinned
    audit = given.audit
    if audit is None and (pulled := pulled_weights(source, settings)) is not None:
        audit = audit_verdict(pulled, settings)
    return Weights(source=source, audit=audit, pinned=pinned)


def _config(path: Path | None) -> Config | None:
    from weighbridge.gateway.config import FILE, load_config

    if path is None and not Path(FILE).is_file():
        return None
    return load_config(path or Path(FILE))


def _check_route(
    policy: Policy, config: Config, route: RouteTable, data_class: str | None, path: Path | None
) -> Checked:
    """Each target, as the gateway would decide it now."""
    records = {record.name: record for record in config.backends}
    now = time.time()
    backends = Backends(policy, settings_from_environment(), _today(now), config.folder)
    traffic = _traffic(policy, path, now) if asks_for_traffic(policy) else []
    hour = int(now // HOUR_S)
    who = Who(policy, path, now)
    shares = shares_of(policy.file.concentration, traffic, who, hour)
    seen = seen_of(traffic, same_model)
    targets = []
    for to in route.to:
        model = to.model or records[to.backend].model or route.model
        facts = msgspec.structs.replace(backends.facts(records[to.backend], model), data_class=data_class)
        if (to.backend, model) in seen:
            facts = observed(facts, seen[to.backend, model], hour)
        targets.append(Target(to.backend, model, decide(policy, facts, shares)))
    allowed = any(each.decision.allowed for each in targets)
    reasons = () if allowed else tuple(dict.fromkeys(each for one in targets for each in one.decision.reasons))
    return Checked(what=f"route {route.model}", allowed=allowed, reasons=reasons, targets=tuple(targets))


def _shares(policy: Policy, config: Path | None) -> tuple[dict[str, float], ...]:
    now = time.time()
    hour = int(now // HOUR_S)
    return shares_of(policy.file.concentration, _traffic(policy, config, now), Who(policy, config, now), hour)


def _traffic(policy: Policy, config: Path | None, now: float) -> list[Traffic]:
    from weighbridge.cli.opened_ledger import opened_ledger

    with opened_ledger(config) as db:
        return traffic_for(db, policy, int(now // HOUR_S))


def _today(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def _duties(policy: Policy, facts: Facts) -> list[str]:
    """What the licence asks of whoever uses it so."""
    if facts.licence is None or facts.open_weights is False:
        return []
    why = judge_terms(facts.licence, policy.file.use, text_only=facts.text_only).why
    return [why] if "with conditions" in why else []


def run_tests(policy: Policy) -> list[Ran]:
    """The file's own table of tests; traffic says nothing here. Raises UsageError for a model that nobody knows."""
    return [_run(policy, case) for case in policy.file.test]


def _run(policy: Policy, case: Test) -> Ran:
    from weighbridge.catalog.snapshot import DATA

    decision = decide(
        policy,
        facts_for(
            held().catalogue,
            choose(DATA, case.model),
            policy,
            provider=case.provider,
            weights=Weights(audit="pass", pinned=True),
            data_class=case.data,
            vendor=case.vendor or "none",
        ),
    )
    rules = tuple(dict.fromkeys(reason.rule for reason in decision.reasons))
    by = f" by {case.provider}" if case.provider else ""
    by += f" on {case.vendor}" if case.vendor else ""
    data = f", {case.data} data" if case.data else ""
    wanted = "allowed" if case.allowed else "not allowed" + (f" by {case.rule}" if case.rule else "")
    right = decision.allowed == case.allowed and (case.rule is None or case.rule in rules)
    return Ran(what=f"{case.model}{by}{data}", allowed=decision.allowed, right=right, wanted=wanted, rules=rules)
