"""One page about a model to decide on: what is known, from whom, and what is still open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from weighbridge.catalog.compare import Shelf, describe_source
from weighbridge.catalog.evidence import TRUST, newest, said
from weighbridge.catalog.facts import Fact, Resolved, resolve
from weighbridge.catalog.gaps import EVERY, OPEN
from weighbridge.catalog.lifetime import life_of
from weighbridge.catalog.page import Page, Point, Section, Table
from weighbridge.catalog.prices import Prices, prices_of, said_range
from weighbridge.catalog.profile import known, profile
from weighbridge.catalog.records import Catalogue, Licence, Model, Offer, Provider
from weighbridge.catalog.terms import terms_in_words
from weighbridge.catalog.wording import say, title

NOT_YET = "not yet known"
MOST_SCORES = 12
MOST_CHAIN = 10
GLANCE = ("lab", "released", "licence", "commercial_use", "parameters_total", "parameters_active", "context_tokens")


Smallest = Callable[[Model], Sequence[Point]]
"""What hardware is the least that runs a model, judged elsewhere (fit); no points where that cannot be said."""


def brief(shelf: Shelf, model: Model, smallest: Smallest | None = None) -> Page:
    """Everything on one page; a part that nobody knows says so."""
    catalogue = shelf.catalogue
    facts = profile(catalogue, model, shelf.runs)
    offers = [offer for offer in shelf.offers if offer.model == model.id]
    sections = (
        Section("At a glance", tuple(_glance(catalogue, facts))),
        Section("Licence", tuple(_licence(catalogue, facts))),
        Section("Origin", tuple(_origin(shelf, model, facts))),
        _residency(catalogue, offers),
        Section("Support and likely life", tuple(life_of(catalogue, model, facts, shelf.engines))),
        _safety(shelf, model),
        Section("Prices", tuple(_prices(prices_of(offers)))),
        Section("Smallest hardware", tuple(_hardware(model, facts, smallest))),
        _evidence(shelf, model),
        Section("Open questions", tuple(_questions(catalogue, facts))),
    )
    return Page(f"{model.id}: {model.name}", (*sections, _sources(catalogue, sections)))


def _glance(catalogue: Catalogue, facts: dict[str, Resolved]) -> Iterator[Point]:
    for name in GLANCE:
        yield _point(catalogue, name, facts.get(name))


def _point(catalogue: Catalogue, name: str, fact: Resolved | None) -> Point:
    if fact is None:
        return Point(title(name), NOT_YET)
    parts = [say(catalogue, name, fact.value), "disputed" * fact.disputed, fact.doubt and f"doubtful: {fact.doubt}"]
    return Point(title(name), "; ".join(part for part in parts if part), fact.source)


def _licence(catalogue: Catalogue, facts: dict[str, Resolved]) -> Iterator[Point]:
    """The terms of the licence that is believed to hold, and of whatever else is named."""
    fact = facts.get("licence")
    if fact is None:
        yield Point("Licence", f"{NOT_YET}; without one nothing may be done with the weights")
        return
    licence = catalogue.licences.get(fact.value)
    yield Point("Licence", str(fact.value) if licence is None else f"{licence.name} ({licence.id})", fact.source)
    if licence is None:
        yield Point("Terms", NOT_YET)
    else:
        yield from (Point(label, text, licence.source) for label, text in terms_in_words(licence))
    for other in fact.alternatives:
        if other.value != fact.value:
            yield Point("Otherwise named", str(other.value), other.source)
    for name in ("openness", "open_code", "open_data", "open_report"):
        if name in facts:
            yield _point(catalogue, name, facts[name])


def _origin(shelf: Shelf, model: Model, facts: dict[str, Resolved]) -> Iterator[Point]:
    """Who made it, and what it was made from, link by link, each with its lab, country and licence."""
    catalogue = shelf.catalogue
    yield _point(catalogue, "lab", facts.get("lab"))
    yield _point(catalogue, "country", facts.get("country"))
    chain = _chain(catalogue, model)
    for number, (name, source) in enumerate(chain, start=1):
        yield Point("Made from" if number == 1 else f"... which was made from ({number})", name, source)
    if not chain:
        is_base = "stage" in facts and facts["stage"].value == "base"
        yield Point("Made from", "trained from the start" if is_base else NOT_YET)
    yield _point(catalogue, "training_hardware", facts.get("training_hardware"))


def _chain(catalogue: Catalogue, model: Model) -> list[tuple[str, str]]:
    """Each base model in words, with who names it as one; a circle, which the check of the data refuses, ends."""
    found: list[tuple[str, str]] = []
    seen = {model.id}
    here: Model | None = model
    while here is not None and len(found) < MOST_CHAIN:
        base = known(catalogue, here, "base_model")
        if base is None or base.value in seen:
            break
        seen.add(base.value)
        here = catalogue.models.get(base.value)
        found.append((f"{base.value}{_where(catalogue, here)}", base.source))
    return found


def _where(catalogue: Catalogue, model: Model | None) -> str:
    if model is None:
        return ""
    facts = [known(catalogue, model, name) for name in ("lab", "country", "licence")]
    names = ("lab", "country", "licence")
    texts = [say(catalogue, name, fact.value) for name, fact in zip(names, facts, strict=True) if fact is not None]
    return f" ({', '.join(texts)})" if texts else ""


def _residency(catalogue: Catalogue, offers: Sequence[Offer]) -> Section:
    """Where what one sends goes, by provider; those of whom nothing is known are named."""
    served = sorted({offer.provider for offer in offers})
    by_name = {name: one for one in catalogue.providers.values() for name in (*one.names, one.id)}
    described = list({by_name[name].id: by_name[name] for name in served if name in by_name}.values())
    rest = [name for name in served if name not in by_name]
    points = [] if served else [Point("Providers", "nobody in the price list serves it")]
    if rest:
        points.append(Point(NOT_YET.capitalize(), f"for {', '.join(rest)}"))
    head = (
        "Provider",
        "Contract with a company in",
        "Requests are kept in",
        "Trains on inputs",
        "Keeps them, days",
        "Source",
    )
    rows = tuple(_provider(catalogue, provider) for provider in described)
    said_of = [fact for one in described for facts in _asked(one) for fact in facts]
    table = Table(head, rows, tuple(dict.fromkeys(fact.source for fact in said_of)))
    return Section("Where requests go", tuple(points), table if rows else None)


def _asked(provider: Provider) -> tuple[tuple[Fact, ...], ...]:
    return provider.country, provider.data_location, provider.trains_on_inputs, provider.retention_days


def _provider(catalogue: Catalogue, provider: Provider) -> tuple[str, ...]:
    facts = [resolve(said_of_it, catalogue.sources) for said_of_it in _asked(provider)]
    texts = [NOT_YET if fact is None else f"{fact.value}{f' ({fact.note})' if fact.note else ''}" for fact in facts]
    cited = ", ".join(dict.fromkeys(f"{fact.source} {fact.date}" for fact in facts if fact is not None))
    return provider.name, *texts, cited


def _prices(prices: Prices | None) -> Iterator[Point]:
    if prices is None:
        yield Point("Prices", f"{NOT_YET}: nobody in the price list serves it")
        return
    source = prices.sources[0]
    yield Point("Input, $ a million tokens", said_range(prices.input), source)
    yield Point("Output, $ a million tokens", said_range(prices.output), source)
    yield Point("Providers", f"{len(prices.providers)}: {', '.join(prices.providers)}", source)
    for count, what in (
        (prices.at_nothing, "offers at $0 (free tiers, subscriptions) are left out of the range"),
        (prices.unpriced, "offers without a price"),
        (prices.tiered, "offers that cost something else for long contexts"),
    ):
        if count:
            yield Point("Note", f"{count} {what}")
    yield Point("Newest price", prices.updated or NOT_YET, source)


def _hardware(model: Model, facts: dict[str, Resolved], smallest: Smallest | None) -> Iterator[Point]:
    """The least that runs it, where somebody can tell, and what can be said from the size alone."""
    if "open_weights" in facts and facts["open_weights"].value is False:
        yield Point("Hardware", "none of one's own: the weights cannot be had", facts["open_weights"].source)
        return
    judged = tuple(smallest(model)) if smallest is not None else ()
    yield from judged or (Point("Hardware", NOT_YET),)
    for variant in model.variants:
        if variant.bytes is not None:
            yield Point(f"Weights in {variant.format}", f"{variant.bytes / 1e9:,.1f} GB, without cache and buffers")
    size = facts.get("parameters_total") or facts.get("exact_parameters")
    if size is not None:
        text = f"{size.value * 2 / 1e9:,.0f} GB at 16 bits, {size.value / 2e9:,.0f} GB at 4, without cache and buffers"
        yield Point("Weights alone", text, size.source)


def _safety(shelf: Shelf, model: Model) -> Section:
    """Who tested how safe it is, and what they found; those who have no stake first."""
    found = [each for each in shelf.safety if each.model == model.id]
    found.sort(key=lambda each: each.date, reverse=True)
    found.sort(key=lambda each: TRUST.index(each.independence))
    if not found:
        none = f"none that is recorded here; who ran which, and with what result, is {NOT_YET}"
        return Section("Safety evaluations", (Point("Recorded", none),))
    head = ("Tested", "Result", "Run by", "Who that is", "Source")
    rows = tuple(
        (each.subject, f"{each.result}{f' (doubtful: {each.doubt})' if each.doubt else ''}", each.run_by,
         each.independence, f"{each.source} {each.date}")
        for each in found
    )  # fmt: skip
    return Section("Safety evaluations", (), Table(head, rows, tuple(dict.fromkeys(each.source for each in found))))


def _evidence(shelf: Shelf, model: Model) -> Section:
    """The newest results, those of the least interested people first."""
    found = list(newest(shelf.scores, model.id).items())
    points = [] if found else [Point("Benchmarks", NOT_YET)]
    if len(found) > MOST_SCORES:
        points.append(Point("Shown", f"{MOST_SCORES} of {len(found)} results"))
    head = ("Benchmark", "Result", "Run by", "Who that is", "Source")
    rows = tuple(
        (f"{one.benchmark}, {one.metric}", said(score), one.measured_by, score.independence, score.source)
        for one, score in found[:MOST_SCORES]
    )
    table = Table(head, rows, tuple(dict.fromkeys(score.source for _, score in found[:MOST_SCORES])))
    return Section("Evidence", tuple(points), table if rows else None)


def _questions(catalogue: Catalogue, facts: dict[str, Resolved]) -> Iterator[Point]:
    """What is disputed, what is doubtful, what nobody says."""
    for name, fact in facts.items():
        others = [say(catalogue, name, each.value) for each in fact.alternatives]
        differing = list(dict.fromkeys(text for text in others if text != say(catalogue, name, fact.value)))
        if fact.disputed:
            yield Point("Disputed", f"{title(name)}: {say(catalogue, name, fact.value)}, or {' or '.join(differing)}?")
        if fact.doubt:
            yield Point("Doubtful", f"{title(name)}: {fact.doubt}", fact.source)
    licence = catalogue.licences.get(facts["licence"].value) if "licence" in facts else None
    yield from (Point("Licence", text) for text in _unread(licence))
    is_open = "open_weights" in facts and facts["open_weights"].value is True
    needless = "base_model" if "stage" in facts and facts["stage"].value == "base" else ""
    unknown = [name for name in (*EVERY, *(OPEN if is_open else ())) if name not in facts and name != needless]
    if unknown:
        yield Point("Unknown", ", ".join(title(name) for name in unknown))


def _unread(licence: Licence | None) -> Iterator[str]:
    if licence is not None and licence.doubt:
        yield f"its terms are {licence.doubt}"
    if licence is not None and licence.outputs_for_training == "unknown":
        yield "may outputs train other models?"
    if licence is not None and licence.use_policy and licence.use_policy_may_change == "unknown":
        yield "may its use policy change after release?"


def _sources(catalogue: Catalogue, sections: Sequence[Section]) -> Section:
    cited = dict.fromkeys(
        source
        for section in sections
        for source in (*(point.source for point in section.points), *(section.table.sources if section.table else ()))
        if source
    )
    return Section("Sources", tuple(Point(source, describe_source(catalogue, source)) for source in cited))
