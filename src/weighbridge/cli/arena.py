"""`weighbridge weigh --arena TASK`: blind votes on two answers, in the terminal or from lines of standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from weighbridge.cli.changes import Changes
from weighbridge.cli.environment import settings_from_environment
from weighbridge.cli.transfer import TransferBars

if TYPE_CHECKING:
    from weighbridge.cli.compose_arena import Arena, Shown

KEYS = {
    "a": "a", "1": "a", "left": "a",
    "b": "b", "2": "b", "right": "b",
    "t": "tie", "tie": "tie", "=": "tie",
    "x": "both bad", "bad": "both bad", "both bad": "both bad",
    "s": "skip", "skip": "skip",
    "q": "quit", "quit": "quit", "exit": "quit",
}  # fmt: skip
ASK = "Which is better?  a / b / t tie / x both bad / s skip / q quit: "
STOPPED_BY_CTRL_C = 130
ENOUGH = "All pairs were seen on all items."


def hold_arena(task: Path, changes: Changes, *, voter: str | None, most: int | None, as_json: bool) -> None:
    """Show pairs until the voter quits, `most` votes were cast, or nothing is left; then ratings, with names."""
    from weighbridge.cli.compose_arena import open_arena

    settings = settings_from_environment()
    with (
        TransferBars() as bars,
        open_arena(task, changes, settings, voter=voter, transfers=bars) as arena,
    ):
        before, stopped = arena.session.votes, False
        try:
            _vote(arena, most, _reader())
        except KeyboardInterrupt:
            _say("\nStopped; every vote is kept. The same command goes on.")
            stopped = True
        _end(arena, arena.session.votes - before, as_json)
    if stopped:
        sys.exit(STOPPED_BY_CTRL_C)


def _vote(arena: Arena, most: int | None, read: Callable[[], str | None]) -> None:
    """Show pair after pair."""
    from weighbridge.cli.compose_arena import Shown

    before = arena.session.votes
    if before:
        _say(f"{before} votes of {arena.voter} are kept from before.")
    if arena.others:
        _say(f"{arena.others} votes on other settings of this task are left out.")
    while most is None or arena.session.votes - before < most:
        shown = arena.next()
        if shown is None:
            _say(ENOUGH)
            break
        if not isinstance(shown, Shown):
            if shown.stops:
                _say(f"The limit on dollars would be passed: {shown.error}.")
                break
            _say(f"One candidate gave no answer to item {shown.item} ({shown.reason}); it is passed over there.")
            continue
        if shown.texts[0] == shown.texts[1]:
            arena.cast(shown, "tie")
            _say("Both answered alike: a tie, without asking.")
            continue
        arena.look_ahead(shown)
        outcome = _ask(shown, arena.session.votes - before + 1, read)
        if outcome is None:
            break
        arena.cast(shown, outcome)


def _ask(shown: Shown, number: int, read: Callable[[], str | None]) -> str | None:
    """What the voter says of a pair; None to stop."""
    from weighbridge.weigh.report.plain import visible

    rule = "-" * 72
    _say(f"\n{rule}\nVote {number}, item {visible(shown.item.id)}\n{rule}\n{visible(shown.question)}")
    for letter, text in zip("AB", shown.texts, strict=True):
        _say(f"\n----- {letter} " + "-" * 64 + f"\n{visible(text) or '(an empty answer)'}")
    _say("")
    while True:
        click.echo(ASK, nl=False, err=True)
        said = read()
        if said is None:
            _say("")
            return None
        outcome = KEYS.get(" ".join(said.split()).casefold())
        if outcome is not None:
            return None if outcome == "quit" else outcome
        _say(f"{said.strip()[:40]!r} is none of: a, b, t, x, s, q.")


def _reader() -> Callable[[], str | None]:
    """Lines of standard input, None at its end; without a terminal each line is shown as if it were typed."""
    typed = sys.stdin.isatty()

    def read() -> str | None:
        line = sys.stdin.readline()
        if not typed and line:
            _say(line.rstrip("\n"))
        return line or None

    return read


def _end(arena: Arena, cast: int, as_json: bool) -> None:
    """Names and ratings; nothing was said of either before."""
    from weighbridge.cli.ledger_votes import as_votes, rated_text
    from weighbridge.stats.ratings import rate

    for name, item, error in arena.failures:
        _say(f"No answer of {name} to item {item}: {error}")
    kept = [vote for vote in arena.votes.all(arena.task.name) if vote.run == arena.run]
    votes = as_votes(kept)
    if votes is None:
        if as_json:
            click.echo(msgspec.json.encode({"ratings": [], "components": 0, "votes": 0}))
        else:
            click.echo("No votes yet.")
        return
    found = rate(votes)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _say(f"\n{cast} votes now, {found.votes} in all.")
    click.echo(rated_text(found))
    click.echo(f"The same ratings again: weighbridge rank {arena.task.folder}")


def _say(text: str) -> None:
    """To the voter: standard error, so that standard output carries the ratings alone."""
    click.echo(text, err=True)
