"""`weighbridge rank`: ratings with intervals from pairwise votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from weighbridge.stats.ratings import Rated


@click.command(
    epilog="""\b
Examples:
  weighbridge rank votes.csv                     model_a,model_b,winner: Elo ratings, intervals, ranks
  weighbridge rank votes.csv --control length    as if all answers had the same length (length_a, length_b)
  weighbridge rank votes.parquet --ties davidson --json
"""
)
@click.argument("votes", type=click.Path(path_type=Path))
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
    type=click.FloatRange(0.0001, 0.5),
    default=0.05,
    show_default=True,
    help="Intervals hold with 1 - alpha.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="N",
    help="Intervals from N resamples instead of the sandwich.",
)
@click.option("--ignore-voters", is_flag=True, help="Count votes of one voter as independent.")
@click.option("--seed", type=int, default=0, help="Of the resamples.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rank(
    *,
    votes: Path,
    ties: str,
    controls: tuple[str, ...],
    alpha: float,
    bootstrap: int,
    ignore_voters: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Rate models from pairwise votes: Bradley-Terry on the Elo scale, with intervals clustered by voter.

    VOTES is a CSV or Parquet file with the columns model_a, model_b, winner (a, b or tie) and, where known, voter.
    """
    from weighbridge.formats.votes import read_votes
    from weighbridge.stats.ratings import Votes, rate

    table = read_votes(votes, controls=controls, by_voter=not ignore_voters)
    cast = Votes(
        table.models, table.a, table.b, table.outcome, table.voter, table.controls, table.control_names, table.weight
    )
    found = rate(cast, ties="davidson" if ties == "davidson" else "half", alpha=alpha, bootstrap=bootstrap, seed=seed)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _print(found, alpha, table.against_itself)


def _print(found: Rated, alpha: float, against_itself: int) -> None:
    width = max((len(rating.model) for rating in found.ratings), default=5)
    for component in range(1, found.components + 1):
        if found.components > 1:
            click.echo(f"\nGroup {component} of {found.components}: no vote links it with the others; it stands alone.")
        click.echo(
            f"{'RANK':>4}  {'':9} {'MODEL':<{width}}  {'RATING':>6}  {f'{1 - alpha:.0%} INTERVAL':<16} {'VOTES':>9}"
        )
        for one in found.ratings:
            if one.component == component:
                between = f"{one.rank_interval[0]} to {one.rank_interval[1]}"
                rating = "?" if one.rating is None else f"{one.rating:.0f}"
                interval = one.note if one.interval is None else f"{one.interval[0]:.0f} to {one.interval[1]:.0f}"
                click.echo(
                    f"{one.rank:>4}  {between:<9} {one.model:<{width}}  {rating:>6}  {interval:<16} {one.games:>9,}"
                )
    voters = f" by {found.voters:,} voters" if found.voters is not None else ", each counted as a voter of its own"
    click.echo(f"\n{found.votes:,} votes{voters}. The second column is the range of ranks that the votes allow.")
    if against_itself:
        click.echo(f"{against_itself:,} votes of a model against itself were left out.")
    for name, (effect, error) in found.controls.items():
        click.echo(
            f"{name}: a standard deviation more is worth {effect:+.0f} points (standard error {error:.0f}); taken out."
        )
    if found.tie_share is not None:
        click.echo(f"Two equal models tie in {found.tie_share:.0%} of votes.")
