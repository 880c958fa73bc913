"""Gemini's generateContent as its backends speak it."""

from weighbridge.chat.gemini.back import GeminiBack

__all__ = ["GeminiBack"]
