"""Gemini's generateContent as a back; its base URL ends in `/v1beta`, its key is the header `x-goog-api-key`."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.gemini.back_answer import ContentReader, read_answer
from weighbridge.chat.gemini.back_request import NAME, Terms, write_request
from weighbridge.chat.request import ChatRequest

USUAL = Terms()


class GeminiBack:
    name = NAME
    adapts = False
    framing: Framing = "sse"

    def __init__(self, terms: Terms = USUAL) -> None:
        self._terms = terms

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        return write_request(request, self._terms, stream=stream)

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        return read_answer(body, lenient=lenient)

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        return ContentReader(lenient=lenient)
