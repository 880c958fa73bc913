"""What the engine makes of a server that behaves badly; a script stands in for llama.cpp's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from patience import PATIENCE_S
from weighbridge.engines.llamacpp.rank import Ranker
from weighbridge.engines.llamacpp.server import Server
from weighbridge.errors import BackendRefused, BadAnswer, EngineCrashed, EngineError, StreamCut
from weighbridge.net.calls import Calls

SCRIPT = """
import http.server, json, os, sys
spec = json.loads(sys.stdin.readline())

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.headers["authorization"] != "Bearer " + spec["key"]:
            self.send_error(401)
        elif self.path == "/tokenize":
            self.say(200, b'{"tokens": [1, 2]}')
        elif self.path == "/die":
            sys.stderr.write("ggml.c:1: GGML_ASSERT(false) failed\\n")
            sys.stderr.flush()
            os.kill(os.getpid(), 6)
        elif self.path == "/half":
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b"data: {}")
            self.wfile.flush()
            os.kill(os.getpid(), 11)
        else:
            status, _, body = self.path[1:].partition("/")
            self.say(int(status), body.replace("%20", " ").encode())

    def say(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"address": "http://127.0.0.1:%d" % server.server_address[1]}), flush=True)
server.serve_forever()
"""


@asynccontextmanager
async def scripted(restarts: int = 20, seen_s: float = PATIENCE_S) -> AsyncIterator[Server]:
    async with Calls(environ={}) as calls:
        server = Server(
            "odd",
            Path("none.gguf"),
            {},
            calls=calls,
            timeout_s=PATIENCE_S,
            start_timeout_s=PATIENCE_S,
            restarts=restarts,
            seen_s=seen_s,
            argv=(sys.executable, "-c", SCRIPT),
        )
        try:
            await server.start()
            yield server
        finally:
            await server.close()


def test_a_crash_carries_how_it_ended_and_the_end_of_stderr() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            with pytest.raises(EngineCrashed, match="SIGABRT") as caught:
                await server.post("/die", {})

            assert "GGML_ASSERT(false) failed" in str(caught.value)
            assert "backend odd" in str(caught.value)

    asyncio.run(scenario())


def test_a_stream_that_a_crash_cuts_is_a_crash() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            with pytest.raises(EngineCrashed, match="SIGSEGV"):
                async with server.stream("/half", {}) as chunks:
                    [chunk async for chunk in chunks]

    asyncio.run(scenario())


def test_a_prompt_that_always_crashes_is_given_up_though_other_requests_succeed() -> None:
    """Cutting its text into tokens works each time; that is no answer."""

    async def scenario() -> list[EngineError]:
        outcomes = []
        async with scripted(restarts=2) as server:
            for _ in range(4):
                try:
                    await server.post("/tokenize", {})
                    await server.post("/die", {})
                except EngineError as error:
                    outcomes.append(error)
        return outcomes

    outcomes = asyncio.run(scenario())

    assert [error.retryable for error in outcomes] == [True, True, True, False]
    assert "crashed 3 times" in str(outcomes[-1])


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        pytest.param("/200/<html>", BadAnswer, "no JSON object", id="a page"),
        pytest.param("/200/[1]", BadAnswer, "no JSON object", id="no object"),
        pytest.param('/200/{"a":', BadAnswer, "no JSON object", id="half a JSON"),
        pytest.param("/200/", BadAnswer, "no JSON object", id="nothing"),
        pytest.param("/500/oops", BackendRefused, "status 500: oops", id="an error without JSON"),
        pytest.param('/400/{"error":{"message":"no%20room"}}', BackendRefused, "no room", id="its own words"),
        pytest.param('/503/{"error":"x"}', BackendRefused, "status 503", id="another shape of error"),
    ],
)
def test_what_is_no_answer_is_said_by_name(path: str, kind: type[EngineError], words: str) -> None:
    async def scenario() -> None:
        async with scripted() as server:
            with pytest.raises(kind, match=words):
                await server.post(path, {})

    asyncio.run(scenario())


def test_an_empty_text_before_labels_is_refused() -> None:
    class Says:
        async def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
            return {"tokens": [ord(letter) for letter in str(body["content"])]}

    with pytest.raises(EngineError, match="nothing stands before"):
        asyncio.run(Ranker(Says(), "odd").rank("", ("a", "b"), end="\n", slot=0))


@pytest.mark.parametrize("reported", [None, [], [{"id": 5, "logprob": -1.0, "top_logprobs": []}]])
def test_a_server_that_reports_no_probabilities_is_no_ranking(reported: object) -> None:
    class Says:
        async def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
            if path == "/tokenize":
                return {"tokens": [7, *(ord(letter) for letter in str(body["content"]))]}
            return {"timings": {"cache_n": 0, "prompt_n": 1}, "completion_probabilities": reported}

    with pytest.raises(BadAnswer, match="did not report"):
        asyncio.run(Ranker(Says(), "odd").rank("x", ("a", "b"), end="\n", slot=0))


async def read_as_cut(server: Server) -> None:
    async with server.stream("/200/abc", {}) as chunks:
        [chunk async for chunk in chunks]
        raise StreamCut("the reader found it cut")


def test_a_stream_that_is_cut_while_the_engine_lives_is_no_crash() -> None:
    async def scenario() -> None:
        async with scripted(seen_s=0.05) as server:
            with pytest.raises(StreamCut):
                await read_as_cut(server)

    asyncio.run(scenario())
