"""Whether a licence's terms permit a use, for somebody of this size: the one judge, for `pick` and for every policy.

    yes            permitted as it is
    conditional    each condition is held against the user's figures: one whose threshold is known not to be reached
                   does not apply; one that is reached and asks for another licence refuses; a duty that remains (a
                   name to show, a use policy) is told, and refuses only where conditions are refused
    unknown        never passes, and neither does a threshold for which the user gives no figure

Models without weights are used under their provider's contract, which is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from weighbridge.catalog.records import Condition, Licence
from weighbridge.catalog.terms import condition_in_words

from .places import BLOCS, named_places
from .use import Use

Applies = Literal["no", "duty", "refuses", "perhaps"]
_UNREAD = "conditions were not seen"
_ONLY_SHOWN = ("show", "begin", "keep", "pass")
"""How conditions begin that ask for something to be done; others ask for another licence."""
_FIGURES = {
    "monthly_users": "monthly_users",
    "annual_revenue_usd": "annual_revenue_usd",
    "monthly_revenue_usd": "annual_revenue_usd",
    "hosting": "annual_revenue_usd",
}
"""Kind of condition to the field of [use] that is held against its number."""


class Terms(msgspec.Struct, frozen=True):
    """What a licence says to a use."""

    permitted: bool | None
    """None: not known."""
    why: str
    """The term that decides; for a yes what remains to be done."""
    fact: str = "licence"
    """The fact behind it; the field of [use] that is missing where that is what is not known."""


def judge_terms(licence: Licence, use: Use, *, text_only: bool = False) -> Terms:
    """`text_only`: it takes text alone; what a licence withholds of multimodal models does not touch it."""
    held_from = _withheld(licence, use, text_only=text_only)
    if held_from is not None:
        return Terms(False, f"{licence.id}: {held_from}", "based_in")
    found = [each for each in (_outputs(licence, use), _commercial(licence, use)) if each is not None]
    for wanted in (False, None, True):
        for terms in found:
            if terms.permitted is wanted:
                return terms
    return Terms(True, f"licence {licence.id}")


def _commercial(licence: Licence, use: Use) -> Terms | None:
    if not use.commercial:
        return None
    kind = "internal" if use.internal else "commercial"
    if licence.commercial_use == "no":
        return Terms(False, f"{licence.id} permits no {kind} use")
    if licence.commercial_use == "unknown":
        return Terms(None, f"whether {licence.id} permits {kind} use is not known")
    return None if licence.commercial_use == "yes" else _conditional(licence, use)


def _conditional(licence: Licence, use: Use) -> Terms:
    applied = [(condition, _applies(condition, use)) for condition in licence.conditions]
    if any(_UNREAD in condition.then for condition in licence.conditions):
        return Terms(None, f"{licence.id}: its conditions are not known")
    for condition, how in applied:
        words = f"{licence.id}: {condition_in_words(condition)}"
        if how == "refuses":
            return Terms(False, _with_figure(words, condition, use))
    for condition, how in applied:
        if how == "perhaps":
            field = _FIGURES[condition.kind]
            return Terms(None, f"{licence.id}: {condition_in_words(condition)}; `{field}` is not given", field)
    duties = [condition_in_words(condition) for condition, how in applied if how == "duty"]
    if duties and use.conditions == "refuse":
        return Terms(False, f"{licence.id} has conditions: {'; '.join(duties)}")
    return Terms(True, f"licence {licence.id}" + (f", with conditions: {'; '.join(duties)}" if duties else ""))


def _applies(condition: Condition, use: Use) -> Applies:
    if condition.kind == "attribution":
        return "duty" if use.conditions == "accept" else "no"  # keeping a notice is what every licence asks
    if condition.kind in ("hosting", "naming") and use.internal:
        return "no"
    if condition.kind == "hosting" and not use.hosting_for_others:
        return "no"
    if condition.kind not in _FIGURES:
        return "duty"
    asked: Applies = "duty" if condition.then.startswith(_ONLY_SHOWN) else "refuses"
    if condition.above is None:
        return asked
    figure = _figure(condition, use)
    if figure is None:
        return "duty" if asked == "duty" else "perhaps"
    return asked if figure > condition.above else "no"


def _figure(condition: Condition, use: Use) -> float | None:
    """What the user says of that which the condition counts."""
    figure: float | None = getattr(use, _FIGURES[condition.kind])
    return figure / 12 if figure is not None and condition.kind == "monthly_revenue_usd" else figure


def _with_figure(words: str, condition: Condition, use: Use) -> str:
    figure = _figure(condition, use) if condition.kind in _FIGURES and condition.above is not None else None
    return words if figure is None else f"{words}; you have {figure:,.0f}"


def _outputs(licence: Licence, use: Use) -> Terms | None:
    if not use.training_on_outputs or licence.outputs_for_training == "yes":
        return None
    if licence.outputs_for_training == "no":
        return Terms(False, f"{licence.id} forbids training other models on outputs")
    if licence.outputs_for_training == "unknown":
        return Terms(None, f"whether {licence.id} permits training on outputs is not known")
    return Terms(
        None, f"{licence.id} permits training on outputs under conditions: {licence.outputs_note or 'read them'}"
    )


def _withheld(licence: Licence, use: Use, *, text_only: bool) -> str | None:
    """What the licence says of places, where one of them is the user's own."""
    if licence.geography is None or use.based_in is None or ("multimodal" in licence.geography and text_only):
        return None
    here = {use.based_in, *_blocs_of(use.based_in)}
    return licence.geography if named_places(licence.geography) & here else None


def _blocs_of(country: str) -> Iterator[str]:
    return (bloc for bloc, members in BLOCS.items() if country in members)
