"""The bill of materials, held against CycloneDX's own schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hostile
import jsonschema_rs
import pytest

from weighbridge.audit.audit import audit
from weighbridge.audit.bom import write_bom


def test_the_bill_of_materials_keeps_to_the_official_schema(tmp_path: Path) -> None:
    """CycloneDX 1.6, every file with its hash, every finding a note; the schema lies in CycloneDX's own package."""
    schema = pytest.importorskip("cyclonedx.schema", reason="cyclonedx-python-lib is not installed")
    schemas = Path(schema.__file__).parent / "_res"
    official = json.loads((schemas / "bom-1.6.SNAPSHOT.schema.json").read_text())

    def beside(uri: str) -> Any:
        return json.loads((schemas / uri.rpartition("/")[2]).read_text())

    folder = hostile.write(tmp_path / "model", {"model.bin": hostile.evil(), "config.json": {"model_type": "llama"}})
    found = audit(folder)
    write_bom(found, "model", tmp_path / "bom.json", datetime(2026, 1, 2, tzinfo=UTC))
    bom = json.loads((tmp_path / "bom.json").read_text())

    validator = jsonschema_rs.validator_for(official, retriever=beside)
    assert [error.message for error in validator.iter_errors(bom)] == []
    assert not validator.is_valid(bom | {"specVersion": 7})
    component = bom["metadata"]["component"]
    hashes = {file["name"]: file["hashes"][0]["content"] for file in component["components"]}
    assert hashes == {file.path: file.sha256 for file in found.files}
