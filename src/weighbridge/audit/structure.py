"""Headers of weights files against the bytes that are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from weighbridge.audit.records import Finding
from weighbridge.errors import WeightsError
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.formats.safetensors import SafetensorsHeader, read_safetensors

from .config_truth import Tensor
from .containers.member import finding
from .repository import Repository

GGUF_REFERENCE = "CVE-2026-7482, CVE-2026-27940, CVE-2025-53630"
SAFETENSORS_REFERENCE = "https://github.com/huggingface/safetensors#format"
MOST_METADATA = 1 << 20
"""Characters of a safetensors file's own notes; more is a place to hide something."""


class Headers(NamedTuple):
    """What could be read of the weights files, by name."""

    gguf: Mapping[str, GgufHeader]
    safetensors: Mapping[str, SafetensorsHeader]
    findings: tuple[Finding, ...]

    def tensors_in(self, folder: str) -> dict[str, Tensor]:
        """The tensors of one model: all safetensors files of a folder but adapters and consolidated copies."""
        return {
            tensor.name: Tensor(tensor.name, tensor.dtype, tensor.shape)
            for name, header in self.safetensors.items()
            if str(PurePosixPath(name).parent) == folder and not _is_aside(name)
            for tensor in header.tensors
        }

    def tensor_names(self) -> dict[str, frozenset[str]]:
        """Names of the tensors in each safetensors file."""
        return {name: frozenset(tensor.name for tensor in header.tensors) for name, header in self.safetensors.items()}


def _is_aside(name: str) -> bool:
    base = PurePosixPath(name).name
    return base.startswith(("adapter_", "consolidated", "optimizer", "mmproj", "draft"))


def read_headers(repository: Repository) -> Headers:
    """GGUF and safetensors headers; a file that lies about itself is a finding."""
    found: list[Finding] = []
    gguf: dict[str, GgufHeader] = {}
    safetensors: dict[str, SafetensorsHeader] = {}
    for name in dict.fromkeys((*repository.of_format("gguf"), *repository.ending(".gguf"))):
        path = repository.entries[name].path
        try:
            header = read_gguf(path)
            gguf[name] = header
            header.check_whole()
        except WeightsError as error:
            found.append(_wrong("gguf-structure", name, error, str(path), GGUF_REFERENCE))
    for name in dict.fromkeys((*repository.of_format("safetensors"), *repository.ending(".safetensors"))):
        path = repository.entries[name].path
        try:
            safetensors[name] = read_safetensors(path)
        except WeightsError as error:
            found.append(_wrong("safetensors-structure", name, error, str(path), SAFETENSORS_REFERENCE))
        else:
            notes = sum(len(text) for text in safetensors[name].metadata.values())
            if notes > MOST_METADATA:
                detail = f"the header carries {notes:,} characters of notes"
                found.append(finding("safetensors-notes", "medium", name, detail))
    return Headers(gguf, safetensors, tuple(found))


def _wrong(id_: str, name: str, error: WeightsError, path: str, reference: str) -> Finding:
    detail = f"{error.what} ({(error.where or '').replace(path, name)})"
    return finding(id_, "high", name, detail, reference)
