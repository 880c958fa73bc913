"""OpenAI responses as a back; its base URL ends in `/v1`."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.request import ChatRequest
from weighbridge.chat.responses.back_answer import ResponseReader, read_answer
from weighbridge.chat.responses.back_request import write_request
from weighbridge.chat.responses.wire import NAME


class ResponsesBack:
    name = NAME
    adapts = False
    framing: Framing = "sse"

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        return write_request(request, stream=stream)

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        return read_answer(body, lenient=lenient)

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        return ResponseReader(lenient=lenient)
