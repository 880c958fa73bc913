"""Joins the ledger's decisions with the policy's report."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weighbridge.cli.compose_evidence import traffic_for
from weighbridge.errors import InputError
from weighbridge.ledger.decisions import HOUR_S, Made, PolicyRow, calls_without, made_between, policies
from weighbridge.policy import Facts, Policy, PolicyFile, parse_policy
from weighbridge.policy.evidence import Body
from weighbridge.policy.report import Entry, Report, Share, evidence
from weighbridge.policy.traffic import shares_of


def evidence_report(
    db: sqlite3.Connection, since: float, until: float, *, made_at: float, config: Path | None
) -> Report:
    """What was decided from `since` up to `until`, Unix seconds; `config` names the gateway's backends."""
    made = made_between(db, since, until)
    found = [(_policy(row), _iso(row.at)) for row in policies(db, {each.decision.policy_sha256 for each in made})]
    shares = _shares(db, found[-1][0], until, config) if found else ()
    return evidence(
        [_entry(each) for each in made],
        found,
        since=_iso(since),
        until=_iso(until),
        made_at=_iso(made_at),
        without=calls_without(db, since, until),
        concentration=shares,
    )


def _policy(row: PolicyRow) -> Policy:
    """The policy as it was; where this version no longer reads its text, the text alone."""
    try:
        return parse_policy(row.text.encode(), row.path)
    except InputError:
        return Policy(PolicyFile(name=row.name), row.path, row.sha256, row.text)


def _entry(made: Made) -> Entry:
    row = made.decision
    body = msgspec.json.decode(row.body, type=Body)
    return Entry(
        id=row.id,
        first_made=_iso(row.at),
        caller=row.caller,
        policy=row.policy,
        policy_sha256=row.policy_sha256,
        model=row.model,
        backend=row.backend,
        provider=row.provider,
        data_class=row.data_class,
        allowed=row.allowed,
        reasons=body.reasons,
        due=body.due,
        facts=body.facts,
        times=made.times,
        calls=made.calls,
    )


def _shares(db: sqlite3.Connection, policy: Policy, until: float, config: Path | None) -> tuple[Share, ...]:
    """What the ledger measures for each rule of concentration at the window's end."""
    hour = int(until // HOUR_S)
    rules = policy.file.concentration
    if not rules:
        return ()
    found = shares_of(rules, traffic_for(db, policy, hour), Who(policy, config, until), hour)
    return tuple(Share(rule.by, rule.of, rule.days, rule.most, share) for rule, share in zip(rules, found, strict=True))


class Who:
    """The facts of a backend's model, each looked up once; of a backend that no config names those of the model."""

    def __init__(self, policy: Policy, config: Path | None, at: float) -> None:
        from weighbridge.cli.compose_policy import Backends
        from weighbridge.gateway.config import FILE, load_config

        path = config or Path(FILE)
        self._records = {each.name: each for each in load_config(path).backends} if path.is_file() else {}
        self._backends = Backends(policy, None, _iso(at)[:10])
        self._known: dict[tuple[str, str], Facts] = {}

    def __call__(self, backend: str, model: str) -> Facts:
        known = self._known.get((backend, model))
        if known is None:
            known = self._known[backend, model] = self._look_up(backend, model)
        return known

    def _look_up(self, backend: str, model: str) -> Facts:
        from weighbridge.cli.chosen import held
        from weighbridge.cli.compose_policy import model_named
        from weighbridge.policy.gather import of_model

        if backend in self._records:
            return self._backends.facts(self._records[backend], model)
        found = model_named(model)
        return Facts(model=model) if found is None else of_model(held().catalogue, found)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
