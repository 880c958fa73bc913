"""What does translating between dialects cost, in CPU microseconds a request and a streamed chunk?

Ceiling: what must be done in any case: one pass of msgspec over the chunk into a record with the fields that are read,
and one string of the same length written (`floor`). Method: a request of about 1 KB with a tool and a short history is
decoded by each front and encoded by each back; a stream of 200 chunks of one word each is cut into events, read by each
back and written by each front. Each pair is timed in rounds, in turn, so that drift hits all alike; the first round
is thrown away and the median of the others is taken. Processor time of this process, not wall time.
What would prove our claim (a request within 50 us, a chunk within 15 us, any pair) wrong: one pair above that.

    python bench/dialects.py | tail -1 > bench/results/dialects.json
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from weighbridge.chat import ChatRequest, Message, Piece, Sampling, Tool, Usage
from weighbridge.chat.anthropic import AnthropicBack, AnthropicFront
from weighbridge.chat.dialect import Asked, Back, Front, Stamp
from weighbridge.chat.gemini import GeminiBack
from weighbridge.chat.ollama_api import OllamaBack, OllamaFront
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.responses import ResponsesBack, ResponsesFront
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

ROUNDS = 7
REQUESTS = 200
STREAMS = 3
CHUNKS = 200
STAMP = Stamp("bench", 0)
FRONTS: dict[str, tuple[Front, str, Back]] = {
    "openai": (OpenAIFront(), "/v1/chat/completions", OpenAIBack()),
    "responses": (ResponsesFront(), "/v1/responses", ResponsesBack()),
    "anthropic": (AnthropicFront(), "/v1/messages", AnthropicBack()),
    "ollama": (OllamaFront(), "/api/chat", OllamaBack()),
}
BACKS: dict[str, Back] = {
    "openai": OpenAIBack(),
    "responses": ResponsesBack(),
    "anthropic": AnthropicBack(),
    "ollama": OllamaBack(),
    "gemini": GeminiBack(),
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
REQUEST = ChatRequest(
    model="m",
    messages=(
        Message(role="system", content="You are a clerk of the weather office. " * 4),
        Message(role="user", content="What was it like in Oslo last week? " * 4),
        Message(role="assistant", content="Cold, with some sun and a little snow. " * 3),
        Message(role="user", content="And in Rome?"),
    ),
    tools=(Tool("weather", SCHEMA, "Looks outside."),),
    sampling=Sampling(max_tokens=256, temperature=0.5),
)
PIECES = (*[Piece(f" word{at}") for at in range(CHUNKS)], Piece(finish="stop", usage=Usage(100, CHUNKS), model="m"))


class Chunk(msgspec.Struct):
    """The floor's record: what is read of a chunk, and no more."""

    choices: list[dict[str, Any]] | None = None
    usage: Any = None


def asked_of(front: str) -> Asked:
    speaker, path, back = FRONTS[front]
    return speaker.decode(path, back.encode(REQUEST, stream=True).body)


def streamed(front: str) -> list[bytes]:
    """A stream in that dialect, in the chunks it is written in."""
    encoder = FRONTS[front][0].stream(msgspec.structs.replace(asked_of(front), usage=True), STAMP)
    return [encoder.piece(piece) for piece in PIECES] + [encoder.end()]


def gemini_stream() -> list[bytes]:
    said = [{"candidates": [{"content": {"parts": [{"text": piece.text}]}, "index": 0}]} for piece in PIECES[:-1]]
    last = {
        "candidates": [{"content": {"parts": []}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9},
    }
    return [b"data: %b\r\n\r\n" % msgspec.json.encode(event) for event in [*said, last]]


def request_job(front: str, back: str) -> Callable[[], None]:
    speaker, path, own = FRONTS[front]
    body, writer = own.encode(REQUEST, stream=True).body, BACKS[back]

    def job() -> None:
        for _ in range(REQUESTS):
            writer.encode(speaker.decode(path, body).request, stream=True)

    return job


def stream_job(front: str, back: str) -> Callable[[], None]:
    speaker, reads = FRONTS[front][0], BACKS[back]
    chunks = gemini_stream() if back == "gemini" else streamed(back)
    asked = asked_of(front)

    def job() -> None:
        for _ in range(STREAMS):
            reader, encoder = reads.reader(REQUEST), speaker.stream(asked, STAMP)
            if reads.framing == "lines":
                lines = LineParser()
                for chunk in chunks:
                    for line in lines.feed(chunk):
                        for piece in reader.feed(line):
                            encoder.piece(piece)
            else:
                events = SseParser()
                for chunk in chunks:
                    for event in events.feed(chunk):
                        for piece in reader.feed(event.data, event.event):
                            encoder.piece(piece)
            encoder.piece(reader.end())
            encoder.end()

    return job


def floor_job() -> Callable[[], None]:
    chunks = [chunk.removeprefix(b"data: ").strip() for chunk in streamed("openai")[1:-1] if chunk]
    decoder = msgspec.json.Decoder(Chunk)

    def job() -> None:
        for _ in range(STREAMS):
            for chunk in chunks:
                decoder.decode(chunk)
                b"data: %b\n\n" % chunk

    return job


def measure(jobs: dict[str, Callable[[], None]], units: int) -> dict[str, float]:
    """Microseconds of processor time a unit: the median over rounds, the first one left out."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            spent[name].append((time.process_time() - started) / units * 1e6)
    return {name: round(statistics.median(times[1:]), 2) for name, times in spent.items()}


def show(title: str, figures: dict[str, float]) -> None:
    print(f"\n{title}")
    print(f"{'client over backend':22}" + "".join(f"{back:>12}" for back in BACKS))
    for front in FRONTS:
        print(f"{front:22}" + "".join(f"{figures[f'{front}/{back}']:12.1f}" for back in BACKS))


def main() -> None:
    pairs = [(front, back) for front in FRONTS for back in BACKS]
    requests = measure({f"{front}/{back}": request_job(front, back) for front, back in pairs}, REQUESTS)
    chunks = measure({f"{front}/{back}": stream_job(front, back) for front, back in pairs}, STREAMS * CHUNKS)
    floor = measure({"floor": floor_job()}, STREAMS * CHUNKS)["floor"]
    body = len(FRONTS["openai"][2].encode(REQUEST, stream=True).body)
    print(f"Python {platform.python_version()}, msgspec {msgspec.__version__}, request {body} bytes, {CHUNKS} chunks")
    show("a request, us", requests)
    show("a streamed chunk, us", chunks)
    print(f"\nfloor of a chunk: {floor:.2f} us")
    result = {"request_us": requests, "chunk_us": chunks, "floor_chunk_us": floor, "python": sys.version.split()[0]}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
