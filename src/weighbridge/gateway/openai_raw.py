"""Answers in OpenAI's dialect on both sides: bytes are forwarded as they are, and only what must be known is read: the
served model and the counts.

A stream is cut at event boundaries, so that a client never gets half an event and an error can be put between two.

The bytes `"usage":{` outside a string can only be the field, because inside a JSON string every quote is escaped.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from weighbridge.chat import Usage
from weighbridge.chat.openai_wire import error_text, read_usage
from weighbridge.errors import BadAnswer

from .cut import Cutter
from .finishes import words


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: Any = None


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None


class _Whole(msgspec.Struct):
    model: str | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Counts(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: msgspec.Raw | None = None
    completion_tokens_details: msgspec.Raw | None = None
    prompt_cache_hit_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Counted(msgspec.Struct):
    usage: _Counts
    model: str | None = None


_event = msgspec.json.Decoder(_Event)
_counted = msgspec.json.Decoder(_Counted)
_whole = msgspec.json.Decoder(_Whole)
_sound = msgspec.json.Decoder(msgspec.Raw)


def read_whole(body: bytes) -> tuple[Usage, str | None]:
    """Counts and served model of a whole answer. BadAnswer for what is no JSON object, or an error sent with a 200."""
    try:
        counted = _counted.decode(body)  # as nearly all answers are
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_odd(body)
    counts = counted.usage
    if counts.prompt_tokens_details is None and counts.completion_tokens_details is None:
        return _plain_usage(counts), counted.model
    return _read_odd(body)


def _plain_usage(counts: _Counts) -> Usage:
    read, written = counts.prompt_tokens, counts.completion_tokens
    if read < 0 or (written is not None and written < 0) or counts.prompt_cache_hit_tokens or counts.reasoning_tokens:
        return read_usage(msgspec.structs.asdict(counts))
    return Usage(read, written, counts.prompt_cache_hit_tokens, counts.reasoning_tokens)


def _read_odd(body: bytes) -> tuple[Usage, str | None]:
    """With details, or with counts that are none: these are unknown, not an error."""
    try:
        whole = _whole.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"the answer cannot be read ({str(error)[:120]}); it begins {body[:40]!r}") from None
    if whole.error:
        raise BadAnswer(f"an error instead of an answer: {error_text(whole.error)}")
    return read_usage(whole.usage), whole.model


class EventStream:
    """A streamed answer on its way: whole events out, counts kept."""

    __slots__ = ("_asked_for_usage", "_cutter", "_last", "begun", "done", "events", "model", "usage")

    def __init__(self, *, wants_usage: bool) -> None:
        """`wants_usage`: whether the client asked for counts; if not, they are taken out again."""
        self._asked_for_usage = wants_usage
        self._cutter = Cutter()
        self.begun = False
        """Content has been seen: from here on the answer belongs to this backend."""
        self.done = False
        """The backend said `[DONE]`."""
        self._last: deque[bytes] = deque(maxlen=3)
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0
        """That came so far: about as many as tokens were written, which is what a stream that breaks is billed for."""

    def feed(self, data: bytes) -> bytes:
        """What the client gets of it. Raises BadAnswer for an event without end, what is none, or an error before any
        content."""
        cutter = self._cutter
        if cutter.held or not data.endswith(b"\n\n"):
            data = cutter.feed(data)
            if not data:
                return data
        self.events += data.count(b"\n\n") or data.count(b"\r\n\r\n") or 1
        if not self.begun:
            self._look(data)
        if not _looks_sound(data):
            _check(data)
        if data.find(b'"usage"') >= 0:  # `in` takes three times as long
            data = self._take_usage(data)
        if data.endswith(_DONE) or (cutter.is_crlf and data.endswith(b"[DONE]\r\n\r\n")):
            self.done = True
        self._last.append(data)
        return data

    def passing_on(self, write: Callable[[bytes], object]) -> Callable[[bytes, int], bool]:
        """Once it has begun: what takes chunks with their framing, writes them as they came, and says so. False where
        they have to be fed: they do not end with an event, hold counts, or end the answer."""
        cutter, keep = self._cutter, self._last.append

        def pass_on(framed: bytes, _: int) -> bool:
            if framed.find(b'"usage"') >= 0 or cutter.held or not framed.endswith(b"}\n\n\r\n"):
                return False
            events = framed.count(b"\n\n")
            if framed.count(_OBJECT) != events or (events > 1 and framed.count(b"}\n\n") != events):
                return False
            self.events += events
            keep(framed)
            write(framed)
            return True

        return pass_on

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended, in one of the last events: only counts may follow."""
        return any(_FINISHED.search(data) for data in self._last)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it ended, as far as the last events say."""
        return words(each.decode() for data in self._last for each in _REASON.findall(data))

    def end(self) -> bytes:
        """Nothing: all was forwarded as it came."""
        return b""

    def _look(self, data: bytes) -> None:
        """Whether content has begun; the first events also say which model answers."""
        for payload in payloads(data):
            if payload.rstrip() == b"[DONE]":
                continue
            try:
                event = _event.decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise BadAnswer(f"the stream holds what is no event: {payload[:60]!r}") from None
            if event.error:
                raise BadAnswer(f"an error instead of an answer: {error_text(event.error)}")
            if self.model is None:
                self.model = _whole.decode(payload).model
            if any(_has_content(choice) for choice in event.choices or ()):
                self.begun = True
                return

    def _take_usage(self, data: bytes) -> bytes:
        if not self._asked_for_usage:
            data = data.replace(b',"usage":null', b"").replace(b', "usage": null', b"")
        if b'"usage":{' not in data and b'"usage": {' not in data:
            return data
        kept = []
        for event in _events(data):
            if b'"usage"' in event:
                payload = _payload(event)
                counts, _ = read_whole(payload)
                if counts.output_tokens is not None or counts.input_tokens is not None:
                    self.usage = counts
                if not self._asked_for_usage and _is_only_usage(payload):
                    continue
            kept.append(event)
        return b"".join(kept)


_DONE = b"[DONE]\n\n"
_OBJECT = b'data: {"'
_FINISHED = re.compile(rb'"finish_reason" ?: ?"')
_REASON = re.compile(rb'"finish_reason" ?: ?"([a-zA-Z_]{1,40})"')
_LINE = re.compile(rb"\r\n|\n|\r")


def _looks_sound(data: bytes) -> bool:
    """Each event is one line that begins and ends as an object does. Cheap, and nearly always true."""
    return data.endswith(b"}\n\n") and data.count(_OBJECT) == data.count(b"}\n\n") == data.count(b"\n\n")


def _check(data: bytes) -> None:
    """BadAnswer for an event that is no JSON: a client would not know what to make of it."""
    for payload in payloads(data):
        if payload.rstrip() == b"[DONE]":
            continue
        try:
            _sound.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadAnswer(f"the stream holds what is no event: {payload[:60]!r}") from None


def _events(data: bytes) -> list[bytes]:
    """Whole events, each with the empty line that ends it."""
    if b"\r\n\r\n" not in data:
        return [event + b"\n\n" for event in data.split(b"\n\n")[:-1]]
    mixed = [event + b"\r\n\r\n" for event in data.split(b"\r\n\r\n")[:-1]]
    rest = data[sum(map(len, mixed)) :]
    return [each for event in mixed for each in _by_line_feeds(event)] + _by_line_feeds(rest)


def _by_line_feeds(data: bytes) -> list[bytes]:
    """Events of a server that ends some in line feeds alone."""
    if b"\n\n" not in data:
        return [data] if data else []
    parts = data.split(b"\n\n")
    return [part + b"\n\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _payload(event: bytes) -> bytes:
    """The data of an event; empty where it has none."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2 and event[-2:] == b"\n\n":
        return event[6:-2]
    lines = [line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines)


def payloads(data: bytes) -> list[bytes]:
    """The data of each event in whole events."""
    return [payload for payload in map(_payload, _events(data)) if payload]


def _has_content(choice: _Choice) -> bool:
    delta = choice.delta
    if choice.text or choice.finish_reason:
        return True
    return delta is not None and any(
        (delta.content, delta.reasoning, delta.reasoning_content, delta.refusal, delta.tool_calls, delta.function_call)
    )


def _is_only_usage(payload: bytes) -> bool:
    """Whether an event is the one that asking for usage adds: it has no choices."""
    try:
        return not _event.decode(payload).choices
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
