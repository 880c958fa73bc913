"""`weighbridge route`: routers and cascades learned from recorded samples, with a bound on the quality they keep."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.routers import Places


@click.group(short_help="Cheap models first: routers learned from samples, with a promise.")
def route() -> None:
    """Learn which prompts a cheap model answers well enough, promise what is kept, and hold the promise to account."""


def recorded(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where samples stand."""
    table = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--out-of",
            metavar="X",
            type=click.FloatRange(0, min_open=True),
            default=1.0,
            help="Scores go from 0 to this.",
        ),
        click.option("--category", default="category", metavar="COLUMN", help="Say what is kept by this, too."),
        click.option("--item", metavar="COLUMN", help="Tables are joined by it; the first column unless said."),
        click.option("--usd", type=table, metavar="FILE", help="Dollars of each call: a table like SAMPLES."),
        click.option("--judged", type=table, metavar="FILE", help="Judge's scores from 0 to 1: a table like SAMPLES."),
        click.option("--lengths", type=table, metavar="FILE", help="Characters of replies: a table like SAMPLES."),
        click.option("--answers", type=table, metavar="FILE", help="What was answered: a table like SAMPLES."),
        click.option(
            "--prompts", type=table, metavar="FILE", help="A table with the column `prompt`, where SAMPLES has none."
        ),
        click.option("--prompt", default="prompt", metavar="COLUMN", help="Of SAMPLES, with the text that was asked."),
    ):
        command = option(command)
    return command


COST = click.option(
    "--cost",
    "costs",
    multiple=True,
    metavar="MODEL=USD",
    help="Of a call, in one unit for all; several, or separated by commas. Recorded dollars go before it.",
)

PRICE = click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="NAME=PRICE",
    help="Of recorded tokens: 0.2/0.6 (dollars a million, in/out), or an offer of the catalogue, MODEL@PROVIDER; "
    "several, or separated by commas.",
)


@route.command(
    epilog="""\b
Examples:
  weighbridge route train scores.csv --weak open-8b --strong big --keep 0.97
      the prompt decides before any call: columns prompt, open-8b, big
  weighbridge route train scores.csv --weak open-8b --weak open-32b --strong big --keep 0.97 --answers answers.csv
      a cascade: both open models are asked, and big where they cannot be trusted
  weighbridge route train scores.csv --weak a --weak b --then c,d --strong big --keep 0.97 --answers answers.csv
      in rounds: c and d are asked only where a and b leave doubt
Exit code 0: the router was written; 1: the promise cannot be shown on these samples, and nothing was written.
"""
)
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--weak",
    "weak",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Column of a cheap model; several make a cascade.",
)
@click.option(
    "--then",
    "then",
    multiple=True,
    metavar="NAME,NAME",
    help="A further round of a cascade: asked where those before leave doubt.",
)
@click.option("--strong", required=True, metavar="NAME", help="Column of the model whose quality is to be kept.")
@click.option(
    "--keep",
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True),
    required=True,
    help="Share of the strong model's mean score.",
)
@click.option(
    "--alpha",
    metavar="X",
    type=click.FloatRange(0.0001, 0.5),
    default=0.05,
    show_default=True,
    help="Chance that the promise is broken all the same, at most.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="router.json",
    show_default=True,
    help="The router.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "ridge", "knn", "cascade"]),
    default="auto",
    show_default=True,
    help="auto: a cascade where several models' answers were recorded, or a judge's scores; else ridge.",
)
@click.option(
    "--answer-from",
    default="whole",
    show_default=True,
    metavar="WAY",
    help="How serving finds the answer in a reply: whole, last-line, number, boxed, json:FIELD.",
)
@click.option(
    "--judge",
    metavar="NAME",
    help="Whose the judge's scores are; serving asks it.  [judge]",
)
@click.option(
    "--judge-prompt",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What it was asked, with {{prompt}} and {{answer}}; ours unless said.",
)
@click.option(
    "--judge-out-of",
    metavar="X",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=10.0,
    show_default=True,
    help="Its replies go from 0 to this.",
)
@click.option(
    "--calibrate",
    type=click.FloatRange(0.1, 0.9),
    metavar="SHARE",
    help="Of the items, only to test the promise; 0.5 unless said (0.65 of many), 0.7 for a cascade.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**31),
    default=0,
    show_default=True,
    help="Of the split and of all that is drawn.",
)
@click.option("--date", "made", metavar="DATE", help="Written into the router; today unless said otherwise.")
@COST
@PRICE
@recorded
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def train(**options: Any) -> None:
    """Learn a router from SAMPLES and write it, if it can be shown to keep its promise.

    SAMPLES is a table (CSV, JSON Lines, Parquet) with a row for each item and a column of scores for each model;
    answers (NAME.answer), lengths (NAME.chars), judge's scores (NAME.judge), dollars (NAME.usd) and tokens
    (NAME.input_tokens, NAME.output_tokens) may stand in it. Or it has a row for each item and model, with columns
    `model` and `score`. Or it is the folder of a task that was weighed: its answers are taken from the ledger.
    """
    from weighbridge.cli.compose_route import train_router
    from weighbridge.cli.route_page import train_json, train_text

    with _progress(options["as_json"]) as tell:
        made = train_router(_places(options), options, _costs(options["costs"]), tell)
    click.echo(msgspec.json.encode(train_json(made)) if options["as_json"] else train_text(made))
    sys.exit(made.trained.artefact is None)


@route.command(
    name="eval",
    epilog="""\b
Example:
  weighbridge route eval router.json new-scores.csv
Exit code 0: nothing says that the promise is broken; 1: it is broken on these samples.
""",
)
@click.argument("artefact", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("samples", type=click.Path(path_type=Path))
@click.option("--seen", is_flag=True, help="Count items that the router was made from, too.")
@COST
@PRICE
@recorded
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(**options: Any) -> None:
    """Measure a router on SAMPLES: quality kept, strong calls avoided, money, by category.

    Items that the router was made from are left out; they are known by their prompts.
    """
    from weighbridge.cli.compose_route import evaluate_router
    from weighbridge.cli.route_page import eval_json, eval_text

    found = evaluate_router(
        options["artefact"],
        _places(options),
        _costs(options["costs"]),
        options["prices"],
        include_seen=options["seen"],
    )
    click.echo(msgspec.json.encode(eval_json(found)) if options["as_json"] else eval_text(found))
    sys.exit(found.standing == "broken")


def _places(options: dict[str, Any]) -> Places:
    from weighbridge.routers import Places

    kinds = {"prompts": "prompt", "answers": "answer", "lengths": "chars", "judged": "judge", "usd": "usd"}
    sides = {kind: options[name] for name, kind in kinds.items() if options[name] is not None}
    return Places(
        options["samples"],
        sides,
        prompt=options["prompt"],
        category=options["category"],
        item=options["item"],
        out_of=options["out_of"],
    )


def _costs(said: tuple[str, ...]) -> dict[str, float]:
    """`A=1` and `B=20,C=3` as numbers. UsageError for anything else."""
    costs: dict[str, float] = {}
    for part in (part for text in said for part in text.split(",")):
        name, equals, number = part.rpartition("=")
        try:
            cost = float(number)
        except ValueError:
            cost = -1.0
        if not equals or not name.strip() or not 0.0 <= cost < 1e12:
            raise UsageError(
                f"no cost: {part[:80]!r}", next_move="Write --cost MODEL=0.002, in one unit for all models."
            )
        costs[name.strip()] = cost
    return costs


class _progress:
    """A bar on standard error, on a terminal only."""

    def __init__(self, quiet: bool) -> None:
        self._bar: Any = None
        self._quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> Callable[[float], None]:
        if self._quiet:
            return lambda _: None
        self._bar = click.progressbar(length=100, label="Learning", file=sys.stderr)
        self._bar.__enter__()
        return self._tell

    def _tell(self, share: float) -> None:
        self._bar.update(max(int(share * 100) - self._bar.pos, 0))

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)
