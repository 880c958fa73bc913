"""Reports as a run would write them: `make_report()` is a plausible winner, each argument changes one thing."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge.chat import Usage
from weighbridge.stats import Basis, Contest, Decision, Estimate, NotWorse, Rule, Verdict, compare_groups
from weighbridge.weigh.records import (
    CandidateResult,
    Failure,
    Group,
    ItemView,
    Look,
    Report,
    Result,
    Sample,
    VerdictResult,
)

CATEGORIES = ("account", "billing", "delivery", "returns", "technical")
TICKETS = {
    "en": "I was charged twice for order 88213 and nobody answers the phone. Please refund one of the payments.",
    "zh": "我的包裹已经显示送达，但是我没有收到。请帮我查一下是谁签收的，谢谢。",
    "de": "Seit dem letzten Update stürzt die App beim Öffnen ab. Neuinstallieren hat nicht geholfen.",
    "es": "Quiero devolver los zapatos que compré la semana pasada; la talla no es la correcta.",
    "ar": "لا أستطيع تسجيل الدخول إلى حسابي منذ يوم أمس (رمز الخطأ E-401)، هل يمكنكم مساعدتي؟",
    "hi": "मेरे खाते से दो बार पैसे कट गए हैं, कृपया जल्द से जल्द वापस करें।",
}
RULE = Rule()
RATES = {"gemma-270m": 0.68, "smollm2-135m": 0.52}


def make_report(
    rates: Mapping[str, float] = RATES,
    *,
    total: int = 240,
    stop: int | None = None,
    force: tuple[Decision, Basis] | None = None,
    rule: Rule = RULE,
    price: float | None = None,
    shown: int = 2_000,
    failing: Mapping[str, float] | None = None,
    answer: str | None = None,
    ticket: str | None = None,
    task: str = "support-triage",
    description: str = "Customer tickets in six languages, to be sorted by category.",
    seed: int = 7,
    candidates: Sequence[Mapping[str, Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    tags: bool = True,
) -> Report:
    """A whole report, judged by the real statistics.

    rates: candidate to its chance of a right answer; failing: to its chance of a failure; stop: items after which
    the user stopped the run; force: the decision and basis whatever was drawn, for wordings that are rare.
    """
    kind = NotWorse if rule.goal == "not-worse" else Contest
    rng, contest, names = random.Random(seed), kind(list(rates), rule, total), list(rates)
    how = {"failing": failing or {}, "answer": answer, "ticket": ticket, "price": price}
    views: list[ItemView] = []
    looks: list[Look] = []
    gone: dict[str, int] = {}
    while not contest.decided and len(views) < (stop or total):
        views.append(_item(len(views) + 1, {name: rates[name] for name in contest.active}, rng, **how))
        contest.add([_score(views[-1], name) for name in names])
        gone |= {name: len(views) for name in names if name not in contest.active and name not in gone}
        if len(views) % max(1, total // 300) == 0:
            looks.append(_look(contest.verdict(), views))
    verdict = contest.finish("Ctrl-C" if stop and len(views) < total else None)
    looks = [*(look for look in looks if look.items < len(views)), _look(verdict, views)]
    decision, basis = force or (verdict.decision, verdict.basis)
    best = max(verdict.estimates, key=lambda one: -1.0 if one.mean is None else one.mean).name
    winner = best if decision == "winner" else None
    results = tuple(_result(one, views) for one in verdict.estimates)
    views.sort(key=lambda view: (-view.spread, view.order))
    return Report(
        result=Result(
            task=task,
            items=len(views),
            candidates=results,
            verdict=VerdictResult(
                decision=decision,
                winner=winner,
                alpha=rule.alpha,
                margin=rule.margin,
                basis=basis,
                reason=verdict.reason,
                goal=rule.goal,
                chosen=verdict.chosen,
            ),
            calls_used=sum(one.calls for one in results),
            calls_full=total * len(rates),
            report="runs/support-triage-20261128/report.html",
        ),
        rule=rule,
        description=description,
        started_at=1_795_874_400.0,
        elapsed_s=93.4,
        looks=tuple(looks),
        comparisons=verdict.comparisons,
        groups=_groups(names, views) if tags else (),
        failures=_failures(views),
        items=tuple(views[:shown]),
        items_total=total,
        provenance=dict(provenance) if provenance is not None else _provenance(),
        candidates=tuple(candidates) if candidates is not None else tuple(_candidate(name) for name in rates),
        eliminated=gone,
    )


def _item(order, rates, rng, *, failing, answer, ticket, price) -> ItemView:
    language = rng.choice(list(TICKETS))
    category = rng.choice(CATEGORIES)
    harder = {"ar": -0.12, "hi": -0.2, "zh": -0.06}.get(language, 0.06)
    samples = []
    for name, rate in rates.items():
        if rng.random() < failing.get(name, 0.0):
            samples.append(_failed(order, name, rng))
            continue
        right = rng.random() < rate + harder
        said = category if right else rng.choice([other for other in CATEGORIES if other != category])
        samples.append(_sample(order, name, said, category, right=right, rng=rng, answer=answer, price=price))
    scores = [sample.score for sample in samples if sample.score is not None]
    return ItemView(
        id=f"t-{order:04d}",
        order=order,
        tags={"language": language, "category": category},
        fields={
            "id": f"t-{order:04d}",
            "ticket": ticket or TICKETS[language],
            "language": language,
            "category": category,
        },
        reference={"category": category},
        samples=tuple(samples),
        spread=max(scores) - min(scores) if scores else 0.0,
    )


def _sample(order, name, said, category, *, right, rng, answer, price) -> Sample:
    ranked = {label: -0.4 if label == said else -1.5 - 3 * rng.random() for label in CATEGORIES}
    used = Usage(input_tokens=rng.randint(180, 260), output_tokens=rng.randint(2, 6))
    return Sample(
        item=order,
        candidate=name,
        text=answer if answer is not None else said,
        reasoning="The customer talks about a payment, so this is billing." if rng.random() < 0.2 else "",
        label_logprobs={"category": ranked},
        score=1.0 if right else 0.0,
        parts={"category": 1.0 if right else 0.0},
        note="" if right else f'read "{said}"; expected "{category}"',
        usage=used,
        usd=None if price is None else price * 1e-6 * (used.input_tokens or 0),
        latency_s=0.08 + 0.6 * rng.random() ** 3,
        cached=rng.random() < 0.1,
    )


def _failed(order, name, rng) -> Sample:
    reason = rng.choice(("status 429", "status 429", "unreadable answer", "unreachable"))
    error = f"{name} refused the request: {reason}. Tried 5 times in 41 s."
    return Sample(item=order, candidate=name, failed=reason, error=error)


def _score(view: ItemView, name: str) -> float:
    scores = [one.score for one in view.samples if one.candidate == name and one.score is not None]
    return scores[0] if scores else math.nan


def _result(estimate: Estimate, views: Sequence[ItemView]) -> CandidateResult:
    samples = [one for view in views for one in view.samples if one.candidate == estimate.name]
    times = sorted(one.latency_s for one in samples if one.latency_s is not None)
    spent = [one.usd for one in samples if one.score is not None]
    unknown = not spent or any(usd is None for usd in spent)
    return CandidateResult(
        name=estimate.name,
        model=f"acme/{estimate.name}-instruct-Q4_K_M",
        score=estimate.mean,
        interval=estimate.interval,
        calls=len(samples),
        failed=sum(one.score is None for one in samples),
        cost_usd=None if unknown else sum(spent),
        latency_p50_s=times[len(times) // 2] if times else None,
        latency_p95_s=times[int(len(times) * 0.95)] if times else None,
        tokens_in=sum(one.usage.input_tokens or 0 for one in samples) if times else None,
        tokens_out=sum(one.usage.output_tokens or 0 for one in samples) if times else None,
    )


def _look(verdict: Verdict, views: Sequence[ItemView]) -> Look:
    first = verdict.comparisons[0]
    return Look(
        items=len(views),
        calls=sum(len(view.samples) for view in views),
        means={one.name: one.mean for one in verdict.estimates},
        intervals={one.name: one.interval for one in verdict.estimates},
        evidence=first.evidence,
        threshold=first.threshold,
        decision=verdict.decision,
        winner=verdict.winner,
        pair=(first.first, first.second),
        difference=first.difference,
        difference_interval=first.interval,
    )


def _groups(names: Sequence[str], views: Sequence[ItemView]) -> tuple[Group, ...]:
    groups: list[Group] = []
    for tag in ("language", "category"):
        rows: dict[str, list[list[float]]] = {}
        for view in views:
            rows.setdefault(view.tags[tag], []).append([_score(view, name) for name in names])
        groups += [
            Group(
                tag=tag,
                value=one.group,
                items=one.items,
                means=one.means,
                intervals=one.intervals,
                differs=one.differs,
            )
            for one in compare_groups(names, rows)
        ]
    return tuple(groups)


def _failures(views) -> tuple[Failure, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for view in views:
        for one in view.samples:
            if one.failed:
                found.setdefault((one.candidate, one.failed), []).append(one.error or "")
    return tuple(
        Failure(candidate=name, reason=reason, count=len(errors), example=errors[0])
        for (name, reason), errors in found.items()
    )


def _candidate(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "backend": f"local-{name}",
        "model": f"acme/{name}-instruct-Q4_K_M",
        "licence": "Apache-2.0" if "smol" in name else "gemma",
        "endpoint": "chat" if "smol" in name else "completion",
        "prompt": {"system": "Sort each ticket into one category.", "user": "Ticket: {{ticket}}\nCategory:"},
        "sampling": {"temperature": 0.0, "max_tokens": 8},
        "fingerprint": {"weights_sha256": "b179c9523d0e6a0f" * 4, "engine": "xllamacpp 2026.10", "threads": "2"},
    }


def _provenance() -> dict[str, Any]:
    return {
        "command": ["weighbridge", "weigh", "examples/support-triage", "--seed", "0"],
        "task": {"name": "support-triage", "fingerprint": "4f1d" * 16, "items_file": "items.jsonl"},
        "seed": 0,
        "rule": {"alpha": 0.05, "margin": 0.02, "scope": "work", "futility": True},
        "versions": {"weighbridge": "0.1.0", "python": "3.11.2", "numpy": "2.3.1", "xllamacpp": "2026.10"},
        "machine": {"system": "Linux 6.1 x86_64", "cpus": 2, "memory": "7.7 GiB"},
    }
