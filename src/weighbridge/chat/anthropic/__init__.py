"""Anthropic messages: what its clients send and are answered (front), what its backends are sent and answer (back)."""

from weighbridge.chat.anthropic.back import AnthropicBack
from weighbridge.chat.anthropic.front import AnthropicFront

__all__ = ["AnthropicBack", "AnthropicFront"]
