"""Requests for vectors in other dialects' words: what changes no vector is named as left out, all else refused."""

from __future__ import annotations

import msgspec
import pytest

from weighbridge.chat.embedding_backs import GeminiEmbedBack, OllamaEmbedBack, OpenAIEmbedBack
from weighbridge.chat.embeddings import EmbedRequest
from weighbridge.chat.fronts import embed_fronts
from weighbridge.errors import RequestError


def asked_of_ollama(**fields: object) -> EmbedRequest:
    body = {"model": "m", "input": ["a"]} | fields
    return embed_fronts()["/api/embed"].decode("/api/embed", msgspec.json.encode(body)).request


def test_options_that_are_null_are_none() -> None:
    """langchain-ollama sends every option there is, most of them null."""
    assert asked_of_ollama(options={"mirostat": None, "num_ctx": None}) == asked_of_ollama()
    with pytest.raises(RequestError, match=r"options\.num_ctx"):
        asked_of_ollama(options={"mirostat": None, "num_ctx": 512})


@pytest.mark.parametrize("back", [OpenAIEmbedBack(), OllamaEmbedBack(), GeminiEmbedBack()], ids=lambda back: back.name)
def test_how_long_a_model_stays_loaded_is_left_out_and_said_to_be(
    back: OpenAIEmbedBack | OllamaEmbedBack | GeminiEmbedBack,
) -> None:
    sent = back.encode(asked_of_ollama(keep_alive="5m"))

    assert sent.left_out == ("keep_alive",)
    assert b"keep_alive" not in sent.body


def test_a_user_is_told_to_openai_alone() -> None:
    body = msgspec.json.encode({"model": "m", "input": "a", "user": "u"})
    request = embed_fronts()["/v1/embeddings"].decode("/v1/embeddings", body).request

    assert [back.encode(request).left_out for back in (OpenAIEmbedBack(), OllamaEmbedBack(), GeminiEmbedBack())] == [
        (),
        ("user",),
        ("user",),
    ]
