"""`weighbridge models`: search the catalogue; what a name means."""

from __future__ import annotations

import click

from weighbridge.cli.resolve import resolve
from weighbridge.cli.search import search_models


class SearchUnlessNamed(click.Group):
    """A group whose first command is meant where none is named: `models --open` is `models search --open`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if named else ["search", *args])


@click.group(cls=SearchUnlessNamed, short_help="Search the models of the catalogue; say what a name means.")
def models() -> None:
    """The models of the catalogue."""


models.add_command(search_models)
models.add_command(resolve)
