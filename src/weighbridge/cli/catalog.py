"""`weighbridge catalog`: look after the catalogue's own files."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from weighbridge.catalog.gaps import find_gaps
from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.snapshot import DATA, SNAPSHOT, is_in_step, write_snapshot
from weighbridge.catalog.validate import compile_folder, examine
from weighbridge.cli.disputes import disputes
from weighbridge.cli.update import update_feeds
from weighbridge.formats.problems import MOST_PROBLEMS, Problem

BEHIND = "not made from the TOML as it is now"
FOLDER = click.argument(
    "folder", required=False, default=DATA, type=click.Path(path_type=Path, exists=True, file_okay=False)
)


@click.group(short_help="Check, build and update the catalogue's own files.")
def catalog() -> None:
    """Look after the files of the catalogue: labs, models, licences, tables.

    FOLDER is where they lie; without it, those that came with weighbridge.
    """


@catalog.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(folder: Path, as_json: bool) -> None:
    """Name every mistake in the files with its line. Exit 1 when there is one."""
    found = examine(folder, today=_today())
    problems, counts = found.problems, {}
    if found.catalogue is not None:
        counts = _counts(found.catalogue)
        if not is_in_step(found.catalogue, folder):
            problems = (Problem(str(folder / SNAPSHOT), None, None, BEHIND, "Run `weighbridge catalog build`."),)
    if as_json:
        click.echo(msgspec.json.encode({"folder": str(folder), "problems": problems, "counts": counts}))
    elif problems:
        click.echo("\n".join(str(problem) for problem in problems))
        if len(problems) >= MOST_PROBLEMS:
            click.echo(f"Only the first {MOST_PROBLEMS} are shown.")
    else:
        click.echo(f"{folder}: {_written(counts)}; no mistakes.")
    sys.exit(bool(problems))


@catalog.command(short_help="Compile the TOML into the snapshot that commands read.")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(folder: Path, as_json: bool) -> None:
    """Compile the TOML into the snapshot that commands read; refused while there is a mistake in it."""
    catalogue = compile_folder(folder, today=_today())
    path = write_snapshot(catalogue, folder)
    size = path.stat().st_size
    if as_json:
        click.echo(msgspec.json.encode({"path": str(path), "bytes": size, "counts": _counts(catalogue)}))
    else:
        click.echo(f"{path}: {_written(_counts(catalogue))}; {size:,} bytes.")


@catalog.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gaps(folder: Path, as_json: bool) -> None:
    """List what is not known of each model that is more than a name. A gap is no mistake: unknown stays unknown."""
    found = find_gaps(compile_folder(folder))
    if as_json:
        click.echo(msgspec.json.encode({"gaps": found}))
        return
    for model, names in found.items():
        click.echo(f"{model}: {', '.join(names)}")
    click.echo(f"{sum(map(len, found.values())):,} gaps in {len(found):,} models.")


catalog.add_command(update_feeds)
catalog.add_command(disputes)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _counts(catalogue: Catalogue) -> dict[str, int]:
    stubs = sum(model.stub for model in catalogue.models.values())
    return {
        "labs": len(catalogue.labs),
        "models": len(catalogue.models) - stubs,
        "stubs": stubs,
        "licences": len(catalogue.licences),
        "sources": len(catalogue.sources),
        "facts": sum(len(said) for model in catalogue.models.values() for said in model.facts.values()),
    }


def _written(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
