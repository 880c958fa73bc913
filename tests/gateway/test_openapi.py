"""The published document says what the gateway does: every path, and nothing that thousands of requests refute."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_running import ADMIN_KEY, make_key, running
from test_crash import process

from patience import PATIENCE_S
from weighbridge.gateway.openapi import OPEN, document

CONFIG = b"""
[server]
port = 0
auth = "keys"
admin_key = "env:ADMIN"
[[backend]]
name = "here"
kind = "echo"
[[route]]
model = "assistant"
to = [{ backend = "here", price = { input = 1.0, output = 1.0 } }]
"""
ALWAYS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth"),
)
"""That sound bodies are taken is not asked: the model behind a name may be none that can be asked for images, and `1.0`
is an integer to JSON Schema but not to us. That unsound ones are refused is asked of the admin API alone: a
backend of the client's own dialect may take more than we know."""


def test_every_path_is_in_the_document_and_every_path_of_it_is_there(tmp_path: Path) -> None:
    said = {(method.upper(), path) for path, methods in json.loads(document())["paths"].items() for method in methods}

    async def run() -> None:
        async with running(tmp_path, {}, config=b'[server]\nadmin_key = "env:ADMIN"\n') as gate:
            there = set(gate.gateway.endpoints.places())
            reply = await gate.send(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
            assert reply.json()["openapi"] == "3.1.0"

            assert {place for place in said if "{" not in place[1] and "/admin" not in place[1]} == there
            for method, path in said:
                known = await gate.send(f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                assert known.status != 404, (method, path)

    asyncio.run(run())


def test_every_part_that_is_named_is_there() -> None:
    said = json.loads(document())
    names = set(said["components"]["schemas"])
    used = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                used.add(value["$ref"].removeprefix("#/components/schemas/"))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(said)
    assert used == names


def pinned() -> Iterator[tuple[str, Any]]:
    """The document with the one model there is, so that requests reach it."""
    said = json.loads(document())
    for schema in said["components"]["schemas"].values():
        if schema.get("properties", {}).get("model") == {"type": "string"} and "model" in schema.get("required", ()):
            schema["properties"]["model"] = {"type": "string", "enum": ["assistant"]}
    yield from said.items()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["callers", "admin"])
def test_thousands_of_requests_do_not_refute_it(tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schemathesis: every boundary of every field, sound and unsound bodies, methods nobody offers."""
    pytest.importorskip("schemathesis", reason="not among the tests' packages here")
    monkeypatch.setenv("ADMIN", ADMIN_KEY)
    _, key = make_key(tmp_path / "data" / "weighbridge")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(dict(pinned())))
    checks = (*ALWAYS, "negative_data_rejection") if who == "admin" else ALWAYS
    with process(tmp_path, CONFIG) as (_, port):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", f"http://127.0.0.1:{port}"),
            *("--header", f"Authorization: Bearer {ADMIN_KEY if who == 'admin' else key}"),
            *("--include-path-regex" if who == "admin" else "--exclude-path-regex", "^/admin"),
            *("--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1", "--checks", ",".join(checks)),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=5 * PATIENCE_S
        )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 0" not in done.stdout


@pytest.mark.parametrize("path", OPEN)
def test_what_needs_no_key_says_no_secret(tmp_path: Path, path: str) -> None:
    async def run() -> None:
        config = b'[server]\nauth = "keys"\n[[backend]]\nname = "hidden"\nkind = "echo"\n'
        async with running(tmp_path, {}, config=config) as gate:
            reply = await gate.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

            assert reply.status == 200
            assert b"hidden" not in reply.body

    asyncio.run(run())


def test_another_method_is_told_which_there_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b"") as gate:
            reply = await gate.send(b"DELETE /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n")

            assert (reply.status, reply.headers["allow"]) == (405, "POST")

    asyncio.run(run())
