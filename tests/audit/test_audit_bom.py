"""The bill of materials, held against CycloneDX's own schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import hostile
import pytest

from weighbridge.audit.audit import audit
from weighbridge.audit.bom import write_bom


def test_the_bill_of_materials_keeps_to_the_official_schema(tmp_path: Path) -> None:
    """CycloneDX 1.6, every file with its hash, every finding a note; the schema lies in CycloneDX's own package."""
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
    schema = pytest.importorskip("cyclonedx.schema")
    pytest.importorskip("jsonschema", reason="cyclonedx-python-lib validates with jsonschema")
    folder = hostile.write(tmp_path / "model", {"model.bin": hostile.evil(), "config.json": {"model_type": "llama"}})
    found = audit(folder)
    write_bom(found, folder, tmp_path / "bom.json", datetime(2026, 1, 2, tzinfo=UTC))
    text = (tmp_path / "bom.json").read_text()
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(text) is None
    component = json.loads(text)["metadata"]["component"]
    hashes = {file["name"]: file["hashes"][0]["content"] for file in component["components"]}
    assert hashes == {file.path: file.sha256 for file in found.files}
