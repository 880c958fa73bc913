"""`weighbridge show`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.catalog.facts import Fact, Resolved
from weighbridge.catalog.fields import FIELDS, same
from weighbridge.catalog.profile import TRAINING, profile
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.tables import load_training
from weighbridge.catalog.wording import say
from weighbridge.cli.chosen import FOLDER, JSON, choose, held
from weighbridge.cli.columns import in_columns, visible


@click.command(short_help="Show what is known of a model, each fact with its source.")
@click.argument("model")
@FOLDER
@JSON
def show(model: str, folder: Path, as_json: bool) -> None:
    """Show what is known of MODEL: each fact with its source, its date and whatever others say.

    MODEL is a name as people or providers write it. With --json: {"id", "facts": {FIELD: {"value", "kind", "source",
    "date", "disputed", "alternatives"}}}; a field that is not in it is unknown.
    """
    catalogue = held(folder).catalogue
    found = choose(folder, model)
    runs = () if all(name in found.facts for name in TRAINING) else load_training(folder)
    facts = profile(catalogue, found, runs)
    if as_json:
        plain = {"id": found.id, "facts": {name: _plain(fact) for name, fact in facts.items()}}
        click.echo(msgspec.json.encode(plain))
    else:
        click.echo("\n".join(_page(catalogue, found, facts)))


def _plain(fact: Resolved) -> dict[str, Any]:
    return {
        "value": fact.value,
        "kind": fact.kind,
        "source": fact.source,
        "date": fact.date,
        "disputed": fact.disputed,
        "alternatives": [msgspec.structs.asdict(other) for other in fact.alternatives],
    }


def _page(catalogue: Catalogue, model: Model, facts: dict[str, Resolved]) -> Iterator[str]:
    yield f"{model.id}: {visible(model.name)}" + (" (only named, because somebody serves it)" if model.stub else "")
    if model.names:
        yield f"also called {visible(', '.join(model.names))}"
    yield ""
    rows = [row for name, fact in facts.items() for row in _rows(catalogue, name, fact)]
    if rows:
        yield in_columns(rows)
    unknown = [name for name in FIELDS if name not in facts]
    if unknown:
        yield f"\nUnknown: {', '.join(unknown)}."
    yield "\nSources"
    yield in_columns(_sources(catalogue, facts)) if facts else "  none"


def _rows(catalogue: Catalogue, name: str, fact: Resolved) -> Iterator[tuple[str, str, str]]:
    """The believed value, and below it what others say."""
    mark = "disputed; " if fact.disputed else ""
    yield name, say(catalogue, name, fact.value), f"{mark}{_from(fact)}"
    for other in fact.alternatives:
        agrees = same(FIELDS[name], fact.value, other.value)
        yield "", "" if agrees else say(catalogue, name, other.value), f"{'and' if agrees else 'but'} {_from(other)}"


def _from(fact: Resolved | Fact) -> str:
    """`reported, paper, 2024-12-27: final run only (doubtful: read in a summary)`."""
    noted = f": {fact.note}" if fact.note else ""
    doubted = f" (doubtful: {fact.doubt})" if fact.doubt else ""
    return f"{fact.source} {fact.date}, {fact.kind}{noted}{doubted}"


def _sources(catalogue: Catalogue, facts: dict[str, Resolved]) -> list[tuple[str, str, str]]:
    used = dict.fromkeys(
        source for fact in facts.values() for source in (fact.source, *(other.source for other in fact.alternatives))
    )
    known = [catalogue.sources[source] for source in used]
    return [(source.id, source.standing, f"{source.title}  {source.url or ''}".strip()) for source in known]
