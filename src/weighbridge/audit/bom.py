"""A bill of materials for a model: CycloneDX 1.6, with a model card, the licences that are spoken of, what it was made
from, every file and its hash, and what the audit found.

Source: CycloneDX 1.6 JSON schema (bom-1.6.schema.json); package URLs of the type huggingface (purl specification).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from weighbridge import __version__
from weighbridge.audit.records import Audit, Subject
from weighbridge.errors import InputError

SPDX = frozenset(
    {
        *("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "Unlicense", "MPL-2.0"),
        *("CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0"),
        *("GPL-2.0", "GPL-3.0", "AGPL-3.0", "LGPL-3.0"),
    }
)
"""Licences of the catalogue that SPDX has under the same name."""
_REPOSITORY = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@(\w[\w.-]*))?")
_NAMESPACE = uuid.UUID("6f1a1c1e-6d0b-5d57-9c6b-2c8f1f6d2a11")


def bom(audit: Audit, name: str, now: datetime) -> dict[str, Any]:
    """The document as plain values. Its serial number follows from the files, so the same download has the same one."""
    every = hashlib.sha256("".join(f"{file.path}\0{file.sha256}\n" for file in audit.files).encode()).hexdigest()
    stamp = now.isoformat(timespec="seconds")
    components = [_file(file.path, file.sha256, file.format) for file in audit.files]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, every)}",
        "version": 1,
        "metadata": {
            "timestamp": stamp,
            "tools": {"components": [{"type": "application", "name": "weighbridge", "version": __version__}]},
            "component": _model(audit, name, components),
        },
        "annotations": [
            {
                "bom-ref": f"finding-{number}",
                "subjects": ["model"],
                "annotator": {"component": {"type": "application", "name": "weighbridge", "version": __version__}},
                "timestamp": stamp,
                "text": f"{finding.severity} {finding.id} {finding.path}: {finding.detail}",
            }
            for number, finding in enumerate(audit.findings)
        ],
    }


def _model(audit: Audit, name: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    """The model itself; what nobody says is left out."""
    subject = audit.subject
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": name,
        **_place(name),
        "licenses": [_licence(licence, where) for licence, where in subject.licences],
        "pedigree": {"ancestors": [_ancestor(base) for base in subject.bases]} if subject.bases else None,
        "modelCard": _card(subject),
        "components": components,
        "properties": [
            {"name": "weighbridge:verdict", "value": audit.verdict},
            *({"name": "weighbridge:not-checked", "value": what} for what in audit.not_checked),
        ],
    }
    return {key: value for key, value in model.items() if value}


def _card(subject: Subject) -> dict[str, Any]:
    parameters = {
        "task": subject.task,
        "architectureFamily": subject.family,
        "modelArchitecture": subject.architecture,
        "datasets": [{"type": "dataset", "name": name} for name in subject.datasets],
    }
    figures = {
        "parameters": subject.parameters,
        "context-tokens": subject.context_tokens,
        "languages": ", ".join(subject.languages),
    }
    return {
        "modelParameters": {key: value for key, value in parameters.items() if value},
        "properties": [{"name": f"weighbridge:{key}", "value": str(value)} for key, value in figures.items() if value],
    }


def _licence(licence: str, where: str) -> dict[str, Any]:
    """By its SPDX id where it has one; `where` says who claims it."""
    by = {"id": licence} if licence in SPDX else {"name": licence}
    return {"license": {**by, "properties": [{"name": "weighbridge:said-by", "value": where}]}}


def _ancestor(base: str) -> dict[str, Any]:
    return {"type": "machine-learning-model", "name": base, **_place(f"hf:{base}")}


def _place(name: str) -> dict[str, str]:
    """The package URL and version of a repository on the hub."""
    hit = _REPOSITORY.fullmatch(name)
    if hit is None:
        return {}
    repository, revision = hit.groups()
    at = f"@{revision}" if revision else ""
    return {"purl": f"pkg:huggingface/{repository}{at}", **({"version": revision} if revision else {})}


def _file(path: str, sha256: str | None, format_: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "file",
        "bom-ref": f"file:{path}",
        "name": path,
        "properties": [{"name": "weighbridge:format", "value": format_}],
    }
    if sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    return component


def write_bom(audit: Audit, name: str, path: Path, now: datetime) -> None:
    """Write the document to `path`. Raises InputError when that cannot be."""
    text = json.dumps(bom(audit, name, now), indent=2, ensure_ascii=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"the bill of materials cannot be written: {error.strerror}", where=str(path)) from error
