"""Votes out of the ledger as `rank` takes them, and ratings as text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.errors import InputError, UsageError

if TYPE_CHECKING:
    from weighbridge.ledger.votes import VoteRow
    from weighbridge.stats.ratings import Rated, Votes

WINNER = {"a": 0, "b": 1, "tie": 2, "both bad": 2}
LENGTH = "length"
"""The one control that votes of the ledger carry."""
HEAD = ("model_a", "model_b", "winner", "voter", "item", "task", "at", "length_a", "length_b")


def kept_votes(task: str | None, folder: Path | None) -> list[VoteRow]:
    """Votes of a task by name, of the task in a folder as it is now, or of the only task there is.

    Raises UsageError where there are none, or several tasks and none was named.
    """
    from weighbridge.cli.environment import settings_from_environment
    from weighbridge.ledger.ledger import FILE
    from weighbridge.ledger.votes import votes_of

    settings = settings_from_environment()
    run = None
    if folder is not None:
        task, run = _name_and_run(folder)
    with votes_of(settings.data_dir / FILE) as votes:
        tasks = votes.tasks()
        if task is None and len(tasks) > 1:
            names = ", ".join(f"{name} ({count})" for name, count in tasks.items())
            raise UsageError("the ledger holds votes of several tasks", next_move=f"Name one: {names}.")
        found = [vote for vote in votes.all(task) if vote.outcome != "skip" and run in (None, vote.run)]
    if not found:
        of = f" of the task {task!r}" if task is not None else ""
        known = f"It has votes of: {', '.join(tasks)}." if tasks else "`weighbridge weigh --arena TASK` casts some."
        raise UsageError(f"the ledger holds no votes{of}", next_move=known)
    return found


def _name_and_run(folder: Path) -> tuple[str, str]:
    from weighbridge.cli.compose_arena import arena_run
    from weighbridge.weigh.task import load_task

    task = load_task(folder)
    try:
        return task.name, arena_run(task)
    finally:
        task.close()


def as_votes(rows: Sequence[VoteRow], *, controls: Sequence[str] = (), by_voter: bool = True) -> Votes | None:
    """The votes as numbers; None without any. Raises UsageError for a control that is not `length`."""
    import numpy as np

    from weighbridge.stats.length_bias import relative
    from weighbridge.stats.ratings import Votes

    for name in controls:
        if name != LENGTH:
            raise UsageError(f"votes of the ledger carry no {name!r}", next_move=f"They carry: {LENGTH}.")
    cast = [row for row in rows if row.outcome in WINNER]
    if not cast:
        return None
    models = {name: place for place, name in enumerate(dict.fromkeys(name for row in cast for name in (row.a, row.b)))}
    voters = {name: place for place, name in enumerate(dict.fromkeys(row.voter for row in cast))}
    extra = None
    if controls:
        x = relative([row.length_a or 0 for row in cast], [row.length_b or 0 for row in cast])
        extra = (x / (float(x.std()) or 1.0)).reshape(-1, 1)
    return Votes(
        models=tuple(models),
        a=np.array([models[row.a] for row in cast]),
        b=np.array([models[row.b] for row in cast]),
        outcome=np.array([WINNER[row.outcome] for row in cast]),
        voter=np.array([voters[row.voter] for row in cast]) if by_voter and len(voters) > 1 else None,
        controls=extra,
        control_names=tuple(controls),
    )


def write_votes(path: Path, rows: Sequence[VoteRow]) -> None:
    """A CSV that `weighbridge rank` reads. Raises InputError where it cannot be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEAD)
            for row in rows:
                winner = "both_bad" if row.outcome == "both bad" else row.outcome
                writer.writerow(
                    [row.a, row.b, winner, row.voter, row.item, row.task, f"{row.at:.3f}", row.length_a, row.length_b]
                )
    except OSError as error:
        raise InputError(f"the votes cannot be written: {error.strerror}", where=str(path)) from error


def rated_text(found: Rated, alpha: float = 0.05) -> str:
    """Ratings as a table, one component after the other."""
    return "\n".join(_lines(found, alpha))


def _lines(found: Rated, alpha: float) -> Iterator[str]:
    width = max((len(rating.model) for rating in found.ratings), default=5)
    for component in range(1, found.components + 1):
        if found.components > 1:
            yield f"\nGroup {component} of {found.components}: no vote links it with the others; it stands alone."
        yield f"{'RANK':>4}  {'':9} {'MODEL':<{width}}  {'RATING':>6}  {f'{1 - alpha:.0%} INTERVAL':<16} {'VOTES':>9}"
        for one in found.ratings:
            if one.component == component:
                between = f"{one.rank_interval[0]} to {one.rank_interval[1]}"
                rating = "?" if one.rating is None else f"{one.rating:.0f}"
                interval = one.note if one.interval is None else f"{one.interval[0]:.0f} to {one.interval[1]:.0f}"
                yield f"{one.rank:>4}  {between:<9} {one.model:<{width}}  {rating:>6}  {interval:<16} {one.games:>9,}"
