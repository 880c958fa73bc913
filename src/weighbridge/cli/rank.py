"""`weighbridge rank`: ratings with intervals from pairwise votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.stats.ratings import Rated, Votes


@click.command(
    epilog="""\b
Examples:
  weighbridge rank votes.csv                     model_a,model_b,winner: Elo ratings, intervals, ranks
  weighbridge rank votes.csv --control length    as if all answers had the same length (length_a, length_b)
  weighbridge rank votes.parquet --ties davidson --json
  weighbridge rank my-task                       votes cast with `weighbridge weigh --arena my-task`
  weighbridge rank --ledger --export votes.csv   the same of the ledger's only task, also as a file
"""
)
@click.argument("votes", required=False, type=click.Path(path_type=Path))
@click.option("--ledger", "from_ledger", is_flag=True, help="Votes of the arena; VOTES is then the name of a task.")
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the ledger's votes as CSV.")
@click.option(
    "--ties",
    type=click.Choice(["half", "davidson"]),
    default="half",
    show_default=True,
    help="A tie is half a win each, or has a share of its own.",
)
@click.option(
    "--control", "controls", multiple=True, metavar="NAME", help="Take the effect of NAME_a, NAME_b out of the ratings."
)
@click.option(
    "--alpha",
    metavar="X",
    type=click.FloatRange(0.0001, 0.5),
    default=0.05,
    show_default=True,
    help="Intervals hold with 1 - alpha.",
)
@click.option(
    "--bootstrap",
    metavar="N",
    type=click.IntRange(0, 10_000),
    default=0,
    help="Intervals from N resamples instead of the sandwich.",
)
@click.option("--voter", metavar="COLUMN", help="Column that says whose vote it is.  [voter]")
@click.option("--ignore-voters", is_flag=True, help="Count votes of one voter as independent.")
@click.option("--seed", metavar="N", type=int, default=0, help="Of the resamples.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rank(
    *,
    votes: Path | None,
    from_ledger: bool,
    export: Path | None,
    ties: str,
    controls: tuple[str, ...],
    alpha: float,
    bootstrap: int,
    voter: str | None,
    ignore_voters: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Rate models from pairwise votes: Bradley-Terry on the Elo scale, with intervals clustered by voter.

    VOTES is a CSV or Parquet file with the columns model_a, model_b, winner (a, b or tie) and, where known, voter; or
    the folder of a task, whose votes in the ledger are meant.
    """
    from weighbridge.stats.ratings import rate

    if voter is not None and ignore_voters:
        raise UsageError("--voter and --ignore-voters contradict each other")
    if voter in ("model_a", "model_b", "winner"):
        raise UsageError(f"--voter {voter} is part of the vote, and nobody who votes")
    whose = "" if ignore_voters else voter
    cast, against_itself = _votes(votes, export, controls, from_ledger=from_ledger, whose=whose)
    found = rate(cast, ties="davidson" if ties == "davidson" else "half", alpha=alpha, bootstrap=bootstrap, seed=seed)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _print(found, alpha, against_itself)


def _votes(
    path: Path | None, export: Path | None, controls: tuple[str, ...], *, from_ledger: bool, whose: str | None
) -> tuple[Votes, int]:
    """The votes, and how many were of a model against itself. whose: the column of voters, empty for nobody's."""
    from weighbridge.stats.ratings import Votes

    if from_ledger or (path is not None and path.is_dir()):
        if whose:
            raise UsageError("--voter names a column of a file, and votes of the ledger have their voters")
        return _of_ledger(path, export, controls, by_voter=whose is None), 0
    if path is None:
        raise UsageError("name a file of VOTES, the folder of a task, or --ledger")
    if export is not None:
        raise UsageError("--export writes votes of the ledger", next_move="Use it with --ledger or a task's folder.")
    from weighbridge.formats.votes import read_votes

    table = read_votes(path, controls=controls, by_voter=whose != "", voter=whose or None)
    cast = Votes(
        table.models, table.a, table.b, table.outcome, table.voter, table.controls, table.control_names, table.weight
    )
    return cast, table.against_itself


def _of_ledger(path: Path | None, export: Path | None, controls: tuple[str, ...], *, by_voter: bool) -> Votes:
    """Votes cast in the arena. Raises UsageError where there are none."""
    from weighbridge.cli.ledger_votes import as_votes, kept_votes, write_votes

    is_folder = path is not None and (path / "task.toml").exists()
    rows = kept_votes(None if path is None or is_folder else str(path), path if is_folder else None)
    if export is not None:
        write_votes(export, rows)
    found = as_votes(rows, controls=controls, by_voter=by_voter)
    assert found is not None, "there are votes"
    return found


def _print(found: Rated, alpha: float, against_itself: int) -> None:
    from weighbridge.cli.ledger_votes import rated_text

    click.echo(rated_text(found, alpha))
    voters = f" by {found.voters:,} voters" if found.voters is not None else ", each counted as a voter of its own"
    click.echo(f"\n{found.votes:,} votes{voters}. The second column is the range of ranks that the votes allow.")
    if against_itself:
        click.echo(f"{against_itself:,} votes of a model against itself were left out.")
    for note in found.notes:
        click.echo(note)
    for name, (effect, error) in found.controls.items():
        click.echo(
            f"{name}: a standard deviation more is worth {effect:+.0f} points (standard error {error:.0f}); taken out."
        )
    if found.tie_share is not None:
        click.echo(f"Two equal models tie in {found.tie_share:.0%} of votes.")
