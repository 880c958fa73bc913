"""What a pickle would import and call, found by walking its opcodes with a stack of descriptions, not of objects.

Every name that unpickling would import is told, and every call it would make, in order, with what is known of the
arguments. A name that is itself computed, and a call of something that is no plain name, are told as such: a scanner
that only looks for known names misses both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from weighbridge.audit.blob import Blob

from .opcodes import Broken, Op, OpcodeReader, Skipped
from .raw_arrays import WRAPPER, ArrayBytes, array_bytes

MOST_OPS = 3_000_000
"""Opcodes looked at in one stream; the largest state dicts have some hundred thousand."""

MOST_ATTRIBUTES = 32
MOST_DEPTH = 8
"""Pickles within pickles of one stream."""


class Name(NamedTuple):
    """Something imported: `module.name`."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Made(NamedTuple):
    """What a call of `by` would have made."""

    by: Name | None
    arguments: tuple[object, ...] = ()


class Attributes(dict[str, object]):
    """A dict, of which the first few entries with text keys are kept: what BUILD will set."""

    def put(self, key: object, value: object) -> None:
        if isinstance(key, str) and len(self) < MOST_ATTRIBUTES:
            self[key] = value


class Unknown(NamedTuple):
    """A value of no interest, or one that cannot be known."""


UNKNOWN = Unknown()


class _Mark(NamedTuple):
    pass


MARK = _Mark()

Act = Literal["import", "call", "new", "build", "computed name", "computed call", "extension", "buffer"]


class Event(NamedTuple):
    """One thing that loading would do."""

    act: Act
    name: Name | None
    arguments: tuple[object, ...]
    """Strings, bytes, numbers, Names; `UNKNOWN` for the rest. At most sixteen."""
    at: int
    """Byte in the blob."""


class Walked(NamedTuple):
    """How a stream ended."""

    end: int
    """The byte after STOP, or where it broke."""
    broken: str | None
    """Why no STOP was reached; None when it was."""
    ops: int


def walk(blob: Blob, tell: Callable[[Event], None], at: int = 0, *, most_ops: int = MOST_OPS, depth: int = 0) -> Walked:
    """Tell every event of the pickle that begins at byte `at`; arrays that joblib puts between are stepped over."""
    reader = OpcodeReader(blob, at)
    machine = _Machine(tell)
    ops = 0
    try:
        for op in reader:
            ops += 1
            if ops > most_ops:
                return Walked(reader.position, f"more than {most_ops:,} opcodes", ops)
            machine.step(op)
            if machine.array is not None:
                reader.leap(_after_array(blob, machine.array, reader.position, tell, depth))
                machine.array = None
    except Broken as error:
        return Walked(error.at, f"{error} (byte {error.at})", ops)
    return Walked(reader.position, None, ops)


def _after_array(blob: Blob, array: ArrayBytes, at: int, tell: Callable[[Event], None], depth: int) -> int:
    """The byte after an array that stands at `at`; an array of objects is a pickle of its own, told like any."""
    if array.is_pickle:
        if depth >= MOST_DEPTH:
            raise Broken("pickles nested too deep", at)
        inner = walk(blob, tell, at, depth=depth + 1)
        if inner.broken:
            raise Broken(inner.broken, inner.end)
        return inner.end
    if array.size is None:
        raise Broken("an array of unknown size", at)
    padding = 1 + blob.read(at, 1)[0] if array.is_aligned and at < blob.size else 0
    return at + padding + array.size


class _Machine:
    """CPython's unpickler, with descriptions in place of objects. It never stops at a stack that is too short: the
    real one would stop there, and telling too much is the safe side."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self.array: ArrayBytes | None = None
        """Set when the next bytes are an array's, no opcodes."""

    def step(self, op: Op) -> None:
        """Do what an opcode does to the stack, with names in place of what they would load."""
        handler = _HANDLERS.get(op.code)
        if handler is not None:
            handler(self, op)
        elif isinstance(op.argument, str | int | bytes):
            self._stack.append(op.argument)
        else:
            self._stack.append(UNKNOWN)

    def _pop(self) -> object:
        return self._stack.pop() if self._stack else UNKNOWN

    def _peek(self) -> object:
        return self._stack[-1] if self._stack else UNKNOWN

    def _to_mark(self) -> list[object]:
        """What stands above the last mark, taken away with it."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is MARK:
                items = self._stack[index + 1 :]
                del self._stack[index:]
                return items
        items, self._stack = self._stack, []
        return items

    def nothing(self, op: Op) -> None:
        """PROTO, FRAME, STOP, READONLY_BUFFER change no description."""

    def mark(self, op: Op) -> None:
        self._stack.append(MARK)

    def pop(self, op: Op) -> None:
        self._pop()

    def pop_mark(self, op: Op) -> None:
        self._to_mark()

    def dup(self, op: Op) -> None:
        self._stack.append(self._peek())

    def memoize(self, op: Op) -> None:
        self._memo[len(self._memo)] = self._peek()

    def put(self, op: Op) -> None:
        self._memo[_index(op.argument)] = self._peek()

    def get(self, op: Op) -> None:
        self._stack.append(self._memo.get(_index(op.argument), UNKNOWN))

    def to_tuple(self, op: Op) -> None:
        """TUPLE: everything above the mark."""
        self._stack.append(tuple(self._to_mark()[:16]))

    def short_tuple(self, op: Op) -> None:
        """TUPLE1 to TUPLE3."""
        count = ord(op.code) - 0x84
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def empty_tuple(self, op: Op) -> None:
        self._stack.append(())

    def gather(self, op: Op) -> None:
        """LIST, DICT, FROZENSET: one value from what stands above the mark."""
        self._to_mark()
        self._stack.append(UNKNOWN)

    def add_many(self, op: Op) -> None:
        """APPENDS, SETITEMS, ADDITEMS: into what stands below the mark. On an object they call its methods."""
        items = self._to_mark()
        target = self._peek()
        if isinstance(target, Attributes):
            for key, value in zip(items[::2], items[1::2], strict=False):
                target.put(key, value)

    def append(self, op: Op) -> None:
        self._pop()

    def empty_dict(self, op: Op) -> None:
        self._stack.append(Attributes())

    def set_item(self, op: Op) -> None:
        value, key = self._pop(), self._pop()
        target = self._peek()
        if isinstance(target, Attributes):
            target.put(key, value)

    def to_persistent(self, op: Op) -> None:
        """BINPERSID: the loader turns the id into an object; torch does so for storages."""
        self._pop()
        self._stack.append(UNKNOWN)

    def named(self, op: Op) -> None:
        """GLOBAL: two lines."""
        assert isinstance(op.argument, tuple)
        self._import(Name(*op.argument), op.at)

    def stack_named(self, op: Op) -> None:
        """STACK_GLOBAL: two strings from the stack."""
        name, module = self._pop(), self._pop()
        if isinstance(name, str) and isinstance(module, str):
            self._import(Name(module, name), op.at)
        else:
            self._tell(Event("computed name", None, (module, name), op.at))
            self._stack.append(UNKNOWN)

    def extension(self, op: Op) -> None:
        """EXT1, EXT2, EXT4: a number that the process itself has given a name."""
        self._tell(Event("extension", None, (op.argument,), op.at))
        self._stack.append(UNKNOWN)

    def instance(self, op: Op) -> None:
        """INST: import a name and call it with what stands above the mark."""
        assert isinstance(op.argument, tuple)
        arguments = self._to_mark()
        name = Name(*op.argument)
        self._tell(Event("import", name, (), op.at))
        self._call("call", name, tuple(arguments[:16]), op.at)

    def build_object(self, op: Op) -> None:
        """OBJ: above the mark a callable and its arguments."""
        callable_, *arguments = self._to_mark() or [UNKNOWN]
        self._call("call", callable_, tuple(arguments[:16]), op.at)

    def reduce(self, op: Op) -> None:
        arguments, callable_ = self._pop(), self._pop()
        self._call("call", callable_, arguments if isinstance(arguments, tuple) else (arguments,), op.at)

    def new(self, op: Op) -> None:
        """NEWOBJ and NEWOBJ_EX: `cls.__new__`."""
        if op.code == "\x92":
            self._pop()
        arguments, callable_ = self._pop(), self._pop()
        self._call("new", callable_, arguments if isinstance(arguments, tuple) else (arguments,), op.at)

    def build(self, op: Op) -> None:
        """BUILD: `__setstate__`, or attributes set from a dict."""
        state, target = self._pop(), self._peek()
        name = target.by if isinstance(target, Made) else target if isinstance(target, Name) else None
        self._tell(Event("build", name, (), op.at))
        if isinstance(target, Made) and target.by == WRAPPER and isinstance(state, Attributes):
            kind = state.get("dtype")
            described = kind.arguments[0] if isinstance(kind, Made) and kind.arguments else None
            self.array = array_bytes(state, described)

    def _import(self, name: Name, at: int) -> None:
        self._tell(Event("import", name, (), at))
        self._stack.append(name)

    def _call(self, act: Literal["call", "new"], callable_: object, arguments: tuple[object, ...], at: int) -> None:
        if isinstance(callable_, Name):
            self._tell(Event(act, callable_, arguments, at))
            self._stack.append(Made(callable_, arguments[:2]))
        else:
            made_by = callable_.by if isinstance(callable_, Made) else None
            self._tell(Event("computed call", made_by, arguments, at))
            self._stack.append(Made(None))


def _index(argument: object) -> int:
    """A memo index; protocol 0 writes it as text."""
    try:
        return int(argument) if isinstance(argument, int | str) else -1
    except ValueError:
        return -1


_HANDLERS: dict[str, Callable[[_Machine, Op], None]] = {
    "(": _Machine.mark, "0": _Machine.pop, "1": _Machine.pop_mark, "2": _Machine.dup,
    "\x94": _Machine.memoize, "p": _Machine.put, "q": _Machine.put, "r": _Machine.put,
    "g": _Machine.get, "h": _Machine.get, "j": _Machine.get,
    "t": _Machine.to_tuple, "\x85": _Machine.short_tuple, "\x86": _Machine.short_tuple, "\x87": _Machine.short_tuple,
    ")": _Machine.empty_tuple,
    "l": _Machine.gather, "d": _Machine.gather, "\x91": _Machine.gather,
    "e": _Machine.add_many, "u": _Machine.add_many, "\x90": _Machine.add_many,
    "a": _Machine.append, "}": _Machine.empty_dict, "s": _Machine.set_item, "Q": _Machine.to_persistent,
    "c": _Machine.named, "\x93": _Machine.stack_named,
    "\x82": _Machine.extension, "\x83": _Machine.extension, "\x84": _Machine.extension,
    "i": _Machine.instance, "o": _Machine.build_object, "R": _Machine.reduce,
    "\x81": _Machine.new, "\x92": _Machine.new, "b": _Machine.build,
    "\x80": _Machine.nothing, "\x95": _Machine.nothing, ".": _Machine.nothing, "\x98": _Machine.nothing,
}  # fmt: skip
__all__ = ["Event", "Made", "Name", "Skipped", "Unknown", "Walked", "walk"]
