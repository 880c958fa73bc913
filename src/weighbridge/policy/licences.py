"""Whether a licence's terms permit a use, for somebody of this size. Three answers: yes, no, not known."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.catalog.records import Condition, Licence

from .file import Use


def permits(licence: Licence, use: Use) -> tuple[bool | None, str]:
    """Whether the use is permitted (None: not known), and the term that decides."""
    if (licence.commercial_use == "yes" or not use.commercial) and not use.training_on_outputs:
        return True, f"{licence.id} permits it"
    answers = [*_commercial(licence, use), *_outputs(licence, use)]
    for wanted in (False, None):
        for answer, why in answers:
            if answer is wanted:
                return wanted, why
    duties = [condition.then for condition in licence.conditions if condition.then]
    return True, f"{licence.id} permits it" + (f"; it asks: {'; '.join(duties[:3])}" if duties else "")


def _commercial(licence: Licence, use: Use) -> Iterator[tuple[bool | None, str]]:
    if not use.commercial:
        return
    if licence.commercial_use == "no":
        yield False, f"{licence.id} permits no commercial use"
    elif licence.commercial_use == "unknown":
        yield None, f"whether {licence.id} permits commercial use is not known"
    elif licence.commercial_use == "conditional":
        yield from (_condition(licence, condition, use) for condition in licence.conditions)


def _condition(licence: Licence, condition: Condition, use: Use) -> tuple[bool | None, str]:
    """A condition with a number holds above it; one without always."""
    what = f"{licence.id}: {condition.then or condition.kind}"
    figures = {
        "monthly_users": use.monthly_users,
        "annual_revenue_usd": use.annual_revenue_usd,
        "monthly_revenue_usd": None if use.annual_revenue_usd is None else use.annual_revenue_usd / 12,
    }
    if condition.kind in figures and condition.above is not None:
        figure = figures[condition.kind]
        name = condition.kind.replace("monthly_revenue", "annual_revenue")
        if figure is None:
            return None, f"{what} above {condition.above:,.0f} {condition.kind}; [use] {name} is not given"
        return (
            figure <= condition.above
        ), f"{what} above {condition.above:,.0f} {condition.kind}, and you have {figure:,.0f}"
    if condition.kind == "hosting" and use.hosting_for_others:
        return False, what
    return True, what


def _outputs(licence: Licence, use: Use) -> Iterator[tuple[bool | None, str]]:
    if not use.training_on_outputs:
        return
    if licence.outputs_for_training == "no":
        yield False, f"{licence.id} forbids training other models on outputs"
    elif licence.outputs_for_training == "unknown":
        yield None, f"whether {licence.id} permits training on outputs is not known"
    elif licence.outputs_for_training == "conditional":
        yield None, f"{licence.id} permits training on outputs under conditions: {licence.outputs_note or 'read them'}"
