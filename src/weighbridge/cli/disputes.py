"""`weighbridge catalog disputes`: prices that sources give differently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.catalog.facts import Resolved
from weighbridge.catalog.records import Offer
from weighbridge.cli.chosen import FOLDER, JSON
from weighbridge.cli.columns import in_columns
from weighbridge.cli.environment import settings_from_environment


@click.command(short_help="Prices that sources give differently, the shipped ones and the fetched.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@FOLDER
@JSON
def disputes(words: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Offers whose prices sources give differently; every WORD is in the provider, the id or the model.

    The source that is believed stands first. `weighbridge catalog update` fetches sources.
    """
    from weighbridge.catalog.feeds.joined import load_joined

    joined = load_joined(settings_from_environment().data_dir / "catalogue", folder)
    found = [each for each in joined.disputes if _is_about(each.value, words)]
    if as_json:
        click.echo(msgspec.json.encode({"disputes": [_plain(each) for each in found], "updated": joined.updated}))
        return
    if found:
        rows = [row for each in found for row in _rows(each)]
        click.echo(in_columns([("PROVIDER", "ID", "INPUT $/M", "OUTPUT $/M", "CACHED $/M", "SOURCE", "DATE"), *rows]))
    fetched = ", ".join(joined.updated) or "none: `weighbridge catalog update` fetches them"
    click.echo(f"{len(found):,} offers are disputed. Feeds held: {fetched}.")


def _is_about(offer: Offer, words: tuple[str, ...]) -> bool:
    text = f"{offer.provider} {offer.model_id} {offer.model or ''}".casefold()
    return all(word.casefold() in text for word in words)


def _rows(dispute: Resolved) -> Iterator[tuple[str, ...]]:
    believed: Offer = dispute.value
    yield (believed.provider, believed.model_id, *_said(believed), dispute.source, dispute.date)
    for other in dispute.alternatives:
        yield ("", "", *_said(other.value), other.source, other.date)


def _said(offer: Offer) -> tuple[str, ...]:
    prices = (offer.input, offer.output, offer.cached)
    return tuple("unknown" if price is None else f"{price:.6g}" for price in prices)


def _plain(dispute: Resolved) -> dict[str, Any]:
    offers = (dispute.value, *(other.value for other in dispute.alternatives))
    dates = (dispute.date, *(other.date for other in dispute.alternatives))
    said = [
        {"source": offer.source, "date": date, "input": offer.input, "output": offer.output, "cached": offer.cached}
        for offer, date in zip(offers, dates, strict=True)
    ]
    believed: Offer = dispute.value
    return {"provider": believed.provider, "model_id": believed.model_id, "model": believed.model, "said": said}
