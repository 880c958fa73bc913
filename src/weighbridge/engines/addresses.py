"""Where a backend is asked: its own address, or for kinds of one vendor the vendor's."""

from __future__ import annotations

from .engine import BackendRecord

USUAL = {
    "vllm": "http://127.0.0.1:8000/v1",
    "sglang": "http://127.0.0.1:30000/v1",
    "tensorrt-llm": "http://127.0.0.1:8000/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "ollama": "http://127.0.0.1:11434",
    "responses": "https://api.openai.com/v1",
}
"""Kind to the address it has where its record names none."""


def address_of(record: BackendRecord) -> str | None:
    """The address that requests are sent to; None for engines that run in or below this process."""
    return record.base_url or USUAL.get(record.kind)
