"""One dialect on both sides: original bytes, the right model and key on the way up, every count in the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from gateway_running import HELLO, running

from fault_server import (
    STREAM_HEAD,
    FaultServer,
    answers,
    chat_body,
    chat_events,
    chunked,
    says_and_cuts,
    script,
    sse,
    stalls,
    streams,
)


def test_an_answer_comes_back_byte_for_byte_and_stands_in_the_ledger(tmp_path: Path) -> None:
    odd = b'{ "model":"private",  "choices":[{"index":0,"message":{"content":"\\u0068i"},"finish_reason":"stop"}],'
    odd += b'"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}, "x": 1e2}'

    async def run() -> None:
        async with FaultServer(answers(odd)) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat(temperature=0.5)

            sent = up.requests[0]
            assert (reply.status, reply.body) == (200, odd)
            assert sent.json() == {**HELLO, "model": "private", "temperature": 0.5}
            assert sent.headers["authorization"] == "Bearer sk-upstream-secret-0123"
            (row,) = gate.calls()
            assert (row.outcome, row.route, row.backend, row.model_asked) == ("ok", "public", "up", "private")
            assert (row.input_tokens, row.output_tokens, row.cached_tokens) == (7, 3, 2)
            assert row.usd == pytest.approx(10e-6)
            assert row.usd_is == "counted"
            assert row.id == reply.headers["x-request-id"]

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_completions_and_embeddings_are_passed_through_as_well(tmp_path: Path, path: str) -> None:
    body = b'{"data":[{"embedding":[0.1]}],"model":"private","usage":{"prompt_tokens":4,"completion_tokens":0}}'

    async def run() -> None:
        async with FaultServer(answers(body)) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.post(path, {"model": "public", "input": "a", "prompt": "a"})

            assert (reply.status, reply.body, up.requests[0].target) == (200, body, path)
            assert gate.calls()[0].input_tokens == 4

    asyncio.run(run())


@pytest.mark.parametrize("split", [0, 1, 7])
def test_a_stream_is_whole_however_it_was_cut_and_its_counts_are_asked_for_unseen(tmp_path: Path, split: int) -> None:
    """The client did not ask for usage, so what the gateway asked for is taken out again."""

    async def run() -> None:
        async with (
            FaultServer(streams(chat_events("Hel", "lo", " wörld"), split=split)) as up,
            running(tmp_path, {"up": up}) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert reply.text == "Hello wörld"
            assert reply.body.endswith(b"data: [DONE]\n\n")
            assert reply.headers["content-type"].startswith("text/event-stream")
            assert b"usage" not in reply.body
            assert up.requests[0].json()["stream_options"] == {"include_usage": True}
            (row,) = gate.calls()
            assert (row.input_tokens, row.output_tokens, row.outcome) == (7, 3, "ok")
            assert row.ttft_s is not None

    asyncio.run(run())


def test_a_client_that_asks_for_usage_gets_it(tmp_path: Path) -> None:
    async def run() -> None:
        events = chat_events("a")
        async with FaultServer(streams(events)) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat(stream=True, stream_options={"include_usage": True})

            assert reply.body == sse(events)

    asyncio.run(run())


def test_null_usage_that_a_server_adds_to_each_event_is_taken_out_when_nobody_asked(tmp_path: Path) -> None:
    first = b'{"model":"private","choices":[{"index":0,"delta":{"content":"say \\"usage\\":null"}}],"usage":null}'
    events = [first, *chat_events("b")]

    async def run() -> None:
        async with FaultServer(streams(events)) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat(stream=True)

            assert reply.text == 'say "usage":nullb'
            assert b',"usage":null' not in reply.body

    asyncio.run(run())


def test_events_that_end_in_crlf_are_understood(tmp_path: Path) -> None:
    data = sse(chat_events("one", "two")).replace(b"\n", b"\r\n")

    async def run() -> None:
        async def behave(exchange: object) -> None:
            exchange.write(STREAM_HEAD + chunked(data[:50]) + chunked(data[50:]) + b"0\r\n\r\n")  # type: ignore[attr-defined]

        async with FaultServer(behave) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat(stream=True)

            assert b'"one"' in reply.body
            assert gate.calls()[0].output_tokens == 3

    asyncio.run(run())


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"public","model":"secret","messages":[]}',
        b'{"model":"secret","model":"public","messages":[]}',
        b'{"mod\\u0065l":"secret","model":"public","messages":[]}',
        b'{"model":"public","mod\\u0065l":"secret","messages":[]}',
        b'{"tools":[{"model":"public"}],"mod\\u0065l":"public"}',
    ],
)
@pytest.mark.parametrize("pad", [0, 20_000])
def test_no_two_parsers_can_see_two_models_in_what_is_sent_on(tmp_path: Path, body: bytes, pad: int) -> None:
    """Else a key for a cheap model could ask for a dear one. Large bodies are looked through in another way."""
    body = body[:-1] + b',"user":"' + b"x" * pad + b'"}'

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            await gate.post("/v1/chat/completions", body)

            for exchange in up.requests:
                sent = exchange.body
                assert b"secret" not in sent
                assert exchange.json()["model"] == "private"
                assert sent.count(b"private") == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"public","model":"public","messages":[],"x":"\x80"}',
        b'{"\\u006dodel":"public","messages":[],"x":"\x80"}',
        b'{"model":"public","stream":true,"stream_options":{},"messages":[],"x":"\x80"}',
    ],
)
def test_bytes_that_are_no_text_where_nobody_looked_first_are_refused_at_once(tmp_path: Path, body: bytes) -> None:
    """Found by fuzzing: read only when the request was sent, they raised where nobody heard, and the client waited."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.post("/v1/chat/completions", body)

            assert (reply.status, len(up.requests)) == (400, 0)
            assert gate.gateway.routes["public"].aims[0].under_way == 0

    asyncio.run(run())


def test_a_model_that_is_not_the_one_asked_for_is_flagged(tmp_path: Path) -> None:
    async def run() -> None:
        server = FaultServer(script(answers(chat_body(model="other")), answers(chat_body(model="private"))))
        async with server as up, running(tmp_path, {"up": up}) as gate:
            await gate.chat()
            await gate.chat()

            first, second = gate.calls()
            assert (first.model_served, first.flags) == ("other", "model-mismatch")
            assert (second.model_served, second.flags) == ("private", None)

    asyncio.run(run())


def test_a_client_that_leaves_ends_the_call_upstream_too(tmp_path: Path) -> None:
    begun = sse(chat_events("a", "b", done=False)[:2])

    async def run() -> None:
        async with FaultServer(stalls(STREAM_HEAD + chunked(begun))) as up, running(tmp_path, {"up": up}) as gate:
            _, secret = gate.make_key("1/day")
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            body = msgspec.json.encode({**HELLO, "stream": True})
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await reader.readuntil(b"\n\n")
            writer.close()

            await asyncio.wait_for(up.requests[0].left.wait(), 60)
            (row,) = gate.calls()
            assert (row.outcome, row.status, row.usd_is) == ("failed", 499, "estimated")
            assert row.usd is not None
            assert row.usd > 0

    asyncio.run(run())


@pytest.mark.parametrize("reads", ["one chunk of many events", "many events in a later chunk"])
@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n"])
def test_a_broken_stream_is_billed_by_its_events_however_they_were_bundled(
    tmp_path: Path, reads: str, ends: bytes
) -> None:
    """A backend that writes faster than we read bundles its events; who leaves early does not pay less for that."""
    events = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"w{n}"}}}}]}}'.encode() + ends for n in range(40)]
    parts = [b"".join(events)] if reads.startswith("one") else [events[0], b"".join(events[1:])]

    async def run() -> None:
        cuts = says_and_cuts(STREAM_HEAD + b"".join(map(chunked, parts)))
        async with FaultServer(cuts) as up, running(tmp_path, {"up": up}) as gate:
            _, secret = gate.make_key("1/day")
            await gate.chat(key=secret, stream=True, max_tokens=100)

            (row,) = gate.calls()
            assert (row.outcome, row.usd_is, row.output_tokens) == ("failed", "estimated", 40)

    asyncio.run(run())


def test_a_stream_that_breaks_ends_with_an_error_never_cleanly(tmp_path: Path) -> None:
    begun = sse(chat_events("a", "b", done=False)[:2]) + b'data: {"choices":[{"del'

    async def run() -> None:
        async with (
            FaultServer(says_and_cuts(STREAM_HEAD + chunked(begun))) as up,
            running(tmp_path, {"up": up}) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert reply.text == "ab"
            assert reply.events[-1]["error"]["message"]
            assert b"[DONE]" not in reply.body
            (row,) = gate.calls()
            assert (row.outcome, row.reason) == ("failed", "cut")

    asyncio.run(run())
