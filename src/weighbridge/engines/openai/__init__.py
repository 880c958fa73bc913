"""Any OpenAI-compatible URL as a backend."""

from weighbridge.engines.openai.engine import OpenAIEngine, OpenAISettings

__all__ = ["OpenAIEngine", "OpenAISettings"]
