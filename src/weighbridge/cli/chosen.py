"""What the catalogue's commands share: which catalogue, and which model a name on the command line means."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.catalog.feeds.held import Held, load_held
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.snapshot import DATA
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.catalog.model_names.index import Index

FOLDER = click.option(
    "--catalog",
    "folder",
    default=DATA,
    show_default=False,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of another catalogue, as `weighbridge catalog build` leaves it.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


def held(folder: Path = DATA) -> Held:
    """A catalogue, with what feeds have brought."""
    return load_held(settings_from_environment().data_dir / "catalogue", folder)


def index(folder: Path = DATA) -> Index:
    """Every name of a catalogue."""
    return _index(held(folder))


@lru_cache(maxsize=4)
def _index(state: Held) -> Index:
    from weighbridge.catalog.match import index_of

    return index_of(state.catalogue)


def choose(folder: Path, name: str) -> Model:
    """The model a name means; what could be two, or is none, is refused with what it may mean.

    An id, or a name that is listed for one model, is looked up at once; only for others all names are indexed.
    """
    catalogue = held(folder).catalogue
    if name in catalogue.models:
        return catalogue.models[name]
    listed = [model for model in catalogue.models.values() if name in model.names]
    if len(listed) == 1 and name.casefold() not in {alias.name.casefold() for alias in catalogue.aliases}:
        return listed[0]
    from weighbridge.catalog.match import resolve_name

    found = resolve_name(index(folder), name)
    if found.id is None:
        hint = _meanings(catalogue, found.alternatives) if found.alternatives else _search_hint(catalogue, name)
        raise UsageError(f"no one model is called {name!r}: {found.how}", next_move=hint)
    if found.how.startswith("moving"):
        click.echo(f"Note: {found.how}.", err=True)
    return catalogue.models[found.id]


def _meanings(catalogue: Catalogue, ids: Sequence[str]) -> str:
    """What a name may mean, one a line, with what tells them apart: what it was trained to be, when, how large."""
    from weighbridge.catalog.profile import known

    width = max(map(len, ids))
    lines = []
    for model in (catalogue.models[each] for each in ids if each in catalogue.models):
        facts = [known(catalogue, model, field) for field in ("stage", "released")]
        told = ", ".join(str(fact.value) for fact in facts if fact is not None)
        lines.append(f"  {model.id:<{width}}  {told}".rstrip())
    return "\n".join(("Write which one is meant:", *lines)) if lines else f"Perhaps: {', '.join(ids)}."


def _search_hint(catalogue: Catalogue, name: str) -> str:
    from difflib import get_close_matches

    names = {known.casefold(): model.id for model in catalogue.models.values() for known in (model.id, model.name)}
    close = dict.fromkeys(names[near] for near in get_close_matches(name.casefold(), names, n=3))
    return f"Did you mean {' or '.join(close)}?" if close else "`weighbridge models WORD` searches for a word."
