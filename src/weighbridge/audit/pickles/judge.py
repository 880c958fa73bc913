"""From what a pickle would do to findings a reviewer can act on."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from weighbridge.audit.blob import Blob, BytesBlob, Window
from weighbridge.audit.records import Finding, Severity

from .machine import Event, Name, Unknown, Walked, walk
from .names import LOADS, PARTS_WITH_ARGUMENTS, Standing, standing
from .opcodes import Skipped

MOST_STREAMS = 64
"""Pickles that may follow one another in one file; PyTorch's old format has five."""
MOST_NESTED = 16
"""Pickles inside arguments of others that are looked at."""
TORCH_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
TORCH_STREAMS = 5
"""Magic, protocol, machine, object, storage keys; then raw bytes."""
SEARCHED_BYTES = 1 << 30
PIECE = 4 << 20
OVERLAP = 512
MOST_STRAY = 10_000
STRAY_OPS = 64
_NAME = rb"[A-Za-z_][A-Za-z0-9_.]{1,80}"
_COUNTED_NAME = rb"(?:\x8c.|X.\0\0\0|U.|T.\0\0\0)" + _NAME + rb"(?:\x94|q.|r.{4})?"
_GLOBAL = re.compile(rb"[ci]" + _NAME + rb"\n" + _NAME + rb"\n|" + _COUNTED_NAME * 2 + rb"\x93", re.S)
"""An import, as opcodes write it: by chance it does not stand in the bytes of numbers, and not followed by a call."""
SNIFFED_OPS = 20_000
"""Opcodes from which on a stream is taken for a pickle."""
SHOWN = 100
REFERENCE = "https://docs.python.org/3/library/pickle.html#module-pickle"

_STANDINGS: dict[Standing, tuple[str, Severity, str]] = {
    "settings": (
        "pickle-settings",
        "low",
        "an object of training settings, which a loader of tensors only refuses",
    ),
    "part": ("pickle-object", "low", "an estimator's own object, made without arguments that reach anything"),
    "library": ("pickle-object", "medium", "an object of a library's own class, whose code runs on load"),
    "unlisted": ("pickle-unlisted-name", "high", "a name that no ordinary checkpoint needs"),
    "dangerous": ("pickle-code", "critical", "code that can run commands, read or write files or reach a network"),
}


class Look(NamedTuple):
    """What was found in one blob."""

    findings: tuple[Finding, ...]
    streams: int
    """Pickles that were whole."""
    told: int
    """Events in all; 0 for plain numbers and texts."""
    end: int
    """The byte after the last whole pickle."""
    broken: str | None
    """Why the last stream ended early, if it did."""


def look(blob: Blob, *, most_streams: int = MOST_STREAMS) -> Look:
    """Every pickle of the blob, one after the other, and those in their arguments."""
    judge = _Judge(blob.name)
    at = streams = 0
    ended = Walked(0, None, 0)
    while at < blob.size and streams < most_streams:
        told = judge.told
        ended = walk(blob, judge.tell, at)
        if ended.broken:
            if streams and judge.told == told:
                ended = Walked(at, None, 0)  # raw bytes after the pickles
            break
        if at == 0 and _is_torch_magic(blob):
            most_streams = TORCH_STREAMS
        streams += 1
        at = ended.end
    if most_streams != TORCH_STREAMS:
        _stray(blob, ended.end, judge)
    judge.look_inside()
    return Look(judge.findings(), streams, judge.told, at, ended.broken)


def _stray(blob: Blob, start: int, judge: _Judge) -> None:
    """Calls by name in what follows the pickles that could be read: behind raw bytes, zeros or a damaged part."""
    at, hits = start, 0
    most = min(blob.size, start + SEARCHED_BYTES)
    while at < most and hits < MOST_STRAY:
        piece = blob.read(at, PIECE)
        for hit in _GLOBAL.finditer(piece):
            hits += 1
            events: list[Event] = []
            walk(blob, events.append, at + hit.start(), most_ops=STRAY_OPS)
            first = next((event.name for event in events if event.name), None)
            for event in events:
                if event.act in ("call", "new") and event.name == first:
                    judge.tell(event)
        at += len(piece) if len(piece) < PIECE else PIECE - OVERLAP


def _is_torch_magic(blob: Blob) -> bool:
    return TORCH_MAGIC in blob.read(0, 32)


class _Judge:
    """Gathers findings, one for each name and act, however often a pickle repeats it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._found: dict[tuple[str, str], Finding] = {}
        self._nested: deque[bytes] = deque()
        self._loads = False
        self.told = 0

    def tell(self, event: Event) -> None:
        """Take what the machine did into account."""
        self.told += 1
        if event.act == "build":
            return
        if event.act in ("computed name", "computed call", "extension"):
            self._computed(event)
        elif event.name is not None:
            self._named(event.act, event.name, event)

    def _named(self, act: str, name: Name, event: Event) -> None:
        called = act in ("call", "new")
        if called and (name.module, name.name) in LOADS:
            self._load(name, event)
            return
        if (name.module, name.name) in LOADS:
            return
        rank = standing(name)
        if rank == "plain":
            return
        if rank == "part" and act != "new" and name.name not in PARTS_WITH_ARGUMENTS:
            rank = "library"
        if rank == "library" and called and any(_is_place(each) for each in event.arguments):
            rank = "dangerous"
        id_, severity, meaning = _STANDINGS[rank]
        verb = "calls" if called else "imports"
        detail = f"loading {verb} {shown(str(name))}{_arguments(event) if called else ''}: {meaning}"
        key = (id_, str(name))
        if called or key not in self._found:
            self._found[key] = self._finding(id_, severity, detail)

    def _load(self, name: Name, event: Event) -> None:
        inner = [each for each in event.arguments if isinstance(each, bytes)]
        if inner and len(inner) == len(event.arguments) and len(self._nested) < MOST_NESTED:
            self._nested += inner
            return
        detail = f"loading calls {name} on data that could not be looked at: a pickle within the pickle"
        self._found["pickle-nested", str(name)] = self._finding("pickle-nested", "high", detail)

    def _computed(self, event: Event) -> None:
        if event.act == "extension":
            detail = f"loading takes extension {event.arguments[0]} of the process's registry, whatever that is"
        elif event.act == "computed name":
            detail = "loading imports a name that is itself computed, which ordinary checkpoints never do"
        else:
            made = f" (made by {shown(str(event.name))})" if event.name else ""
            detail = f"loading calls something computed{made}{_arguments(event)}, which ordinary checkpoints never do"
        self._found.setdefault((event.act, detail), self._finding("pickle-computed", "high", detail))

    def _finding(self, id_: str, severity: Severity, detail: str) -> Finding:
        return Finding(id=id_, severity=severity, path=self._where, detail=detail, reference=REFERENCE)

    def look_inside(self) -> None:
        """Pickles that were handed to a loader as bytes."""
        looked = 0
        while self._nested and looked < MOST_NESTED:
            looked += 1
            data = self._nested.popleft()
            blob = BytesBlob(data, f"{self._where}!nested")
            end = 0
            while end < blob.size:
                ended = walk(Window(blob, end, blob.size), self.tell)
                end += ended.end
                if ended.broken or not ended.end:
                    break

    def findings(self) -> tuple[Finding, ...]:
        """One for each kind and place, in the order in which they showed."""
        return tuple(self._found.values())


def _is_place(value: object) -> bool:
    """A path or an address, which objects that only hold data are not made from."""
    return isinstance(value, str) and re.search(r"[/\\]|^\w+:", value) is not None


def _arguments(event: Event) -> str:
    said = [_said(each) for each in event.arguments]
    return f"({', '.join(said)})" if said else "()"


def _said(value: object) -> str:
    if isinstance(value, Name):
        return shown(str(value))
    if isinstance(value, str | bytes):
        return shown(repr(value[:SHOWN]))
    if isinstance(value, Unknown | Skipped | tuple):
        return "..."
    return shown(repr(value))


def shown(text: str) -> str:
    """Printable, and not longer than a line."""
    plain = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
    return plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"


def looks_like(blob: Blob, *, named_so: bool) -> bool:
    """Whether the blob is a pickle. `named_so`: its name says it is, so a broken one counts too.

    Protocol 2 and later begin with a mark of their own. Protocols 0 and 1 are letters like any text: they count when
    they reach their end, or call a name before they break.
    """
    head = blob.read(0, 2)
    if len(head) < 2:
        return False
    events: list[Event] = []
    marked = head[0] == 0x80 and head[1] <= 5
    ended = walk(blob, events.append, most_ops=SNIFFED_OPS)
    named = [event for event in events if event.name and _is_named(event.name)]
    if ended.ops > SNIFFED_OPS:
        return marked or named_so or bool(named)
    if marked and (ended.broken is None or ended.ops > 2):
        return True
    called = any(event.act in ("call", "new") for event in named)
    if ended.broken is None:
        return called or named_so or (ended.ops > 3 and ended.end == blob.size)
    return called or (named_so and bool(named))


def _is_named(name: Name) -> bool:
    return name.module.replace(".", "").isidentifier() and name.name.replace(".", "").isidentifier()
