"""The evidence report as Markdown, for somebody who reviews it and has nothing else at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .report import Entry, PolicyText, Report, RuleSum, Share

MOST_FACTS = 20
MOST_ALLOWED = 200


def markdown(report: Report) -> str:
    """The whole page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# Policy evidence report"
    yield ""
    yield f"From {report.since} to {report.until} (UTC). Made {report.made_at}. {report.note}"
    yield ""
    yield "## In short"
    yield ""
    yield from _table(("", "count"), _short(report))
    yield ""
    if not report.decisions:
        yield "Nothing was decided in this window."
        return
    yield from _policies(report.policies)
    yield from _rules(report.rules)
    yield from _concentration(report.concentration)
    yield from _decisions(report.decisions)
    yield "## Sources"
    yield ""
    yield from (f"- {_plain(source)}" for source in report.sources)
    yield ""
    yield from _texts(report.policies)


def _short(report: Report) -> Iterator[tuple[str, ...]]:
    yield "decisions made", f"{report.made:,}"
    yield "allowed", f"{report.allowed:,}"
    yield "refused", f"{report.refused:,}"
    yield "different decisions", f"{report.distinct:,}"
    for caller, counts in sorted(report.by_caller.items()):
        yield f"asked by {caller}", f"{counts['allowed']:,} allowed, {counts['refused']:,} refused"
    yield "calls in the ledger that lead to a decision", f"{report.calls_with_decision:,}"
    yield "calls for which no policy was asked", f"{report.calls_without_decision:,}"


def _policies(policies: Sequence[PolicyText]) -> Iterator[str]:
    yield "## Policies in force"
    yield ""
    rows = ((each.name, each.path, each.first_used, f"`{each.sha256}`") for each in policies)
    yield from _table(("policy", "file", "first used", "SHA-256"), rows)
    yield ""
    for each in policies:
        yield f"Rules of {_plain(each.name)} (`{each.sha256[:12]}`):"
        yield ""
        yield from _table(("rule", "value"), each.rules)
        yield ""


def _rules(rules: Sequence[RuleSum]) -> Iterator[str]:
    yield "## What was refused, by rule"
    yield ""
    if not rules:
        yield "Nothing."
        yield ""
    for rule in rules:
        yield f"### {_plain(rule.rule)}: {rule.times:,} times"
        yield ""
        if rule.because is not None:
            where = f", {rule.because.url}" if rule.because.url else ""
            yield f"Because: {_plain(rule.because.says)} ({rule.because.date}{where})."
            yield ""
        rows = [
            (each["detail"], each["fact"], each["source"], f"{each['times']:,}") for each in rule.facts[:MOST_FACTS]
        ]
        yield from _table(("why", "fact", "source", "times"), rows)
        if len(rule.facts) > MOST_FACTS:
            yield f"\nand {len(rule.facts) - MOST_FACTS} more, in the JSON."
        yield ""


def _concentration(shares: Sequence[Share]) -> Iterator[str]:
    if not shares:
        return
    yield "## Shares of traffic"
    yield ""
    for each in shares:
        head = f"By {each.by}, of {each.of} over {each.days} days; at most {each.most:.0%}"
        if not each.shares:
            yield f"{head}: too few calls to say."
        else:
            found = sorted(each.shares.items(), key=lambda pair: -pair[1])
            yield f"{head}: " + ", ".join(f"{_plain(name or 'not known')} {share:.1%}" for name, share in found) + "."
        yield ""


def _decisions(entries: Sequence[Entry]) -> Iterator[str]:
    for title, allowed in (("Refused", False), ("Allowed", True)):
        found = [each for each in entries if each.allowed is allowed]
        if not found:
            continue
        yield f"## {title}"
        yield ""
        head = ("decision", "asked by", "model", "where", "data", "times", "calls", "licence", "origin", "why")
        yield from _table(head, (_row(each) for each in found[:MOST_ALLOWED]))
        if len(found) > MOST_ALLOWED:
            yield f"\nand {len(found) - MOST_ALLOWED} more, in the JSON."
        yield ""


def _row(entry: Entry) -> tuple[str, ...]:
    facts = entry.facts
    where = entry.backend or ""
    if entry.provider:
        where = f"{where} at {entry.provider}" if where and where != entry.provider else entry.provider
    said = entry.reasons or entry.due
    why = "; ".join(f"{each['rule']}: {each['detail']}" for each in said)
    return (
        f"`{entry.id}`",
        entry.caller,
        entry.model,
        where or "own engine",
        entry.data_class or "",
        f"{entry.times:,}",
        f"{entry.calls:,}",
        str(facts.get("licence", {}).get("value", "not known")),
        " from ".join(_hand(link) for link in facts.get("chain", [])) or "not known",
        f"due before use: {why}" if entry.allowed and why else why,
    )


def _hand(link: dict[str, Any]) -> str:
    country = (link.get("country") or {}).get("value", "?")
    return f"{link['name']} ({link['role']}, {country})"


def _texts(policies: Sequence[PolicyText]) -> Iterator[str]:
    yield "## The policies, word for word"
    for each in policies:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", each.text)), default=0))
        yield ""
        yield f"{_plain(each.path)}, SHA-256 `{each.sha256}`:"
        yield ""
        yield f"{fence}toml"
        yield each.text.rstrip("\n")
        yield fence


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_plain(cell) for cell in row)} |"


def _plain(text: str) -> str:
    """Text from outside in a line or a cell: no line breaks, no bars that end it, no tags."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
