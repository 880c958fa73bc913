"""Which files of a repository are meant.

    a file is named         that file; the first part of a split model brings its other parts
    a folder is named       the choice below, among its files
    nothing is named        the only GGUF model; several: refused, with the choices;
                            none but safetensors: the repository as a folder, for engines that load those

Never taken unasked: pickles (`.bin`, `.pt`, `.pth`, which can run code), Python files, other frameworks' copies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from weighbridge.engines.pull.source import Source
from weighbridge.errors import PullError, SourceNotFound
from weighbridge.net.fetch import Request
from weighbridge.units import format_bytes

_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_FOLDER_ENDINGS = (".safetensors", ".json", ".model", ".txt", ".jinja", ".tiktoken")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


Sha256 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", description="SHA-256")]
"""Checked where a listing is read: it becomes a path in the cache."""
GitSha1 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{40}$")]
Bytes = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file a hub lists, with what it promises about it."""

    name: str
    size: int | None
    sha256: str | None
    git_sha1: str | None
    """Of small files, which hubs keep in git itself."""
    request: Request


@dataclass(frozen=True, slots=True)
class Choice:
    files: tuple[RemoteFile, ...]
    notes: tuple[str, ...] = ()


def choose_files(files: Sequence[RemoteFile], source: Source) -> Choice:
    """The files to bring; raises SourceNotFound, or PullError with the choices."""
    exact = [file for file in files if file.name == source.file]
    if exact:
        return Choice(_all_parts(exact[0], files, source))
    if source.file:
        files = [file for file in files if file.name.startswith(f"{source.file}/")]
        if not files:
            raise SourceNotFound(f"{source.name} has no file or folder {source.file!r}", where=source.text)
    models = _gguf_models(files)
    if len(models) == 1:
        first = next(iter(models.values()))[0]
        return Choice(_all_parts(first, files, source), _left_out(files, ("mmproj",)))
    if models:
        raise _choices(models, source)
    folder = _safetensors_folder(files)
    if folder:
        return Choice(folder, _left_out(files, _PICKLES))
    pickles = sum(file.name.endswith(_PICKLES) for file in files)
    also = f", only {pickles} pickles, which could run code" if pickles else ""
    raise SourceNotFound(
        f"{source.text} has neither GGUF nor safetensors weights among its {len(files)} files{also}",
        next_move="Look for a repository with GGUF files (often named ...-GGUF).",
    )


def _gguf_models(files: Sequence[RemoteFile]) -> dict[str, list[RemoteFile]]:
    """GGUF files by model: the parts of a split one together, in order. Projectors (mmproj) are no models."""
    models: dict[str, list[RemoteFile]] = {}
    for file in sorted(files, key=lambda file: file.name):
        base = file.name.rsplit("/", 1)[-1].lower()
        if base.endswith(".gguf") and "mmproj" not in base and not base.startswith("imatrix"):
            split = _SPLIT.fullmatch(file.name)
            models.setdefault(f"{split[1]} ({int(split[3])} parts)" if split else file.name, []).append(file)
    return models


def _all_parts(file: RemoteFile, files: Sequence[RemoteFile], source: Source) -> tuple[RemoteFile, ...]:
    split = _SPLIT.fullmatch(file.name)
    if split is None:
        return (file,)
    count = int(split[3])
    by_name = {other.name: other for other in files}
    names = [f"{split[1]}-{number:05d}-of-{split[3]}{file.name[-5:]}" for number in range(1, count + 1)]
    missing = [name for name in names if name not in by_name]
    if missing or not count:
        raise PullError(f"{len(missing)} of the {count} parts are missing, first {missing[:1]}", where=source.text)
    return tuple(by_name[name] for name in names)


def _choices(models: dict[str, list[RemoteFile]], source: Source) -> PullError:
    def size(parts: list[RemoteFile]) -> str:
        known = [part.size for part in parts if part.size is not None]
        return format_bytes(sum(known)) if len(known) == len(parts) else "size unknown"

    listed = "\n    ".join(f"{parts[0].name}  {size(parts)}" for parts in models.values())
    revision = f"@{source.revision}" if source.revision else ""
    example = next(iter(models.values()))[0].name
    return PullError(
        f"{source.text} has {len(models)} GGUF models; name one:\n    {listed}",
        next_move=f"For example {source.scheme}:{source.name}{revision}/{example}",
    )


def _safetensors_folder(files: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """The weights and what engines read beside them, without the copies in sub-folders and in other layouts."""
    shallowest = min((file.name.count("/") for file in files if file.name.endswith(".safetensors")), default=None)
    if shallowest is None:
        return ()
    here = [
        file for file in files if file.name.count("/") == shallowest and file.name.lower().endswith(_FOLDER_ENDINGS)
    ]
    if any(file.name.rsplit("/", 1)[-1].startswith("model") and file.name.endswith(".safetensors") for file in here):
        here = [file for file in here if not file.name.rsplit("/", 1)[-1].startswith("consolidated")]
    return tuple(here)


def _left_out(files: Sequence[RemoteFile], marks: tuple[str, ...]) -> tuple[str, ...]:
    names = [
        file.name
        for file in files
        if file.name.lower().endswith(marks) or (marks == ("mmproj",) and "mmproj" in file.name)
    ]
    return (f"left out: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}",) if names else ()
