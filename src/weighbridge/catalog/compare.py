"""Models side by side: what differs first, then what is not known of all, then what is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import msgspec

from weighbridge.catalog.evidence import Measure, newest, said
from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.fields import FIELDS, same
from weighbridge.catalog.page import Page, Point, Section, Table
from weighbridge.catalog.prices import Prices, prices_of, said_range
from weighbridge.catalog.profile import profile
from weighbridge.catalog.records import (
    Catalogue,
    EngineSupport,
    Licence,
    Model,
    Offer,
    SafetyEvaluation,
    Score,
    TrainingRun,
)
from weighbridge.catalog.terms import conditions_in_words
from weighbridge.catalog.wording import say, title

COMPARED = (
    *("lab", "country", "licence", "commercial_use", "openness", "open_weights", "parameters_total"),
    *("parameters_active", "architecture", "context_tokens", "languages", "modalities", "modalities_out", "reasoning"),
    *("tools", "stage", "base_model", "released", "knowledge_cutoff", "training_tokens", "training_cost_usd"),
)
"""Fields that are held beside each other."""
UNKNOWN = "unknown"


class Cell(msgspec.Struct, frozen=True):
    """What one model has in a line."""

    text: str
    """`unknown` where nobody says."""
    value: Any = None
    kind: str | None = None
    source: str | None = None
    date: str | None = None
    disputed: bool = False


class Line(msgspec.Struct, frozen=True):
    """One field of every model, in the order of the models."""

    field: str
    title: str
    differs: bool | None
    """None where what is known agrees and something is unknown."""
    cells: tuple[Cell, ...]


class Comparison(msgspec.Struct, frozen=True):
    models: tuple[str, ...]
    lines: tuple[Line, ...]
    """Those that differ first."""


class Shelf(msgspec.Struct, frozen=True):
    """Everything a comparison or a brief draws on."""

    catalogue: Catalogue
    runs: tuple[TrainingRun, ...] = ()
    offers: tuple[Offer, ...] = ()
    scores: tuple[Score, ...] = ()
    engines: tuple[EngineSupport, ...] = ()
    safety: tuple[SafetyEvaluation, ...] = ()


def compare(shelf: Shelf, models: Sequence[Model]) -> Comparison:
    """Two models or more."""
    facts = [profile(shelf.catalogue, model, shelf.runs) for model in models]
    lines = [_fact_line(shelf.catalogue, name, facts) for name in COMPARED]
    lines.insert(COMPARED.index("commercial_use") + 1, _terms_line(shelf.catalogue, facts))
    lines += _price_lines([prices_of(each for each in shelf.offers if each.model == model.id) for model in models])
    lines += _score_lines(shelf.scores, models)
    wanted = [line for line in lines if any(cell.value is not None for cell in line.cells)]
    order = (True, None, False)
    return Comparison(
        tuple(model.id for model in models), tuple(sorted(wanted, key=lambda line: order.index(line.differs)))
    )


def _fact_line(catalogue: Catalogue, name: str, models: Sequence[dict[str, Resolved]]) -> Line:
    facts = [facts.get(name) for facts in models]
    values = [fact.value for fact in facts if fact is not None]
    differs = any(not same(FIELDS[name], one, other) for one, other in combinations(values, 2))
    cells = tuple(_cell(catalogue, name, fact) for fact in facts)
    return Line(name, title(name), differs or (None if len(values) < len(facts) else False), cells)


def _cell(catalogue: Catalogue, name: str, fact: Resolved | None) -> Cell:
    if fact is None:
        return Cell(UNKNOWN)
    text = say(catalogue, name, fact.value)
    return Cell(text, fact.value, fact.kind, fact.source, fact.date, fact.disputed)


def _line(field: str, heading: str, cells: Sequence[Cell]) -> Line:
    """A line of something that is no field: it differs where the texts do."""
    known = {cell.text for cell in cells if cell.value is not None}
    is_whole = all(cell.value is not None for cell in cells)
    return Line(field, heading, True if len(known) > 1 else False if is_whole else None, tuple(cells))


def _terms_line(catalogue: Catalogue, models: Sequence[dict[str, Resolved]]) -> Line:
    cells = []
    for facts in models:
        named = facts.get("licence")
        licence: Licence | None = None if named is None else catalogue.licences.get(named.value)
        if licence is None:
            cells.append(Cell(UNKNOWN))
        else:
            text = "; ".join(conditions_in_words(licence)) or "none recorded"
            cells.append(Cell(text, text, "reported", licence.source, licence.read))
    return _line("licence_conditions", "Conditions", cells)


def _price_lines(models: Sequence[Prices | None]) -> Iterator[Line]:
    """Ranges over all offers, in dollars a million tokens, and how many serve the model."""
    for name, heading in (("input", "Input, $ a million"), ("output", "Output, $ a million")):
        yield _line(f"price_{name}", heading, [_price(prices, name) for prices in models])
    served = [
        Cell(UNKNOWN)
        if prices is None
        else Cell(str(len(prices.providers)), prices.providers, "reported", prices.sources[0], prices.updated)
        for prices in models
    ]
    yield _line("providers", "Providers", served)


def _price(prices: Prices | None, name: str) -> Cell:
    known: tuple[float, float] | None = None if prices is None else getattr(prices, name)
    if prices is None or known is None:
        return Cell(UNKNOWN)
    return Cell(said_range(known), known, "reported", prices.sources[0], prices.updated)


def _score_lines(scores: Iterable[Score], models: Sequence[Model]) -> Iterator[Line]:
    """Benchmarks that the same people ran on at least two of the models; those run on most of them first."""
    kept = tuple(scores)
    found = [newest(kept, model.id) for model in models]
    measures = list(dict.fromkeys(measure for each in found for measure in each))
    measures.sort(key=lambda measure: -sum(measure in each for each in found))
    for measure in measures:
        if sum(measure in each for each in found) > 1:
            cells = [_score(each.get(measure)) for each in found]
            yield _line(f"score:{measure.benchmark}", _heading(measure), cells)


def _score(score: Score | None) -> Cell:
    if score is None:
        return Cell(UNKNOWN)
    return Cell(said(score), score.score, "measured", score.source, score.date)


def _heading(measure: Measure) -> str:
    return f"{measure.benchmark}, {measure.metric} ({measure.measured_by})"


def page_of(catalogue: Catalogue, comparison: Comparison) -> Page:
    """The comparison as a page, with the sources of what is in it."""
    head = ("", *comparison.models)
    sections = []
    for differs, heading in ((True, "What differs"), (None, "Not known of all"), (False, "The same")):
        lines = [line for line in comparison.lines if line.differs is differs]
        rows = tuple((line.title, *(_shown(cell) for cell in line.cells)) for line in lines)
        if rows:
            sections.append(Section(heading, table=Table(head, rows)))
    cited = dict.fromkeys(cell.source for line in comparison.lines for cell in line.cells if cell.source)
    points = tuple(Point(source, describe_source(catalogue, source)) for source in cited)
    note = Point("*", "disputed: `weighbridge show MODEL` says by whom")
    return Page(" and ".join(comparison.models), (*sections, Section("Sources", (*points, note))))


def describe_source(catalogue: Catalogue, source: str) -> str:
    """Title and address; a row of a table may name a source that nobody has described yet."""
    found = catalogue.sources.get(source)
    return "not described in the catalogue" if found is None else f"{found.title} {found.url or ''}".strip()


def _shown(cell: Cell) -> str:
    return cell.text + "*" * cell.disputed
