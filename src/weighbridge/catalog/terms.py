"""A licence's terms in words."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.catalog.records import Condition, Licence

_ABOVE = {
    "monthly_users": "above {0:,.0f} monthly users",
    "annual_revenue_usd": "above ${0:,.0f} of revenue a year",
    "monthly_revenue_usd": "above ${0:,.0f} of revenue a month",
}
_KINDS = {"hosting": "for hosting it for others", "use_policy": "use policy"}


def condition_in_words(condition: Condition) -> str:
    """`above 700,000,000 monthly users: separate licence`."""
    if condition.kind == "other" and condition.above is None and condition.then:
        return condition.then
    if condition.above is not None and condition.kind in _ABOVE:
        when = _ABOVE[condition.kind].format(condition.above)
    else:
        when = _KINDS.get(condition.kind, condition.kind.replace("_", " "))
        when += "" if condition.above is None else f" above {condition.above:,.0f}"
    return f"{when}: {condition.then}" if condition.then else when


def conditions_in_words(licence: Licence) -> list[str]:
    """What the licence asks, one sentence a condition."""
    return [condition_in_words(condition) for condition in licence.conditions]


def terms_in_words(licence: Licence) -> Iterator[tuple[str, str]]:
    """Each term with its heading; what nobody has read is unknown, and says so."""
    yield "Commercial use", licence.commercial_use
    for text in conditions_in_words(licence):
        yield "Condition", text
    yield "Attribution", licence.attribution
    if licence.naming:
        yield "Naming", licence.naming
    outputs = licence.outputs_for_training
    yield "Outputs may train other models", f"{outputs}. {licence.outputs_note}" if licence.outputs_note else outputs
    if licence.geography:
        yield "Geography", licence.geography
    if licence.use_policy or licence.use_policy_may_change != "unknown":
        changes = {"yes": "may change after release", "no": "does not change", "unknown": "may it change? unknown"}
        yield "Use policy", f"{licence.use_policy or 'yes'} ({changes[licence.use_policy_may_change]})"
    yield "Last read", licence.read + (f"; doubtful: {licence.doubt}" if licence.doubt else "")
