"""Joins decisions with the ledger: rows for what was decided, traffic for what is measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.ledger.decisions import HOUR_S, DecisionRow, PolicyRow, Traffic
from weighbridge.policy import Decision, Facts, Policy
from weighbridge.policy.evidence import body_of, id_of

if TYPE_CHECKING:
    import sqlite3


def row_of(
    policy: Policy, facts: Facts, decision: Decision, *, caller: str, backend: str | None, at: float
) -> DecisionRow:
    """A decision as the ledger keeps it; `at` is when it is made, in Unix seconds."""
    body = body_of(facts, decision)
    return DecisionRow(
        id=id_of(policy, caller, backend, decision, body),
        at=at,
        caller=caller,
        policy=policy.file.name,
        policy_sha256=policy.sha256,
        model=facts.model,
        backend=backend,
        provider=facts.provider,
        data_class=facts.data_class,
        allowed=decision.allowed,
        body=body.decode(),
    )


def policy_row(policy: Policy, at: float) -> PolicyRow:
    return PolicyRow(sha256=policy.sha256, at=at, name=policy.file.name, path=policy.path, text=policy.text)


def keep_decisions(data_dir: Path, policy: Policy, rows: Iterable[DecisionRow], at: float) -> None:
    """Write what a command decided into the ledger, each decision once more. Raises LedgerError."""
    import sqlite3

    from weighbridge.ledger.connect import connect, explain
    from weighbridge.ledger.decisions import keep
    from weighbridge.ledger.ledger import FILE

    made = list(rows)
    db = connect(data_dir / FILE)
    try:
        keep(db, policy_row(policy, at), made, ((row.id, int(at // HOUR_S), 1) for row in made))
    except sqlite3.Error as error:
        raise explain(error, data_dir / FILE) from error
    finally:
        db.close()


def traffic_for(db: sqlite3.Connection, policy: Policy, hour: int) -> list[Traffic]:
    """The traffic that the policy's rules look at, up to a Unix hour."""
    from weighbridge.ledger.decisions import traffic_since

    return traffic_since(db, look_back(policy, hour))


def look_back(policy: Policy, hour: int) -> int:
    """The earliest Unix hour of traffic that any rule asks for."""
    from weighbridge.policy.traffic import HOURS_A_DAY, first_hour

    settled = policy.file.artefacts.settled_days or 0
    observed = 1 if policy.file.artefacts.served_as_asked else 0
    return min(first_hour(policy.file.concentration, hour), hour - max(settled, observed) * HOURS_A_DAY)


def asks_for_traffic(policy: Policy) -> bool:
    """Whether a rule can only be decided from what the ledger saw."""
    artefacts = policy.file.artefacts
    return bool(policy.file.concentration or artefacts.served_as_asked or artefacts.settled_days is not None)
