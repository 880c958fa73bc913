"""What is here, and how to be rid of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from weighbridge.engines.pull.cache import Cache
from weighbridge.engines.pull.lock import locked
from weighbridge.engines.pull.records import Pulled, sha256_of
from weighbridge.engines.pull.shelf import Shelf
from weighbridge.errors import PullError, SourceNotFound
from weighbridge.settings import Settings


class Removed(msgspec.Struct, frozen=True):
    path: str
    bytes: int
    what: str
    """`partial download`, `unused weights`, `unused name`."""


class Inventory(msgspec.Struct, frozen=True):
    pulled: tuple[Pulled, ...]
    leftovers: tuple[Removed, ...]
    """What `prune` would remove."""
    cache_dir: str
    data_dir: str


class Pruned(msgspec.Struct, frozen=True):
    forgotten: tuple[str, ...]
    """Sources whose records were dropped because they were named."""
    removed: tuple[Removed, ...]

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.removed)


def inventory(settings: Settings) -> Inventory:
    """Everything that was pulled, and what no record needs; touches nothing."""
    shelf, cache = Shelf(settings.data_dir), Cache(settings.cache_dir)
    pulled = shelf.all()
    return Inventory(pulled, _leftovers(cache, pulled), str(cache.root), str(shelf.root))


def prune(settings: Settings, sources: Sequence[str] = ()) -> Pruned:
    """Remove partial downloads and bytes that no record needs; before that, forget `sources` if any are named.

    Files of `file:` sources are never touched. Refused while another process pulls, for its files look unused.
    """
    shelf, cache = Shelf(settings.data_dir), Cache(settings.cache_dir)
    with locked(shelf.lock("all")) as had:
        if not had:
            raise PullError("another process is pulling", next_move="Prune again when it is done.")
        for record in _named(shelf, sources):
            shelf.forget(record)
        removed = _leftovers(cache, shelf.all())
        for one in removed:
            cache.drop(cache.root / one.path)
    return Pruned(tuple(sources), removed)


def _named(shelf: Shelf, sources: Sequence[str]) -> list[Pulled]:
    """Every record that answers to one of `sources`; a relative `file:` path counts from the current folder."""
    wanted = {f"file:{Path(s[5:]).expanduser().absolute()}" if s.startswith("file:") else s for s in sources}
    records = [record for record in shelf.all() if wanted & {record.source, record.pinned}]
    unknown = wanted - {name for record in records for name in (record.source, record.pinned)}
    if unknown:
        raise SourceNotFound(
            f"never pulled: {', '.join(sorted(unknown))}", next_move="`weighbridge pull --list` shows what was."
        )
    return records


def _leftovers(cache: Cache, pulled: Sequence[Pulled]) -> tuple[Removed, ...]:
    used = frozenset(file.sha256 for record in pulled for file in record.files)
    shown = frozenset(sha256_of(record.files)[:16] for record in pulled)
    return tuple(Removed(str(one.path), one.bytes, one.what) for one in cache.leftovers(used, shown))
