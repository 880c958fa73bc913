"""Entropy coding of Zstandard: bits read from the end, FSE tables and Huffman tables. RFC 8878, section 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class BadZstd(ValueError):
    """The data is no Zstandard, is damaged or cut off, or unpacks to more than is allowed."""


class Backward:
    """Bits of a stream read from its last one to its first; bits beyond the first are zeros, and are counted."""

    __slots__ = ("_count", "_data", "_held", "_place")

    def __init__(self, data: bytes) -> None:
        if not data or not data[-1]:
            raise BadZstd("a stream of bits has no end mark")
        self._data = data
        self._place = len(data) - 1
        self._count = data[-1].bit_length() - 1
        self._held = data[-1] & ((1 << self._count) - 1)

    def read(self, bits: int) -> int:
        while self._count < bits:
            self._refill()
        self._count -= bits
        value = self._held >> self._count
        self._held &= (1 << self._count) - 1
        return value

    @property
    def left(self) -> int:
        """Bits that were not read; below 0 when more were read than there are."""
        return self._count + 8 * self._place

    def _refill(self) -> None:
        start = self._place - 6
        if start >= 0:
            chunk = int.from_bytes(self._data[start : self._place], "little")
        else:
            chunk = int.from_bytes(self._data[: max(self._place, 0)], "little") << (
                -8 * start if self._place > 0 else 0
            )
        self._held = (self._held << 48) | chunk
        self._count += 48
        self._place = start
        if start < -(1 << 20):
            raise BadZstd("a stream of bits is too short")


class Fse(NamedTuple):
    """A decoding table: per state the symbol, the bits to read, and what is added to them for the next state."""

    log: int
    symbols: Sequence[int]
    bits: Sequence[int]
    bases: Sequence[int]


def one_symbol(symbol: int) -> Fse:
    """The table of a stream that holds one symbol only."""
    return Fse(0, (symbol,), (0,), (0,))


def fse_table(counts: Sequence[int], log: int) -> Fse:
    """From normalised counts, -1 for a symbol rarer than one in 2^log."""
    size = 1 << log
    symbols = [0] * size
    following = [1 if count == -1 else count for count in counts]
    high = size
    for symbol, count in enumerate(counts):
        if count == -1:
            high -= 1
            symbols[high] = symbol
    place, step, mask = 0, (size >> 1) + (size >> 3) + 3, size - 1
    for symbol, count in enumerate(counts):
        for _ in range(max(count, 0)):
            symbols[place] = symbol
            place = (place + step) & mask
            while place >= high:
                place = (place + step) & mask
    if place:
        raise BadZstd("a table of counts does not fill its states")
    bits, bases = [0] * size, [0] * size
    for state, symbol in enumerate(symbols):
        number = following[symbol]
        following[symbol] += 1
        bits[state] = log - (number.bit_length() - 1)
        bases[state] = (number << bits[state]) - size
    return Fse(log, symbols, bits, bases)


def read_fse(data: bytes, most_log: int, most_symbols: int) -> tuple[Fse, int]:
    """A table as it stands in front of a stream, and how many bytes it takes."""
    held, place = int.from_bytes(data[:512], "little"), 4
    log = (held & 15) + 5
    if log > most_log:
        raise BadZstd("a table of counts is too precise")
    left, counts = 1 << log, list[int]()
    while left > 0 and len(counts) < most_symbols:
        width = (left + 1).bit_length()
        value, low = (held >> place) & ((1 << width) - 1), (1 << (width - 1)) - 1
        spare = (1 << width) - 1 - (left + 1)
        if (value & low) < spare:
            place, value = place + width - 1, value & low
        else:
            place, value = place + width, value - spare if value > low else value
        counts.append(value - 1)
        left -= abs(value - 1)
        while counts[-1] == 0 and len(counts) <= most_symbols:
            again = (held >> place) & 3
            place += 2
            counts += [0] * again
            if again < 3:
                break
    used = (place + 7) // 8
    if left or len(counts) > most_symbols or used > min(len(data), 512):
        raise BadZstd("a table of counts is damaged")
    return fse_table(counts, log), used


class Huffman(NamedTuple):
    """A decoding table by the next `log` bits."""

    log: int
    symbols: bytes
    bits: bytes


def read_huffman(data: bytes) -> tuple[Huffman, int]:
    """A tree as it stands in front of literals, and how many bytes it takes."""
    if not data:
        raise BadZstd("a tree is missing")
    head = data[0]
    if head >= 128:
        count = head - 127
        used = 1 + (count + 1) // 2
        packed = data[1:used]
        weights = [weight for byte in packed for weight in (byte >> 4, byte & 15)][:count]
        if len(packed) < used - 1:
            raise BadZstd("a tree is cut off")
    else:
        used = 1 + head
        weights = _weights(data[1:used], head)
    return _huffman(weights), used


def _weights(data: bytes, size: int) -> list[int]:
    """Weights packed with FSE, two states in turn."""
    if len(data) < size or size == 0:
        raise BadZstd("a tree is cut off")
    table, used = read_fse(data, 6, 13)
    stream = Backward(data[used:])
    states = [stream.read(table.log), stream.read(table.log)]
    weights: list[int] = []
    turn = 0
    while len(weights) <= 255:
        state = states[turn]
        weights.append(table.symbols[state])
        states[turn] = table.bases[state] + stream.read(table.bits[state])
        turn ^= 1
        if stream.left < 0:
            weights.append(table.symbols[states[turn]])
            return weights
    raise BadZstd("a tree has too many leaves")


def _huffman(weights: list[int]) -> Huffman:
    total = sum(1 << (weight - 1) for weight in weights if weight)
    if not total:
        raise BadZstd("a tree has no leaves")
    log = total.bit_length()
    rest = (1 << log) - total
    if rest & (rest - 1) or log > 11 or len(weights) > 255:
        raise BadZstd("a tree is damaged")
    weights = [*weights, rest.bit_length()]
    symbols, bits = bytearray(), bytearray()
    for weight in range(1, log + 1):
        for symbol, own in enumerate(weights):
            if own == weight:
                symbols += bytes((symbol,)) * (1 << (weight - 1))
                bits += bytes((log + 1 - weight,)) * (1 << (weight - 1))
    if len(symbols) != 1 << log:
        raise BadZstd("a tree is damaged")
    return Huffman(log, bytes(symbols), bytes(bits))


def read_literals(table: Huffman, data: bytes, count: int) -> bytes:
    """`count` symbols of one stream."""
    if not data or not data[-1]:
        raise BadZstd("a stream of literals has no end mark")
    place, held_bits = len(data) - 1, data[-1].bit_length() - 1
    held = data[-1] & ((1 << held_bits) - 1)
    log, symbols, bits, mask = table.log, table.symbols, table.bits, (1 << table.log) - 1
    out = bytearray()
    for _ in range(count):
        if held_bits < log:
            start = max(place - 6, 0)
            chunk = int.from_bytes(data[start:place], "little") << (8 * (6 - (place - start)))
            held = ((held & ((1 << held_bits) - 1)) << 48) | chunk
            held_bits += 48
            place -= 6
        index = (held >> (held_bits - log)) & mask
        out.append(symbols[index])
        held_bits -= bits[index]
    if held_bits + 8 * place != 0:
        raise BadZstd("a stream of literals is damaged")
    return bytes(out)
