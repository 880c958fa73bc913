"""Backends of dialects other than OpenAI's: Anthropic, Ollama, Gemini, OpenAI's responses."""

from weighbridge.engines.dialect.engine import DialectEngine
from weighbridge.engines.dialect.speech import KINDS, Speech, speech_of

__all__ = ["KINDS", "DialectEngine", "Speech", "speech_of"]
