"""Ollama's API as clients speak it: `/api/chat` and `/api/generate`; lists of models are in model_lists.py."""

from __future__ import annotations

from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import NDJSON, Asked, Refusal, Stamp, StreamEncoder
from weighbridge.chat.json_text import answer_json
from weighbridge.chat.ollama_api.front_answer import LineStream, write_answer
from weighbridge.chat.ollama_api.front_request import read_chat, read_generate
from weighbridge.chat.ollama_api.wire import NAME
from weighbridge.chat.problems import problem_of
from weighbridge.errors import WeighbridgeError

CHAT = "/api/chat"
GENERATE = "/api/generate"


class OllamaFront:
    name = NAME
    paths: tuple[str, ...] = (CHAT, GENERATE)
    stream_type = NDJSON

    def decode(self, path: str, body: bytes) -> Asked:
        return read_generate(body) if path == GENERATE else read_chat(body)

    def encode(self, answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
        return write_answer(answer, asked, stamp)

    def stream(self, asked: Asked, stamp: Stamp) -> StreamEncoder:
        return LineStream(asked, stamp)

    def error(self, error: WeighbridgeError, request_id: str = "") -> Refusal:
        problem = problem_of(error)
        headers = (("content-type", "application/json"), *problem.headers)
        headers += (("x-request-id", request_id),) if request_id else ()
        return Refusal(problem.status, headers, answer_json({"error": problem.message}))
