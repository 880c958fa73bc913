"""OpenAI chat completions and completions from the client's side; the backend's side is openai_chat and
openai_completions."""

from weighbridge.chat.openai_front.front import OpenAIFront

__all__ = ["OpenAIFront"]
