"""What is fuzzed: every parser that bytes from outside reach, as functions of bytes that may raise what they promise.

    python tests/fuzz/fuzz_targets.py http -max_total_time=60     atheris: guided by coverage, until something breaks
    python tests/fuzz/fuzz_targets.py all -max_total_time=60      the same for each target, one after the other
    pytest tests/fuzz                                             hypothesis, and atheris for a while if it is here

Atheris instruments only what is imported under `instrument_imports`, so everything is imported there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

try:
    atheris: Any = import_module("atheris")
except ImportError:
    atheris = None

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "chat")]  # as pytest finds them

with atheris.instrument_imports() if atheris is not None and __name__ == "__main__" else nullcontext():
    import dialect_matrix
    import httptools
    import msgspec

    from gguf_bytes import gguf
    from safetensors_bytes import safetensors, table
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
    from weighbridge.errors import EngineError, InputError, RequestError, WeightsError
    from weighbridge.formats.gguf import GgufHeader, read_gguf
    from weighbridge.formats.safetensors import read_safetensors
    from weighbridge.gateway.chunked import chunk, count_whole
    from weighbridge.gateway.config import read_config
    from weighbridge.gateway.head import BadRequest, read_head
    from weighbridge.gateway.openai_raw import EventStream
    from weighbridge.gateway.openai_request import look, peek, swap_model, with_model
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


class Chunks:
    """How llhttp reads the body of an answer in chunks."""

    def __init__(self) -> None:
        self.body = b""
        self.whole = 0
        self.parser = httptools.HttpResponseParser(self)
        self.parser.feed_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_chunk_complete(self) -> None:
        self.whole += 1


def chunks(data: bytes) -> None:
    """What is taken for whole chunks is that to llhttp, too, and what is written is read back."""
    count = count_whole(data)
    if count:
        read = Chunks()
        read.parser.feed_data(data)
        assert read.whole == count
    if data:
        written = Chunks()
        written.parser.feed_data(chunk(data))
        assert (written.body, written.whole) == (data, 1)


def events(data: bytes) -> None:
    """Server-sent events and lines are the same however the stream is cut, and none are made up."""
    size = data[0] + 1 if data else 1
    rest = data[1:]
    whole, cut = SseParser(), SseParser()
    got = [event for at in range(0, len(rest), size) for event in cut.feed(rest[at : at + size])]
    assert got == whole.feed(rest)
    lines, parts = LineParser(), LineParser()
    got_lines = [line for at in range(0, len(rest), size) for line in parts.feed(rest[at : at + size])]
    assert [*got_lines, *parts.end()] == [*lines.feed(rest), *lines.end()]


def outlines(data: bytes) -> None:
    """A large body whose long values nobody reads: what goes on is an object to every parser, and names one model."""
    long = b'"long":"' + b"w" * 3_000 + b'"'
    inner = data.removeprefix(b"{").removesuffix(b"}")
    for body in (b"{%b,%b}" % (long, inner), b"{%b,%b}" % (inner, long)):
        with suppress(RequestError, UnicodeDecodeError):  # what is passed over need not be text
            asked, found = look(body)
            sent = in_one(with_model(body, asked, "other", ask_usage=False, found=found))
            pairs = json.loads(sent, object_pairs_hook=list)
            assert [value for name, value in pairs if name == "model"] == ["other"]


@cache
def scratch(process: int) -> TemporaryDirectory[str]:
    """A folder of this process's own."""
    return TemporaryDirectory()


def weights(data: bytes) -> None:
    """Headers of weights files."""
    path = Path(scratch(os.getpid()).name) / "w"
    path.write_bytes(data)
    for read in (read_gguf, read_safetensors):
        with suppress(WeightsError):
            header = read(path)
            if isinstance(header, GgufHeader):
                header.check_whole()


PARSERS = (http, chunks, events, outlines, fronts, answers, streams, forwarded, config, prompts, seams, weights)
TARGETS: dict[str, Callable[[bytes], None]] = {each.__name__: each for each in PARSERS}


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
    more = {
        "chunks": [b"5\r\nhello\r\na\r\n0123456789\r\n", b"5;x=y\r\nhello\r\n0\r\n\r\n"],
        "events": [b"\x03event: a\ndata: {}\nid: 1\n\n: ping\r\ndata: x\rdata: y\r\r", b"\x01{}\n[]\r\n"],
        "outlines": [b'{"model":"m","messages":[{"role":"user","content":"a \\"b\\" c"}],"n":1.5e3,"stream":null}'],
        "weights": [gguf({"general.architecture": "llama"}), safetensors(table({"a": ("F32", (2, 3))}))],
    }
    return more.get(name, [b"The quick  The quick"])


def features() -> Iterator[bytes]:
    """A request with each feature there is, in every client's dialect, as the page on dialects has them."""
    for front, samples in dialect_matrix.SAMPLES.items():
        for overlay in samples().values():
            yield msgspec.json.encode(dialect_matrix.BASE[front] | overlay)


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
    if name != "all":
        fuzz(name, options)
    failed = [each for each in TARGETS if in_a_child(each, options)]  # what is imported was instrumented once
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def in_a_child(name: str, options: list[str]) -> int:
    """The exit code; atheris ends the process that it fuzzes in."""
    print(f"== {name}", file=sys.stderr, flush=True)  # noqa: T201
    child = os.fork()
    if child == 0:
        fuzz(name, options)
        os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fuzz(name: str, options: list[str]) -> None:
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate([*seeds(name), *(features() if name in ("fronts", "forwarded") else ())]):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
