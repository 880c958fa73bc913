"""What is asked of a model and what it answers, in one canonical form; one module per wire dialect."""

from weighbridge.chat.answer import Answer, CallPart, Piece, TokenLogprob, Usage
from weighbridge.chat.request import ChatRequest, Choice, Image, Message, Sampling, Text, Thought, Tool, ToolCall

__all__ = [
    "Answer",
    "CallPart",
    "ChatRequest",
    "Choice",
    "Image",
    "Message",
    "Piece",
    "Sampling",
    "Text",
    "Thought",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "Usage",
]
