"""Words for the goals that name no winner: close to the best, and not worse than a baseline.

Sentences are sequences of strings in which names are Strong, as in words.py, which asks here first.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.weigh.records import Report

from .numbers import counted, margin_points

Name = Callable[[str], str]


def goal_headline(report: Report, name_of: Name, where: str) -> tuple[str, ...] | None:
    """The decision in a sentence; None where the usual words fit."""
    verdict, rule = report.result.verdict, report.rule
    base, margin = rule.baseline or "", margin_points(rule.margin)
    if verdict.decision == "near-best" and verdict.chosen is not None:
        regret = margin_points(rule.regret)
        others = len(report.result.candidates)
        return (name_of(verdict.chosen), f" is most likely within {regret} of the best of {others} on these items.")
    if verdict.decision == "not-worse" and verdict.chosen is not None:
        return (name_of(verdict.chosen), " is at most ", f"{margin} worse than ", name_of(base), f" {where}.")
    if verdict.decision == "worse":
        return (f"Every other candidate is more than {margin} worse than ", name_of(base), f" {where}.")
    if rule.goal == "not-worse":
        items = counted(report.result.items, "item")
        settle = "does not settle" if report.result.items == 1 else "do not settle"
        return (
            f"Undecided: {items} {settle} whether any candidate is at most {margin} worse than ",
            name_of(base),
            ".",
        )
    return None


def goal_sureness(report: Report, chance: str) -> str | None:
    """How sure; None where the usual words fit. chance: the error rate as `5 in 100`."""
    verdict, rule = report.result.verdict, report.rule
    if verdict.decision == "near-best":
        return (
            "A forecast from the items drawn says so: it is right for most sets of candidates like these, and proves "
            "nothing of this one."
            if verdict.basis == "forecast"
            else "Every item was asked of those still in the race; the others were left out by a forecast, if any were."
        )
    if rule.goal != "not-worse":
        return None
    if verdict.decision == "undecided":
        return "Nothing is said of a candidate unless a test that is valid at every look says so."
    return (
        f"Of comparisons run like this one, at most {chance} say anything wrong of any candidate, however often anyone "
        "looks and whenever they stop."
    )


def goal_promises(report: Report, chance: str) -> str | None:
    """What the guarantee is, in place of the sentence on winners."""
    goal = report.rule.goal
    if goal == "near-best":
        return (
            f"A winner, if one is named, is wrong in at most {chance} runs. That the chosen one is within "
            f"{margin_points(report.rule.regret)} of the best is a forecast, without such a bound."
        )
    if goal == "not-worse":
        return (
            f"In at most {chance} runs is any candidate called not worse, or worse, by mistake. Looking often and "
            "stopping early are already paid for in that figure."
        )
    return None
