"""Joins the audit with the catalogue (licences, base models) and with pulls: what fails its audit is not used."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.audit.records import Audit
from weighbridge.errors import PullError

if TYPE_CHECKING:
    from weighbridge.catalog import Catalogue
    from weighbridge.engines.pull import Pulled
    from weighbridge.settings import Settings


class CatalogueTerms:
    """The catalogue's licences, by the names people use; read when first asked."""

    @cached_property
    def _catalogue(self) -> Catalogue:
        from weighbridge.catalog import load_catalogue

        return load_catalogue()

    def licence_id(self, said: str) -> str | None:
        from weighbridge.catalog import find_licence

        return find_licence(self._catalogue, said)

    def commercial_use(self, licence_id: str) -> str:
        licence = self._catalogue.licences.get(licence_id)
        return "unknown" if licence is None else licence.commercial_use

    def licence_of_model(self, name: str) -> str | None:
        from weighbridge.catalog import licence_of

        model = self._catalogue.models.get(name)
        licence = None if model is None else licence_of(self._catalogue, model)
        return None if licence is None else licence.id


AUDIT_VERSION = 2
"""Raised when the audit learns something that answers kept on disk may lack."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit of pulled weights said, kept beside their record."""

    version: int
    audit: Audit
    allowed: bool = False
    """Somebody was told, and wants them all the same."""


def audit_path(path: Path, *, baseline: Path | None = None, store: Path | None = None) -> Audit:
    """The audit of a file or folder on this machine. Raises InputError."""
    from weighbridge.audit.audit import audit

    return audit(path, terms=CatalogueTerms(), baseline=baseline, store=store)


def vetted(pulled: Pulled, settings: Settings, *, allow: bool = False) -> Audit:
    """What the audit says of pulled weights, asked once for the same bytes. Raises PullError when it fails and nobody
    has allowed it: `allow` does, for these bytes and for good."""
    path = settings.data_dir / "audits" / f"{pulled.sha256}.json"
    kept = _read(path)
    if kept is None:
        kept = Kept(version=AUDIT_VERSION, audit=audit_path(pulled.path, store=settings.cache_dir))
        _write(path, kept)
    if allow and not kept.allowed:
        kept = msgspec.structs.replace(kept, allowed=True)
        _write(path, kept)
    if kept.audit.verdict == "fail" and not kept.allowed:
        raise _refused(pulled, kept.audit)
    return kept.audit


def _read(path: Path) -> Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError):
        return None
    return kept if kept.version == AUDIT_VERSION else None


def _write(path: Path, kept: Kept) -> None:
    """Keep the answer; where that cannot be, it is asked again the next time."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(kept))
        part.replace(path)


def _refused(pulled: Pulled, audit: Audit) -> PullError:
    worst = [finding for finding in audit.findings if finding.severity in ("high", "critical")]
    said = "; ".join(f"{finding.id} in {finding.path}: {finding.detail}" for finding in worst[:3])
    more = f" (and {len(worst) - 3} more)" if len(worst) > 3 else ""
    return PullError(
        f"the audit says not to load these weights: {said}{more}",
        where=pulled.location,
        next_move=f"See all: weighbridge audit {pulled.location}. Use them all the same: "
        f"weighbridge pull --despite-audit {pulled.source}",
    )
