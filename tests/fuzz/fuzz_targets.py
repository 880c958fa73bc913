"""What is fuzzed: every parser that bytes from outside reach, as functions of bytes that may raise what they promise.

    python tests/fuzz/fuzz_targets.py http -max_total_time=60     atheris: guided by coverage, until something breaks
    pytest tests/fuzz                                             hypothesis, and atheris for a while if it is here

Atheris instruments only what is imported under `instrument_imports`, so everything is imported there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

try:
    atheris: Any = import_module("atheris")
except ImportError:
    atheris = None

with atheris.instrument_imports() if atheris is not None and __name__ == "__main__" else nullcontext():
    import msgspec

    from weighbridge.chat import ChatRequest, Piece, Usage
    from weighbridge.chat.anthropic.back import AnthropicBack
    from weighbridge.chat.dialect import Asked, Back, Front, Stamp
    from weighbridge.chat.fronts import by_path, embed_fronts
    from weighbridge.chat.gemini.back import GeminiBack
    from weighbridge.chat.join import join
    from weighbridge.chat.ollama_api.back import OllamaBack
    from weighbridge.chat.openai_back import OpenAIBack
    from weighbridge.chat.request import ToolCall
    from weighbridge.chat.responses.back import ResponsesBack
    from weighbridge.errors import EngineError, InputError, RequestError
    from weighbridge.gateway.config import read_config
    from weighbridge.gateway.head import BadRequest, read_head
    from weighbridge.gateway.openai_raw import EventStream
    from weighbridge.gateway.openai_request import peek, swap_model
    from weighbridge.gateway.outline import in_one
    from weighbridge.gateway.seam import Seam
    from weighbridge.ledger.prompts import RULES
    from weighbridge.ledger.redaction import NotStored, redact, redaction
    from weighbridge.net.lines import LineParser
    from weighbridge.net.sse import SseParser

ASKED = ChatRequest(model="m")
BACKS: tuple[Back, ...] = (OpenAIBack(), AnthropicBack(), GeminiBack(), OllamaBack(), ResponsesBack())
FRONTS = by_path()
REDACTION = redaction(RULES)


def http(data: bytes) -> None:
    """The head of a request, and what is remembered of it."""
    status = 0
    try:
        head = read_head(data + b"\r\n\r\n").head
    except BadRequest as bad:
        status = bad.status
    assert 400 <= status < 600 if status else head.path.startswith("/")


def fronts(data: bytes) -> None:
    """A body in every client's dialect; one that is read can be said, or is refused by name, in every backend's."""
    for path, front in FRONTS.items():
        try:
            asked = front.decode(path, data)
        except RequestError:
            continue
        for back in BACKS:
            try:
                sent = back.encode(msgspec.structs.replace(asked.request, model="m"), stream=asked.stream)
            except EngineError:
                continue
            assert msgspec.json.decode(sent.body) is not None
    for path, embeds in embed_fronts().items():
        try:
            embeds.decode(path, data)
        except RequestError:
            continue


def answers(data: bytes) -> None:
    """A backend's whole answer; one that is read can be written in every client's dialect."""
    for back in BACKS:
        try:
            answer = back.decode(data, ASKED)
        except EngineError:
            continue
        for path, front in FRONTS.items():
            try:
                asked = front.decode(path, _asking(path))
                assert front.encode(answer, asked, Stamp("x", 0))
            except EngineError:
                continue


def streams(data: bytes) -> None:
    """A backend's stream, cut where the first byte says; its pieces go through every client's dialect."""
    size = data[0] + 1 if data else 1
    chunks = [data[at : at + size] for at in range(1, len(data), size)]
    for back in BACKS:
        reader, pieces = back.reader(ASKED), []
        sse, lines = SseParser(), LineParser()
        try:
            for chunk in chunks:
                if back.framing == "sse":
                    for event in sse.feed(chunk):
                        pieces += reader.feed(event.data, event.event)
                else:
                    for line in lines.feed(chunk):
                        pieces += reader.feed(line)
            pieces.append(reader.end())
        except EngineError:
            continue
        join(pieces)
        for path, front in FRONTS.items():
            encoder = front.stream(front.decode(path, _asking(path)), Stamp("x", 0))
            try:
                for piece in pieces:
                    encoder.piece(piece)
                encoder.end()
            except EngineError:
                continue


def forwarded(data: bytes) -> None:
    """What is forwarded as it came: a model swapped in a request, counts taken out of a stream."""
    with suppress(RequestError, UnicodeDecodeError):  # what is passed over need not be text
        data.decode()
        asked = peek(data)
        assert msgspec.json.decode(in_one(swap_model(data, asked.model, "other")))["model"] == "other"
    stream = EventStream(wants_usage=False)
    try:
        stream.feed(data)
        stream.end()
    except EngineError:
        pass


def config(data: bytes) -> None:
    where: str | None = "nowhere"
    try:
        read_config(data, Path("weighbridge.toml"))
    except InputError as error:
        where = error.where
    assert where


def prompts(data: bytes) -> None:
    with suppress(NotStored):
        msgspec.json.decode(redact(data, REDACTION))


def seams(data: bytes) -> None:
    """A continuation with its beginning again; whatever the bytes, nothing is lost."""
    text = data.decode("utf-8", "replace")
    before, after = text[: len(text) // 2], text[len(text) // 2 :]
    seam = Seam(before, echoes=True, trims=True)
    whole = before.rstrip() + before[len(before.rstrip()) :] + after
    out = "".join(seam.take(whole[at : at + 7]) for at in range(0, len(whole), 7))
    assert before + out == whole


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (http, fronts, answers, streams, forwarded, config, prompts, seams)
}


def seeds(name: str) -> list[bytes]:
    """Where a target begins to look: what is sound."""
    said = [Piece(text="a"), Piece(reasoning="b"), Piece(finish="stop", usage=Usage(3, 2), model="m")]
    called = [Piece(tool_calls=(ToolCall("c", "f", '{"x":1}'),), finish="tool_calls", usage=Usage(3, 2))]
    asked = [(path, front, front.decode(path, _asking(path))) for path, front in FRONTS.items()]
    if name == "http":
        lines = b"GET /v1/models?x=1 HTTP/1.1\r\nhost: a", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked"
        return [
            *lines,
            b"POST /v1 HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\nauthorization: Bearer x\r\nexpect: 100-continue",
        ]
    if name in ("fronts", "forwarded", "prompts"):
        return [_asking(path) for path, _, _ in asked]
    if name == "answers":
        return [
            front.encode(join(pieces), each, Stamp("x", 0)) for _, front, each in asked for pieces in (said, called)
        ]
    if name == "streams":
        return [b"\x07" + _written(front, each, pieces) for _, front, each in asked for pieces in (said, called)]
    if name == "config":
        backend = b'[server]\nport = 1\n[[backend]]\nname = "e"\nkind = "openai"\nbase_url = "http://a/v1"\n'
        return [
            backend
            + b'[[route]]\nmodel = "m"\nto = [{ backend = "e", price = { input = 1 } }]\nhedge = { after_s = 1 }'
        ]
    return [b"The quick  The quick"]


def _written(front: Front, asked: Asked, pieces: list[Piece]) -> bytes:
    encoder = front.stream(asked, Stamp("x", 0))
    return b"".join(encoder.piece(piece) for piece in pieces) + encoder.end()


def _asking(path: str) -> bytes:
    """The smallest request of a path."""
    hello = [{"role": "user", "content": "x"}]
    body: dict[str, Any] = {"model": "m", "max_tokens": 5} if path.startswith("/v1/messages") else {"model": "m"}
    if path.endswith(("/completions", "/generate")) and "chat" not in path:
        return msgspec.json.encode(body | {"prompt": "x"})
    return msgspec.json.encode(body | ({"input": "x"} if path.endswith("responses") else {"messages": hello}))


def main() -> None:
    name, *options = sys.argv[1:]
    if atheris is None:
        sys.exit("atheris is not installed: pip install atheris")
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
