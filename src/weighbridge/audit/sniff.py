"""What a file is by its bytes, whatever its name says. The name only decides where bytes alone cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob

from .containers.streams import UNREAD, stream_kind
from .containers.tars import is_tar
from .containers.zips import is_zip
from .pickles.judge import looks_like

PICKLE_NAMES = frozenset(
    {"pkl", "pickle", "pck", "pcl", "p", "joblib", "jbl", "bin", "pt", "pth", "ckpt", "dat", "data", "model", "dill"}
)
"""Endings under which loaders unpickle."""
SCRIPT_NAMES = {
    "py": "python", "pyc": "python bytecode", "pyd": "native library", "sh": "shell script", "bash": "shell script",
    "bat": "batch script", "cmd": "batch script", "ps1": "powershell script", "js": "javascript", "pth": "pickle",
    "so": "native library", "dll": "native library", "dylib": "native library", "exe": "program", "ipynb": "notebook",
    "whl": "zip", "egg": "zip", "jar": "zip", "rb": "ruby", "pl": "perl", "lua": "lua",
}  # fmt: skip
_TEXT_NAMES = {
    "json": "json", "jsonl": "jsonl", "md": "markdown", "txt": "text", "jinja": "template", "jinja2": "template",
    "yaml": "yaml", "yml": "yaml", "toml": "toml", "csv": "csv", "gitattributes": "text", "gitignore": "text",
    "py": "python", "sh": "shell script", "html": "html", "htm": "html", "svg": "html", "xml": "xml", "cfg": "text",
    "ini": "text", "bash": "shell script", "bat": "batch script", "cmd": "batch script", "vbs": "batch script",
    "ps1": "powershell script", "js": "javascript", "mjs": "javascript", "rb": "ruby", "pl": "perl", "lua": "lua",
    "ipynb": "notebook",
}  # fmt: skip
_MAGICS = (
    (b"GGUF", "gguf"), (b"FUGG", "gguf"), (b"\x93NUMPY", "npy"), (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x7fELF", "native library"), (b"MZqFpD=", "program"), (b"\0asm", "native library"),
    (b"L\0\0\0\x01\x14\x02\0", "program"),
    (b"\xfe\xed\xfa", "native library"), (b"\xcf\xfa\xed\xfe", "native library"),
    (b"\xce\xfa\xed\xfe", "native library"), (b"\xca\xfe\xba\xbe", "native library"), (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"%PDF", "pdf"), (b"PAR1", "parquet"), (b"ARROW1", "arrow"),
    (b"ggml", "ggml"), (b"lmgg", "ggml"), (b"fmgg", "ggml"), (b"tjgg", "ggml"), (b"ggjt", "ggml"), (b"#!", "script"),
)  # fmt: skip
LARGEST_SAFETENSORS_HEADER = 100 << 20


class Sniffed(NamedTuple):
    format: str
    also: tuple[str, ...] = ()
    """Other formats that the same bytes pass for: a pickle with a zip at its end."""


def extension(name: str) -> str:
    """The last ending of a path or member name, in small letters."""
    base = re.split(r"[/\\!]", name)[-1]
    return base.rpartition(".")[2].lower() if "." in base else ""


def sniff(blob: Blob) -> Sniffed:
    """What the blob is; `unknown` when nothing speaks for anything."""
    if not blob.size:
        return Sniffed("empty")
    ending = extension(blob.name)
    formats = list(_by_bytes(blob, ending))
    if not formats:
        formats = [_by_name(blob, ending)]
    return Sniffed(formats[0], tuple(formats[1:]))


def _by_bytes(blob: Blob, ending: str) -> Iterator[str]:
    head = blob.read(0, 16)
    for magic, name in _MAGICS:
        if head.startswith(magic):
            yield name
            break
    else:
        if head[:2] == b"MZ" and _is_program(blob):
            yield "native library"
        elif _is_safetensors(head, blob.size):
            yield "safetensors"
    if is_zip(blob):
        yield "zip"
    elif is_tar(blob):
        yield "tar"
    kind = stream_kind(blob)
    if kind is not None and (kind != "zlib" or ending in PICKLE_NAMES or ending in ("z", "zlib", "")):
        yield kind
    yield from (name for name, magic in UNREAD.items() if head.startswith(magic))
    if looks_like(blob, named_so=ending in PICKLE_NAMES):
        yield "pickle"


def _by_name(blob: Blob, ending: str) -> str:
    if ending in ("onnx", "pb", "pbtxt", "tflite", "mlmodel", "engine", "plan"):
        return ending
    if is_text(blob):
        return _TEXT_NAMES.get(ending, "text")
    return SCRIPT_NAMES.get(ending, "sentencepiece" if ending == "model" else "unknown")


def is_text(blob: Blob) -> bool:
    """Whether the first bytes are UTF-8 without control characters."""
    head = blob.read(0, 4096)
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and blob.size > len(head)
    return True


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return len(head) > 8 and head[8:9] == b"{" and 2 <= length <= max(LARGEST_SAFETENSORS_HEADER, size)


def _is_program(blob: Blob) -> bool:
    """A Windows program: its header points to the mark `PE`."""
    at = int.from_bytes(blob.read(0x3C, 4), "little")
    return blob.read(at, 2) == b"PE"
