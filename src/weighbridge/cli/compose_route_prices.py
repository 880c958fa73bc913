"""What `--price NAME=...` means: dollars a million tokens, or an offer of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean
from weighbridge.routers.pricing import Rate
from weighbridge.routers.samples import model_of

if TYPE_CHECKING:
    from weighbridge.catalog.records import Offer

_NUMBERS = re.compile(r"([0-9]*\.?[0-9]+)/([0-9]*\.?[0-9]+)")
_SHAPES = "Write --price NAME=INPUT/OUTPUT in dollars a million tokens, or --price NAME=MODEL@PROVIDER."
SHOWN = 6


def rates_of(said: Iterable[str], voters: Sequence[str]) -> dict[str, Rate]:
    """By voter or model: `NAME=0.2/0.6` or `NAME=MODEL@PROVIDER`, several parted by commas. UsageError for what is
    neither, or not asked."""
    names = tuple(dict.fromkeys((*voters, *map(model_of, voters))))
    found = {}
    for text in (part for each in said for part in each.split(",")):
        name, _, what = (part.strip() for part in text.partition("="))
        if not name or not what:
            raise UsageError(f"no price: {text[:80]!r}", next_move=_SHAPES)
        if name not in names:
            raise UsageError(f"--price names {name!r}, which is not asked", next_move=did_you_mean(name, names))
        found[name] = _rate(what)
    return found


def _rate(what: str) -> Rate:
    if "@" not in what and what[0] in "$-+.0123456789":
        numbers = _NUMBERS.fullmatch(what)
        if numbers is None:
            raise UsageError(f"no price: {what[:80]!r}", next_move=_SHAPES)
        return Rate(float(numbers[1]), float(numbers[2]), said=f"${numbers[1]} and ${numbers[2]} a million tokens")
    model, at, provider = what.rpartition("@") if "@" in what else (what, "", "")
    offer = _offer(model, provider, at)
    from weighbridge.cost.api import first_tier

    assert offer.input is not None
    assert offer.output is not None
    said = f"{offer.model_id} at {provider}: ${offer.input:g} and ${offer.output:g} a million tokens"
    longest = float(first_tier(offer)) if offer.tiered else float("inf")
    return Rate(offer.input, offer.output, longest, f"{said} ({offer.source}, {offer.updated})")


def _offer(model: str, provider: str, at: str) -> Offer:
    """With both prices. UsageError, with who names one, where the provider does not."""
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.cli.chosen import choose, held

    offers = held(DATA).offers
    wanted = [offer for offer in offers if offer.model_id == model]
    if not any(offer.provider == provider for offer in wanted):
        known = choose(DATA, model).id
        wanted = [offer for offer in offers if offer.model == known]
    priced = {offer.provider: offer for offer in wanted if offer.input and offer.output}
    if provider in priced:
        return priced[provider]
    what = f"no price of {model!r} at {provider!r} in the catalogue" if at else f"whose price of {model!r}?"
    raise UsageError(what, next_move=_nearest(provider, priced))


def _nearest(provider: str, priced: Mapping[str, Offer]) -> str:
    if not priced:
        return f"Nobody in the catalogue names one. {_SHAPES}"
    hint = did_you_mean(provider, priced) if provider else None
    return f"{hint or f'Named by: {_listed(sorted(priced))}.'} Write --price NAME=MODEL@PROVIDER."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
