"""Ollama's own API: what its clients send and are answered (front), what its servers are sent and answer (back)."""

from weighbridge.chat.ollama_api.back import OllamaBack
from weighbridge.chat.ollama_api.front import OllamaFront

__all__ = ["OllamaBack", "OllamaFront"]
