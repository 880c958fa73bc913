"""NumPy's file format: a header in Python's notation, then numbers, or a pickle where the elements are objects.

Source: numpy/lib/_format_impl.py, format versions 1.0 to 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.audit.blob import Blob, Window
from weighbridge.audit.records import Finding

from .containers.member import finding

LONGEST_HEADER = 1 << 20
_DESCR = re.compile(rb"['\"]descr['\"]\s*:\s*(.*?)(?:,\s*['\"](?:fortran_order|shape)['\"]|\})", re.S)
_OBJECT = re.compile(rb"['\"][<>|=]?O(?:8|4)?['\"]")
_PLAIN_HEADER = re.compile(rb"[\s\w'\"{}()\[\],.:<>|=+\-]*")


def objects_in(blob: Blob) -> tuple[Blob | None, tuple[Finding, ...]]:
    """The pickle of an array of objects, and what is wrong with the header."""
    return _pickled(blob), tuple(_header_findings(blob))


def _header(blob: Blob) -> tuple[bytes, int]:
    """The header's text and the byte after it."""
    head = blob.read(0, 12)
    if len(head) < 10:
        return b"", blob.size
    start = 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    return blob.read(start, min(length, LONGEST_HEADER)), start + length


def _pickled(blob: Blob) -> Blob | None:
    header, end = _header(blob)
    described = _DESCR.search(header)
    if described is None or not _OBJECT.search(described.group(1)):
        return None
    return Window(blob, end, blob.size - end, f"{blob.name}!objects")


def _header_findings(blob: Blob) -> Iterator[Finding]:
    header, end = _header(blob)
    if end > blob.size:
        yield finding("npy-header", "medium", blob.name, f"the header ends at byte {end:,}, after the file")
    elif _DESCR.search(header) is None or not _PLAIN_HEADER.fullmatch(header):
        detail = "the header is no plain description of an array; readers evaluate it as Python"
        yield finding("npy-header", "medium", blob.name, detail)
