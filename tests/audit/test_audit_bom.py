"""The bill of materials, held against CycloneDX's own schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hostile
import jsonschema_rs
import pytest

from weighbridge.audit.bom import write_bom
from weighbridge.cli.compose_audit import audit_path

CARD = """---
license: mit
base_model: meta-llama/Llama-3.1-8B
pipeline_tag: text-generation
datasets:
- org/talk
---
"""
TENSORS = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
FILES = {
    "model.bin": hostile.evil(),
    "config.json": {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192},
    "model.safetensors": hostile.safetensors(
        {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(24)
    ),
    "README.md": CARD,
    "LICENSE": hostile.mit(),
}


def test_the_bill_of_materials_keeps_to_the_official_schema(tmp_path: Path) -> None:
    """CycloneDX 1.6, every file with its hash, every finding a note; the schema lies in CycloneDX's own package."""
    schema = pytest.importorskip("cyclonedx.schema", reason="cyclonedx-python-lib is not installed")
    schemas = Path(schema.__file__).parent / "_res"
    official = json.loads((schemas / "bom-1.6.SNAPSHOT.schema.json").read_text())

    def beside(uri: str) -> Any:
        return json.loads((schemas / uri.rpartition("/")[2]).read_text())

    folder = hostile.write(tmp_path / "model", FILES)
    found = audit_path(folder)
    write_bom(found, "hf:org/model@main", tmp_path / "bom.json", datetime(2026, 1, 2, tzinfo=UTC))
    bom = json.loads((tmp_path / "bom.json").read_text())

    validator = jsonschema_rs.validator_for(official, retriever=beside)
    assert [error.message for error in validator.iter_errors(bom)] == []
    assert not validator.is_valid(bom | {"specVersion": 7})
    component = bom["metadata"]["component"]
    hashes = {file["name"]: file["hashes"][0]["content"] for file in component["components"]}
    assert hashes == {file.path: file.sha256 for file in found.files}
    assert component["purl"] == "pkg:huggingface/org/model@main"
    assert [each["license"].get("id") for each in component["licenses"]] == ["MIT", "MIT"]
    assert component["pedigree"]["ancestors"][0]["purl"] == "pkg:huggingface/meta-llama/Llama-3.1-8B"
    card = component["modelCard"]
    assert card["modelParameters"] == {
        "task": "text-generation",
        "architectureFamily": "llama",
        "modelArchitecture": "LlamaForCausalLM",
        "datasets": [{"type": "dataset", "name": "org/talk"}],
    }
    assert {"name": "weighbridge:parameters", "value": "6"} in card["properties"]
