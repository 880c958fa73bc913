"""The command `weighbridge`."""

from __future__ import annotations

import click

from weighbridge import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Move a team's work onto open-weight models, with proof."""
