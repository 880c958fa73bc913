"""Headers of weights files against the bytes that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from weighbridge.audit.records import Finding
from weighbridge.errors import WeightsError
from weighbridge.formats.gguf import GgufHeader, read_gguf

from .containers.member import finding
from .repository import Repository

GGUF_REFERENCE = "CVE-2026-7482, CVE-2026-27940, CVE-2025-53630"


class Headers(NamedTuple):
    """What could be read of the weights files, by name."""

    gguf: Mapping[str, GgufHeader]
    findings: tuple[Finding, ...]


def read_headers(repository: Repository) -> Headers:
    """GGUF headers; a file that lies about itself is a finding."""
    headers: dict[str, GgufHeader] = {}
    found: list[Finding] = []
    names = dict.fromkeys((*repository.of_format("gguf"), *repository.ending(".gguf")))
    for name in names:
        path = repository.entries[name].path
        try:
            header = read_gguf(path)
            headers[name] = header
            header.check_whole()
        except WeightsError as error:
            detail = f"{error.what} ({(error.where or '').replace(str(path), name)})"
            found.append(finding("gguf-structure", "high", name, detail, GGUF_REFERENCE))
    return Headers(headers, tuple(found))
