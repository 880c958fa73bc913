"""What a command reads: the shipped catalogue, joined with what feeds have brought where any was fetched.

    no overlay       the shipped snapshot and tables, as they are
    some overlay     joined once (joined.py), compiled, and kept beside the overlays as `joined.msgpack`; later
                     commands read that for as long as every file it was made from is the same, byte for byte

The compiled file is a convenience: where it cannot be written, or was damaged, everything is joined again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec

from weighbridge import __version__
from weighbridge.catalog.feeds.store import write_whole
from weighbridge.catalog.records import Adoption, Catalogue, Offer
from weighbridge.catalog.snapshot import DATA, SNAPSHOT, load_catalogue
from weighbridge.catalog.tables import load_adoption, load_offers
from weighbridge.errors import InputError

COMPILED = "joined.msgpack"
MOST_BYTES = 256 << 20
_CHECK_BYTES = 16


class Parts(msgspec.Struct, frozen=True):
    """What was joined, each part still as bytes: `show` needs no offers."""

    made_from: str
    """Digest of all that went into it."""
    catalogue: msgspec.Raw
    offers: msgspec.Raw
    adoption: msgspec.Raw


class Held:
    """One state of the catalogue; each part is read when it is first asked for, and once."""

    def __init__(self, shipped: Path, parts: Parts | None = None) -> None:
        self._shipped = shipped
        self._parts = parts

    @cached_property
    def catalogue(self) -> Catalogue:
        """The shipped catalogue with what feeds brought since."""
        if self._parts is None:
            return load_catalogue(self._shipped)
        return msgspec.msgpack.decode(self._parts.catalogue, type=Catalogue)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Shipped and fetched prices, in dollars a million tokens."""
        if self._parts is None:
            return load_offers(self._shipped)
        return msgspec.msgpack.decode(self._parts.offers, type=tuple[Offer, ...])

    @cached_property
    def adoption(self) -> tuple[Adoption, ...]:
        """Shipped and fetched counts of use."""
        if self._parts is None:
            return load_adoption(self._shipped)
        return msgspec.msgpack.decode(self._parts.adoption, type=tuple[Adoption, ...])


def load_held(overlays: Path, shipped: Path = DATA) -> Held:
    """The catalogue in `shipped` with the overlays in another folder (`Settings.data_dir / "catalogue"`).

    The same value for the same files. Raises InputError for an overlay that was damaged.
    """
    files = sorted(overlays.glob("*.json"))
    return _state(shipped, overlays, _digest(files, shipped) if files else "")


@lru_cache(maxsize=4)
def _state(shipped: Path, overlays: Path, digest: str) -> Held:
    if not digest:
        return Held(shipped)
    return Held(shipped, _read(overlays / COMPILED, digest) or _compile(overlays, shipped, digest))


def _digest(overlays: Sequence[Path], shipped: Path) -> str:
    """Of the release and the bytes of every file that is joined."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=16)
    tables = (shipped / "tables" / f"{name}.csv" for name in ("offers", "adoption"))
    for path in (*overlays, shipped / SNAPSHOT, *tables):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # a catalogue without a table has none of its rows
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(path: Path, digest: str) -> Parts | None:
    """What was compiled of just these files; None where it was not, or is not whole."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
        check, body = content[:_CHECK_BYTES], memoryview(content)[_CHECK_BYTES:]
        if check != _check(body):
            return None
        parts = msgspec.msgpack.decode(body, type=Parts)
    except (OSError, ValueError):
        return None
    return parts if parts.made_from == digest else None


def _compile(overlays: Path, shipped: Path, digest: str) -> Parts:
    from weighbridge.catalog.feeds.joined import load_joined

    joined = load_joined(overlays, shipped)
    parts = Parts(digest, _raw(joined.catalogue), _raw(joined.offers), _raw(joined.adoption))
    body = msgspec.msgpack.encode(parts)
    with suppress(OSError):  # a folder that cannot be written to costs time at the next command, and nothing else
        write_whole(overlays / COMPILED, _check(body) + body)
    return parts


def _raw(part: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(part))


def _check(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES).digest()
