"""`weighbridge check`."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.catalog.article import MOST_BYTES, read_article
from weighbridge.catalog.claims import Judge, Judged
from weighbridge.catalog.match import resolve_name
from weighbridge.catalog.tables import load_training
from weighbridge.cli.chosen import FOLDER, JSON, held, index
from weighbridge.cli.columns import in_columns, terminal_width
from weighbridge.errors import InputError

MARKS = {"confirmed": "✓ confirmed", "contradicted": "✗ contradicted", "disputed": "~ disputed", "unknown": "? unknown"}


@click.command(short_help="Hold somebody's table of claims against the catalogue.")
@click.argument("claims", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--strict", is_flag=True, help="Exit 1 also when a claim is contradicted.")
@FOLDER
@JSON
def check(claims: Path, strict: bool, folder: Path, as_json: bool) -> None:
    """Hold each cell of CLAIMS against the catalogue: confirmed, contradicted, disputed or unknown.

    CLAIMS is a CSV with the columns model,field,value, or a Markdown (or CSV) table with a row or a column for each
    model; `-` reads standard input. Values are read as people write them and compared at the precision they give.
    Exit 1 when a row cannot be read; the others are judged all the same.
    """
    article = read_article(_content(claims), "standard input" if str(claims) == "-" else str(claims))
    names = index(folder)
    judge = Judge(held(folder).catalogue, load_training(folder), lambda name: resolve_name(names, name))
    judged = [judge.judge(claim) for claim in article.claims]
    if as_json:
        click.echo(msgspec.json.encode([_plain(each) for each in judged]))
    else:
        _print(judged)
    for problem in article.problems:
        click.echo(f"Error: {problem}", err=True)
    sys.exit(bool(article.problems) or (strict and any(each.status == "contradicted" for each in judged)))


def _content(path: Path) -> bytes:
    """The file, or standard input; no more of it than is ever read."""
    if str(path) == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), next_move="Is the path right, and may you read it?"
        ) from None


def _plain(judged: Judged) -> dict[str, Any]:
    return {
        "model": judged.claim.model,
        "field": judged.field,
        "value": judged.claim.value,
        "status": judged.status,
        "catalogue": judged.catalogue,
        "source": judged.source,
    }


def _print(judged: Sequence[Judged]) -> None:
    rows = [(MARKS[each.status], each.claim.model, each.field, each.claim.value) for each in judged]
    lines = in_columns(rows, wrap=False).split("\n") if rows else []
    for line, each in zip(lines, judged, strict=True):
        click.echo(line)
        click.echo(textwrap.indent(in_columns([(_reason(each),)], width=terminal_width() - 4), "    "))
    counts: Counter[str] = Counter(each.status for each in judged)
    click.echo(f"\n{len(judged):,} claims: " + ", ".join(f"{counts[status]} {status}" for status in MARKS) + ".")


def _reason(judged: Judged) -> str:
    return f"{judged.reason} [{judged.source}]" if judged.source else judged.reason
