"""What is inside one file: its format by its bytes, and everything dangerous that its readers know of, through any
number of coats (a pickle in a numpy array in a zip in a gzip), bounded in depth, members and bytes unpacked."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding

from .arrays import objects_in
from .containers.member import HELD_BYTES, Container, Member, Unreadable, finding, shown
from .containers.streams import UNREAD, open_stream
from .containers.tars import open_tar
from .containers.zips import open_zip
from .keras import keras_findings
from .pickles.judge import look
from .protobuf import onnx_findings, tensorflow_findings
from .scripts import script_findings
from .settings_code import page_findings, plain_findings, yaml_findings
from .sniff import PICKLE_NAMES, Sniffed, extension, sniff

MOST_DEPTH = 6
MOST_MEMBERS = 20_000
"""Members that are looked into, over a whole file."""
MOST_UNPACKED = 1 << 30
CHECKED_BYTES = 16 << 20
"""Members up to this size have their checksum checked."""
_STORAGE = re.compile(
    r"(?:^|.*/)(?:data|\.data|tensors|byteorder|version|\.format_version|\.storage_alignment)(?:/[\w.]+)?"
)
"""Members of PyTorch's zip that are numbers, never unpickled."""
_PROGRAM = re.compile(r"(?:[^/]+/)?code/__torch__[/.].*")
_HARMLESS_FOR_PICKLE = PICKLE_NAMES | {"npy", "npz", "gz", "bz2", "xz", "zip", "tar", ""}
_UNPICKLED = frozenset({"pkl", "pickle", "pck", "joblib", "jbl", "pt", "pth", "ckpt", "dill"})
_STREAMS = ("gzip", "zlib", "bzip2", "xz", "lzma")


@dataclass
class Inside:
    """What was found so far in one file."""

    findings: list[Finding] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    members: int = 0
    unpacked: int = 0
    depth: int = 0
    """How many coats the blob that is being read lies in."""


Reader = Callable[[Blob, Inside], None]


def inspect(blob: Blob, inside: Inside) -> str:
    """The file's format; everything found in it, at any depth, goes into `inside`, also when reading ends early.
    Raises OSError."""
    return _inspect(blob, inside).format


def _inspect(blob: Blob, inside: Inside) -> Sniffed:
    sniffed = sniff(blob)
    for format_ in (sniffed.format, *sniffed.also):
        reader = _READERS.get(format_)
        if reader is not None:
            reader(blob, inside)
        elif format_ in UNREAD:
            inside.not_checked.append(f"{blob.name}: {format_} cannot be unpacked here")
            if extension(blob.name) in PICKLE_NAMES:
                detail = (
                    f"{format_}, which cannot be unpacked here, under a name that loaders unpickle: nobody looked at it"
                )
                inside.findings.append(finding("packed-unseen", "medium", blob.name, detail))
    if sniffed.format == "unknown" and extension(blob.name) in _UNPICKLED:
        inside.findings += look(blob).findings  # calls behind bytes that are no pickle
    if sniffed.also and "pickle" in (sniffed.format, *sniffed.also):
        detail = (
            f"the same bytes pass for {sniffed.format} and for {', '.join(sniffed.also)}: readers differ on what it is"
        )
        inside.findings.append(finding("several-formats", "high", blob.name, detail))
    return sniffed


def _pickle(blob: Blob, inside: Inside) -> None:
    looked = look(blob)
    inside.findings += looked.findings
    ending = extension(blob.name)
    if ending not in _HARMLESS_FOR_PICKLE and looked.streams:
        detail = f"this is a pickle, though its name ends in .{ending}: loaders that go by bytes will unpickle it"
        inside.findings.append(finding("pickle-disguised", "medium", blob.name, detail, "CVE-2025-10155"))
    if looked.broken and ("opcodes" in looked.broken or looked.told):
        detail = f"the pickle breaks off: {looked.broken}; what stands before it would run all the same"
        inside.findings.append(finding("pickle-broken", "medium", blob.name, detail))


def _zip(blob: Blob, inside: Inside) -> None:
    opened = open_zip(blob)
    names = {member.name for member in opened.members}
    is_torch = any(name.endswith("/data.pkl") or name == "data.pkl" for name in names)
    if is_torch and any("/code/" in name and name.endswith(".py") for name in names):
        detail = "a TorchScript archive: it carries a program of its own, which runs when the model is called"
        inside.findings.append(finding("torchscript", "medium", blob.name, detail))
        inside.not_checked.append(f"{blob.name}: what the TorchScript program in code/ does")
        _members(opened, blob, inside, skip=_is_storage_or_program)
        return
    _members(opened, blob, inside, skip=_is_storage if is_torch else _never)


def _tar(blob: Blob, inside: Inside) -> None:
    _members(open_tar(blob), blob, inside, skip=_never)


def _stream(kind: str) -> Reader:
    def read(blob: Blob, inside: Inside) -> None:
        _members(open_stream(blob, kind), blob, inside, skip=_never)

    return read


def _never(_: Member) -> bool:
    return False


def _is_storage_or_program(member: Member) -> bool:
    """TorchScript compiles what lies in code/ itself; it is no Python that anything imports."""
    return _is_storage(member) or _PROGRAM.fullmatch(member.name) is not None


def _is_storage(member: Member) -> bool:
    return _STORAGE.fullmatch(member.name) is not None


def _members(opened: Container, blob: Blob, inside: Inside, *, skip: Callable[[Member], bool]) -> None:
    """Look into each member, as far as depth, number and bytes allow; what was left out is said."""
    inside.findings += opened.findings
    inside.not_checked += opened.not_checked
    wanted = [member for member in opened.members if not skip(member) and not member.name.endswith("/")]
    if wanted and inside.depth >= MOST_DEPTH:
        inside.not_checked.append(f"{blob.name}: nested more than {MOST_DEPTH} deep; its members were not looked at")
        return
    for place, member in enumerate(wanted):
        if inside.members >= MOST_MEMBERS or inside.unpacked >= MOST_UNPACKED:
            inside.not_checked.append(
                f"{blob.name}: {len(wanted) - place:,} of {len(wanted):,} members (too many, or too large)"
            )
            return
        inside.members += 1
        _member(member, blob, inside)


def _member(member: Member, blob: Blob, inside: Inside) -> None:
    try:
        content = member.open()
    except Unreadable as error:
        inside.not_checked.append(f"{blob.name}!{member.name}: {error}")
        return
    inside.unpacked += 0 if not member.whole else min(member.size, HELD_BYTES)
    if not member.whole:
        inside.unpacked += HELD_BYTES
        inside.not_checked.append(f"{content.name}: what comes after the first {HELD_BYTES >> 20} MiB unpacked")
    elif _bad_checksum(member, content):
        detail = f"the member {shown(member.name)} does not have the checksum that stands beside it"
        inside.findings.append(finding("zip-checksum", "medium", blob.name, detail, "CVE-2025-10156"))
    inside.depth += 1
    _inspect(content, inside)
    inside.depth -= 1


def _bad_checksum(member: Member, content: Blob) -> bool:
    """Whether a small member's bytes do not have the checksum that stands beside them."""
    known = member.crc is not None and content.size <= CHECKED_BYTES
    return known and zlib.crc32(content.read(0, content.size)) != member.crc


def _npy(blob: Blob, inside: Inside) -> None:
    pickled, odd = objects_in(blob)
    inside.findings += odd
    if pickled is not None:
        detail = "an array of objects: reading it unpickles what it holds"
        inside.findings.append(finding("npy-objects", "low", blob.name, detail))
        inside.findings += look(pickled).findings


def _text(blob: Blob, inside: Inside) -> None:
    """A description in JSON: Keras puts code into it."""
    if extension(blob.name) in ("json", "keras"):
        inside.findings += keras_findings(blob)
    inside.findings += plain_findings(blob)


def _yaml(blob: Blob, inside: Inside) -> None:
    inside.findings += yaml_findings(blob)
    inside.findings += plain_findings(blob)


def _plain(blob: Blob, inside: Inside) -> None:
    inside.findings += plain_findings(blob)


def _html(blob: Blob, inside: Inside) -> None:
    inside.findings += page_findings(blob)


def _hdf5(blob: Blob, inside: Inside) -> None:
    inside.findings += keras_findings(blob)
    inside.not_checked.append(f"{blob.name}: the HDF5 structure itself; only its model description was searched")


def _onnx(blob: Blob, inside: Inside) -> None:
    inside.findings += onnx_findings(blob)


def _tensorflow(blob: Blob, inside: Inside) -> None:
    inside.findings += tensorflow_findings(blob)


def _script(kind: str) -> Reader:
    def read(blob: Blob, inside: Inside) -> None:
        inside.findings += script_findings(blob, kind)

    return read


def _native(blob: Blob, inside: Inside) -> None:
    detail = "a native library or program: code for the machine, which weights do not need"
    inside.findings.append(finding("native-code", "high", blob.name, detail))


def _scripts() -> Iterator[tuple[str, Reader]]:
    for kind in ("python", "shell script", "batch script", "powershell script", "javascript", "script", "notebook"):
        yield kind, _script(kind)
    for kind in ("python bytecode", "ruby", "perl", "lua"):
        yield kind, _script(kind)


_READERS: dict[str, Reader] = {
    "pickle": _pickle,
    "zip": _zip,
    "tar": _tar,
    **{kind: _stream(kind) for kind in _STREAMS},
    "npy": _npy,
    "hdf5": _hdf5,
    "json": _text,
    "yaml": _yaml,
    "text": _plain,
    "toml": _plain,
    "html": _html,
    "xml": _html,
    "onnx": _onnx,
    "pb": _tensorflow,
    "native library": _native,
    "program": _native,
    **dict(_scripts()),
}
