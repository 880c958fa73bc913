"""`weighbridge brief`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from weighbridge.catalog.brief import brief as make_brief
from weighbridge.catalog.page import Point
from weighbridge.catalog.records import Model
from weighbridge.cli.chosen import FOLDER, choose
from weighbridge.cli.compare import shelf_of
from weighbridge.cli.pages import forms, printed


@click.command(short_help="One page about a model to decide on.")
@click.argument("model")
@FOLDER
@forms
def brief(model: str, folder: Path, form: str | None) -> None:
    """One page about MODEL to decide on: licence, origin, where requests go, likely life, prices, evidence.

    What is open stands at its end: disputes, doubts, and what nobody says. A part that is not known yet says so.
    """
    chosen = choose(folder, model)
    page = make_brief(shelf_of(folder), chosen, lambda model: _smallest(model, folder))
    if form == "json":
        click.echo(msgspec.json.encode({"id": chosen.id, "sections": page.sections}))
    else:
        click.echo(printed(page, form))


def _smallest(model: Model, folder: Path) -> Sequence[Point]:
    """As fit judges it; imported here, since models without open weights never ask."""
    from weighbridge.cli.compose_brief import smallest_hardware

    return smallest_hardware(model, folder)
