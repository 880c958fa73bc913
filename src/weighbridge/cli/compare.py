"""`weighbridge compare`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from weighbridge.catalog import compare as comparing
from weighbridge.catalog.tables import load_engines, load_safety, load_scores, load_training
from weighbridge.cli.chosen import FOLDER, choose, held
from weighbridge.cli.pages import forms, printed
from weighbridge.errors import UsageError

MOST_MODELS = 20


def shelf_of(folder: Path) -> comparing.Shelf:
    """Everything a catalogue holds that a comparison or a brief draws on."""
    state = held(folder)
    return comparing.Shelf(
        state.catalogue,
        load_training(folder),
        state.offers,
        load_scores(folder),
        load_engines(folder),
        load_safety(folder),
    )


@click.command(short_help="Hold models side by side, differences first.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@FOLDER
@forms
def compare(models: tuple[str, ...], folder: Path, form: str | None) -> None:
    """Hold models side by side: origin, licence, size, context, abilities, benchmarks, prices; differences first.

    A benchmark stands in one line only where the same people ran it. Prices are the least and the most that any
    provider asks, in dollars a million tokens. What is unknown is said to be.
    """
    chosen = list({model.id: model for model in (choose(folder, name) for name in models)}.values())
    if not 2 <= len(chosen) <= MOST_MODELS:
        what = f"{len(chosen)} model{'s' * (len(chosen) > 1)} to compare"
        raise UsageError(what, next_move=f"Name 2 to {MOST_MODELS} different ones; `weighbridge show` shows one.")
    shelf = shelf_of(folder)
    comparison = comparing.compare(shelf, chosen)
    if form == "json":
        click.echo(msgspec.json.encode(comparison))
    else:
        click.echo(printed(comparing.page_of(shelf.catalogue, comparison), form))
