"""A streamed canonical answer as the events of a response.

    response.created, response.in_progress, for each item its events, then response.completed or response.incomplete

Each event is numbered. Calls stay open until something else is said, so that those a backend writes in turns keep
their own arguments.
"""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.answer import CallPart, Piece, TokenLogprob, Usage
from weighbridge.chat.call_parts import CallFlow
from weighbridge.chat.dialect import Asked, Stamp
from weighbridge.chat.json_text import answer_json, text_json
from weighbridge.chat.openai_front.front_answer import logprobs_wire
from weighbridge.chat.openai_front.front_error import error_wire
from weighbridge.chat.openai_front.front_stream import PING
from weighbridge.chat.problems import problem_of
from weighbridge.chat.request import Thought
from weighbridge.chat.responses import items
from weighbridge.chat.signatures import of_call
from weighbridge.errors import WeighbridgeError

_TEXT_DELTA = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
    b'"item_id":%b,"output_index":%d,"content_index":0,"delta":%b,"logprobs":%b}\n\n'
)


class _Open:
    """An item that is being written."""

    def __init__(self, id_: str, index: int, call: CallPart | None = None) -> None:
        self.id = id_
        self.json_id = text_json(id_)
        self.index = index
        self.call = call
        self.said: list[str] = []
        self.logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.said)


class ResponseStream:
    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        self._stamp = stamp
        self._response = items.response(asked, stamp)
        self._output: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._next = 0
        self._reasoning: _Open | None = None
        self._message: _Open | None = None
        self._calls: dict[int, _Open] = {}
        self._flow = CallFlow()
        self._finish: str | None = None
        self._usage: Usage | None = None

    def piece(self, piece: Piece) -> bytes:
        out = self._begin()
        if piece.reasoning:
            self._think(piece.reasoning, out)
        for thought in piece.thoughts:
            self._close_reasoning(out, thought)
        if piece.text or piece.logprobs:
            self._say(piece, out)
        for part in self._flow.parts(piece):
            self._call(part, out)
        self._finish = piece.finish or self._finish
        self._usage = piece.usage or self._usage
        return b"".join(out)

    def end(self) -> bytes:
        out = self._begin()
        self._close(out)
        output = [self._output[index] for index in sorted(self._output)]
        whole = items.closed(self._response, output, self._finish, self._usage)
        self._event(f"response.{whole['status']}", out, response=whole)
        return b"".join(out)

    def broken(self, error: WeighbridgeError) -> bytes:
        out = self._begin()
        said = error_wire(problem_of(error))["error"]
        code, message, param = said["code"] or said["type"], said["message"], said["param"]
        # as documented, and once more as OpenAI's servers send it: its client raises on `error` only
        self._event("error", out, code=code, message=message, param=param, error=said)
        failed = {"code": "server_error", "message": said["message"]}
        self._event("response.failed", out, response=self._response | {"status": "failed", "error": failed})
        return b"".join(out)

    def ping(self) -> bytes:
        return PING if self._number else b""

    def _begin(self) -> list[bytes]:
        out: list[bytes] = []
        if not self._number:
            self._event("response.created", out, response=self._response)
            self._event("response.in_progress", out, response=self._response)
        return out

    def _event(self, kind: str, out: list[bytes], **fields: Any) -> None:
        data = answer_json({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    def _added(self, prefix: str, out: list[bytes], call: CallPart | None = None) -> _Open:
        """A new item, announced."""
        opened = _Open(f"{prefix}_{self._stamp.id}_{self._next}", self._next, call)
        self._next += 1
        if prefix == "rs":
            item = items.reasoning_item(opened.id, Thought(), "in_progress")
        elif call is not None:
            item = items.call_item(opened.id, call.id, call.name, "", "in_progress")
        else:
            item = items.message_item(opened.id, [], "in_progress")
        self._event("response.output_item.added", out, output_index=opened.index, item=item)
        return opened

    def _done(self, opened: _Open, item: dict[str, Any], out: list[bytes]) -> None:
        self._output[opened.index] = item
        self._event("response.output_item.done", out, output_index=opened.index, item=item)

    def _think(self, text: str, out: list[bytes]) -> None:
        if self._reasoning is None:
            self._close(out)
            self._reasoning = self._added("rs", out)
            part = {"type": "summary_text", "text": ""}
            self._event("response.reasoning_summary_part.added", out, **self._summary(self._reasoning), part=part)
        self._reasoning.said.append(text)
        self._event("response.reasoning_summary_text.delta", out, **self._summary(self._reasoning), delta=text)

    def _close_reasoning(self, out: list[bytes], thought: Thought) -> None:
        """With its proof; one without text before it is an item of its own."""
        opened = self._reasoning
        if thought.redacted is not None or opened is None:
            self._close(out)
            opened = self._added("rs", out)
            self._done(opened, items.reasoning_item(opened.id, msgspec.structs.replace(thought, id=None)), out)
            return
        whole = Thought(opened.text + thought.text, thought.signature, signed_by=thought.signed_by)
        if opened.said:
            place = self._summary(opened)
            self._event("response.reasoning_summary_text.done", out, **place, text=opened.text)
            part = {"type": "summary_text", "text": opened.text}
            self._event("response.reasoning_summary_part.done", out, **place, part=part)
        self._reasoning = None
        self._done(opened, items.reasoning_item(opened.id, whole), out)

    @staticmethod
    def _summary(opened: _Open) -> dict[str, Any]:
        return {"item_id": opened.id, "output_index": opened.index, "summary_index": 0}

    def _say(self, piece: Piece, out: list[bytes]) -> None:
        if self._message is None:
            self._close(out)
            self._message = self._added("msg", out)
            self._event("response.content_part.added", out, **self._part(self._message), part=items.text_part(""))
        opened = self._message
        opened.said.append(piece.text)
        opened.logprobs += piece.logprobs
        logprobs = answer_json(logprobs_wire(piece.logprobs)) if piece.logprobs else b"[]"
        out.append(_TEXT_DELTA % (self._number, opened.json_id, opened.index, text_json(piece.text), logprobs))
        self._number += 1

    @staticmethod
    def _part(opened: _Open) -> dict[str, Any]:
        return {"item_id": opened.id, "output_index": opened.index, "content_index": 0}

    def _call(self, part: CallPart, out: list[bytes]) -> None:
        opened = self._calls.get(part.index)
        if opened is None:
            self._close(out, calls=False)
            if part.signature is not None:
                self._close_reasoning(out, of_call(part.signature))
            opened = self._calls[part.index] = self._added("fc", out, part)
        if part.arguments:
            opened.said.append(part.arguments)
            where = {"item_id": opened.id, "output_index": opened.index}
            self._event("response.function_call_arguments.delta", out, **where, delta=part.arguments)

    def _close(self, out: list[bytes], *, calls: bool = True) -> None:
        """Finish what is open."""
        if self._reasoning is not None:
            self._close_reasoning(out, Thought())
        if self._message is not None:
            opened, self._message = self._message, None
            part = items.text_part(opened.text, opened.logprobs)
            logprobs = logprobs_wire(opened.logprobs)
            place = self._part(opened)
            self._event("response.output_text.done", out, **place, text=opened.text, logprobs=logprobs)
            self._event("response.content_part.done", out, **place, part=part)
            self._done(opened, items.message_item(opened.id, [part], items.status_of(self._finish)), out)
        for opened in self._calls.values() if calls else ():
            self._close_call(opened, out)
        if calls:
            self._calls.clear()

    def _close_call(self, opened: _Open, out: list[bytes]) -> None:
        assert opened.call is not None
        arguments = opened.text or "{}"
        where = {"item_id": opened.id, "output_index": opened.index}
        self._event("response.function_call_arguments.done", out, **where, name=opened.call.name, arguments=arguments)
        self._done(opened, items.call_item(opened.id, opened.call.id, opened.call.name, arguments), out)
