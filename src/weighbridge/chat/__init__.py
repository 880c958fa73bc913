"""What is asked of a model and what it answers, in one canonical form; one module per wire dialect."""

from weighbridge.chat.answer import Answer, Piece, TokenLogprob, Usage
from weighbridge.chat.request import ChatRequest, Choice, Image, Message, Sampling, Text, Tool, ToolCall

__all__ = [
    "Answer",
    "ChatRequest",
    "Choice",
    "Image",
    "Message",
    "Piece",
    "Sampling",
    "Text",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "Usage",
]
