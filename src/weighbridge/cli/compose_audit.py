"""Joins the audit with the catalogue: what licences mean, and what a base model carries."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.audit.records import Audit
    from weighbridge.catalog import Catalogue


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


def audit_path(path: Path, *, baseline: Path | None = None) -> Audit:
    """The audit of a file or folder on this machine. Raises InputError."""
    from weighbridge.audit.audit import audit

    return audit(path, terms=CatalogueTerms(), baseline=baseline)
