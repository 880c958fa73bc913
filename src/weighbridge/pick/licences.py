"""Whether the terms of a model's weights allow a use, for somebody of this size.

    yes            allowed as it is
    conditional    each condition is held against the user's figures: one whose threshold is known not to be reached
                   does not apply; one that is reached and asks for another licence refuses; a duty that remains
                   (notice, name, use policy) is told, and refuses only where conditions are refused
    unknown        never passes

Models without weights are used under their provider's contract, which is not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from weighbridge.catalog.records import Condition, Licence
from weighbridge.catalog.terms import condition_in_words
from weighbridge.pick.places import BLOCS, named_places
from weighbridge.pick.reading import Need

Applies = Literal["no", "duty", "refuses", "perhaps"]
_UNREAD = "conditions were not seen"


def judge_licence(facts: Mapping[str, Any], licence: Licence | None, need: Need) -> tuple[bool | None, str]:
    """Whether it passes (None: not known), and why."""
    if facts.get("open_weights") is False:
        return True, "no weights: used under its provider's contract"
    use, terms = need.file.rules.use, facts.get("commercial_use")
    if licence is None or terms in (None, "unknown"):
        return None, "its licence, or what that allows, is not known"
    held_from = _withheld(facts, licence, need)
    if held_from is not None:
        return False, f"{licence.id}: {held_from}"
    if use == "research" or terms == "yes":
        return True, f"licence {licence.id}"
    if terms == "no":
        return False, f"{licence.id} allows no {use} use"
    return _conditional(licence, need)


def _conditional(licence: Licence, need: Need) -> tuple[bool | None, str]:
    found = [(_applies(condition, need), condition_in_words(condition)) for condition in licence.conditions]
    if any(_UNREAD in words for _, words in found):
        return None, f"{licence.id}: its conditions are not known"
    refusing = [words for how, words in found if how == "refuses"]
    if refusing:
        return False, f"{licence.id}: {refusing[0]}"
    duties = [words for how, words in found if how in ("duty", "perhaps")]
    if duties and need.file.rules.conditions == "refuse":
        return False, f"{licence.id} has conditions: {'; '.join(duties)}"
    return True, f"licence {licence.id}" + (f", with conditions: {'; '.join(duties)}" if duties else "")


def _applies(condition: Condition, need: Need) -> Applies:
    rules = need.file.rules
    if condition.kind == "attribution":
        return "duty" if rules.conditions == "accept" else "no"  # keeping a notice is what every licence asks
    if condition.kind in ("hosting", "naming") and rules.use == "internal":
        return "no"
    if condition.kind == "hosting":
        return _above(condition, rules.annual_revenue_usd, "refuses") if rules.hosts_for_others else "no"
    asked: Applies = "duty" if condition.then.startswith(("show", "begin", "keep", "pass")) else "refuses"
    if condition.kind == "monthly_users":
        return _above(condition, rules.monthly_users, asked)
    if condition.kind == "annual_revenue_usd":
        return _above(condition, rules.annual_revenue_usd, asked)
    if condition.kind == "monthly_revenue_usd":
        year = rules.annual_revenue_usd
        return _above(condition, None if year is None else year / 12, asked)
    return "duty"


def _above(condition: Condition, figure: float | None, then: Applies) -> Applies:
    if condition.above is None:
        return then
    if figure is None:
        return "perhaps"
    return then if figure > condition.above else "no"


def _withheld(facts: Mapping[str, Any], licence: Licence, need: Need) -> str | None:
    """What the licence says of places, where one of them is the user's own. What it withholds of multimodal models does
    not touch one that takes text alone."""
    if licence.geography is None or need.based_in is None:
        return None
    if "multimodal" in licence.geography and facts.get("modalities") == ["text"]:
        return None
    meant = named_places(licence.geography)
    here = {need.based_in, *(bloc for bloc, members in BLOCS.items() if need.based_in in members)}
    return licence.geography if meant & here else None
