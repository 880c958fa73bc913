"""Bring files of a hub's repository, several at once, and compare each with what the hub published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from weighbridge.engines.pull.choose import Choice, RemoteFile, choose_files
from weighbridge.engines.pull.disk import hash_file, need_room
from weighbridge.engines.pull.job import Harvest, Job, Staged, check_sha256
from weighbridge.engines.pull.licence import MAX_TEXT_BYTES, MAX_TEXTS, claim_in_text, is_licence_text
from weighbridge.engines.pull.partial import PartialFile
from weighbridge.engines.pull.records import Claim
from weighbridge.errors import HashMismatch, PullError, SourceNotFound
from weighbridge.formats.guess import describe
from weighbridge.net.fetch import Explain
from weighbridge.units import GIB

T = TypeVar("T")
AT_ONCE = 4
"""Files under way at the same time."""
MAX_FILES = 20_000
MOST_BYTES = 2048 * GIB
"""Believed of a file whose size nobody published; the largest published shards are tens of GiB."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What a hub says about a repository at one revision."""

    pinned: str
    """The source with its revision, without a file."""
    revision: str | None
    files: Sequence[RemoteFile]
    claims: Sequence[Claim] = ()
    licence_url: str | None = None
    complete: Callable[[RemoteFile], RemoteFile] = lambda file: file
    """Asks about one file what the listing did not say."""


def decode_answer(body: bytes, kind: type[T], url: str, *, endpoint: str) -> T:
    """What a hub answers as a record. PullError says what came instead; `endpoint` names the setting to look at."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        what = f"{error}" if body.lstrip()[:1] == b"{" else f"it {describe(body[:512])}"
        raise PullError(
            f"the hub's answer cannot be read: {what}", where=url, next_move=f"Check {endpoint}."
        ) from error


def pull_repository(job: Job, repository: Repository) -> Harvest:
    """The chosen files into the staging folder, and the licence texts beside them."""
    if len(repository.files) > MAX_FILES:
        raise PullError(
            f"the repository has {len(repository.files)} files; {MAX_FILES} is the most", where=job.source.text
        )
    choice = choose_files(repository.files, job.source)
    choice = Choice(tuple(repository.complete(file) for file in choice.files), choice.notes)
    if len(choice.files) == 1 and choice.files[0].sha256:
        check_sha256(choice.files[0].name, choice.files[0].sha256.lower(), job.sha256, "the pinned hash")
    need_room(job.staging, sum(_missing(job, file) for file in choice.files))
    staged = _bring_all(job, choice)
    claims, texts = _licence(job, repository)
    unhashed = [file.name for file in choice.files if not file.sha256 and not file.git_sha1]
    return Harvest(
        files=staged,
        pinned=repository.pinned + (f"/{job.source.file}" if job.source.file else ""),
        revision=repository.revision,
        claims=[*repository.claims, *claims],
        licence_url=repository.licence_url,
        texts=texts,
        checked=["the hub's published hashes"] if len(unhashed) < len(choice.files) else [],
        notes=[*choice.notes, *([f"no hash is published for {', '.join(unhashed[:5])}"] if unhashed else [])],
    )


def refusal(job: Job, access_hint: str) -> Explain:
    """How a hub's refusals read; `access_hint` says how to show who we are."""

    def explain(status: int, headers: Mapping[str, str], text: str) -> PullError:
        code = headers.get("X-Error-Code", "")
        said = headers.get("X-Error-Message", "").strip() or ("" if "<" in text else text.strip()[:200])
        tail = f" ({status}){f': {said}' if said else ''}"
        name, where = job.source.name, job.source.text
        if code == "GatedRepo" or (status == 403 and code != "RepoNotFound"):
            move = f"Accept its terms on the model's page, then {access_hint}"
            return PullError(f"{name} is kept behind terms that must be accepted{tail}", where=where, next_move=move)
        if status == 401 or code == "RepoNotFound":
            move = f"Check the spelling; if it is private, {access_hint}"
            return SourceNotFound(f"the hub shows no {name} to us{tail}", where=where, next_move=move)
        if status == 404:
            what = {"RevisionNotFound": f"revision {job.source.revision!r} of {name}"}.get(
                code, "such file or repository"
            )
            return SourceNotFound(f"the hub has no {what}{tail}", where=where, next_move="Check the spelling.")
        return PullError(f"the hub refused{tail}", where=where, next_move="Try later, or from another source.")

    return explain


def _missing(job: Job, file: RemoteFile) -> int:
    """Bytes still to come."""
    partial = _partial_path(job, file)
    held = partial.stat().st_size if partial.exists() else 0
    return max(0, (file.size or 0) - held)


def _partial_path(job: Job, file: RemoteFile) -> Path:
    return job.staging / f"{file.name}.partial"


def _bring_all(job: Job, choice: Choice) -> tuple[Staged, ...]:
    """All files, a few at a time; the first failure, and Ctrl-C, end the others."""
    if len(choice.files) == 1:
        return (_bring(job, choice.files[0]),)
    with ThreadPoolExecutor(AT_ONCE, "pull") as pool:
        futures = {pool.submit(_bring, job, file): file for file in choice.files}
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            job.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return tuple(future.result() for future in futures)


def _bring(job: Job, file: RemoteFile) -> Staged:
    """One file, from the cache if these bytes are there, else from the hub; compared with what was published."""
    job.stop.check()
    if file.sha256:
        blob = job.cache.blob(file.sha256.lower())
        if blob.is_file():
            with job.progress.bar(f"verify {file.name}", file.size) as bar:
                if hash_file(blob, bar.at, job.stop.check) == file.sha256.lower():
                    return Staged(file.name, blob, file.sha256.lower())
    partial = PartialFile(_partial_path(job, file))
    try:
        return _fetch(job, file, partial)
    except HashMismatch:
        partial.drop()
        raise
    finally:
        partial.close()


def _fetch(job: Job, file: RemoteFile, partial: PartialFile) -> Staged:
    with job.progress.bar(file.name, file.size) as bar:

        def on_bytes(done: int) -> None:
            job.stop.check()
            bar.at(done)

        while True:
            job.fetcher.file(file.request, partial, file.size, MOST_BYTES, on_bytes)
            sha256 = partial.finish()
            try:
                check_sha256(file.name, sha256, file.sha256, "the hub")
                if not file.sha256 and file.git_sha1 and partial.git_sha1() != file.git_sha1.lower():
                    raise HashMismatch(f"{file.name} is not what the hub promises: its git hash is not {file.git_sha1}")
            except HashMismatch:
                if not partial.was_resumed:
                    raise
                job.progress.note(f"{file.name}: what was kept of an earlier try does not fit; starting over")
                partial.reopen()
                continue
            return Staged(file.name, partial.path, sha256)


def _licence(job: Job, repository: Repository) -> tuple[list[Claim], dict[str, bytes]]:
    """The repository's own licence texts; each compared with its published hash like any other file."""
    claims: list[Claim] = []
    texts: dict[str, bytes] = {}
    listed = [file for file in repository.files if "/" not in file.name and is_licence_text(file.name)]
    for file in listed[:MAX_TEXTS]:
        if file.size is not None and file.size <= MAX_TEXT_BYTES:
            staged = _bring(job, file)
            text = staged.path.read_bytes()
            claim = claim_in_text(file.name, text)
            claims += [claim] if claim else []
            texts[file.name] = text
    return claims, texts
