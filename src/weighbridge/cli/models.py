"""`weighbridge models`: the catalogue's models."""

from __future__ import annotations

import click

from weighbridge.cli.resolve import resolve


@click.group(short_help="The models of the catalogue: what a name means.")
def models() -> None:
    """The models of the catalogue."""


models.add_command(resolve)
