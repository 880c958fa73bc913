"""A route gives its models the kind of system text they follow; a backend, what their families want."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gateway_running import running

from fault_server import FaultServer, answers, chat_body

SYSTEM = "Be brief. Answer in French."
LISTED = "# Instructions\n\n- Be brief.\n- Answer in French."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "hi"}]


def config(up: FaultServer, *, model: str, settings: str = "", route: str = "") -> bytes:
    return f"""
[[backend]]
name = "up"
kind = "openai"
base_url = "{up.base_url}"
settings = {{ {settings} }}
[[route]]
model = "public"
to = [{{ backend = "up", model = "{model}", price = {{ input = 1.0, output = 1.0 }} }}]
{route}
""".encode()


def asked_upstream(tmp_path: Path, body: dict[str, Any], path: str = "/v1/chat/completions", **how: Any) -> Any:
    """(what the backend was asked, the status the client got)"""

    async def run() -> Any:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {}, config=config(up, **how)) as gate:
            reply = await gate.post(path, {"model": "public", "max_tokens": 9, **body})
            return up.requests[0].json() if up.requests else None, reply

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("route", "model", "system"),
    [
        ("", "openai/gpt-oss-20b", SYSTEM),
        ('prompt = "by_model"', "openai/gpt-oss-20b", LISTED),
        ('prompt = "by_model"', "acme/large-2", SYSTEM),
        ('prompt = "structured"', "acme/large-2", LISTED),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_route_switches_the_kind_of_system_text_on(
    tmp_path: Path, path: str, route: str, model: str, system: str
) -> None:
    """Also where the client speaks the backend's dialect, whose bytes would else be forwarded as they are."""
    body: dict[str, Any] = {"messages": MESSAGES}
    if path == "/v1/messages":
        body = {"messages": MESSAGES[1:], "system": SYSTEM}

    sent, reply = asked_upstream(tmp_path, body, path, model=model, route=route)

    assert reply.status == 200, reply.body
    assert sent["messages"] == [{"role": "system", "content": system}, MESSAGES[1]]


def test_a_backend_with_quirks_is_told_in_the_words_of_the_models_family(tmp_path: Path) -> None:
    body = {"messages": MESSAGES[1:], "thinking": {"type": "disabled"}}

    sent, reply = asked_upstream(tmp_path, body, "/v1/messages", model="Qwen/Qwen3-8B", settings='quirks = "refuse"')

    assert reply.status == 200, reply.body
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}


def test_what_the_models_family_would_not_take_is_refused_by_name_also_to_clients_of_its_own_dialect(
    tmp_path: Path,
) -> None:
    body = {"messages": MESSAGES[1:], "reasoning_effort": "xhigh"}

    sent, reply = asked_upstream(tmp_path, body, model="openai/gpt-oss-20b", settings='quirks = "refuse"')

    assert sent is None
    assert reply.status == 400
    assert "low, medium, high" in reply.body.decode()


@pytest.mark.parametrize("stream", [False, True])
def test_a_hint_a_backend_was_not_told_is_named_in_the_answers_head(tmp_path: Path, stream: bool) -> None:
    marked = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    body = {"messages": [{"role": "user", "content": marked}], "stream": stream}

    _, reply = asked_upstream(tmp_path, body, "/v1/messages", model="acme/large-2")

    assert reply.headers.get("x-weighbridge-left-out") == "cache_control"


def test_an_answer_to_a_request_that_was_told_whole_names_nothing(tmp_path: Path) -> None:
    for path, body in (("/v1/messages", {"messages": MESSAGES[1:]}), ("/v1/chat/completions", {"messages": MESSAGES})):
        _, reply = asked_upstream(tmp_path / path[4:8], body, path, model="acme/large-2")

        assert reply.status == 200
        assert "x-weighbridge-left-out" not in reply.headers
