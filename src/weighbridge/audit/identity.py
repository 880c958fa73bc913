"""Whether files are the ones somebody vouched for: a list of hashes beside them, or a copy that is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from weighbridge.audit.records import Finding

from .containers.member import finding, leaves, shown
from .given import Baseline, Published, git_sha1
from .hashing import hash_files
from .repository import Repository
from .walk import walk

SAID = 10
_SUMS = ("SHA256SUMS", "sha256sums.txt", "SHA256SUMS.txt", "checksums.txt", "CHECKSUMS")
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


def identity_findings(
    repository: Repository, hashes: Mapping[str, str], baseline: Baseline | None
) -> Iterator[Finding]:
    """Files that are not what a list or a trusted copy says."""
    for name in repository.named(*_SUMS):
        yield from _sums(repository, name, hashes)
    if baseline is not None:
        yield from _against(repository, hashes, baseline)


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


def _against(repository: Repository, hashes: Mapping[str, str], baseline: Baseline) -> Iterator[Finding]:
    """Each file beside the one of the same name in the trusted state."""
    trusted = baseline.files
    if len(trusted) == len(repository.entries) == 1:  # two lone files may have different names
        trusted = dict(zip(repository.entries, trusted.values(), strict=True))
    for name in sorted(repository.entries):
        known = trusted.get(name)
        if known is None:
            yield finding("baseline-added", "medium", name, f"this file is not in {baseline.name}")
        elif known.sha256 is not None and name in hashes and hashes[name] != known.sha256:
            detail = f"SHA-256 is {hashes[name]}, in {baseline.name} {known.sha256}"
            yield finding("baseline-differs", "high", name, detail)
        elif known.sha256 is None and known.git_sha1 not in (None, _git(repository, name)):
            detail = f"the file is another than in {baseline.name}, where git gives it {known.git_sha1}"
            yield finding("baseline-differs", "high", name, detail)
    for name in sorted(trusted.keys() - repository.entries.keys()):
        yield finding("baseline-missing", "medium", name, f"this file of {baseline.name} is not here")


def _git(repository: Repository, name: str) -> str | None:
    """The hash git gives it; None where that cannot be told."""
    entry = repository.entries[name]
    try:
        return git_sha1(entry.path) if entry.remote is None else None
    except OSError:
        return None


def folder_baseline(path: Path, threads: int) -> Baseline:
    """A copy on this machine that is trusted. Raises InputError when nothing is there."""
    hashes, _ = hash_files(walk(path).entries, threads=threads)
    return Baseline("the baseline", {name: Published(digest) for name, digest in hashes.items()})
