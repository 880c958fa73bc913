"""What somebody on the same machine, or a web page in its browser, gets from the engine's port: nothing."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path

import pytest
from llamacpp_running import ask, chat, needs_xllamacpp, running, text_of
from tiny_gguf import write_tiny_gguf

from patience import PATIENCE_S
from weighbridge.engines.llamacpp import LlamaCppEngine

pytestmark = needs_xllamacpp

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


def knock(engine: LlamaCppEngine, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    """One request from outside, by a client that is not ours."""
    assert engine.address is not None
    connection = http.client.HTTPConnection(engine.address.removeprefix("http://"), timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


PROTECTED = [
    ("POST", "/completion"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/embeddings"),
    ("POST", "/tokenize"),
    ("POST", "/apply-template"),
    ("POST", "/infill"),
    ("GET", "/props"),
    ("GET", "/slots"),
    ("GET", "/metrics"),
    ("GET", "/models"),
    ("GET", "/v1/models"),
    ("GET", "/lora-adapters"),
    ("POST", "/slots/0?action=erase"),
]


def test_every_endpoint_but_health_needs_the_key(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            for method, path in PROTECTED:
                for headers in ({}, {"Authorization": "Bearer guess"}, {"X-Api-Key": ""}):
                    status, _, _ = await asyncio.to_thread(knock, engine, method, path, headers)
                    assert status == 401, (method, path, headers)
            status, _, body = await asyncio.to_thread(knock, engine, "GET", "/health")

            assert (status, body) == (200, b'{"status":"ok"}')

    asyncio.run(scenario())


def test_it_listens_on_loopback_only_and_serves_no_page(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            assert engine.address is not None
            assert engine.address.startswith("http://127.0.0.1:")
            for path in ("/", "/index.html"):
                status, headers, body = await asyncio.to_thread(knock, engine, "GET", path)
                assert status in (401, 404)
                assert b"<html" not in body.lower()
                assert "html" not in headers.get("content-type", "")

    asyncio.run(scenario())


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "http://127.0.0.1:8080", "null"])
def test_no_web_page_of_any_origin_is_let_in(tiny: Path, origin: str) -> None:
    """A browser shows a page nothing without Access-Control-Allow-Origin; the server would echo localhost."""
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    async def scenario() -> None:
        async with running(tiny) as engine:
            for method, path in (("OPTIONS", "/v1/chat/completions"), ("GET", "/health"), ("POST", "/tokenize")):
                _, headers, _ = await asyncio.to_thread(knock, engine, method, path, asks)
                allowed = {name for name in headers if name.startswith("access-control-allow-")}
                assert allowed <= {"access-control-allow-credentials"}
                assert headers.get("access-control-allow-credentials", "false") == "false"

    asyncio.run(scenario())


def test_with_the_key_other_callers_prompts_still_cannot_be_read(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            assert text_of(await ask(engine, chat("a secret")))
            key = engine._server._running.headers
            for path in ("/slots", "/metrics"):
                status, _, body = await asyncio.to_thread(knock, engine, "GET", path, key)
                assert status == 501
                assert b"secret" not in body
            status, _, _ = await asyncio.to_thread(knock, engine, "POST", "/props", key)
            assert status == 501

    asyncio.run(scenario())


def test_every_start_has_a_key_of_its_own(tiny: Path) -> None:
    async def scenario() -> str:
        async with running(tiny) as engine:
            return str(engine._server._running.headers["authorization"])

    assert asyncio.run(scenario()) != asyncio.run(scenario())
