"""How `weighbridge route` says what was learned and what was measured."""

from __future__ import annotations

from typing import Any

from weighbridge.routers import model_of
from weighbridge.routers.evaluating import Evaluation
from weighbridge.routers.spending import Spending
from weighbridge.units import format_bytes

from .compose_route import Made


def train_text(made: Made) -> str:
    promise = made.trained.promise
    side = " + ".join(made.weak)
    confidence = _percent(1 - made.goal.alpha)
    lines = [
        _samples_line(made),
        f"{side} alone keeps {_percent(promise.weak_quality / promise.strong_quality)} of {made.strong}.",
    ]
    if made.trained.artefact is None:
        gap = promise.keep - promise.bound
        lines += [
            f"REFUSED: that {_percent(promise.keep)} is kept cannot be shown with {confidence} confidence.",
            f"  With {_percent(promise.saved)} of the calls to the weak side the lower bound is "
            f"{_percent(promise.bound)}, {100 * gap:.2f} points below the promise; measured: {_percent(promise.kept)}.",
            f"  {_beside(made)}",
            "  Nothing was written. Promise less with --keep, record more samples, or name further weak models.",
        ]
        return "\n".join(lines)
    lines += [
        *_no_better(made),
        f"PROMISE: at least {_percent(promise.keep)} of {made.strong}'s quality is kept ({confidence} confidence).",
        f"  On {promise.items:,} items that nothing was learned from: {_percent(promise.kept)} kept, lower bound "
        f"{_percent(promise.bound)}, {_percent(promise.saved)} of the strong calls avoided.",
        f"  {_beside(made)}",
        f"  {_money(made.trained.spending)}",
        f"  {_asked(made.trained.spending)}",
        f"Wrote {made.out} ({format_bytes(made.size)}). Serve it in a [[route]] with\n"
        f'  kind = "cascade", router = "{made.out}"',
        f"and a target for each of these stages: {', '.join(_stages(made))}",
    ]
    return "\n".join(lines)


def _stages(made: Made) -> tuple[str, ...]:
    """Whom a route has to be able to ask."""
    artefact = made.trained.artefact
    judge = artefact.judge if artefact is not None else None
    return tuple(dict.fromkeys((*map(model_of, made.weak), made.strong, *([judge.name] if judge is not None else []))))


def train_json(made: Made) -> dict[str, Any]:
    promise = made.trained.promise
    return {
        "router": None if made.out is None else str(made.out),
        "refused": made.trained.artefact is None,
        "weak": made.weak,
        "strong": made.strong,
        "method": made.method,
        "rounds": made.goal.rounds,
        "stages": _stages(made),
        "promise": promise,
        "missing": max(promise.keep - promise.bound, 0.0) if made.trained.artefact is None else 0.0,
        "beside": made.trained.beside._asdict(),
        "rows": made.samples.rows,
        "left_out": made.samples.left_out,
        "bytes": made.size,
        "spending": _spending(made.trained.spending),
    }


def eval_text(found: Evaluation) -> str:
    said = {
        "kept": "KEPT: the lower bound is at least the promise.",
        "broken": "BROKEN: the quality kept lies below the promise, and chance does not explain it.",
        "not shown": "NOT SHOWN: these samples neither show that the promise is kept nor that it is broken.",
    }[found.standing]
    lines = [
        said,
        f"  Promised {_percent(found.promised)}, kept {_percent(found.kept)} "
        f"({_percent(found.interval.low)} to {_percent(found.interval.high)}), lower bound {_percent(found.bound)}.",
        f"  Strong calls avoided: {_percent(found.saved)} ({_percent(found.saved_interval.low)} to "
        f"{_percent(found.saved_interval.high)}); at this quality chance avoids {_percent(found.chance)}, an oracle "
        f"{_percent(found.oracle)}.",
        f"  Mean score: weak {found.weak_quality:.3f}, routed {found.routed_quality:.3f}, strong "
        f"{found.strong_quality:.3f}.",
        f"  {_money(found.spending)}",
        f"  {_asked(found.spending)}",
        f"  {found.items:,} items"
        + (f"; {found.seen:,} that the router was made from left out." if found.seen else "."),
    ]
    for part in found.parts[:8]:
        kept = "strong scored 0" if part.kept is None else f"{_percent(part.kept)} kept"
        lines.append(f"    {part.name}: {part.items:,} items, {kept}, {_percent(part.saved)} avoided")
    if found.parts:
        lines.append("  A promise is about all items together; single categories may lie below it.")
    return "\n".join(lines)


def eval_json(found: Evaluation) -> dict[str, Any]:
    said = found._asdict()
    said["spending"] = _spending(found.spending)
    said["parts"] = [part._asdict() for part in found.parts]
    return said


def _no_better(made: Made) -> list[str]:
    """Said where a coin does as well, so that nobody takes the promise for skill."""
    promise, chance = made.trained.promise, made.trained.beside.chance_here
    if chance >= 1.0 or promise.saved > chance:
        return []
    return ["NOTE: the prompts and answers told nothing here: chance avoids as many strong calls at the same quality."]


def _samples_line(made: Made) -> str:
    used = len(made.samples)
    line = f"{used:,} of {made.samples.rows:,} rows" if made.samples.left_out else f"{used:,} rows"
    return f"{line}, method {made.method}." + (
        f" {made.samples.left_out:,} lack a score and were left out." if made.samples.left_out else ""
    )


def _beside(made: Made) -> str:
    beside = made.trained.beside
    return (
        f"At this quality on the same items, at best: chance {_percent(beside.chance)}, length of the prompt "
        f"{_percent(beside.length)}, this router {_percent(beside.ours)}, an oracle {_percent(beside.oracle)}."
    )


def _money(spent: Spending) -> str:
    if spent.saved is None and not spent.unpriced:
        return "Money: the strong model costs nothing, so there is none to save."
    if spent.saved is None:
        lacking = " and ".join(spent.unpriced)
        return f"Money: unknown, for the cost of {lacking} is; give it with --cost, --price or recorded dollars."
    return (
        f"Money, all calls counted: {spent.routed:.6g} an item instead of {spent.always_strong:.6g}, "
        f"{_percent(spent.saved)} saved."
    )


def _asked(spent: Spending) -> str:
    return "Calls an item: " + ", ".join(f"{name} {calls:.2f}" for name, calls in spent.asked.items()) + "."


def _spending(spent: Spending) -> dict[str, Any]:
    return {**spent._asdict(), "saved": spent.saved}


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
