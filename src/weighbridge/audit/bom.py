"""A bill of materials for a model: CycloneDX 1.6, with every file and its hash, the licences and what the audit found.

Source: CycloneDX 1.6 JSON schema (bom-1.6.schema.json).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from weighbridge import __version__
from weighbridge.audit.records import Audit
from weighbridge.errors import InputError

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
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": name,
                "components": components,
                "properties": [
                    {"name": "weighbridge:verdict", "value": audit.verdict},
                    *({"name": "weighbridge:not-checked", "value": what} for what in audit.not_checked),
                ],
            },
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
