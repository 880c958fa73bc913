"""An answer that holds more than text, reasoning and tool calls is an error that says so, never the rest of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from weighbridge.chat import ChatRequest
from weighbridge.chat.anthropic import AnthropicBack
from weighbridge.chat.dialect import Back
from weighbridge.chat.gemini import GeminiBack
from weighbridge.chat.ollama_api import OllamaBack
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.responses import ResponsesBack
from weighbridge.errors import BadAnswer

ASKED = ChatRequest(model="m")
SOUND = {"id": "audio_1", "data": "AAAA", "transcript": "hi", "expires_at": 1}
PICTURES = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


def said_by_openai(**message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "a"} | message
    return {"model": "m", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}


def said_by_ollama(**message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "a"} | message
    return {"model": "m", "message": said, "done": True, "done_reason": "stop"}


WHOLE: list[Any] = [
    pytest.param(OpenAIBack(), said_by_openai(content=None, audio=SOUND), "sound", id="openai-sound"),
    pytest.param(OpenAIBack(), said_by_openai(images=PICTURES), "pictures", id="openrouter-pictures"),
    pytest.param(OllamaBack(), said_by_ollama(images=["AAAA"]), "pictures", id="ollama-pictures"),
    pytest.param(
        ResponsesBack(),
        {"model": "m", "status": "queued", "output": []},
        "not written yet",
        id="responses-in-the-background",
    ),
    pytest.param(
        ResponsesBack(),
        {"model": "m", "status": "completed", "output": [{"type": "web_search_call", "id": "w"}]},
        "web_search_call",
        id="responses-search",
    ),
    pytest.param(
        AnthropicBack(),
        {"model": "m", "content": [SEARCH], "stop_reason": "pause_turn", "usage": {}},
        "server_tool_use",
        id="anthropic-search",
    ),
    pytest.param(
        GeminiBack(),
        {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}}]},
        "neither text",
        id="gemini-picture",
    ),
]


@pytest.mark.parametrize(("back", "body", "named"), WHOLE)
def test_a_whole_answer_with_more_than_can_be_told_is_none(back: Back, body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadAnswer, match=named):
        back.decode(msgspec.json.encode(body), ASKED)


@pytest.mark.parametrize(
    ("back", "event"),
    [
        (OpenAIBack(), {"choices": [{"index": 0, "delta": {"content": "", "images": PICTURES}}]}),
        (OpenAIBack(), {"choices": [{"index": 0, "delta": {"audio": {"transcript": "hi"}}}]}),
        (OllamaBack(), {"message": {"content": "", "images": ["AAAA"]}, "done": False}),
    ],
    ids=["openrouter", "openai", "ollama"],
)
def test_so_is_a_stream(back: Back, event: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match=r"sound|pictures") as caught:
        back.reader(ASKED).feed(msgspec.json.encode(event))

    assert not caught.value.retryable, "the next answer would hold them, too"


def test_who_gets_the_bytes_as_they_came_gets_pictures_too() -> None:
    lines = OllamaBack().reader(ASKED, lenient=True)

    assert [piece.text for piece in lines.feed(msgspec.json.encode(said_by_ollama(images=["AAAA"])))] == ["a"]


@pytest.mark.parametrize("empty", [None, [], ""])
def test_what_is_empty_is_not_there(empty: Any) -> None:
    assert OpenAIBack().decode(msgspec.json.encode(said_by_openai(images=empty, audio=None)), ASKED).text == "a"
