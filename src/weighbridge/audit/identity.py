"""Whether files are the ones somebody vouched for: a list of hashes beside them, or a copy that is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from weighbridge.audit.records import Finding

from .containers.member import finding, leaves, shown
from .hashing import hash_files
from .repository import Repository
from .walk import walk

SAID = 10
_SUMS = ("SHA256SUMS", "sha256sums.txt", "SHA256SUMS.txt", "checksums.txt", "CHECKSUMS")
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


def identity_findings(
    repository: Repository, hashes: Mapping[str, str], baseline: Path | None, threads: int
) -> Iterator[Finding]:
    """Files that are not what a list or a trusted copy says."""
    for name in repository.named(*_SUMS):
        yield from _sums(repository, name, hashes)
    if baseline is not None:
        yield from _against(baseline, hashes, threads)


def _sums(repository: Repository, name: str, hashes: Mapping[str, str]) -> Iterator[Finding]:
    folder = PurePosixPath(name).parent
    for line in (repository.text(name) or "").splitlines():
        hit = _LINE.fullmatch(line.strip())
        if hit is None:
            continue
        wanted, listed = hit.group(1).lower(), hit.group(2).strip()
        path = str(folder / listed)
        if leaves(listed):
            yield finding("hash-outside", "medium", name, f"it lists {shown(listed)}, outside the folder")
        elif path not in repository.entries:
            yield finding("hash-missing-file", "medium", name, f"it lists {shown(listed)}, which is not here")
        elif hashes.get(path, wanted) != wanted:
            detail = f"SHA-256 is {hashes[path]}, {shown(name)} says {wanted}"
            yield finding("hash-differs", "high", path, detail)


def _against(baseline: Path, hashes: Mapping[str, str], threads: int) -> Iterator[Finding]:
    """Each file beside the one of the same name in the trusted copy."""
    walked = walk(baseline)
    trusted, _ = hash_files(walked.entries, threads=threads)
    if len(trusted) == len(hashes) == 1:  # two lone files may have different names
        trusted = dict(zip(hashes, trusted.values(), strict=True))
    for name, digest in sorted(hashes.items()):
        if name not in trusted:
            yield finding("baseline-added", "medium", name, "this file is not in the baseline")
        elif trusted[name] != digest:
            detail = f"SHA-256 is {digest}, in the baseline {trusted[name]}"
            yield finding("baseline-differs", "high", name, detail)
    for name in sorted(trusted.keys() - hashes.keys()):
        yield finding("baseline-missing", "medium", name, "this file of the baseline is not here")
