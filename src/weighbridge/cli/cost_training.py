"""`weighbridge cost --train`: what training takes, beside what was reported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.errors import UsageError


def print_tuning(models: tuple[str, ...], method: Any, options: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    """Fine-tuning of each model."""
    from weighbridge.cli.compose_training import read_given, reckon_tuning_of
    from weighbridge.cost.training_words import plain_tuning, tuning_lines

    if not models:
        raise UsageError("name a MODEL to tune")
    given = read_given(options)
    found = [reckon_tuning_of(name, method, given, folder) for name in models]
    if as_json:
        click.echo(msgspec.json.encode({"tuning": [plain_tuning(each) for each in found]}))
        return
    click.echo("\n\n".join("\n".join(tuning_lines(each)) for each in found))


def print_training(models: tuple[str, ...], options: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    """One model, every run of the catalogue (`all`), or numbers alone."""
    from weighbridge.cli.columns import in_columns
    from weighbridge.cli.compose_training import read_given, reckon_all, reckon_model
    from weighbridge.cost.training_words import HEADS, lines, plain, table_rows

    given = read_given(options)
    if models == ("all",):
        found, left = reckon_all(given, folder)
        if as_json:
            click.echo(msgspec.json.encode({"runs": [plain(each) for each in found], "left_out": left}))
            return
        click.echo(in_columns([HEADS, *table_rows(found)], wrap=False))
        for line in left:
            click.echo(f"left out: {line}")
        return
    if not models and (given.active is None or given.tokens is None):
        raise UsageError(
            "name a MODEL, or give --active and --tokens", next_move="Or `all` for every run that is known."
        )
    found = [reckon_model(name, given, folder) for name in models or (None,)]
    if as_json:
        click.echo(msgspec.json.encode({"runs": [plain(each) for each in found], "left_out": []}))
        return
    click.echo("\n\n".join("\n".join(lines(each)) for each in found))
