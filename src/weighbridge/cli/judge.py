"""`weighbridge judge`: what a judge is worth, held against people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.stats.agreement import Agreement, Confusion
    from weighbridge.stats.records import Interval
    from weighbridge.weigh.judges.check import Check, JudgeCheck

MOST_PAIRS = 20
"""Lines of pairs that are shown; `--json` has all."""


@click.group(short_help="What a judge is worth: held against people, and labels drawn for that.")
def judge() -> None:
    """What a judge is worth, held against people."""


@judge.command(
    epilog="""\b
Examples:
  weighbridge judge check scores.csv                     item,model,judge,human: a blank human is not labelled
  weighbridge judge check judged.csv labels.csv          item,model,score in both
  weighbridge judge check pairs.jsonl labels.csv --json  item,model_a,model_b,winner
"""
)
@click.argument("judged", type=click.Path(path_type=Path))
@click.argument("labels", required=False, type=click.Path(path_type=Path))
@click.option("--judge", "judges", multiple=True, metavar="COLUMN", help="A judge's column.  [every column of numbers]")
@click.option("--human", "humans", multiple=True, metavar="COLUMN", help="A person's column.  [human, label, gold]")
@click.option("--item", metavar="COLUMN", help="Names the item.  [item, item_id, id, ...]")
@click.option("--model", metavar="COLUMN", help="Names whose answer it is.  [model, candidate]")
@click.option("--score", metavar="COLUMN", help="Where each rating has a row of its own.  [score]")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Intervals hold with 1 - alpha.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    judged: Path,
    labels: Path | None,
    *,
    judges: tuple[str, ...],
    humans: tuple[str, ...],
    item: str | None,
    model: str | None,
    score: str | None,
    alpha: float,
    as_json: bool,
) -> None:
    """Hold a judge against human labels: agreement, kappa, Krippendorff's alpha, confusion, position bias, and means
    that a few labels have corrected, with honest intervals.

    JUDGED holds a judge's scores, LABELS those of people for some of the same answers; or one file has both. The
    labelled answers must be a random sample of the judged ones.
    """
    import msgspec

    from weighbridge.weigh.judges.check import check as judge_check
    from weighbridge.weigh.judges.ratings import Columns, read_ratings

    columns = Columns(item=item, model=model, score=score, judges=judges, humans=humans)
    found = judge_check(read_ratings(judged, labels, columns), alpha)
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(_lines(found)))


@judge.command()
@click.argument("task", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=50, show_default=True, help="Items to be labelled.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write.  [standard output]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the items that are drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def sample(task: Path, count: int, out: Path | None, seed: int, *, as_json: bool) -> None:
    """Draw answers of a task that was weighed, to be labelled by people: a CSV that hides who wrote them.

    Fill in the column `score` (pairwise: `winner`, a, b or tie) and name the file as `labels` of the judge.
    """
    from weighbridge.cli.compose_judges import draw_sample, write_sample

    if as_json and out is None:
        raise UsageError("--json says what was written where, and needs --out FILE: the rows go to standard output")
    drawn = draw_sample(task, count, seed)
    write_sample(drawn, out)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"file": str(out), "items": drawn.items, "rows": len(drawn.rows)}))
    else:
        where = "standard output" if out is None else str(out)
        click.echo(f"Wrote {len(drawn.rows)} rows about {drawn.items} items to {where}.", err=True)


def _lines(found: Check) -> Iterator[str]:
    yield f"{found.units:,} unit{'s' * (found.units != 1)}, {found.labels:,} of them labelled."
    if found.again:
        yield f"{found.again:,} ratings are of what the same rater had rated before; they were averaged."
    if found.among_people is not None:
        yield f"People among themselves: Krippendorff's alpha {found.among_people:.2f}."
    if found.among_judges is not None:
        yield f"Judges among themselves: Krippendorff's alpha {found.among_judges:.2f}."
    for one in found.judges:
        yield ""
        yield from _judge_lines(one)


def _judge_lines(one: JudgeCheck) -> Iterator[str]:
    yield f"{one.judge}: {one.judged:,} judged, {one.labelled:,} of them labelled"
    for warning in one.warnings:
        yield f"  ! {warning}"
    if one.agreement is not None:
        yield f"  agreement      {one.agreement:.0%}, bias {one.bias:+.3f}"
        yield f"  kappa          {_said(one.kappa)}; weighted {_said(one.weighted_kappa)}"
        yield (
            f"  Krippendorff   nominal {_number(one.nominal)}, ordinal {_said(one.ordinal)}, "
            f"interval {_number(one.interval)}"
        )
    if one.correlation is not None:
        yield f"  correlation    {one.correlation:.2f}"
    if one.first_share is not None and one.first_interval is not None:
        low, high = one.first_interval.low, one.first_interval.high
        yield f"  shown first    preferred {one.first_share:.0%} ({low:.0%} to {high:.0%}); 50% is no bias"
    if one.confusion is not None:
        yield from _confusion(one.confusion)
    yield from _means(one)
    yield from _pairs(one)


def _confusion(table: Confusion) -> Iterator[str]:
    values = [f"{value:g}" for value in table.values]
    width = max(5, *(len(str(count)) for row in table.counts for count in row), *map(len, values)) + 1
    yield "  confusion      rows: people; columns: the judge"
    yield "    " + "".join(value.rjust(width) for value in ["", *values])
    for value, row in zip(values, table.counts, strict=True):
        yield "    " + "".join(str(cell).rjust(width) for cell in [value, *row])


def _means(one: JudgeCheck) -> Iterator[str]:
    if not one.means:
        return
    width = max(5, *(len(mean.model) for mean in one.means))
    yield (
        f"  {'MODEL':<{width}}  {'BY PEOPLE':>9}  {'INTERVAL':<17} {'LABELS':>6}  {'LABELS ALONE':<25} "
        f"{'JUDGE ALONE':>11}  WORTH"
    )
    for mean in one.means:
        found = mean.found
        alone = f"{found.labels_alone:.3f} ({_range(found.labels_alone_interval)})"
        yield (
            f"  {mean.model:<{width}}  {found.estimate:>9.3f}  {_range(found.interval):<17} {found.labels:>6,}  "
            f"{alone:<25} {found.judge_alone:>11.3f}  {found.worth:.1f} x"
        )


def _pairs(one: JudgeCheck) -> Iterator[str]:
    for pair in one.compared[:MOST_PAIRS]:
        who = f"{pair.winner} is better" if pair.winner is not None else "not told apart"
        alone = _range(pair.found.labels_alone_interval)
        yield (
            f"  {pair.first} - {pair.second}: {pair.found.estimate:+.3f} ({_range(pair.found.interval)}), labels alone "
            f"({alone}): {who}"
        )
    if len(one.compared) > MOST_PAIRS:
        yield f"  {len(one.compared) - MOST_PAIRS} more pairs: --json has them."


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _said(found: Agreement) -> str:
    if found.value is None:
        return "not defined"
    if found.interval is None:
        return f"{found.value:.2f}"
    return f"{found.value:.2f} ({found.interval.low:.2f} to {found.interval.high:.2f})"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
