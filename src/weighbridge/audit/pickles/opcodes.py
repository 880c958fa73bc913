"""Read the opcodes of a pickle, forward, in bounded memory; nothing is unpickled.

Only names, short texts and short bytes are kept; a long argument is stepped over unread. A stream that breaks off or
holds no opcode ends with `Broken`: what came before it would have run all the same, so the reader has already told it.
Source: Lib/pickletools.py and Lib/pickle.py of CPython 3.13, protocols 0 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob

KEPT_BYTES = 1 << 20
"""The longest argument that is kept; a longer one is `Skipped`."""
LONGEST_LINE = 1 << 20
"""The longest line argument (protocol 0)."""
WINDOW_BYTES = 1 << 18


class Skipped(NamedTuple):
    """An argument that is there and was not kept: `size` bytes."""

    size: int


class Broken(Exception):
    """The stream is no pickle from here on; `at` is the byte."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


class Op(NamedTuple):
    code: str
    """The opcode's letter, as CPython's source writes it: `c` GLOBAL, `R` REDUCE, `\\x93` STACK_GLOBAL."""
    argument: object
    """str, bytes, int, a pair of str for GLOBAL and INST, Skipped, or None."""
    at: int
    """Byte of the opcode."""


_FIXED = {
    "K": 1, "M": 2, "J": -4, "G": 8, "q": 1, "r": 4, "h": 1, "j": 4,
    "\x80": 1, "\x82": 1, "\x83": 2, "\x84": -4, "\x95": 8,
}  # fmt: skip
"""Opcodes with a whole number of fixed width; negative: signed."""
_COUNTED = {"T": -4, "U": 1, "X": 4, "B": 4, "C": 1, "\x8a": 1, "\x8b": -4, "\x8c": 1, "\x8d": 8, "\x8e": 8, "\x96": 8}
"""Opcodes with a counted argument: width of the count."""
_TEXT = frozenset("XTU\x8c\x8d")
_LINES = {"I": 1, "F": 1, "L": 1, "S": 1, "V": 1, "P": 1, "p": 1, "g": 1, "c": 2, "i": 2}
"""Opcodes with one or two lines."""
_BARE = frozenset("(.0123NQRabde}l]ostu)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98")
KNOWN = frozenset(_FIXED) | frozenset(_COUNTED) | frozenset(_LINES) | _BARE


class OpcodeReader:
    """A position in a blob that reads one opcode after the other."""

    def __init__(self, blob: Blob, at: int = 0) -> None:
        self._blob = blob
        self._base = at
        self._buffer = b""
        self._at = 0

    @property
    def position(self) -> int:
        """Bytes read so far, counted from the pickle's first."""
        return self._base + self._at

    def __iter__(self) -> Iterator[Op]:
        """Opcodes up to and with STOP. Raises Broken."""
        while True:
            at = self.position
            code = chr(self._take(1, "an opcode")[0])
            yield Op(code, self._argument(code, at), at)
            if code == ".":
                return

    def _argument(self, code: str, at: int) -> object:
        if code in _BARE:
            return None
        if code in _FIXED:
            return self._number(_FIXED[code])
        if code in _COUNTED:
            return self._counted(code, at)
        if code in ("c", "i"):
            return self._line(at), self._line(at)
        if code in _LINES:
            return _unquoted(code, self._line(at))
        raise Broken(f"byte {ord(code):#04x} is no opcode", at)

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(abs(width), "a number"), "little", signed=width < 0)

    def _counted(self, code: str, at: int) -> object:
        count = self._number(_COUNTED[code])
        if count < 0 or count > self._blob.size - self.position:
            raise Broken(f"an argument of {count} bytes is promised, {self._blob.size - self.position} are left", at)
        if count > KEPT_BYTES:
            self._skip(count)
            return Skipped(count)
        raw = self._take(count, "an argument")
        return raw.decode("utf-8", "surrogatepass" if _is_utf8(raw) else "replace") if code in _TEXT else raw

    def _line(self, at: int) -> str:
        """The text up to the next newline."""
        while True:
            end = self._buffer.find(b"\n", self._at)
            if end >= 0:
                raw = self._buffer[self._at : end]
                self._at = end + 1
                return raw.decode("utf-8", "replace")
            held = len(self._buffer) - self._at
            if held > LONGEST_LINE:
                raise Broken("a line without end", at)
            if not self._fill(held + WINDOW_BYTES) or len(self._buffer) - self._at == held:
                raise Broken("the stream ends inside a line", at)

    def _take(self, count: int, what: str) -> bytes:
        if len(self._buffer) - self._at < count:
            self._fill(max(count, WINDOW_BYTES))
        if len(self._buffer) - self._at < count:
            raise Broken(f"the stream ends inside {what}", self.position)
        start = self._at
        self._at += count
        return self._buffer[start : self._at]

    def _fill(self, count: int) -> bool:
        """Hold `count` bytes from here on, as far as they exist; whether any are held."""
        self._base += self._at
        self._buffer = self._blob.read(self._base, count)
        self._at = 0
        return bool(self._buffer)

    def leap(self, to: int) -> None:
        """Go on at byte `to`: what lies before it is no opcodes. Raises Broken when that is after the end."""
        if not self.position <= to <= self._blob.size:
            raise Broken(f"raw bytes up to byte {to:,} are promised, the file has {self._blob.size:,}", self.position)
        self._skip(to - self.position)

    def _skip(self, count: int) -> None:
        self._base = self.position + count
        self._buffer, self._at = b"", 0


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _unquoted(code: str, line: str) -> str:
    """The text that a line of protocol 0 stands for."""
    if code == "S" and len(line) >= 2 and line[0] == line[-1] and line[0] in "'\"":
        line = line[1:-1]
    elif code != "V":
        return line
    if "\\" not in line:
        return line
    codec = "unicode_escape" if code == "S" else "raw_unicode_escape"
    return line.encode("latin-1", "replace").decode(codec, "replace")
