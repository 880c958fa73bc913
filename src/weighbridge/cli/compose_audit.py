"""Joins the audit with the catalogue (licences, base models) and with pulls: what fails its audit is not used."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.audit.records import Audit
from weighbridge.errors import PullError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.audit.audit import Tell
    from weighbridge.audit.given import Baseline
    from weighbridge.audit.signatures import Signed
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


AUDIT_VERSION = 3
"""Raised when the audit learns something that answers kept on disk may lack."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit of pulled weights said, kept beside their record."""

    version: int
    audit: Audit
    allowed: bool = False
    """Somebody was told, and wants them all the same."""


def audit_path(
    path: Path,
    *,
    baseline: Path | None = None,
    store: Path | None = None,
    tell: Tell | None = None,
    known: Mapping[str, str] | None = None,
    signed: Signed | None = None,
) -> Audit:
    """The audit of a file or folder on this machine. Raises InputError."""
    from weighbridge.audit.audit import audit

    return audit(path, terms=CatalogueTerms(), baseline=baseline, store=store, tell=tell, known=known, signed=signed)


def audit_place(
    place: str,
    settings: Settings,
    *,
    baseline: str | None = None,
    tell: Tell | None = None,
    signed: Signed | None = None,
) -> tuple[Audit, str]:
    """The audit of a PATH or of `hf:REPO`, and a name for it. What was pulled before is read where it lies; of another
    repository as much is fetched as must be read. Raises InputError, PullError, UsageError."""
    from weighbridge.audit.audit import audit_walked
    from weighbridge.audit.identity import folder_baseline
    from weighbridge.audit.walk import walk

    trusted = None
    if baseline is not None:
        trusted = _hub_hashes(baseline, settings) if is_hub(baseline) else folder_baseline(Path(baseline), threads=2)
    here = None if Path(place).exists() or not is_hub(place) else _pulled(place, settings)
    ask = partial(audit_walked, terms=CatalogueTerms(), tell=tell, signed=signed)
    if is_hub(place) and here is None and not Path(place).exists():
        from weighbridge.cli.compose_hub_audit import hub_repository

        with hub_repository(place, settings) as fetched:
            known, baseline_ = fetched.known, trusted or fetched.published
            return ask(fetched.walked, is_folder=True, baseline=baseline_, known=known), fetched.pinned
    if here is None:
        return ask(walk(Path(place)), is_folder=Path(place).is_dir(), baseline=trusted), Path(place).resolve().name
    walked = walk(here.path, store=settings.cache_dir)
    found = ask(walked, is_folder=here.path.is_dir(), baseline=trusted, known=_known(here))
    left_out = f"{place}: files of the repository that were not pulled; only what is here was looked at"
    return msgspec.structs.replace(found, not_checked=(left_out, *found.not_checked)), here.pinned


def is_hub(place: str) -> bool:
    return place.startswith("hf:")


def _hub_hashes(source: str, settings: Settings) -> Baseline:
    from weighbridge.cli.compose_hub_audit import hub_baseline

    return hub_baseline(source, settings)


def _pulled(source: str, settings: Settings) -> Pulled | None:
    """What was pulled under this name before and is still here as it was."""
    from weighbridge.engines.pull.cache import untouched
    from weighbridge.engines.pull.shelf import Shelf

    record = Shelf(settings.data_dir).find(source)
    if record is None or not record.path.exists():
        return None
    folder = record.path if record.path.is_dir() else record.path.parent
    return record if all(untouched(folder / file.name, file) for file in record.files) else None


def _known(pulled: Pulled) -> dict[str, str]:
    """Hashes that the pull took; a lone file goes by its own name."""
    if pulled.path.is_file():
        name = pulled.path.name
        return dict([(name, file.sha256) for file in pulled.files if file.name.rpartition("/")[2] == name][:1])
    return {file.name: file.sha256 for file in pulled.files}


def vetted(pulled: Pulled, settings: Settings, *, allow: bool = False) -> Audit:
    """What the audit says of pulled weights, asked once for the same bytes. Raises PullError when it fails and nobody
    has allowed it: `allow` does, for these bytes and for good."""
    path = settings.data_dir / "audits" / f"{pulled.sha256}.json"
    kept = _read(path)
    if kept is None:
        kept = Kept(
            version=AUDIT_VERSION, audit=audit_path(pulled.path, store=settings.cache_dir, known=_known(pulled))
        )
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
