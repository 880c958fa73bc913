"""`weighbridge doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from weighbridge.cli.environment import settings_from_environment

MARKS = {"ok": "ok     ", "warn": "note   ", "missing": "MISSING"}


@click.command(short_help="Check the machine, the cache and the engines; say what is missing.")
@click.argument("task", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(task: Path | None, as_json: bool) -> None:
    """Check the machine, the cache and the engines; say what is missing.

    With the folder of a TASK also its backends: are the weights here, is the key set, does the server answer.
    Without one, no network is touched. Exit 1 when something that a run needs is missing.
    """
    from weighbridge.cli.checks import check_backends, check_machine

    settings = settings_from_environment()
    checks = tuple(check_machine(settings)) + (tuple(check_backends(task, settings)) if task else ())
    if as_json:
        click.echo(msgspec.json.encode({"checks": checks}))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            click.echo(f"{MARKS[check.status]} {check.name:{width}}  {check.found}")
            if check.next_move:
                click.echo(f"{'':{width + 10}}{check.next_move}")
    sys.exit(any(check.status == "missing" for check in checks))
