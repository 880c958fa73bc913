"""How long a model is likely to be kept up: how often its line is renewed, what came after, names that moved away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from statistics import median

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.page import Point
from weighbridge.catalog.profile import known
from weighbridge.catalog.records import Alias, Catalogue, EngineSupport, Model

NOT_YET = "not yet known"
MOST_NAMED = 6
FEWEST = 4
"""Releases of a line from which a pace is read."""


def life_of(
    catalogue: Catalogue, model: Model, facts: dict[str, Resolved], engines: Sequence[EngineSupport] = ()
) -> Iterator[Point]:
    """Points of a brief."""
    released = facts.get("released")
    family = facts.get("family")
    if released is not None:
        yield Point("Announced", str(released.value), released.source)
    if "weights_released" in facts:
        yield Point("Weights", f"since {facts['weights_released'].value}", facts["weights_released"].source)
    line = _line(catalogue, model.lab, family.value) if family is not None else []
    yield Point("Pace of the line", _pace(line))
    if released is not None and line:
        yield Point("Came after it", _later(line, str(released.value)))
    follows = _followers(catalogue, model)
    if follows:
        yield Point("Followed by", ", ".join(follows[:MOST_NAMED]))
    yield from _moves(catalogue, model)
    yield from _engines(facts, engines)
    yield Point("Date of its end", NOT_YET)


def _line(catalogue: Catalogue, lab: str, family: str) -> list[tuple[str, str]]:
    """Date and id of every release of a lab's line whose day is known, the oldest first."""
    found = []
    for other in catalogue.models.values():
        if other.lab == lab and not other.stub and "released" in other.facts:
            line, day = known(catalogue, other, "family"), known(catalogue, other, "released")
            if line is not None and day is not None and line.value == family:
                found.append((str(day.value), other.id))
    return sorted(found)


def _pace(line: list[tuple[str, str]]) -> str:
    """Median of the days between days on which something of the line came out, in the last eight such gaps."""
    days = sorted({date.fromisoformat(day) for day, _ in line if len(day) == len("2026-01-01")})
    if len(days) < FEWEST:
        return f"{NOT_YET}: {len(days)} dated releases are too few"
    gaps = [(later - earlier).days for earlier, later in pairwise(days)][-8:]
    return f"something new every {median(gaps):.0f} days (median of the last {len(gaps)} gaps, to {days[-1]})"


def _later(line: list[tuple[str, str]], released: str) -> str:
    """Releases of the same line that came later, the newest first."""
    later = [f"{name} ({day})" for day, name in reversed(line) if day[: len(released)] > released[: len(day)]]
    more = f" and {len(later) - MOST_NAMED} more" if len(later) > MOST_NAMED else ""
    return ", ".join(later[:MOST_NAMED]) + more if later else "nothing of its line that is known here"


def _followers(catalogue: Catalogue, model: Model) -> list[str]:
    """Models that name this one as the one they follow."""
    names = {name.casefold() for name in (model.id, model.name, *model.names)}
    return [
        other.id
        for other in catalogue.models.values()
        if any(str(fact.value).casefold() in names for fact in other.facts.get("predecessor", ()))
    ]


def _moves(catalogue: Catalogue, model: Model) -> Iterator[Point]:
    """Names that mean this model now, and those that were taken from it."""
    for alias in catalogue.aliases:
        if alias.model == model.id:
            means = (
                f"meant it from {alias.since} to {alias.until}, {_end(catalogue, alias)}"
                if alias.until
                else f"means it since {alias.since}, and may move on"
            )
            yield Point("Moving name", f"{alias.name} {means}", alias.source)


def _end(catalogue: Catalogue, alias: Alias) -> str:
    """What became of a name that means the model no longer."""
    later = any(other.name == alias.name and other.since >= (alias.until or "") for other in catalogue.aliases)
    return "when it became another model's" if later else "when it was taken back"


def _engines(facts: dict[str, Resolved], engines: Sequence[EngineSupport]) -> Iterator[Point]:
    """Engines whose list names the model's kind of network; what is not on a list may still run some other way."""
    if "open_weights" in facts and facts["open_weights"].value is False:
        yield Point("Engines that run it", "none of one's own: the weights cannot be had", facts["open_weights"].source)
        return
    config = facts.get("config")
    kind = str(config.value.get("model_type", "")) if config is not None else ""
    found = [each for each in engines if kind and each.model_type == kind]
    for each in found:
        yield Point("Engine that knows it", f"{each.engine} {each.version} ({each.date}), as {kind}", each.source)
    if not found:
        known_as = f"its kind of network, {kind}, is on no list that was read" if kind else NOT_YET
        yield Point("Engines that run it", known_as)
