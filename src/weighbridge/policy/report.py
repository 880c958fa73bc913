"""Evidence for a reviewer: what was decided in a window, by which rule and fact, and under which text of the policy.

Pure: the ledger's decisions come in, a record goes out, which is JSON as it is and Markdown by report_text.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from .file import Policy, PolicyFile, RuleSource, Serving

NOTE = (
    "This report says what the rules of these files decided and which facts they stood on. It does not say that the "
    "rules are enough or the facts are true, and it is not legal advice."
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision and how often it was made."""

    id: str
    first_made: str
    """ISO time, UTC."""
    caller: str
    policy: str
    policy_sha256: str
    model: str
    backend: str | None
    provider: str | None
    data_class: str | None
    allowed: bool
    reasons: list[dict[str, str]]
    due: list[dict[str, str]]
    facts: dict[str, Any]
    times: int
    """In the window."""
    calls: int
    """Rows of the ledger that lead to it."""


class PolicyText(msgspec.Struct, frozen=True):
    """A policy file that decided something in the window."""

    name: str
    path: str
    sha256: str
    first_used: str
    """ISO time, UTC."""
    rules: list[tuple[str, str]]
    """Every rule it states, and its value."""
    text: str


class Because(msgspec.Struct, frozen=True):
    """Where a rule comes from."""

    says: str
    date: str
    url: str


class RuleSum(msgspec.Struct, frozen=True):
    """What one rule refused."""

    rule: str
    times: int
    decisions: int
    because: Because | None
    facts: list[dict[str, Any]]
    """`{"detail", "fact", "source", "times"}`, the most frequent first."""


class Share(msgspec.Struct, frozen=True):
    """A rule of concentration, and what the ledger measures at the window's end."""

    by: str
    of: str
    days: int
    most: float
    shares: dict[str, float]
    """Empty where too few calls were answered for shares to say anything."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report; `weighbridge policy report --format json` prints it."""

    since: str
    until: str
    made_at: str
    policies: list[PolicyText]
    made: int
    """How often something was decided."""
    allowed: int
    refused: int
    distinct: int
    by_caller: dict[str, dict[str, int]]
    calls_with_decision: int
    calls_without_decision: int
    """Made where no policy was asked."""
    rules: list[RuleSum]
    concentration: list[Share]
    decisions: list[Entry]
    sources: list[str]
    """Everything that a fact or a rule was taken from."""
    note: str = NOTE


def evidence(
    entries: Sequence[Entry],
    policies: Sequence[tuple[Policy, str]],
    *,
    since: str,
    until: str,
    made_at: str,
    without: int,
    concentration: Sequence[Share] = (),
) -> Report:
    """`policies` are those that decided, each with when it was first used; `without` counts calls without a decision;
    the three moments are ISO times."""
    refused = [each for each in entries if not each.allowed]
    because = {policy.sha256: policy for policy, _ in policies}
    return Report(
        since=since,
        until=until,
        made_at=made_at,
        policies=[_text(policy, first) for policy, first in policies],
        made=sum(each.times for each in entries),
        allowed=sum(each.times for each in entries if each.allowed),
        refused=sum(each.times for each in refused),
        distinct=len(entries),
        by_caller=_by_caller(entries),
        calls_with_decision=sum(each.calls for each in entries),
        calls_without_decision=without,
        rules=list(_by_rule(refused, because)),
        concentration=list(concentration),
        decisions=sorted(entries, key=lambda each: (each.allowed, -each.times, each.id)),
        sources=list(_sources(entries, because)),
    )


def in_force(record: PolicyFile) -> list[tuple[str, str]]:
    """Every rule a file states, as it would be written: those left at their default ask nothing."""
    found = [("use", f"{name} = {_value(value)}") for name, value in _stated(record.use)]
    for section in ("licence", "origin", "serving", "artefacts", "documents", "hardware", "own"):
        found += [(f"{section}.{name}", _value(value)) for name, value in _stated(getattr(record, section))]
    for name, rules in record.data.items():
        stated = list(_stated(rules)) if isinstance(rules, Serving) else []
        found += [(f"data.{name}.{field}", _value(value)) for field, value in stated]
        if not stated:
            found.append((f"data.{name}", "may go wherever [serving] allows"))
    for name, contract in record.contract.items():
        found += [(f"contract.{name}.{field}", _value(value)) for field, value in _stated(contract)]
    for rule in record.concentration:
        found.append((f"concentration.{rule.by}", f"at most {rule.most:.0%} of {rule.of} over {rule.days} days"))
    return found


def _stated(record: Any) -> Iterator[tuple[str, Any]]:
    defaults = {field.name: field.default for field in msgspec.structs.fields(record)}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if value != defaults[name]:
            yield name, value


def _value(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(policy: Policy, first: str) -> PolicyText:
    file = policy.file
    return PolicyText(file.name, policy.path, policy.sha256, first, in_force(file), policy.text)


def _by_caller(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for each in entries:
        counts = found.setdefault(each.caller, {"allowed": 0, "refused": 0})
        counts["allowed" if each.allowed else "refused"] += each.times
    return found


def _by_rule(refused: Iterable[Entry], policies: Mapping[str, Policy]) -> Iterator[RuleSum]:
    """The rule that refused most often first."""
    facts: dict[str, dict[tuple[str, str, str], int]] = {}
    times: dict[str, list[int]] = {}
    origin: dict[str, RuleSource | None] = {}
    for each in refused:
        for rule in dict.fromkeys(reason["rule"] for reason in each.reasons):
            counts = times.setdefault(rule, [0, 0])
            counts[0] += each.times
            counts[1] += 1
            policy = policies.get(each.policy_sha256)
            origin[rule] = origin.get(rule) or (policy.source_of(rule) if policy is not None else None)
        for reason in each.reasons:
            key = reason["detail"], reason["fact"], reason.get("source", "")
            of_rule = facts.setdefault(reason["rule"], {})
            of_rule[key] = of_rule.get(key, 0) + each.times
    for rule in sorted(times, key=lambda name: (-times[name][0], name)):
        said = sorted(facts[rule].items(), key=lambda pair: -pair[1])
        shown = [{"detail": d, "fact": f, "source": s, "times": count} for (d, f, s), count in said]
        source = origin[rule]
        because = None if source is None else Because(source.says, source.date, source.url)
        yield RuleSum(rule, times[rule][0], times[rule][1], because, shown)


def _sources(entries: Iterable[Entry], policies: Mapping[str, Policy]) -> Iterator[str]:
    found: set[str] = set()
    for policy in policies.values():
        found |= {f"{each.url or each.says} ({each.date})" for each in policy.file.because}
    for entry in entries:
        found |= {reason["source"] for reason in entry.reasons if reason.get("source")}
        found |= set(_cited(entry.facts))
    yield from sorted(found)


def _cited(value: Any) -> Iterator[str]:
    """Every source that facts name, whatever they are nested in."""
    if isinstance(value, dict):
        if isinstance(value.get("source"), str) and value["source"]:
            yield value["source"]
        for part in value.values():
            yield from _cited(part)
    elif isinstance(value, list):
        for part in value:
            yield from _cited(part)
