"""`weighbridge adoption`: how much models are used."""

from __future__ import annotations

from itertools import groupby

import click
import msgspec

from weighbridge.catalog.adoption import METRICS, Counted, counts_of, find_metric, find_subjects
from weighbridge.catalog.match import resolve_name
from weighbridge.catalog.records import Catalogue
from weighbridge.cli.chosen import held, index


@click.command(short_help="How much models are used: downloads, likes, derivatives, tokens.")
@click.argument("subject", required=False)
@click.option("--metric", default=None, help="One metric: hf_downloads_30d, hf_likes ...")
@click.option("--top", metavar="N", type=click.IntRange(1), default=15, show_default=True, help="Lines of each metric.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def adoption(subject: str | None, metric: str | None, top: int, as_json: bool) -> None:
    """Show what was counted of SUBJECT: a model, or a group such as family:Qwen, country:CN; of all without one.

    Each count comes with its day, who counted, the source and its quality. Counts that cannot be true, and those that
    others contradict, are shown as such. Downloads include machines and mirrors: they are not users.
    """
    rows = held().adoption
    subjects = None
    if subject is not None:
        subjects = find_subjects(rows, subject, resolve_name(index(), subject).id)
    counts = counts_of(rows, subjects=subjects, metric=None if metric is None else find_metric(rows, metric))
    if as_json:
        click.echo(msgspec.json.encode({"counts": [_value(count) for count in counts]}))
        return
    if not counts:
        click.echo(f"Nothing was counted of {', '.join(subjects or ['anything'])}.")
    catalogue = held().catalogue
    for name, some in groupby(counts, key=lambda count: count.row.metric):
        _print(name, list(some), top, catalogue)


def _print(metric: str, counts: list[Counted], top: int, catalogue: Catalogue) -> None:
    """The counts of one metric, the largest first within a day."""
    click.echo(f"{metric}: {METRICS.get(metric, counts[0].row.unit)}")
    counts.sort(key=lambda count: (count.row.date, count.row.value), reverse=True)
    for count in counts[:top]:
        row = count.row
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:g}"
        click.echo(f"  {row.subject:<44} {value:>15}  {row.date:<10}  {row.measured_by}; {_quality(count)}")
        source = catalogue.sources.get(row.source)
        click.echo(f"{'':<48}{row.unit}; {source.title if source else row.source}")
        if count.standing != "counted":
            click.echo(f"{'':<48}{count.standing.upper()}: {count.reason}")
    if len(counts) > top:
        click.echo(f"  and {len(counts) - top} more; --top {len(counts)} shows them")
    click.echo()


def _value(count: Counted) -> dict[str, object]:
    return {**msgspec.structs.asdict(count.row), "standing": count.standing, "reason": count.reason or None}


def _quality(count: Counted) -> str:
    """How good a count is, without what its standing says anyway."""
    return "not to be believed" if count.standing == "rejected" else count.row.quality.partition(";")[0]
