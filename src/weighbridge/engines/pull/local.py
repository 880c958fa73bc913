"""`file:PATH`: weights that are here already. They are hashed and recorded, and stay where they are."""

from __future__ import annotations

from pathlib import Path

from weighbridge.engines.pull.disk import hash_file
from weighbridge.engines.pull.job import Harvest, Job, Staged
from weighbridge.engines.pull.licence import MAX_TEXT_BYTES, MAX_TEXTS, claim_in_text, is_licence_text
from weighbridge.errors import SourceNotFound, WeightsError

MAX_FILES = 10_000


def pull_file(job: Job) -> Harvest:
    """Hash a file, or every file of a folder."""
    path = local_path(job.source.name)
    names = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    if not names or len(names) > MAX_FILES:
        raise WeightsError(f"the folder holds {len(names)} files; 1 to {MAX_FILES} can be weights", where=str(path))
    base = path.parent if path.is_file() else path
    staged = tuple(_hash(job, name, name.relative_to(base).as_posix()) for name in names)
    harvest = Harvest(files=staged, pinned=job.source.text, stays=path, checked=[])
    if path.is_dir():
        _licence(harvest, names)
    return harvest


def local_path(text: str, folder: Path | None = None) -> Path:
    """The absolute path, counted from `folder` or the current one; SourceNotFound when nothing is there."""
    path = ((folder or Path.cwd()) / Path(text).expanduser()).absolute()
    if not path.exists():
        raise SourceNotFound(f"no such file: {text}", where=str(path), next_move="Check the path.")
    if not path.is_file() and not path.is_dir():
        raise WeightsError("this is neither a file nor a folder", where=str(path))
    return path


def _hash(job: Job, path: Path, name: str) -> Staged:
    try:
        with job.progress.bar(f"hash {name}", path.stat().st_size) as bar:
            return Staged(name, path, hash_file(path, bar.at, job.stop.check))
    except OSError as error:
        raise WeightsError(f"cannot read the weights: {error.strerror or error}", where=str(path)) from error


def _licence(harvest: Harvest, names: list[Path]) -> None:
    for path in [name for name in names if is_licence_text(name.name)][:MAX_TEXTS]:
        if path.stat().st_size <= MAX_TEXT_BYTES:
            text = path.read_bytes()
            claim = claim_in_text(path.name, text)
            harvest.claims += [claim] if claim else []
            harvest.texts[path.name] = text
