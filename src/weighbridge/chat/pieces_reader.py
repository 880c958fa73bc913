"""What the readers of all streams share: how an answer's pieces are counted, break off and end."""

from __future__ import annotations

from weighbridge.chat.answer import CallPart, Piece, Usage
from weighbridge.chat.request import Thought, ToolCall
from weighbridge.errors import BadAnswer, EngineError, StreamCut

MOST_TOOL_CALLS = 256
"""In one answer; one that opens more is none."""


def not_carried(what: str) -> BadAnswer:
    """Of an answer that holds more than text, reasoning and tool calls. Asking again would not help."""
    error = BadAnswer(f"the answer holds {what}, which only a client of the backend's own dialect can be given")
    error.retryable = False
    return error


class PiecesReader:
    """State of one streamed answer; a dialect's reader fills it."""

    def __init__(self) -> None:
        self.done = False
        self.texts: list[str] = []
        self.finish: str | None = None
        self.stop_sequence: str | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.calls: list[Calling] = []

    @property
    def finished(self) -> bool:
        return self.finish is not None

    def end(self) -> Piece:
        """The last piece. StreamCut if the stream ended before the answer did."""
        if not self.done and self.finish is None:
            raise StreamCut("the stream ended before the answer did", pieces=tuple(self.texts))
        return Piece(
            tool_calls=tuple(call.whole() for call in self.calls),
            finish=self.finish or "stop",
            usage=self.usage or Usage(),
            model=self.model,
            stop_sequence=self.stop_sequence,
        )

    def break_off(self, error: EngineError) -> None:
        """Raise what an error in the stream means: a refusal before the first text, a cut after it."""
        if not self.texts:
            raise error
        raise StreamCut(f"in the middle of the stream came {error.what}", pieces=tuple(self.texts))

    def text(self, text: str) -> list[Piece]:
        if not text:
            return []
        self.texts.append(text)
        return [Piece(text)]

    def begin_call(self, id_: str, name: str, arguments: str = "", signature: str | None = None) -> Calling:
        if len(self.calls) >= MOST_TOOL_CALLS:
            raise BadAnswer(f"the answer holds more than {MOST_TOOL_CALLS} tool calls")
        if not name:
            raise BadAnswer("a tool call has no name")
        place = len(self.calls)
        call = Calling(place, id_ or f"call_{place}", name, signature)
        call.add(arguments)
        self.calls.append(call)
        return call


class Calling:
    """A tool call that is still being written."""

    def __init__(self, place: int, id_: str, name: str, signature: str | None = None) -> None:
        self.place = place
        self.id = id_
        self.name = name
        self.signature = signature
        self._arguments: list[str] = []

    def add(self, arguments: str) -> CallPart:
        """What comes next of its JSON text."""
        self._arguments.append(arguments)
        return CallPart(self.place, arguments=arguments)

    def opening(self) -> CallPart:
        """The call as far as it is known, for the first who is told of it."""
        return CallPart(self.place, self.id, self.name, "".join(self._arguments), self.signature)

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self._arguments) or "{}", self.signature)


def count(value: object) -> int | None:
    """A token count as a backend gives it; None for what is none."""
    return value if type(value) is int and 0 <= value <= 1 << 53 else None


def part_of(part: int | None, whole: int | None) -> int | None:
    """A count that is part of another; larger than its whole it is a mistake of the backend, and unknown."""
    return part if part is None or whole is None or part <= whole else None


def blocks(thoughts: list[Thought]) -> tuple[Thought, ...]:
    """Thoughts that are worth keeping apart: none where nothing is signed or redacted."""
    return tuple(thoughts) if any(each.signature or each.redacted is not None for each in thoughts) else ()
