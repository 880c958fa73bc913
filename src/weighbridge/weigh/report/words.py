"""The verdict in words: what may be said, how sure it is and on what, and nothing more.

Shared by the page and the terminal. A sentence is a sequence of strings in which names are Strong, so that each face
sets them off in its own way.
"""

from __future__ import annotations

from weighbridge.stats.records import Comparison
from weighbridge.weigh.records import CandidateResult, Report

from .goals import goal_headline, goal_promises, goal_sureness
from .names import short_name
from .numbers import count, counted, decimals, margin_points, percent
from .plain import one_line

NAME = 60
"""Characters of a candidate's name that are shown in running text."""


class Strong(str):
    """A name in a sentence."""

    __slots__ = ()


Sentence = tuple[str, ...]

BASIS = {
    "certified": (
        "Certified",
        "A test that is valid at every look has crossed its threshold, so the run could end.",
    ),
    "forecast": (
        "Forecast",
        "The items left would hardly change the choice, so they were not paid for.",
    ),
    "futile": (
        "Stopped early",
        "A forecast says that the items left would hardly change this, so they were not paid for. A forecast is not "
        "a proof.",
    ),
    "exhausted": ("All items used", "Every item that could be drawn was; there was nothing left to ask."),
    "stopped": ("Stopped", "The run was ended from outside before it had decided."),
}


def in_order(report: Report) -> tuple[CandidateResult, ...]:
    """Candidates, the best score first; those without a score last."""
    return tuple(sorted(report.result.candidates, key=lambda one: 1.0 if one.score is None else -one.score))


def places(report: Report) -> dict[str, int]:
    """Candidate name to its place in the task, which fixes colour and mark throughout the page."""
    return {one.name: place for place, one in enumerate(report.result.candidates)}


def name_of(name: str) -> Strong:
    return Strong(short_name(name, NAME))


def deciding(report: Report) -> Comparison | None:
    """The pair that decides, turned so that the better one stands first."""
    pair = next(iter(report.comparisons), None)
    if pair is None or pair.difference is None or pair.difference >= 0:
        return pair
    return turned(pair)


def turned(pair: Comparison) -> Comparison:
    """The same comparison, second minus first."""
    flipped = type(pair.interval)(-pair.interval.high, -pair.interval.low)
    difference = None if pair.difference is None else -pair.difference
    return Comparison(
        first=pair.second, second=pair.first, items=pair.items, difference=difference, interval=flipped,
        evidence=pair.evidence, threshold=pair.threshold,
    )  # fmt: skip


def headline(report: Report) -> Sentence:
    """The verdict in one plain sentence."""
    verdict = report.result.verdict
    if len(report.result.candidates) == 1:
        return _alone(report)
    if verdict.decision == "winner" and verdict.winner is not None:
        return _winner(report, verdict.winner)
    silent = [one.name for one in report.result.candidates if one.score is None]
    if len(silent) == len(report.result.candidates):
        return ("Undecided: no candidate gave a usable answer.",)
    if silent and len(report.result.candidates) == 2:
        return ("Undecided: ", *_listed(silent), " gave no usable answer, only failures.")
    if (said := goal_headline(report, name_of, where(report))) is not None:
        return said
    return _tie(report) if verdict.decision == "tie" else _undecided(report)


def where(report: Report) -> str:
    """What the verdict is about."""
    return "on these items" if report.rule.scope == "items" else "on this work"


def sureness(report: Report) -> str:
    """How sure, and on what, in one or two sentences."""
    verdict = report.result.verdict
    margin = margin_points(verdict.margin)
    if (said := goal_sureness(report, chance(verdict.alpha))) is not None:
        return said
    if verdict.basis == "exhausted" and verdict.decision != "undecided":
        return "Every item was used, so on this set the difference is known, not estimated."
    if verdict.decision == "winner":
        return (
            f"Of comparisons run like this one, at most {chance(verdict.alpha)} name a wrong winner, however often "
            "anyone looks and whenever they stop."
        )
    if verdict.decision == "tie" and verdict.basis == "futile":
        return f"Most likely all items together would show no difference of more than {margin}."
    if verdict.decision == "tie":
        return (
            f"A test that is valid at every look says that the true difference is below {margin}, the margin set "
            f"before the run; it is wrong in at most {chance(verdict.alpha)}."
        )
    return "No winner is named, because no test that is valid at every look says so. That is not proof of a tie."


def chance(alpha: float) -> str:
    """`0.05` as `5 in 100`."""
    for whole in (100, 1_000, 10_000, 100_000):
        if alpha * whole >= 1 and abs(alpha * whole - round(alpha * whole)) < 1e-9 * whole:
            return f"{round(alpha * whole):,} in {whole:,}"
    return f"{100 * alpha:.3g} in 100"


def calls_share(report: Report) -> str:
    """`286 of 480 calls (60%)`."""
    used, full = report.result.calls_used, report.result.calls_full
    share = f" ({percent(used / full)})" if full else ""
    return f"{count(used)} of {count(full)}{share}"


def calls_saved(report: Report) -> int:
    return max(0, report.result.calls_full - report.result.calls_used)


def total_cost(report: Report) -> tuple[float | None, float, tuple[str, ...]]:
    """The whole cost or None when a part is unknown, the part that is known, and whose is unknown."""
    known = [one.cost_usd for one in report.result.candidates if one.cost_usd is not None]
    unknown = tuple(one.name for one in report.result.candidates if one.cost_usd is None)
    return (None if unknown else sum(known)), sum(known), unknown


def promises(report: Report) -> tuple[str, ...]:
    """What the guarantee is."""
    verdict = report.result.verdict
    margin = f"margin {margin_points(verdict.margin)}" if verdict.margin else "no margin, so no tie can be declared"
    about = (
        f"exactly these {counted(report.items_total, 'item')}, as a closed set"
        if report.rule.scope == "items"
        else "work of which these items are a random sample"
    )
    if report.rule.scope == "work" and report.rule.cluster is not None:
        about = "work of which these clusters are a random sample, each counted once: items that share " + repr(
            report.rule.cluster
        )
    return (
        f"The rule was fixed before the first {_first(report)}: error rate {100 * verdict.alpha:.3g}%, {margin}.",
        goal_promises(report, chance(verdict.alpha))
        or f"At most {chance(verdict.alpha)} runs name a winner that is not truly better than every other candidate. "
        "Looking often and stopping early are already paid for in that figure.",
        f"It is a claim about {about}, compared on {counted(report.result.items, 'item')} in an order drawn at random.",
        *order_sentences(report),
        "Intervals of scores and differences hold at every look at once, so they are wider than those of a test "
        "that is done once.",
    )


def order_sentences(report: Report) -> tuple[str, ...]:
    """How the order was drawn, where not every item had the same chance."""
    order = report.result.order
    if order is None:
        return ()
    who = f"{short_name(order.earlier[0], NAME)}, {short_name(order.earlier[1], NAME)}"
    rest = len(order.earlier) - 2
    more = f" and {count(rest)} more" if rest else ""
    where = "in the ledger" if order.source == "ledger" else f"in {one_line(order.source, 80)}"
    passed = f", {count(order.passed_over)} more were passed over" if order.passed_over else ""
    return (
        f"Items on which earlier candidates differed came up more often (scores of {who}{more}, {where}, on "
        f"{counted(order.predicted_items, 'item')}). Each counts by the chance it had, in every score, difference and "
        f"interval: {counted(order.drawn - order.passed_over, order.unit.removesuffix('s'))} asked{passed}, worth "
        f"{order.effective:.0f} drawn alike for a mean.",
    )


def _first(report: Report) -> str:
    return "call" if report.result.recorded is None else "item was drawn"


def limits(report: Report) -> tuple[str, ...]:
    """What the guarantee is not."""
    lines = [
        "Not a claim that the winner is better by more than the margin; the interval says how large the difference "
        "may be."
        if report.result.verdict.decision == "winner"
        else "Not a proof that the candidates are the same.",
        "Not a claim about other work, other prompts or settings, or later versions of these models.",
        "Not a check of the references: the scorer's idea of right is taken as given, and an error in it is not "
        "part of the error rate.",
        "Not a verdict for each language or category: those tables describe, they do not decide.",
        *(
            ["Not about groups at all where items come in clusters: the tables of groups count items one by one."]
            if report.rule.cluster is not None
            else []
        ),
    ]
    if report.result.recorded is not None:
        lines.append(
            "Not good for a metric, a seed or candidates that were chosen after somebody saw the scores: what to weigh "
            "by must be fixed before. These scores were recorded by others and are taken as they stand."
        )
    if any(one.failed for one in report.result.candidates):
        lines.append(
            "Not about failed calls: a failed sample is left out, never counted as wrong. If one candidate fails "
            "on the hard items, its score flatters it."
        )
    return tuple(lines)


def _alone(report: Report) -> Sentence:
    only = report.result.candidates[0]
    if only.score is None:
        return (name_of(only.name), " gave no usable answer, only failures.")
    digits = decimals([only.interval])
    return (name_of(only.name), f" scores {percent(only.score, digits)} {where(report)}; nothing to compare it with.")


def _winner(report: Report, winner: str) -> Sentence:
    ranked = in_order(report)
    digits = decimals(one.interval for one in ranked if one.score is not None)
    scores = {one.name: percent(one.score, digits) for one in ranked}
    second = next(one for one in ranked if one.name != winner)
    if len(ranked) == 2:
        against = f": {scores[winner]} against {scores[second.name]}."
        return (name_of(winner), " does better than ", name_of(second.name), f" {where(report)}{against}")
    return (
        name_of(winner), f" does best of {len(ranked)} {where(report)}: {scores[winner]}. Next is ",
        name_of(second.name), f" with {scores[second.name]}.",
    )  # fmt: skip


def _tie(report: Report) -> Sentence:
    margin = margin_points(report.result.verdict.margin)
    certain = report.result.verdict.basis != "futile"
    pair = deciding(report)
    if len(report.result.candidates) == 2 and pair is not None:
        verb = " are tied " if certain else " look tied "
        return (name_of(pair.first), " and ", name_of(pair.second), f"{verb}{where(report)}, to within {margin}.")
    verb = "are" if certain else "look"
    return (f"The leading candidates {verb} tied {where(report)}, to within {margin}.",)


def _undecided(report: Report) -> Sentence:
    items = counted(report.result.items, "item")
    settle = "does not settle" if report.result.items == 1 else "do not settle"
    scored = [one.name for one in in_order(report) if one.score is not None]
    left = [name for name in scored if name not in report.eliminated] or scored
    rest = _rest(report, left)
    if len(left) == 2:
        first, second = map(name_of, left)
        return (f"Undecided: {items} {settle} whether ", first, " or ", second, " is better.", *rest)
    return (f"Undecided: {items} {settle} which of {len(left)} candidates is best.", *rest)


def _rest(report: Report, left: list[str]) -> Sentence:
    """What became of the candidates that are not among the best."""
    silent = [one.name for one in report.result.candidates if one.score is None]
    out = len(report.result.candidates) - len(left) - len(silent)
    ruled = "" if not out else " One other is ruled out." if out == 1 else f" {out} others are ruled out."
    return (ruled, " ", *_listed(silent), " gave no usable answer.") if silent else (ruled,)


def _listed(names: list[str]) -> Sentence:
    parts: list[str] = [name_of(names[0])]
    for place, name in enumerate(names[1:], start=2):
        parts += [" and " if place == len(names) else ", ", name_of(name)]
    return tuple(parts)
