"""Artefacts for the audit, made in the test that needs them: hostile ones do no harm even if something loaded them."""

from __future__ import annotations

import collections
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Calls:
    """Unpickles as a call of anything: `Calls(os.system, "true")`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._reduced


def evil(protocol: int = 2) -> bytes:
    """A pickle that would run a command."""
    return pickle.dumps(Calls(os.system, "true"), protocol)


def calls(module: str, name: str, argument: str = "x") -> bytes:
    """A pickle that would call any name, installed or not."""
    return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()


def state_dict(protocol: int = 2) -> bytes:
    """What an ordinary checkpoint unpickles: arrays in an ordered dict."""
    return pickle.dumps(collections.OrderedDict(weight=np.arange(6, dtype="f4").reshape(2, 3), step=3), protocol)


def zipped(members: dict[str, bytes], *, stored: bool = False) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


def tarred(members: dict[str, bytes], *, link: tuple[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            file.addfile(about, io.BytesIO(data))
        if link:
            about = tarfile.TarInfo(link[0])
            about.type, about.linkname = tarfile.SYMTYPE, link[1]
            file.addfile(about)
    return packed.getvalue()


def torch_zip(pickled: bytes) -> bytes:
    """The layout of torch.save since 1.6; the storage begins like a pickle, as numbers may."""
    return zipped(
        {"archive/data.pkl": pickled, "archive/data/0": b"\x80\x02\x8a\x0a" + bytes(60), "archive/version": b"3\n"},
        stored=True,
    )


def torch_legacy(pickled: bytes) -> bytes:
    """The layout before: magic, protocol, machine, object, keys; then raw numbers."""
    heads = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}})
    return b"".join(pickle.dumps(head, 2) for head in heads) + pickled + pickle.dumps(["0"], 2) + bytes(64)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def bad_checksum() -> bytes:
    """A zip whose pickle was changed after its checksum was taken: Python's reader refuses it, PyTorch's does not."""
    packed = bytearray(torch_zip(evil()))
    at = packed.find(b"true")
    packed[at : at + 4] = b"fals"
    return bytes(packed)


def renamed_in_header() -> bytes:
    """A zip whose directory and member give the pickle different names."""
    return torch_zip(evil()).replace(b"archive/data.pkl", b"archive/notes.md", 1)


def safetensors(header: dict[str, Any] | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def bomb() -> bytes:
    """A zip of some kilobytes whose directory promises two gigabytes."""
    packed = bytearray(zipped({"zeros": bytes(1 << 20)}))
    entry = packed.rfind(b"PK\x01\x02")
    struct.pack_into("<I", packed, entry + 24, 2 << 30)
    return bytes(packed)


def onnx(location: str) -> bytes:
    """A model with one tensor whose data lies in another file."""

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    pair = field(1, b"location") + field(2, location.encode())
    return b"\x08\x08" + field(7, field(5, field(8, b"w") + field(13, pair)))


def compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def tokenizer(**changed: Any) -> dict[str, Any]:
    """A byte-pair tokenizer whose tokens are numbered in the order of their merges."""
    letters = [chr(code) for code in range(97, 123)]
    merges = [
        ["t", "h"],
        ["th", "e"],
        ["i", "n"],
        ["a", "n"],
        ["y", "e"],
        ["ye", "s"],
        ["n", "o"],
        ["in", "g"],
        ["an", "d"],
        ["o", "f"],
    ]
    tokens = [*letters, *("".join(merge) for merge in merges)]
    return {
        "version": "1.0",
        "added_tokens": [{"id": len(tokens), "content": "<|end|>", "special": True}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel"},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {token: number for number, token in enumerate(tokens)}, "merges": merges},
        **changed,
    }


def write(folder: Path, files: dict[str, Any]) -> Path:
    """A folder with these files; what is neither bytes nor text becomes JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        path.write_bytes(content)
    return folder


def mit() -> str:
    """A licence text as people ship it."""
    head = "MIT License\n\nCopyright (c) 2026 Nobody\n\n"
    return head + MIT_BODY


MIT_BODY = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
"""
