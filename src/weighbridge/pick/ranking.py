"""The answer to a need: who is left, in which order, how sure that is; and who is not, by which rule or figure.

order   by the low end of the 80% interval of quality: what a model can be relied on to reach. A model that nobody
        measured has a long interval, and stands behind an equal one that was measured
groups  models that the evidence cannot tell from the first of their group: the chance that the later one is the
        better of the two is 10% or more
front   of those whose cost is known, whom nobody beats in quality at the same cost or less
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

import msgspec

from weighbridge.cost.words import counted
from weighbridge.pick.evidence import Z80, Abilities, Quality
from weighbridge.pick.reading import Need
from weighbridge.pick.rules import Finding, Rule, rules_of
from weighbridge.pick.subject import Subject
from weighbridge.pick.ways import Refused, Way, World, choose_way
from weighbridge.policy import Decision

MOST_REASONS = 3


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    quality: Quality
    way: Way
    group: int
    """From 1; models of one group are not told apart."""
    why: tuple[str, ...]


class Excluded(msgspec.Struct, frozen=True):
    id: str
    reasons: tuple[str, ...]
    """Rules and figures that it fails, and facts that are missing."""
    quality: Quality | None
    """None where nothing places it."""
    meets_rules: bool = False
    """It only cannot be served within the need."""

    @property
    def because(self) -> str:
        """The first reasons, and how many more there are."""
        more = f"; and {len(self.reasons) - MOST_REASONS} more" if len(self.reasons) > MOST_REASONS else ""
        return "; ".join(self.reasons[:MOST_REASONS]) + more


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    need: Need
    ranked: tuple[Ranked, ...]
    excluded: tuple[Excluded, ...]
    front: tuple[str, ...]
    """Ids on the front of quality against cost, the cheapest first."""
    thin: tuple[str, ...]
    """What the evidence is too thin for."""


class _Left(msgspec.Struct, frozen=True):
    subject: Subject
    quality: Quality
    way: Way
    why: tuple[str, ...]


def pick(need: Need, subjects: Iterable[Subject], abilities: Abilities, world: World) -> Answer:
    """Every subject once, ranked or excluded."""
    rules = tuple(rules_of(need))
    left: list[_Left] = []
    excluded: list[Excluded] = []
    for subject in subjects:
        found = _judge(subject, need, rules, abilities, world)
        (left if isinstance(found, _Left) else excluded).append(found)  # type: ignore[arg-type]
    left.sort(key=lambda each: (-each.quality.low, each.subject.id))
    groups = group_by_doubt([each.quality for each in left])
    ranked = tuple(
        Ranked(id=each.subject.id, quality=each.quality, way=each.way, group=group, why=each.why)
        for each, group in zip(left, groups, strict=True)
    )
    return Answer(
        need=need,
        ranked=ranked,
        excluded=tuple(sorted(excluded, key=lambda each: each.id)),
        front=front_of(ranked),
        thin=tuple(_thin(need, ranked)),
    )


def _judge(subject: Subject, need: Need, rules: Sequence[Rule], abilities: Abilities, world: World) -> _Left | Excluded:
    findings = [rule.judge(subject) for rule in rules]
    decision = None if world.allowed is None else world.allowed(subject, None, None)
    if decision is not None:
        said = {finding.because for finding in findings if not finding.passes}
        against = (reason for reason in decision.reasons if reason.detail not in said)
        findings += [Finding(False, f"policy {reason}") for reason in against]
    failed = tuple(finding.because for finding in findings if not finding.passes)
    quality = abilities.quality(subject.id, need.mix)
    if failed:
        return Excluded(subject.id, failed, quality)
    if quality is None:
        return Excluded(subject.id, ("nobody measured it, and its size or date is not known: nothing places it",), None)
    way = choose_way(subject, need, world)
    if isinstance(way, Refused):
        return Excluded(subject.id, (way.because,), quality, meets_rules=True)
    told = (evidence_words(need, quality), *way.why, *_worth_saying(findings))
    return _Left(subject, quality, way, (*told, *_due(decision, way)))


def _due(decision: Decision | None, way: Way) -> list[str]:
    """What the policy asks of files before they are used; of a provider's nothing."""
    if decision is None:
        return []
    due = [reason.rule for reason in decision.due] if way.run is not None else []
    return ["the policy allows it" + (f"; due before it is used: {', '.join(due)}" if due else "")]


def _worth_saying(findings: Iterable[Finding]) -> list[str]:
    return [finding.because for finding in findings if finding.because.startswith(("licence", "lab in", "no weights"))]


def evidence_words(need: Need, quality: Quality) -> str:
    """`measured on 5 benchmarks of coding by others (newest 2026-08-11)`; or from what it is estimated."""
    others = [each for each in quality.of_work if not each.is_own]
    own = len(quality.of_work) - len(others)
    parts = []
    if others:
        names = ", ".join(each.benchmark for each in others[:3]) + (", ..." if len(others) > 3 else "")
        newest = max((each.date for each in others), default="") or "undated"
        on = f"{counted(len(others), 'benchmark')} of {need.kinds}"
        parts.append(f"measured by others on {on} ({names}; newest {newest})")
    if own:
        parts.append(f"{counted(own, 'score')} of its own lab, counted less")
    if quality.of_other:
        parts.append(f"{counted(quality.of_other, 'score')} on other work")
    return "; ".join(parts) or "no score: estimated from size, date and kind alone"


def group_by_doubt(qualities: Sequence[Quality]) -> list[int]:
    """Groups of an ordered list, from 1: a new one begins where somebody is told from the first of the group."""
    groups: list[int] = []
    leader = 0
    for place, quality in enumerate(qualities):
        if place and told_apart(qualities[leader], quality):
            leader = place
            groups.append(groups[-1] + 1)
        else:
            groups.append(groups[-1] if groups else 1)
    return groups


def told_apart(better: Quality, other: Quality) -> bool:
    """Whether the chance that the other one is better is under 10%, their errors taken as independent."""
    spread = sqrt(better.deviation**2 + other.deviation**2)
    return better.value - other.value > Z80 * spread


def near_misses(answer: Answer, most: int) -> list[Excluded]:
    """Models that fail one thing alone, those placed highest first. Where others are ranked, only those that would
    stand among the first and cannot be served within the need: a rule that was written down is meant."""
    near = [(each, each.quality) for each in answer.excluded if len(each.reasons) == 1 and each.quality is not None]
    if answer.ranked and answer.need.file.serve.how == "own":
        return []  # that what is larger does not fit goes without saying
    if answer.ranked:
        first = answer.ranked[0].quality
        near = [(each, quality) for each, quality in near if each.meets_rules and not told_apart(first, quality)]
    return [each for each, _ in sorted(near, key=lambda pair: -pair[1].low)[:most]]


def front_of(ranked: Iterable[Ranked]) -> tuple[str, ...]:
    """Ids that nobody beats at the same cost or less, by the low end of quality; the cheapest first."""
    costs: Mapping[str, tuple[float, float]] = {
        each.id: (each.way.usd.value, each.quality.low) for each in ranked if each.way.usd is not None
    }
    front: list[str] = []
    best = float("-inf")
    for model, (_, value) in sorted(costs.items(), key=lambda pair: (pair[1][0], -pair[1][1], pair[0])):
        if value > best:
            front.append(model)
            best = value
    return tuple(front)


def _thin(need: Need, ranked: Sequence[Ranked]) -> Iterable[str]:
    """What the ranking cannot say."""
    if not ranked:
        return
    first = [each for each in ranked if each.group == 1]
    unmeasured = [each for each in first if not any(not score.is_own for score in each.quality.of_work)]
    if len(first) > 1:
        yield f"The first {len(first)} are not told apart by the evidence: weigh them on your own items."
    if unmeasured and len(unmeasured) == len(first):
        yield f"None of the first was measured on {need.kinds} by others than its lab: the order is a guess."
    elif unmeasured:
        yield f"{len(unmeasured)} of the first were not measured on {need.kinds} by others than their labs."
