"""Calls as traces: what a collector is sent, how they hang together with the client's and the backend's."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_running import config_of, running
from hypothesis import given
from hypothesis import strategies as st

from fault_server import Exchange, FaultServer, answers, chat_body, chat_events, response, streams
from patience import soon
from weighbridge.gateway.finishes import reasons_in
from weighbridge.gateway.otel_asked import asked_of

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra `otel`")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as conventions

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
"""The example of https://www.w3.org/TR/trace-context/."""
KNOWN = {value for name, value in vars(conventions).items() if name.startswith("GEN_AI_") and isinstance(value, str)}


class Collector:
    """Takes what is sent and keeps its spans."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.requests: list[Exchange] = []
        self.resource: dict[str, Any] = {}

    async def __call__(self, exchange: Exchange) -> None:
        body = exchange.body
        if exchange.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        said = ExportTraceServiceRequest.FromString(body)
        self.requests.append(exchange)
        for each in said.resource_spans:
            self.resource = values(each.resource.attributes)
            self.spans += [span for scope in each.scope_spans for span in scope.spans]
        exchange.write(response(200, b"", "application/x-protobuf"))

    def kind(self, number: int) -> list[Any]:
        return sorted((span for span in self.spans if span.kind == number), key=lambda span: span.start_time_unix_nano)


def values(attributes: Sequence[Any]) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def config(up: Sequence[FaultServer], collector: FaultServer, more: str = "") -> bytes:
    servers = {f"b{at}": server for at, server in enumerate(up)}
    return config_of(servers, more=f'[traces]\nendpoint = "{collector.url}"\nservice = "gate-7"\n{more}')


INTERNAL, SERVER, CLIENT = 1, 2, 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_a_span_within_the_clients_trace_with_one_below_it_that_the_backend_is_told(
    tmp_path: Path, stream: bool
) -> None:
    collector = Collector()
    behave = streams(chat_events("a")) if stream else answers(chat_body())

    async def run() -> None:
        async with FaultServer(behave) as up, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([up], sink)) as gate:
                body = {"model": "public", "messages": [], "max_tokens": 9, "temperature": 0.5, "stream": stream}
                reply = await gate.post("/v1/chat/completions", body, traceparent=TRACEPARENT, tracestate="a=b")
                assert reply.status == 200
            (server,), (client,) = collector.kind(SERVER), collector.kind(CLIENT)

            assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
            assert (client.trace_id, client.parent_span_id) == (server.trace_id, server.span_id)
            assert (server.name, client.name) == ("POST /v1/chat/completions", "chat private")
            sent = up.requests[0].headers
            assert sent["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01"
            assert sent["tracestate"] == "a=b"
            said = values(client.attributes)
            assert said == {
                **said,
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "private",
                "gen_ai.request.max_tokens": 9,
                "gen_ai.request.temperature": 0.5,
                "gen_ai.response.model": "served",
                "gen_ai.usage.input_tokens": 7,
                "gen_ai.usage.output_tokens": 3,
                "server.address": "127.0.0.1",
                "server.port": up.port,
            }
            assert {name for name in said if name.startswith("gen_ai.")} <= KNOWN
            outer = values(server.attributes)
            assert outer["http.response.status_code"] == 200
            assert outer["weighbridge.request_id"] == reply.headers["x-request-id"] == gate.calls()[0].id
            assert outer["weighbridge.usd"] == pytest.approx(10e-6)
            assert collector.resource["service.name"] == "gate-7"
            assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano

    asyncio.run(run())


def test_each_attempt_is_a_span_and_the_failed_one_says_so(tmp_path: Path) -> None:
    collector = Collector()

    async def run() -> None:
        async with (
            FaultServer(answers(b"{}", 500)) as bad,
            FaultServer(answers(chat_body())) as good,
            FaultServer(collector) as sink,
        ):
            async with running(tmp_path, {}, config=config([bad, good], sink)) as gate:
                await gate.chat()
            first, second = collector.kind(CLIENT)

            assert [values(span.attributes)["weighbridge.backend"] for span in (first, second)] == ["b0", "b1"]
            assert (first.status.code, second.status.code) == (2, 0)
            assert bad.requests[0].headers["traceparent"] != good.requests[0].headers["traceparent"]

    asyncio.run(run())


def test_a_call_that_fails_is_an_error_with_its_kind_and_no_word_of_the_prompt(tmp_path: Path) -> None:
    collector = Collector()

    async def run() -> None:
        async with FaultServer(answers(b"{}", 500)) as bad, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([bad], sink)) as gate:
                await gate.chat(messages=[{"role": "user", "content": "a remarkable elephant"}])

            (server,) = collector.kind(SERVER)
            assert (server.status.code, values(server.attributes)["error.type"]) == (2, "status 500")
            assert not any(b"elephant" in request.body for request in sink.requests)
            assert not any(b"sk-upstream" in request.body for request in sink.requests)

    asyncio.run(run())


def test_a_collector_that_does_not_answer_costs_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with FaultServer(answers(b"")) as gone:
            pass
        async with (
            FaultServer(answers(chat_body())) as up,
            running(tmp_path, {}, config=config([up], gone)) as gate,
        ):
            assert [(await gate.chat()).status for _ in range(3)] == [200] * 3

    asyncio.run(run())


def test_a_trace_the_client_does_not_keep_is_not_sent_but_passed_on(tmp_path: Path) -> None:
    collector = Collector()

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([up], sink)) as gate:
                body = {"model": "public", "messages": []}
                await gate.post("/v1/chat/completions", body, traceparent=TRACEPARENT[:-1] + "0")

            assert collector.spans == []
            assert up.requests[0].headers["traceparent"].startswith(f"00-{TRACE}-")
            assert up.requests[0].headers["traceparent"].endswith("-00")

    asyncio.run(run())


def test_a_secret_for_the_collector_comes_from_the_environment(tmp_path: Path) -> None:
    collector = Collector()

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([up], sink, 'headers = { "x-key" = "env:ADMIN" }')) as gate:
                await gate.chat()
            await soon(lambda: sink.requests)

            assert sink.requests[0].headers["x-key"] == "an-admin-key-of-some-length"

    asyncio.run(run())


HELLO = [{"role": "user", "content": "hello"}]
REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
    "/v1/responses": {"input": "hello"},
    "/api/chat": {"messages": HELLO},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", REQUESTS)
def test_why_an_answer_ended_is_said_in_one_vocabulary_whatever_the_client_speaks(
    tmp_path: Path, path: str, stream: bool
) -> None:
    collector = Collector()
    cut_off = [event.replace(b'"stop"', b'"length"') for event in chat_events("a", "b")]
    behave = streams(cut_off) if stream else answers(chat_body(finish="length"))

    async def run() -> None:
        async with FaultServer(behave) as up, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([up], sink)) as gate:
                reply = await gate.post(path, {"model": "public", "stream": stream, **REQUESTS[path]})
                assert (reply.status, reply.whole) == (200, True)
            said = values(collector.kind(CLIENT)[0].attributes)

            assert texts(said["gen_ai.response.finish_reasons"]) == ["length"]
            assert ("gen_ai.response.time_to_first_chunk" in said) == stream
            assert said.get("gen_ai.request.stream", False) is stream

    asyncio.run(run())


def texts(array: Any) -> list[str]:
    return [each.string_value for each in array.values]


def test_each_of_several_answers_has_its_reason(tmp_path: Path) -> None:
    collector = Collector()
    choice = b'{"index":%d,"message":{"role":"assistant","content":"a"},"finish_reason":"%b"}'
    body = b'{"choices":[' + choice % (0, b"stop") + b"," + choice % (1, b"length") + b"]}"

    async def run() -> None:
        async with FaultServer(answers(body)) as up, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([up], sink)) as gate:
                await gate.chat(n=2)
            said = values(collector.kind(CLIENT)[0].attributes)

            assert texts(said["gen_ai.response.finish_reasons"]) == ["stop", "length"]
            assert said["gen_ai.request.choice.count"] == 2

    asyncio.run(run())


def test_a_backend_of_the_clients_own_dialect_is_understood_too(tmp_path: Path) -> None:
    collector = Collector()
    message = b'{"type":"message","content":[],"stop_reason":"%b","usage":{"input_tokens":1,"output_tokens":1}}'

    async def run() -> None:
        async with FaultServer(answers(message % b"tool_use")) as up, FaultServer(collector) as sink:
            text = config([up], sink).replace(b'kind = "openai"', b'kind = "anthropic"')
            async with running(tmp_path, {}, config=text) as gate:
                await gate.post("/v1/messages", {"model": "public", **REQUESTS["/v1/messages"]})
            said = values(collector.kind(CLIENT)[0].attributes)

            assert texts(said["gen_ai.response.finish_reasons"]) == ["tool_calls"]
            assert said["gen_ai.provider.name"] == "anthropic"

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_in_process_has_a_span_of_its_own(tmp_path: Path, stream: bool) -> None:
    """After a backend at an address that failed, it is the one the call is told of."""
    collector = Collector()
    here = """
[[backend]]
name = "here"
kind = "echo"
[[route]]
model = "both"
to = [{ backend = "b0", model = "m" }, { backend = "here", model = "small" }]
"""

    async def run() -> None:
        async with FaultServer(answers(b"{}", 500)) as bad, FaultServer(collector) as sink:
            async with running(tmp_path, {}, config=config([bad], sink) + here.encode()) as gate:
                reply = await gate.chat(model="both", stream=stream)
                assert reply.status == 200
            (failed,), (inside,) = collector.kind(CLIENT), collector.kind(INTERNAL)
            said = values(inside.attributes)

            assert (failed.status.code, inside.status.code) == (2, 0)
            assert (inside.name, said["weighbridge.backend"]) == ("chat small", "here")
            assert texts(said["gen_ai.response.finish_reasons"])
            assert "gen_ai.response.finish_reasons" not in values(failed.attributes)

    asyncio.run(run())


def test_of_two_that_were_asked_at_once_the_one_that_answered_is_told_of(tmp_path: Path) -> None:
    collector = Collector()

    async def slow(exchange: Exchange) -> None:
        await exchange.left.wait()

    async def run() -> None:
        async with (
            FaultServer(slow) as first,
            FaultServer(answers(chat_body())) as second,
            FaultServer(collector) as sink,
        ):
            servers = {"b0": first, "b1": second}
            traces = f'[traces]\nendpoint = "{sink.url}"\n'
            text = config_of(servers, route="hedge = { after_s = 0.01, share = 1.0 }", more=traces)
            async with running(tmp_path, {}, config=text) as gate:
                assert (await gate.chat()).status == 200
            by_backend = {
                values(span.attributes)["weighbridge.backend"]: values(span.attributes)
                for span in collector.kind(CLIENT)
            }

            assert texts(by_backend["b1"]["gen_ai.response.finish_reasons"]) == ["stop"]
            assert "gen_ai.usage.input_tokens" not in by_backend["b0"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(
            {"stop": "END", "top_k": 3, "response_format": {"type": "json_object"}, "n": 1},
            {"request.stop_sequences": ["END"], "request.top_k": 3.0, "output.type": "json"},
            id="openai",
        ),
        pytest.param(
            {"stop_sequences": ["a", "b"], "max_tokens": 5},
            {"request.stop_sequences": ["a", "b"], "request.max_tokens": 5},
            id="anthropic",
        ),
        pytest.param(
            {"max_output_tokens": 7, "text": {"format": {"type": "json_schema"}}},
            {"request.max_tokens": 7, "output.type": "json"},
            id="responses",
        ),
        pytest.param(
            {"format": {"type": "object"}, "options": {"num_predict": 4, "seed": 1, "top_p": 0.5, "stop": ["x"]}},
            {
                **{"request.max_tokens": 4, "request.seed": 1, "request.top_p": 0.5, "request.stop_sequences": ["x"]},
                "output.type": "json",
            },
            id="ollama",
        ),
        pytest.param(
            {"input": "a", "dimensions": 8, "encoding_format": "float"},
            {"embeddings.dimension.count": 8, "request.encoding_formats": ["float"]},
            id="embeddings",
        ),
        pytest.param({"max_tokens": "many"}, {}, id="unreadable"),
    ],
)
def test_what_is_asked_is_named_as_the_conventions_name_it(body: dict[str, Any], named: dict[str, Any]) -> None:
    found = asked_of(msgspec.json.encode(body), stream=False)

    assert found == {f"gen_ai.{name}": value for name, value in named.items()}
    assert set(found) <= KNOWN


@given(st.binary(max_size=80) | st.recursive(st.none() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_body_has_reasons_or_none(body: bytes) -> None:
    assert all(isinstance(each, str) for each in reasons_in(body))


def test_without_traces_nothing_of_them_is_loaded() -> None:
    script = "import sys, weighbridge.cli.compose_serve, weighbridge.gateway.app; print('opentelemetry' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )
