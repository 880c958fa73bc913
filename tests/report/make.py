"""Reports as a run would write them: `make_report()` is a plausible winner, each argument changes one thing."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge.chat import Usage
from weighbridge.stats.records import Basis, Comparison, Decision, Interval, Rule
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
RATES = {"gemma-270m": 0.68, "smollm2-135m": 0.52}


def make_report(
    rates: Mapping[str, float] = RATES,
    *,
    items: int = 160,
    total: int = 240,
    decision: Decision = "winner",
    basis: Basis = "certified",
    margin: float = 0.02,
    scope: str = "work",
    price: float | None = None,
    shown: int = 2_000,
    failing: Mapping[str, float] | None = None,
    eliminated: Mapping[str, int] | None = None,
    answer: str | None = None,
    ticket: str | None = None,
    task: str = "support-triage",
    reason: str | None = None,
    seed: int = 7,
    candidates: Sequence[Mapping[str, Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    tags: bool = True,
) -> Report:
    """A whole report. `rates`: candidate to its chance of a right answer; `failing`: to its chance of a failure."""
    rng = random.Random(seed)
    gone = dict(eliminated or {})
    how = {"failing": failing or {}, "gone": gone, "answer": answer, "ticket": ticket, "price": price}
    views = [_item(order, rates, rng, **how) for order in range(1, items + 1)]
    results = tuple(_result(name, views) for name in rates)
    pairs = _pairs(list(rates), views)
    best = max(results, key=lambda one: -1.0 if one.score is None else one.score)
    winner = best.name if decision == "winner" else None
    views.sort(key=lambda view: (-view.spread, view.order))
    used = sum(one.calls for one in results)
    return Report(
        result=Result(
            task=task,
            items=items,
            candidates=results,
            verdict=VerdictResult(
                decision=decision,
                winner=winner,
                alpha=0.05,
                margin=margin,
                basis=basis,
                reason=reason or _reason(best.name, pairs),
            ),
            calls_used=used,
            calls_full=total * len(rates),
            report="runs/support-triage-20261128/report.html",
        ),
        rule=Rule(alpha=0.05, margin=margin, scope="items" if scope == "items" else "work"),
        description="Customer tickets in six languages, to be sorted by category.",
        started_at=1_795_874_400.0,
        elapsed_s=93.4,
        looks=_looks(list(rates), views, decision, winner),
        comparisons=tuple(pairs),
        groups=_groups(list(rates), views) if tags else (),
        failures=_failures(views),
        items=tuple(views[:shown]),
        items_total=total,
        provenance=dict(provenance) if provenance is not None else _provenance(),
        candidates=tuple(candidates) if candidates is not None else tuple(_candidate(name) for name in rates),
        eliminated=gone,
    )


def _reason(best: str, pairs: Sequence[Comparison]) -> str:
    return f"{best}: evidence {pairs[0].evidence:.3g} of the 20 needed." if pairs else "One candidate."


def interval(scores: Sequence[float], pairs: int = 1) -> Interval:
    """A sound-looking interval for the drawing; the statistics proper are tested where they live."""
    if not scores:
        return Interval(0.0, 1.0)
    mean = sum(scores) / len(scores)
    variance = sum((score - mean) ** 2 for score in scores) / len(scores) + 0.02
    reach = math.sqrt(2 * variance * math.log(2 * (1 + math.log(1 + len(scores))) * pairs / 0.05) / len(scores))
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach))


def _item(order, rates, rng, *, failing, gone, answer, ticket, price) -> ItemView:
    language = rng.choice(list(TICKETS))
    category = rng.choice(CATEGORIES)
    harder = {"ar": -0.12, "hi": -0.2, "zh": -0.06}.get(language, 0.06)
    samples = []
    for name, rate in rates.items():
        if order > gone.get(name, math.inf):
            continue
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


def _scores(name: str, views: Sequence[ItemView]) -> list[float]:
    return [one.score for view in views for one in view.samples if one.candidate == name and one.score is not None]


def _result(name: str, views: Sequence[ItemView]) -> CandidateResult:
    samples = [one for view in views for one in view.samples if one.candidate == name]
    scores = _scores(name, views)
    times = sorted(one.latency_s for one in samples if one.latency_s is not None)
    spent = [one.usd for one in samples if one.score is not None]
    unknown = not spent or any(usd is None for usd in spent)
    return CandidateResult(
        name=name,
        model=f"acme/{name}-instruct-Q4_K_M",
        score=sum(scores) / len(scores) if scores else None,
        interval=interval(scores),
        calls=len(samples),
        failed=sum(one.score is None for one in samples),
        cost_usd=None if unknown else sum(spent),
        latency_p50_s=times[len(times) // 2] if times else None,
        latency_p95_s=times[int(len(times) * 0.95)] if times else None,
        tokens_in=sum(one.usage.input_tokens or 0 for one in samples) if times else None,
        tokens_out=sum(one.usage.output_tokens or 0 for one in samples) if times else None,
    )


def _differences(first: str, second: str, views: Sequence[ItemView]) -> list[float]:
    found = []
    for view in views:
        scores = {one.candidate: one.score for one in view.samples if one.score is not None}
        if first in scores and second in scores:
            found.append(scores[first] - scores[second])
    return found


def _comparison(first: str, second: str, views: Sequence[ItemView]) -> Comparison:
    found = _differences(first, second, views)
    mean = sum(found) / len(found) if found else None
    around = interval([(one + 1) / 2 for one in found])
    squares = sum(one**2 for one in found) + 1
    evidence = math.exp(min(600.0, sum(found) ** 2 / (2 * squares) - 0.5 * math.log(squares)))
    return Comparison(
        first=first, second=second, items=len(found), difference=mean,
        interval=Interval(2 * around.low - 1, 2 * around.high - 1), evidence=evidence, threshold=20.0,
    )  # fmt: skip


def _pairs(names: Sequence[str], views: Sequence[ItemView]) -> list[Comparison]:
    pairs = [_comparison(a, b, views) for place, a in enumerate(names) for b in names[place + 1 :]]
    if pairs and pairs[0].difference is not None and len(names) > 2:
        top = sorted(names, key=lambda name: -(sum(_scores(name, views)) / max(1, len(_scores(name, views)))))[:2]
        pairs.sort(key=lambda pair: {pair.first, pair.second} != set(top))
    return pairs


def _looks(names, views, decision, winner) -> tuple[Look, ...]:
    drawn = sorted(views, key=lambda view: view.order)
    looks = []
    for items in sorted({*range(1, len(drawn) + 1, max(1, len(drawn) // 120)), len(drawn)} - {0}):
        so_far = drawn[:items]
        scores = {name: _scores(name, so_far) for name in names}
        first = _comparison(names[0], names[1], so_far) if len(names) > 1 else None
        last = items == len(drawn)
        looks.append(
            Look(
                items=items,
                calls=sum(len(view.samples) for view in so_far),
                means={name: sum(got) / len(got) if got else None for name, got in scores.items()},
                intervals={name: interval(got) for name, got in scores.items()},
                evidence=first.evidence if first else 1.0,
                threshold=20.0,
                decision=decision if last else "undecided",
                winner=winner if last else None,
                pair=(names[0], names[1]) if first else None,
                difference=first.difference if first else None,
                difference_interval=first.interval if first else None,
            )
        )
    return tuple(looks)


def _groups(names, views) -> tuple[Group, ...]:
    groups = []
    for tag in ("language", "category"):
        for value in sorted({view.tags[tag] for view in views}):
            inside = [view for view in views if view.tags[tag] == value]
            scores = {name: _scores(name, inside) for name in names}
            means = {name: sum(got) / len(got) if got else None for name, got in scores.items()}
            intervals = {name: interval(got, pairs=11) for name, got in scores.items()}
            ranked = sorted(names, key=lambda name: -(means[name] or 0.0))
            clear = len(names) > 1 and intervals[ranked[0]].low > intervals[ranked[1]].high
            groups.append(
                Group(tag=tag, value=value, items=len(inside), means=means, intervals=intervals,
                      differs=ranked[0] if clear else None)
            )  # fmt: skip
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
