"""Chunks of HTTP/1.1 (RFC 9112, 7.1): written, and recognised where a read holds nothing but whole ones.

    a0 CR LF  160 bytes  CR LF    [a chunk]  [a chunk] ...    ->  how many
    anything else                                             ->  0, and llhttp has to read it

Only what writers of chunks usually write is recognised: a size without zeros before it, in small letters, below 2 KiB,
no extension, not the last chunk. All else is not wrong, merely not known here.
"""

from __future__ import annotations

LAST_CHUNK = b"0\r\n\r\n"
_KNOWN = 2048
_LINES = [b"%x\r\n" % size for size in range(_KNOWN)]
_SIZES = {line[:-2]: size for size, line in enumerate(_LINES) if size}
_LONGEST = _KNOWN + len(_LINES[-1]) + 2
_BEGINS: list[bytes | tuple[bytes, ...]] = [()] * _LONGEST
"""How a read begins that is one chunk, by its length; none of () where no chunk is so long."""
for _size in _SIZES.values():
    _BEGINS[len(_LINES[_size]) + _size + 2] = _LINES[_size]


def chunk(data: bytes) -> bytes:
    """One chunk of at least one byte."""
    size = len(data)
    return b"".join((_LINES[size] if size < _KNOWN else b"%x\r\n" % size, data, b"\r\n"))


def count_whole(data: bytes) -> int:
    """How many chunks a read is; 0 where it is anything else."""
    end = len(data)
    if end < _LONGEST and data.startswith(_BEGINS[end]):
        return 1 if data.endswith(b"\r\n") else 0
    at = count = 0
    while at < end:
        line_end = data.find(b"\r\n", at, at + 5)
        if line_end < 0:
            return 0
        size = _SIZES.get(data[at:line_end])
        if size is None:
            return 0
        at = line_end + size + 4
        if data[at - 2 : at] != b"\r\n":  # shorter than that where the read ends before the chunk does
            return 0
        count += 1
    return count
