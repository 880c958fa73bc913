"""OpenAI chat completions and completions as clients speak them."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EVENT_STREAM, Asked, Refusal, Stamp, StreamEncoder
from weighbridge.chat.openai_front import front_error
from weighbridge.chat.openai_front.front_answer import write_chat, write_completion
from weighbridge.chat.openai_front.front_request import read_chat, read_completion
from weighbridge.chat.openai_front.front_stream import ChatChunks, CompletionChunks
from weighbridge.chat.openai_front.wire import NAME
from weighbridge.errors import WeighbridgeError

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


class OpenAIFront:
    name = NAME
    paths: tuple[str, ...] = (CHAT, COMPLETIONS)
    stream_type = EVENT_STREAM

    def decode(self, path: str, body: bytes) -> Asked:
        return read_completion(body) if path == COMPLETIONS else read_chat(body)

    def encode(self, answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
        write = write_chat if asked.request.prompt is None else write_completion
        return write(answer, stamp, stamp.model or asked.request.model)

    def stream(self, asked: Asked, stamp: Stamp) -> StreamEncoder:
        return ChatChunks(asked, stamp) if asked.request.prompt is None else CompletionChunks(asked, stamp)

    def error(self, error: WeighbridgeError, request_id: str = "") -> Refusal:
        return front_error.refusal(error, request_id)
