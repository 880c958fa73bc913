"""Anthropic messages as backends speak it; its base URL ends in `/v1`."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.anthropic.back_answer import MessageReader, read_answer, read_count
from weighbridge.chat.anthropic.back_request import Terms, write_request
from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.request import ChatRequest

USUAL = Terms()


class AnthropicBack:
    name = NAME
    adapts = False
    framing: Framing = "sse"

    def __init__(self, terms: Terms = USUAL) -> None:
        self._terms = terms

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        return write_request(request, self._terms, stream=stream)

    def encode_count(self, request: ChatRequest) -> Sent:
        """How long the prompt is, without an answer."""
        return write_request(request, self._terms, stream=False, counting=True)

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        return read_answer(body, lenient=lenient)

    def decode_count(self, body: bytes) -> int:
        return read_count(body)

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        return MessageReader(lenient=lenient)
