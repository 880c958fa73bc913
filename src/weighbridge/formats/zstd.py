"""Unpacking Zstandard without a library, bounded: the standard library has none before Python 3.14.

About 4 MB a second; where the package `zstandard` (or Python's own module) is installed, that is used. Frames may
follow each other, skippable frames are skipped, checksums are left unread: whoever packed the data (a zip) has one of
its own. Dictionaries are refused. Source: RFC 8878.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

from weighbridge.units import format_bytes

from .zstd_codes import Backward, BadZstd, Fse, Huffman, fse_table, one_symbol, read_fse, read_huffman, read_literals

__all__ = ["BadZstd", "unpack_here", "unpack_zstd"]

MAGIC, SKIPPABLE = 0xFD2FB528, 0x184D2A50
LARGEST_BLOCK = 128 << 10

LITERAL_LENGTHS = (
    *((code, 0) for code in range(16)),
    (16, 1), (18, 1), (20, 1), (22, 1), (24, 2), (28, 2), (32, 3), (40, 3), (48, 4), (64, 6), (128, 7), (256, 8),
    (512, 9), (1024, 10), (2048, 11), (4096, 12), (8192, 13), (16384, 14), (32768, 15), (65536, 16),
)  # fmt: skip
MATCH_LENGTHS = (
    *((code + 3, 0) for code in range(32)),
    (35, 1), (37, 1), (39, 1), (41, 1), (43, 2), (47, 2), (51, 3), (59, 3), (67, 4), (83, 4), (99, 5), (131, 7),
    (259, 8), (515, 9), (1027, 10), (2051, 11), (4099, 12), (8195, 13), (16387, 14), (32771, 15), (65539, 16),
)  # fmt: skip
"""(base, further bits) by code: RFC 8878, tables 10 and 11."""
USUAL_LITERALS = (4, 3, *[2] * 11, 1, 1, 1, *[2] * 9, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1)
USUAL_MATCHES = (1, 4, 3, *[2] * 6, *[1] * 37, *[-1] * 7)
USUAL_OFFSETS = (*[1] * 6, 2, 2, 2, *[1] * 15, *[-1] * 5)
KINDS = ((9, 36, USUAL_LITERALS, 6), (8, 32, USUAL_OFFSETS, 5), (9, 53, USUAL_MATCHES, 6))
"""Of literal lengths, offsets and match lengths: most precise table, symbols, usual counts and their precision."""


def unpack_zstd(data: bytes, most_bytes: int) -> bytes:
    """All frames. Raises BadZstd, also for more than `most_bytes`."""
    library = _library()
    return unpack_here(data, most_bytes) if library is None else _with(library, data, most_bytes)


def _library() -> Any:
    for name in ("compression.zstd", "zstandard"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _with(library: Any, data: bytes, most_bytes: int) -> bytes:
    """The same by a library's stream, which is asked for no more than is allowed."""
    import io

    error_class = getattr(library, "ZstdError", ValueError)
    try:
        if hasattr(library, "ZstdFile"):
            stream: Any = library.ZstdFile(io.BytesIO(data))
        else:
            stream = library.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
        out = bytearray()
        while chunk := stream.read(min(1 << 20, most_bytes + 1 - len(out))):
            out += chunk
            if len(out) > most_bytes:
                raise _too_large(most_bytes)
    except (error_class, EOFError) as error:
        raise BadZstd(str(error)) from error
    return bytes(out)


def unpack_here(data: bytes, most_bytes: int) -> bytes:
    """All frames, by this module alone."""
    out = bytearray()
    place = 0
    while place < len(data):
        magic = int.from_bytes(data[place : place + 4], "little")
        if magic & ~15 == SKIPPABLE:
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        elif magic == MAGIC:
            place = _frame(data, place + 4, out, most_bytes)
        else:
            raise BadZstd("a frame does not begin as frames do")
    if place > len(data):
        raise BadZstd("the data is cut off")
    return bytes(out)


@dataclass(slots=True)
class _State:
    """What blocks of one frame hand on."""

    start: int
    """Where the frame's output begins."""
    tree: Huffman | None = None
    tables: list[Fse | None] = field(default_factory=lambda: [None, None, None])
    offsets: list[int] = field(default_factory=lambda: [1, 4, 8])


def _frame(data: bytes, place: int, out: bytearray, most: int) -> int:
    """One frame appended to `out`; gives the place behind it."""
    head = _byte(data, place)
    alone = bool(head & 32)
    ids = (0, 1, 2, 4)[head & 3]
    sizes = (1 if alone else 0, 2, 4, 8)[head >> 6]
    place += 1 + (not alone)
    if any(data[place : place + ids]):
        raise BadZstd("it was packed with a dictionary, which is not here")
    place += ids + sizes
    state = _State(len(out))
    last = False
    while not last:
        block = int.from_bytes(data[place : place + 3], "little")
        if place + 3 > len(data):
            raise BadZstd("the data is cut off")
        last, kind, size = bool(block & 1), (block >> 1) & 3, block >> 3
        place += 3
        if size > LARGEST_BLOCK:
            raise BadZstd("a block is too large")
        if len(out) + (size if kind < 2 else 0) > most:
            raise _too_large(most)
        used = 1 if kind == 1 else size
        body = data[place : place + used]
        if len(body) < used:
            raise BadZstd("the data is cut off")
        place += used
        if kind == 0:
            out += body
        elif kind == 1:
            out += body * size
        elif kind == 2:
            _block(body, out, state, most)
        else:
            raise BadZstd("a block is of no known kind")
    return place + (4 if head & 4 else 0)


def _block(body: bytes, out: bytearray, state: _State, most: int) -> None:
    literals, place = _literals(body, state)
    count, place = _sequence_count(body, place)
    if not count:
        out += literals
    else:
        _sequences(body, place, count, literals=literals, out=out, state=state, most=most)
    if len(out) > most:
        raise _too_large(most)


def _literals(body: bytes, state: _State) -> tuple[bytes, int]:
    """The literals of a block, and where its sequences begin."""
    head = _byte(body, 0)
    kind, form = head & 3, (head >> 2) & 3
    if kind < 2:
        length = 1 if not form & 1 else form // 2 + 2
        packed = int.from_bytes(body[:length], "little")
        size = packed >> (3 if length == 1 else 4)
        _check_literals(size)
        if kind == 1:
            return bytes((_byte(body, length),)) * size, length + 1
        if length + size > len(body):
            raise BadZstd("literals are cut off")
        return body[length : length + size], length + size
    length, width = ((3, 10), (3, 10), (4, 14), (5, 18))[form]
    packed = int.from_bytes(body[:length], "little") >> 4
    size, used = packed & ((1 << width) - 1), packed >> width
    end = length + used
    if end > len(body):
        raise BadZstd("literals are cut off")
    _check_literals(size)
    data = body[length:end]
    if kind == 2:
        state.tree, taken = read_huffman(data)
        data = data[taken:]
    if state.tree is None:
        raise BadZstd("literals refer to a tree that is not there")
    return _streams(state.tree, data, size, several=form > 0), end


def _check_literals(size: int) -> None:
    if size > LARGEST_BLOCK:
        raise BadZstd("literals are too large")


def _streams(tree: Huffman, data: bytes, size: int, *, several: bool) -> bytes:
    if not several:
        return read_literals(tree, data, size)
    if len(data) < 6:
        raise BadZstd("literals are cut off")
    ends = [6]
    for place in (0, 2, 4):
        ends.append(ends[-1] + int.from_bytes(data[place : place + 2], "little"))
    ends.append(len(data))
    each = (size + 3) // 4
    counts = (each, each, each, size - 3 * each)
    if ends[3] > len(data) or counts[3] < 0:
        raise BadZstd("literals are damaged")
    return b"".join(read_literals(tree, data[ends[i] : ends[i + 1]], counts[i]) for i in range(4))


def _sequence_count(body: bytes, place: int) -> tuple[int, int]:
    first = _byte(body, place)
    if first < 128:
        return first, place + 1
    if first < 255:
        return ((first - 128) << 8) + _byte(body, place + 1), place + 2
    return _byte(body, place + 1) + (_byte(body, place + 2) << 8) + 0x7F00, place + 3


def _sequences(
    body: bytes, place: int, count: int, *, literals: bytes, out: bytearray, state: _State, most: int
) -> None:
    """Literals and copies in turn, as the block's sequences say."""
    modes = _byte(body, place)
    place += 1
    for kind, shift in enumerate((6, 4, 2)):
        place = _table(body, place, kind, (modes >> shift) & 3, state)
    ll, of, ml = (table or one_symbol(0) for table in state.tables)
    stream = Backward(body[place:])
    read = stream.read
    at_ll, at_of, at_ml = read(ll.log), read(of.log), read(ml.log)
    used = 0
    for left in range(count - 1, -1, -1):
        code = of.symbols[at_of]
        value = (1 << code) + read(code)
        base, bits = MATCH_LENGTHS[ml.symbols[at_ml]]
        length = base + read(bits)
        base, bits = LITERAL_LENGTHS[ll.symbols[at_ll]]
        plain = base + read(bits)
        out += literals[used : used + plain]
        used += plain
        _copy(out, _offset(state.offsets, value, plain), length, state.start)
        if used > len(literals) or len(out) > most:
            raise BadZstd("a sequence takes more than there is") if used > len(literals) else _too_large(most)
        if left:
            at_ll = ll.bases[at_ll] + read(ll.bits[at_ll])
            at_ml = ml.bases[at_ml] + read(ml.bits[at_ml])
            at_of = of.bases[at_of] + read(of.bits[at_of])
    if stream.left:
        raise BadZstd("sequences are damaged")
    out += literals[used:]


def _table(body: bytes, place: int, kind: int, mode: int, state: _State) -> int:
    """Set one of the three tables; gives the place behind what it took."""
    most_log, most_symbols, usual, log = KINDS[kind]
    if mode == 0:
        state.tables[kind] = fse_table(usual, log)
    elif mode == 1:
        symbol = _byte(body, place)
        if symbol >= most_symbols:
            raise BadZstd("a table holds an unknown code")
        state.tables[kind], place = one_symbol(symbol), place + 1
    elif mode == 2:
        state.tables[kind], used = read_fse(body[place:], most_log, most_symbols)
        place += used
    elif state.tables[kind] is None:
        raise BadZstd("a table refers to an earlier one that is not there")
    return place


def _offset(recent: list[int], value: int, plain: int) -> int:
    """How far back a copy begins, from its code and the three offsets used last."""
    if value > 3:
        recent[:] = [value - 3, recent[0], recent[1]]
        return recent[0]
    index = value - 1 + (plain == 0)
    offset = recent[index] if index < 3 else recent[0] - 1
    if index:
        recent[:] = [offset, recent[0], recent[1] if index > 1 else recent[2]]
    return offset


def _copy(out: bytearray, offset: int, length: int, start: int) -> None:
    begin = len(out) - offset
    if offset < 1 or begin < start:
        raise BadZstd("a copy begins before the data")
    if offset >= length:
        out += out[begin : begin + length]
    else:
        piece = bytes(out[begin:])
        out += (piece * (length // offset + 1))[:length]


def _byte(data: bytes, place: int) -> int:
    if place >= len(data):
        raise BadZstd("the data is cut off")
    return data[place]


def _too_large(most: int) -> BadZstd:
    return BadZstd(f"it unpacks to more than {format_bytes(most)}")
