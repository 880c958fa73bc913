"""Which models of the catalogue a hub is asked about, one page each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.view import fact_of
from weighbridge.errors import UsageError

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def repositories(catalogue: Catalogue, names: tuple[str, ...], field: str) -> dict[str, str | None]:
    """Repositories to the catalogue ids of their models; `field` (`hf_id`, `modelscope_id`) says where they are.

    Without names: of every model of which that is known. A name is an id of the catalogue, or a repository, whose
    model is then found by its name (None). Raises UsageError for what is neither.
    """
    if not names:
        return dict(_known(catalogue, catalogue.models.values(), field))
    found: dict[str, str | None] = {}
    for name in names:
        model = catalogue.models.get(name)
        known: dict[str, str | None] = dict(_known(catalogue, [model], field)) if model else {}
        if not known and not _REPOSITORY.fullmatch(name):
            raise UsageError(f"{name!r} is no repository", next_move="Name it as the hub does: ORG/NAME.")
        found |= known or {name: None}
    return found


def _known(catalogue: Catalogue, models: Iterable[Model], field: str) -> Iterator[tuple[str, str | None]]:
    for model in models:
        fact = fact_of(catalogue, model, field)
        if fact is not None and _REPOSITORY.fullmatch(str(fact.value)):
            yield str(fact.value), model.id
