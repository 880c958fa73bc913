"""`weighbridge models resolve`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import click
import msgspec

from weighbridge.catalog.match import Match, resolve_name
from weighbridge.cli.chosen import index
from weighbridge.errors import InputError, UsageError

MOST_BYTES = 16 << 20
"""Of names on standard input: half a million of them."""


class Asked(NamedTuple):
    name: str
    place: str
    """`line 3` or `argument 1`."""


@click.command(short_help="Say which model a name means.")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, in the order of the names.")
def resolve(names: tuple[str, ...], as_json: bool) -> None:
    """Say which model each NAME means, as people, hubs and providers write names.

    `-` reads names from standard input, one a line; blank lines are passed over. Nothing is guessed: a name that can
    mean two models is ambiguous, and one that is not known is unknown. Exit 1 when something is no name at all.
    """
    asked = list(_asked(names))
    if not asked:
        raise UsageError("no name was given", next_move="weighbridge models resolve NAME..., or - to read them.")
    known = cache(partial(resolve_name, index()))
    answers = [_answer(known, one) for one in asked]
    matches = [match for match, _ in answers]
    if as_json:
        click.echo(msgspec.json.encode(matches))
    else:
        _print(matches)
    mistakes = [mistake for _, mistake in answers if mistake]
    for mistake in mistakes:
        click.echo(f"Error: {mistake}", err=True)
    sys.exit(bool(mistakes))


def _asked(names: Sequence[str]) -> Iterator[Asked]:
    for place, name in enumerate(names, start=1):
        if name == "-":
            yield from _from_stdin()
        else:
            yield Asked(name, f"argument {place}")


def _from_stdin() -> Iterator[Asked]:
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(
            f"more than {MOST_BYTES >> 20} MiB of names", where="standard input", next_move="Resolve them in parts."
        )
    lines = content.decode("utf-8-sig", errors="surrogateescape").split("\n")
    for place, line in enumerate(lines, start=1):
        if line.strip(" \t\r"):
            yield Asked(line.strip(" \t\r"), f"standard input, line {place}")


def _answer(known: Callable[[str], Match], asked: Asked) -> tuple[Match, InputError | None]:
    """What a name means; for what is no name an entry that says so, and the mistake with its place."""
    shown = asked.name.encode("utf-8", errors="backslashreplace").decode()
    try:
        found = known(asked.name)
    except InputError as error:
        return Match(shown, None, f"no name: {error.what}"), InputError(
            error.what, where=asked.place, next_move=error.next_move
        )
    return Match(shown, found.id, found.how, found.alternatives), None


def _print(matches: Sequence[Match]) -> None:
    """One line a name, and what it may mean below it where that is not certain."""
    names = [match.name if match.name.isprintable() else repr(match.name)[1:-1] for match in matches]
    width = min(60, max(len(name) for name in names))
    for name, match in zip(names, matches, strict=True):
        click.echo(f"{name:{width}}  {match.id or '-'}  ({match.how})")
        before = "before it was" if match.id else "perhaps"
        for alternative in match.alternatives:
            click.echo(f"{'':{width}}  {before} {alternative}")
