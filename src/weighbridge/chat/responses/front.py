"""OpenAI responses as clients speak it."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EVENT_STREAM, Asked, Refusal, Stamp, StreamEncoder
from weighbridge.chat.openai_front import front_error
from weighbridge.chat.responses.front_answer import write_answer
from weighbridge.chat.responses.front_request import read_request
from weighbridge.chat.responses.front_stream import ResponseStream
from weighbridge.chat.responses.wire import NAME
from weighbridge.errors import WeighbridgeError

RESPONSES = "/v1/responses"


class ResponsesFront:
    name = NAME
    paths: tuple[str, ...] = (RESPONSES,)
    stream_type = EVENT_STREAM

    def decode(self, path: str, body: bytes) -> Asked:
        return read_request(body)

    def encode(self, answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
        return write_answer(answer, asked, stamp)

    def stream(self, asked: Asked, stamp: Stamp) -> StreamEncoder:
        return ResponseStream(asked, stamp)

    def error(self, error: WeighbridgeError, request_id: str = "") -> Refusal:
        return front_error.refusal(error, request_id)
