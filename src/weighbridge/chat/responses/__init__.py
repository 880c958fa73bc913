"""OpenAI responses: what its clients send and are answered (front), what its backends are sent and answer (back)."""

from weighbridge.chat.responses.back import ResponsesBack
from weighbridge.chat.responses.front import ResponsesFront

__all__ = ["ResponsesBack", "ResponsesFront"]
