"""Every dialect that clients may speak, by the path it is spoken at."""

from __future__ import annotations

from weighbridge.chat.anthropic import AnthropicFront
from weighbridge.chat.dialect import Front
from weighbridge.chat.embeddings import EmbedFront, OllamaEmbedFront, OpenAIEmbedFront
from weighbridge.chat.ollama_api import OllamaFront
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.responses import ResponsesFront


def fronts() -> tuple[Front, ...]:
    """All of them, the most spoken first."""
    return OpenAIFront(), AnthropicFront(), ResponsesFront(), OllamaFront()


def by_path() -> dict[str, Front]:
    """Path to front; all are asked with POST."""
    return {path: front for front in fronts() for path in front.paths}


def embed_fronts() -> dict[str, EmbedFront]:
    """Path to front, for texts to be turned into vectors."""
    both: tuple[EmbedFront, ...] = (OpenAIEmbedFront(), OllamaEmbedFront())
    return {path: front for front in both for path in front.paths}
