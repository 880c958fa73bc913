"""Any front over any back: each dialect's own requests and answers, over HTTP, streamed and whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_running import Gate, running

from fault_server import STREAM_HEAD, FaultServer, answers, chat_body, chat_events, chunked, response, streams

ECHO = b"""
[[backend]]
name = "here"
kind = "echo"
settings = { reply = "Hello you", pieces = 3, reasoning = "think" }
[[route]]
model = "public"
to = [{ backend = "here", price = { input = 1.0, output = 1.0 } }]
"""
USER = [{"role": "user", "content": "hi"}]
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"model": "public", "messages": USER, "max_tokens": 50}),
    "completions": ("/v1/completions", {"model": "public", "prompt": "hi", "max_tokens": 50}),
    "anthropic": ("/v1/messages", {"model": "public", "messages": USER, "max_tokens": 50}),
    "responses": ("/v1/responses", {"model": "public", "input": "hi", "max_output_tokens": 50}),
    "ollama": ("/api/chat", {"model": "public", "messages": USER}),
    "generate": ("/api/generate", {"model": "public", "prompt": "hi"}),
}
END = {
    "openai": b"data: [DONE]\n\n",
    "completions": b"data: [DONE]\n\n",
    "anthropic": b"message_stop",
    "responses": b"response.completed",
    "ollama": b'"done":true',
    "generate": b'"done":true',
}


def said(front: str, whole: Any) -> str:
    """The text of a whole answer in a front's words."""
    if front == "openai":
        return str(whole["choices"][0]["message"]["content"])
    if front == "completions":
        return str(whole["choices"][0]["text"])
    if front == "anthropic":
        return "".join(part["text"] for part in whole["content"] if part["type"] == "text")
    if front == "responses":
        messages = [item for item in whole["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in messages for part in item["content"])
    return str(whole["message"]["content"] if front == "ollama" else whole["response"])


def streamed(front: str, body: bytes) -> str:
    """The text of a streamed one."""
    if front in ("ollama", "generate"):
        lines = [msgspec.json.decode(line) for line in body.splitlines() if line]
        return "".join(said(front, line) for line in lines)
    parts = []
    for line in body.splitlines():
        if line.startswith(b"data: {"):
            event = msgspec.json.decode(line[6:])
            if front == "openai":
                parts += [c["delta"].get("content") or "" for c in event.get("choices", ())]
            elif front == "completions":
                parts += [c["text"] for c in event.get("choices", ())]
            elif event.get("type") == "content_block_delta":
                parts.append(event["delta"].get("text", ""))
            elif event.get("type") == "response.output_text.delta":
                parts.append(event["delta"])
    return "".join(parts)


async def ask(gate: Gate, front: str, *, stream: bool) -> Any:
    path, body = ASKS[front]
    return await gate.post(path, {**body, "stream": stream})


@pytest.mark.parametrize("front", ASKS)
def test_every_front_is_answered_by_an_engine_in_process(tmp_path: Path, front: str) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=ECHO) as gate:
            whole = await ask(gate, front, stream=False)
            stream = await ask(gate, front, stream=True)

            assert (whole.status, stream.status) == (200, 200), (whole.body, stream.body)
            assert said(front, whole.json()) == "Hello you"
            assert streamed(front, stream.body) == "Hello you"
            assert END[front] in stream.body[-2000:]
            first, second = gate.calls()
            assert (first.outcome, second.outcome) == ("ok", "ok")
            assert first.output_tokens == second.output_tokens
            assert first.output_tokens

    asyncio.run(run())


@pytest.mark.parametrize("split", [0, 1])
@pytest.mark.parametrize("front", ASKS)
def test_every_front_is_answered_by_a_server_of_openais_dialect(tmp_path: Path, front: str, split: int) -> None:
    is_text = front == "completions"
    done = b'{"model":"private","choices":[{"index":0,"text":"Hello you","finish_reason":"stop"}],'
    done += b'"usage":{"prompt_tokens":7,"completion_tokens":3}}'
    events = chat_events("Hel", "lo you")
    if is_text:
        events = [event.replace(b'"delta":{"content":', b'"text":').replace(b'"},', b'",') for event in events]
        events = [
            b'{"choices":[{"index":0,"text":"Hel"}],"model":"private"}',
            b'{"choices":[{"index":0,"text":"lo you","finish_reason":"stop"}]}',
            b'{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}',
            b"[DONE]",
        ]

    async def behave(exchange: Any) -> None:
        if exchange.json().get("stream"):
            await streams(events, split=split)(exchange)
        else:
            exchange.write(response(200, done if is_text else chat_body("Hello you", model="private")))

    async def run() -> None:
        async with FaultServer(behave) as up, running(tmp_path, {"up": up}) as gate:
            whole = await ask(gate, front, stream=False)
            stream = await ask(gate, front, stream=True)

            assert (whole.status, stream.status) == (200, 200), (whole.body, stream.body)
            assert said(front, whole.json()) == streamed(front, stream.body) == "Hello you"
            assert {each.json()["model"] for each in up.requests} == {"private"}
            assert [(row.input_tokens, row.output_tokens) for row in gate.calls()] == [(7, 3), (7, 3)]

    asyncio.run(run())


def kind_config(up: FaultServer, kind: str) -> bytes:
    return f"""
[[backend]]
name = "up"
kind = "{kind}"
base_url = "{up.base_url}"
api_key = "env:UP_KEY"
[[route]]
model = "public"
to = [{{ backend = "up", model = "private", price = {{ input = 1.0, output = 1.0 }} }}]
""".encode()


MESSAGE = (
    b'{"id":"m","type":"message","role":"assistant","model":"private","content":[{"type":"text","text":"Hello you"}],'
)
MESSAGE += b'"stop_reason":"end_turn","odd":1e3,"usage":{"input_tokens":7,"output_tokens":3}}'
MESSAGE_EVENTS = [
    b'{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"private","content":[],'
    b'"stop_reason":null,"usage":{"input_tokens":7,"output_tokens":1}}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello you"}}',
    b'{"type":"content_block_stop","index":0}',
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}',
    b'{"type":"message_stop"}',
]


def named(events: list[bytes]) -> bytes:
    kinds = [msgspec.json.decode(event)["type"].encode() for event in events]
    return b"".join(b"event: %b\ndata: %b\n\n" % pair for pair in zip(kinds, events, strict=True))


@pytest.mark.parametrize("split", [1, 10_000])
def test_anthropic_to_anthropic_is_forwarded_byte_for_byte(tmp_path: Path, split: int) -> None:
    data = named(MESSAGE_EVENTS)

    async def behave(exchange: Any) -> None:
        if exchange.json().get("stream"):
            exchange.write(STREAM_HEAD)
            for start in range(0, len(data), split):
                exchange.write(chunked(data[start : start + split]))
                await asyncio.sleep(0)
            exchange.write(b"0\r\n\r\n")
        else:
            exchange.write(response(200, MESSAGE))

    async def run() -> None:
        async with FaultServer(behave) as up, running(tmp_path, {}, config=kind_config(up, "anthropic")) as gate:
            path, body = ASKS["anthropic"]
            whole = await gate.post(path, {**body, "unknown": 1}, anthropic_beta="some-2026")
            stream = await ask(gate, "anthropic", stream=True)

            assert (whole.body, stream.body) == (MESSAGE, data)
            sent = up.requests[0]
            assert (sent.headers["x-api-key"], sent.headers["anthropic-beta"]) == (
                "sk-upstream-secret-0123",
                "some-2026",
            )
            assert (sent.json()["unknown"], sent.json()["model"]) == (1, "private")
            assert [(row.input_tokens, row.output_tokens) for row in gate.calls()] == [(7, 3), (7, 3)]

    asyncio.run(run())


@pytest.mark.parametrize("front", ["openai", "responses", "ollama"])
def test_other_fronts_are_answered_by_a_server_of_anthropics_dialect(tmp_path: Path, front: str) -> None:
    async def behave(exchange: Any) -> None:
        if exchange.json().get("stream"):
            exchange.write(STREAM_HEAD + chunked(named(MESSAGE_EVENTS)) + b"0\r\n\r\n")
        else:
            exchange.write(response(200, MESSAGE))

    async def run() -> None:
        async with FaultServer(behave) as up, running(tmp_path, {}, config=kind_config(up, "anthropic")) as gate:
            whole = await ask(gate, front, stream=False)
            stream = await ask(gate, front, stream=True)

            assert said(front, whole.json()) == streamed(front, stream.body) == "Hello you"
            assert [(row.input_tokens, row.output_tokens) for row in gate.calls()] == [(7, 3), (7, 3)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/v1/chat/completions", "error.message"), ("/v1/messages", "error.message"), ("/api/chat", "error")],
)
def test_refusals_are_told_in_the_clients_own_dialect(tmp_path: Path, path: str, shape: str) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=ECHO) as gate:
            unknown = await gate.post(path, {"model": "nobody", "messages": USER, "max_tokens": 5})
            broken = await gate.post(path, b"{")
            missing = await gate.post(path, {"model": "public", "messages": USER, "max_tokens": 5}, key="sk-wb-no")

            assert (unknown.status, broken.status, missing.status) == (404, 400, 401)
            for reply in (unknown, broken, missing):
                said = reply.json()
                for step in shape.split("."):
                    said = said[step]
                assert isinstance(said, str)

    asyncio.run(run())


def test_tokens_are_counted_by_asking_for_the_shortest_answer(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.post("/v1/messages/count_tokens", {"model": "public", "messages": USER})

            assert reply.json() == {"input_tokens": 7}
            assert up.requests[0].json()["max_tokens"] == 1
            (row,) = gate.calls()
            assert (row.input_tokens, row.usd, row.usd_is) == (7, pytest.approx(10e-6), "counted"), "as it is billed"

    asyncio.run(run())


def test_what_counting_tokens_may_cost_is_held_before(tmp_path: Path) -> None:
    """A body of 66 bytes and 64 tokens around it at 1 dollar a million, and one token that is written."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            body = {"model": "public", "messages": USER}
            held = (len(msgspec.json.encode(body)) + 64 + 1) * 1e-6
            for usd, status in ((held - 1e-6, 429), (held, 200)):
                _, key = gate.make_key(f"{usd:.9f}/day")
                assert (await gate.post("/v1/messages/count_tokens", body, key=key)).status == status

    asyncio.run(run())


def test_models_are_listed_in_each_dialects_words(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=ECHO) as gate:
            openai = (await gate.get("/v1/models")).json()
            anthropic = (await gate.get("/v1/models", anthropic_version="2023-06-01")).json()
            tags = (await gate.get("/api/tags")).json()
            show = await gate.post("/api/show", {"model": "public"})

            assert openai["data"][0]["id"] == anthropic["data"][0]["id"] == tags["models"][0]["name"] == "public"
            assert (await gate.get("/v1/models/public")).json()["id"] == "public"
            assert (await gate.get("/v1/models/other")).status == 404
            assert show.status == 200

    asyncio.run(run())


def test_an_engine_that_breaks_before_it_said_anything_is_a_502(tmp_path: Path) -> None:
    config = ECHO.replace(b"pieces = 3", b'fail_share = 1.0, fail_reason = "cut"').replace(
        b"to =", b"retries = 0\nto ="
    )

    async def run() -> None:
        async with running(tmp_path, {}, config=config) as gate:
            whole = await ask(gate, "openai", stream=False)
            stream = await ask(gate, "openai", stream=True)

            assert whole.status == 502
            assert stream.status == 502, "nothing had been said yet"

    asyncio.run(run())


def test_what_a_backend_cannot_be_told_is_refused_by_name(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(MESSAGE)) as up,
            running(tmp_path, {}, config=kind_config(up, "anthropic")) as gate,
        ):
            reply = await gate.chat(seed=5)

            assert reply.status == 400
            assert "seed" in reply.json()["error"]["message"]
            assert not up.requests

    asyncio.run(run())
