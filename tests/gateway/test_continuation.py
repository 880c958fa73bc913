"""A stream that breaks in its middle goes on at another backend, and nobody who reads it can tell where."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_running import running
from hypothesis import given
from hypothesis import strategies as st
from llamacpp_running import needs_xllamacpp
from tiny_gguf import write_tiny_gguf

from fault_server import (
    STREAM_HEAD,
    Behaviour,
    FaultServer,
    answers,
    chat_events,
    chunked,
    says,
    says_and_cuts,
    sse,
    stalls,
    streams,
)
from weighbridge.errors import BadAnswer
from weighbridge.gateway.seam import Seam

GOES_ON = "continuations = 1\ngap_s = 0.3\nfirst_piece_s = 0.3\n"
BEGUN = chat_events("The ", "quick ", usage=False, done=False)[:2]
CALL = (
    b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}}]}'
)


def config(servers: Sequence[FaultServer], *, how: str = "last_message", route: str = GOES_ON) -> bytes:
    backends = [
        f'[[backend]]\nname = "b{at}"\nkind = "openai"\nbase_url = "{server.base_url}"\n'
        f'settings = {{ continues = "{how if at else "refuse"}" }}\n'
        for at, server in enumerate(servers)
    ]
    price = "price = { input = 1.0, output = 1.0 }"
    to = ", ".join(f'{{ backend = "b{at}", model = "served", {price} }}' for at in range(len(servers)))
    return "\n".join([*backends, f'[[route]]\nmodel = "public"\nto = [{to}]\n{route}']).encode()


def cut(events: Sequence[bytes] = BEGUN) -> Behaviour:
    return says_and_cuts(STREAM_HEAD + chunked(sse(events)))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(cut(), id="cut"),
        pytest.param(stalls(STREAM_HEAD + chunked(sse(BEGUN))), id="silent"),
        pytest.param(
            says(STREAM_HEAD + chunked(sse(BEGUN)) + chunked(sse([b'{"error":{"message":"lost"}}']))), id="error-event"
        ),
        pytest.param(says(STREAM_HEAD + chunked(sse([*BEGUN, b'{"error":{"message":"lost"}}']))), id="in-one-read"),
        pytest.param(streams(BEGUN), id="ended-early"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/responses"])
def test_another_backend_goes_on_and_the_client_sees_one_answer(tmp_path: Path, broken: Behaviour, path: str) -> None:
    """The second backend writes the space again that its template has stripped from what it was given."""

    async def run() -> None:
        async with (
            FaultServer(broken) as first,
            FaultServer(streams(chat_events(" brown", " fox"))) as second,
            running(tmp_path, {}, config=config([first, second])) as gate,
        ):
            body = {"model": "public", "stream": True}
            hello = [{"role": "user", "content": "Which fox?"}]
            body |= {"input": "Which fox?"} if path.endswith("responses") else {"messages": hello}
            body |= {"max_tokens": 50} if path == "/v1/messages" else {}
            reply = await gate.post(path, body)

            assert (reply.status, reply.whole, b'"error":{' in reply.body) == (200, True, False)
            assert said(path, reply.body) == "The quick brown fox"
            (row,) = gate.calls()
            assert (row.outcome, row.backend, row.attempts, row.flags) == ("ok", "b1", 2, "continued")
            asked = second.requests[0].json()["messages"]
            assert asked[-1] == {"role": "assistant", "content": "The quick"}

    asyncio.run(run())


def said(path: str, body: bytes) -> str:
    """The text of a streamed answer; every event of it is read."""
    if path == "/api/chat":
        return "".join(msgspec.json.decode(line)["message"]["content"] for line in body.splitlines())
    events = [msgspec.json.decode(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
    if path == "/v1/messages":
        assert [event["index"] for event in events if event["type"] == "content_block_start"] == [0]
        return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    if path == "/v1/responses":
        assert events[-1]["response"]["output"][0]["content"][0]["text"] == "The quick brown fox"
        return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


def test_counts_and_costs_are_the_sums_of_both_parts(tmp_path: Path) -> None:
    """The second counts 7 in and 3 out, 2 of the 7 being what it was given; so the first read 5 and wrote 2."""

    async def run() -> None:
        async with (
            FaultServer(cut()) as first,
            FaultServer(streams(chat_events("brown"))) as second,
            running(tmp_path, {}, config=config([first, second])) as gate,
        ):
            reply = await gate.chat(stream=True, stream_options={"include_usage": True})

            (counts,) = [event["usage"] for event in reply.events if event.get("usage")]
            assert (counts["prompt_tokens"], counts["completion_tokens"]) == (12, 5)
            (row,) = gate.calls()
            assert (row.input_tokens, row.output_tokens, row.usd_is) == (12, 5, "estimated")
            assert row.usd == pytest.approx((12 + 5) * 1e-6)
            assert second.requests[0].json()["max_tokens"] == 8, "2 of the 10 were written"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("how", "texts", "expected"),
    [
        ("final_message", (" brown",), "The quick brown"),
        ("prefix", ("brown",), "The quick brown"),
        ("echoed_prefix", ("The qu", "ick brown"), "The quick brown"),
    ],
)
def test_each_way_of_going_on_is_said_in_the_backends_words(
    tmp_path: Path, how: str, texts: tuple[str, ...], expected: str
) -> None:
    async def run() -> None:
        async with (
            FaultServer(cut()) as first,
            FaultServer(streams(chat_events(*texts))) as second,
            running(tmp_path, {}, config=config([first, second], how=how)) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert reply.text == expected
            body = second.requests[0].json()
            assert body.get("continue_final_message", False) == (how == "final_message")
            assert body["messages"][-1].get("prefix", False) == ("prefix" in how)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("first", "second", "how", "asked"),
    [
        pytest.param(cut(), streams(chat_events("x")), "refuse", {}, id="no-backend-that-goes-on"),
        pytest.param(cut([*BEGUN, CALL]), streams(chat_events("x")), "last_message", {}, id="a-tool-call-had-begun"),
        pytest.param(cut(), answers(b"{}", 500), "last_message", {}, id="the-second-refuses"),
        pytest.param(cut(), streams(chat_events("Another")), "echoed_prefix", {}, id="the-echo-is-none"),
        pytest.param(cut(), answers(b'{"choices":[]}'), "last_message", {}, id="the-second-does-not-stream"),
        pytest.param(
            cut(), streams(chat_events("x")), "last_message", {"response_format": {"type": "json_object"}}, id="json"
        ),
    ],
)
def test_where_nobody_can_go_on_the_error_is_in_band_as_without(
    tmp_path: Path, first: Behaviour, second: Behaviour, how: str, asked: dict[str, Any]
) -> None:
    async def run() -> None:
        async with (
            FaultServer(first) as one,
            FaultServer(second) as other,
            running(tmp_path, {}, config=config([one, other], how=how)) as gate,
        ):
            reply = await gate.chat(stream=True, **asked)

            assert (reply.status, reply.text) == (200, "The quick ")
            assert reply.events[-1]["error"]["message"]
            assert b"[DONE]" not in reply.body
            assert gate.calls()[0].outcome == "failed"
            assert all(aim.under_way == 0 for aim in gate.gateway.routes["public"].aims)

    asyncio.run(run())


def test_a_third_backend_goes_on_where_the_second_breaks_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(cut()) as one,
            FaultServer(cut(chat_events(" brown", done=False)[:1])) as two,
            FaultServer(streams(chat_events(" fox"))) as three,
            running(tmp_path, {}, config=config([one, two, three], route=GOES_ON.replace("1", "2"))) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert reply.text == "The quick brown fox"
            assert three.requests[0].json()["messages"][-1]["content"] == "The quick brown"

    asyncio.run(run())


def test_a_stream_that_does_not_break_keeps_its_bytes(tmp_path: Path) -> None:
    async def run() -> None:
        events = chat_events("a", "b", usage=False)
        server = FaultServer(streams(events, split=3))
        async with server as up, running(tmp_path, {}, config=config([up, up])) as gate:
            assert (await gate.chat(stream=True)).body == sse(events)

    asyncio.run(run())


@given(st.text(max_size=40), st.text(" \n\tab", max_size=6), st.lists(st.text(max_size=5), max_size=8), st.booleans())
def test_a_seam_neither_repeats_nor_loses(begun: str, space: str, rest: list[str], echoes: bool) -> None:
    """Whatever the cuts: what was sent and what is let through are together what one backend would have said."""
    before = begun + space
    bare = before.rstrip()
    whole = before + "".join(rest)
    again = (bare if echoes else "") + whole[len(bare) :]
    seam = Seam(before, echoes=echoes, trims=True)

    out = before + "".join(seam.take(again[at : at + 3]) for at in range(0, len(again), 3))

    assert out == whole


def test_an_echo_of_something_else_is_no_continuation() -> None:
    seam = Seam("The quick", echoes=True, trims=True)

    with pytest.raises(BadAnswer):
        seam.take("A quick")


@needs_xllamacpp
def test_a_model_on_this_machine_goes_on_with_what_a_hosted_one_began(tmp_path: Path) -> None:
    """The real llama.cpp: what it is given as a beginning is not said again."""
    weights = write_tiny_gguf(tmp_path / "tiny.gguf")
    settings = "{ slots = 1, threads = 1, context_tokens = 512 }"

    async def run() -> None:
        async with FaultServer(cut()) as first:
            here = f'[[backend]]\nname = "here"\nkind = "llamacpp"\nsource = "file:{weights}"\nsettings = {settings}\n'
            route = config([first], route="continuations = 1").decode()
            free = '}, { backend = "here", price = { input = 0, output = 0 } }]\ncontinuations'
            route = route.replace("}]\ncontinuations", free)
            async with running(tmp_path, {}, config=(here + route).encode()) as gate:
                reply = await gate.chat(stream=True, temperature=0, seed=1)

                (row,) = gate.calls()
                assert (row.outcome, row.backend, row.flags) == ("ok", "here", "continued")
                assert reply.text.startswith("The quick ")
                assert not reply.text.startswith("The quick The quick")
                assert reply.events[-1]["choices"][0]["finish_reason"] in ("stop", "length")
                assert reply.body.endswith(b"data: [DONE]\n\n")
                assert row.output_tokens is not None
                assert row.output_tokens > 2

    asyncio.run(run())
