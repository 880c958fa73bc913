"""The items side by side: what was asked, what was right, and what each candidate answered.

The first PAGE items stand in the page as they are, the others in a `<template>`, which a browser neither lays out nor
draws. report.js takes articles out of it as they are searched and paged, so 2,000 items open as fast as twenty, and a
reader without JavaScript still sees the items with the largest differences. How much of each text is shown shrinks
until all items together fit BUDGET; every cut is announced where it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.weigh.records import ItemView, Report

from .markup import Markup, tag, text
from .numbers import count, counted
from .page import note, section
from .plain import one_line
from .sample import SAID, Cut, field, language_of, outcome, sample_cell
from .words import places

PAGE = 20
MOST = 2_000
BUDGET = 6_800_000
"""Bytes of HTML for all items."""
CUTS = tuple(
    Cut(limit, labels)
    for limit, labels in (
        (20_000, 8), (6_000, 8), (2_500, 8), (1_200, 8), (600, 8), (600, 3), (600, 0), (300, 0), (150, 0), (60, 0),
    )
)  # fmt: skip
"""From generous to sparse; the first that fits the budget is used."""
PROBED = 40
"""Items from which the size of all is judged before all are written."""
FIELDS = 24
VALUES = 300
"""Values of one tag offered as a filter."""


@dataclass(frozen=True, slots=True)
class TagIndex:
    """Tag values by number, so that an article names `3.1` instead of repeating two texts."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    def keys(self, item: ItemView) -> str:
        """`0.3 1.2`: for each tag of the item its number and its value's."""
        found = []
        for place, (name, values) in enumerate(zip(self.names, self.values, strict=True)):
            value = item.tags.get(name)
            if value is not None and value in values:
                found.append(f"{place}.{values.index(value)}")
        return " ".join(found)


def items_section(report: Report) -> Markup:
    aside = [
        tag("p", "What was asked and what each candidate answered; items where the scores differ most come first."),
        tag("p", _how_many(report)),
    ]
    if not report.items:
        return section("items", "Items", aside, note("No items were kept for the report."))
    articles, cut = _fitting(report)
    left_out = len(report.items) - len(articles)
    shortened = note(_what_is_cut(cut)) if cut != CUTS[0] else None
    fewer = note(f"{counted(left_out, 'more item')} did not fit in this page.") if left_out else None
    first = tag("div", articles[:PAGE], id="item-list")
    rest = tag("template", articles[PAGE:], id="item-rest") if len(articles) > PAGE else None
    unscripted = (
        tag("noscript", note(f"Without JavaScript only the first {PAGE} items are shown here.")) if rest else None
    )
    return section("items", "Items", aside, shortened, fewer, _controls(report), unscripted, first, rest, _pager())


def _how_many(report: Report) -> str:
    shown, drawn = len(report.items), report.result.items
    if shown >= drawn:
        return f"All {counted(drawn, 'item')} that were drawn are here."
    return f"{count(shown)} of the {counted(drawn, 'item')} that were drawn are here."


def _what_is_cut(cut: Cut) -> str:
    labels = "" if cut.labels == CUTS[0].labels else f", and {cut.labels or 'no'} label log-probabilities are listed"
    return f"To keep this page small, texts are cut at {count(cut.limit)} characters{labels}."


def _fitting(report: Report) -> tuple[list[Markup], Cut]:
    """Articles within the budget, and the cut that made them fit; with the sparsest, as many as fit."""
    by_name, index, most = places(report), tag_index(report.items[:MOST]), report.items[:MOST]
    some = most[:: max(1, len(most) // PROBED)]
    articles: list[Markup] = []
    for cut in CUTS:
        probed = sum(len(_article(item, by_name, index, cut).encode()) for item in some)
        if probed * len(most) > 1.2 * BUDGET * len(some) and cut != CUTS[-1]:
            continue  # not even near, so the rest need not be written to know
        articles = _within_budget(most, by_name, index, cut)
        if len(articles) == len(most):
            return articles, cut
    return articles, CUTS[-1]


def _within_budget(items: Iterable[ItemView], by_name: dict[str, int], index: TagIndex, cut: Cut) -> list[Markup]:
    articles, size = [], 0
    for item in items:
        article = _article(item, by_name, index, cut)
        size += len(article.encode())
        if size > BUDGET:
            break
        articles.append(article)
    return articles


def tag_index(items: Iterable[ItemView]) -> TagIndex:
    found: dict[str, dict[str, int]] = {}
    for item in items:
        for name, value in item.tags.items():
            tally = found.setdefault(name, {})
            tally[value] = tally.get(value, 0) + 1
    kept = {name: sorted(tally, key=lambda value: (-tally[value], value))[:VALUES] for name, tally in found.items()}
    return TagIndex(tuple(kept), tuple(map(tuple, kept.values())))


def _article(item: ItemView, by_name: dict[str, int], index: TagIndex, cut: Cut) -> Markup:
    language = language_of(item.tags)
    answered = {sample.candidate: sample for sample in item.samples}
    letters = "".join(outcome(answered.get(name)) for name in by_name)
    head = tag(
        "header",
        tag("h3", tag("bdi", one_line(item.id, 80))),
        (
            tag("span", tag("bdi", one_line(value, 40)), class_="chip", title=one_line(name, 40))
            for name, value in item.tags.items()
        ),
        tag("span", f"drawn {count(item.order)}", class_="quiet"),
    )
    asked = [field(name, value, cut, language) for name, value in list(_asked(item).items())[:FIELDS]]
    right = [field(name, value, cut, language, right=True) for name, value in list(item.reference.items())[:FIELDS]]
    cells = [sample_cell(name, answered.get(name), by_name, cut, language) for name in by_name]
    return tag(
        "article",
        head,
        tag(
            "div", tag("dl", asked, right, class_="asked"), tag("div", cells, class_="answers"), class_="sides-by-side"
        ),
        class_="item",
        data_outcomes=letters,
        data_tags=index.keys(item),
        data_order=item.order,
        data_spread=f"{item.spread:.4g}",
    )


def _asked(item: ItemView) -> dict[str, object]:
    """The item's fields without its reference and without what its tags already say."""
    return {
        name: value
        for name, value in item.fields.items()
        if name not in item.reference and value != item.id and str(value) != item.tags.get(name)
    }


def _controls(report: Report) -> Markup:
    """Filters; hidden until the script is there to serve them."""
    index = tag_index(report.items[:MOST])
    names = [one_line(one.name, 60) for one in report.result.candidates]
    who = _select("filter-candidate", "Candidate", [("", "any"), *((str(at), name) for at, name in enumerate(names))])
    how = _select("filter-outcome", "Answer", [("", "any"), *SAID.items()])
    show = _select("filter-differ", "Scores", [("", "any"), ("differ", "differ"), ("same", "the same")])
    by_tag = [
        _select(f"filter-tag-{place}", one_line(name, 40), _options(place, values), tag_filter=True)
        for place, (name, values) in enumerate(zip(index.names, index.values, strict=True))
    ]
    order = _select("sort", "Order", [("spread", "largest difference"), ("order", "as drawn"), ("id", "by id")])
    search = tag(
        "label",
        tag("span", "Search"),
        tag("input", type="search", id="search", placeholder="text, id, note, reason"),
        class_="search",
    )
    reset = tag("button", "Clear", type="button", id="clear")
    status = tag("p", id="shown", role="status", aria_live="polite")
    return tag("form", search, show, who, how, by_tag, order, reset, status, id="filters", hidden=True, role="search")


def _options(place: int, values: Sequence[str]) -> list[tuple[str, str]]:
    return [("", "any"), *((f"{place}.{at}", one_line(value, 60)) for at, value in enumerate(values))]


def _select(name: str, label: str, options: Iterable[tuple[str, str]], *, tag_filter: bool = False) -> Markup:
    choices = (tag("option", text(said), value=value) for value, said in options)
    return tag("label", tag("span", label), tag("select", choices, id=name, data_tag=tag_filter))


def _pager() -> Markup:
    before = tag("button", "← Previous", type="button", id="previous")
    after = tag("button", "Next →", type="button", id="next")
    return tag("nav", before, tag("span", "", id="page"), after, id="pager", hidden=True, aria_label="Pages of items")
