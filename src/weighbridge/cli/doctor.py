"""`weighbridge doctor`."""

from __future__ import annotations

import sys

import click
import msgspec

from weighbridge.cli.compose import settings_from_environment

MARKS = {"ok": "ok     ", "warn": "note   ", "missing": "MISSING"}


@click.command(short_help="Check the machine, the cache and the engines; say what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Check the machine, the cache and the engines; say what is missing.

    Touches no network and starts nothing. Exit 1 when something that every run needs is missing.
    """
    from weighbridge.cli.checks import check_machine

    checks = tuple(check_machine(settings_from_environment()))
    if as_json:
        click.echo(msgspec.json.encode({"checks": checks}))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            click.echo(f"{MARKS[check.status]} {check.name:{width}}  {check.found}")
            if check.next_move:
                click.echo(f"{'':{width + 10}}{check.next_move}")
    sys.exit(any(check.status == "missing" for check in checks))
