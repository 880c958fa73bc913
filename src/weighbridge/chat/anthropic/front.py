"""Anthropic messages as clients speak it: `/v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.anthropic import front_error
from weighbridge.chat.anthropic.front_answer import count_body, write_answer
from weighbridge.chat.anthropic.front_request import read_request
from weighbridge.chat.anthropic.front_stream import MessageStream
from weighbridge.chat.anthropic.wire import NAME
from weighbridge.chat.dialect import EVENT_STREAM, Asked, Refusal, Stamp, StreamEncoder
from weighbridge.errors import WeighbridgeError

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"


class AnthropicFront:
    name = NAME
    paths: tuple[str, ...] = (MESSAGES, COUNT)
    stream_type = EVENT_STREAM

    def decode(self, path: str, body: bytes) -> Asked:
        request, stream = read_request(body, counting=path == COUNT)
        return Asked(request, stream=stream and path == MESSAGES)

    def encode(self, answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
        return write_answer(answer, stamp, stamp.model or asked.request.model)

    def counted(self, tokens: int) -> bytes:
        """The answer of count_tokens."""
        return count_body(tokens)

    def stream(self, asked: Asked, stamp: Stamp) -> StreamEncoder:
        return MessageStream(stamp, stamp.model or asked.request.model)

    def error(self, error: WeighbridgeError, request_id: str = "") -> Refusal:
        return front_error.refusal(error, request_id)
