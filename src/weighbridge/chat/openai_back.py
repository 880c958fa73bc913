"""The OpenAI dialect as a back: chat completions for a conversation, completions for a text to be continued."""

from __future__ import annotations

from weighbridge.chat import openai_chat, openai_completions
from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.json_text import as_bytes
from weighbridge.chat.openai_reasoning import has_degree
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.request import ChatRequest
from weighbridge.chat.sayable import NAMES, refuse_unsayable

NAME = "openai"
UNSAID = frozenset({"n", "prompt", "prefill", "failed tool result", "cache_control", "reasoning shown or not"})
CAN_CHAT = frozenset(NAMES) - UNSAID
CAN_COMPLETE = frozenset(
    {"prompt", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "frequency_penalty"}
    | {"presence_penalty", "logprobs", "schema", "json_object"}
)
PLAIN = Spelling()


class OpenAIBack:
    name = NAME
    framing: Framing = "sse"

    def __init__(self, spelling: Spelling = PLAIN) -> None:
        self.spelling = spelling

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        left_out = refuse_unsayable(request, NAME, self._can(request))
        if request.prompt is not None:
            wire = openai_completions.encode(request, self.spelling, stream=stream)
            return Sent("completions", as_bytes(wire), left_out=left_out)
        if has_degree(request) and self.spelling.reasoning_switch != "effort" and self.spelling.efforts is None:
            left_out += ("degree of reasoning",)
        return Sent(
            "chat/completions", as_bytes(openai_chat.encode(request, self.spelling, stream=stream)), (), left_out
        )

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        if request.prompt is None:
            return openai_chat.decode(body, self.spelling)
        return openai_completions.decode(body, self.spelling)

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        if request.prompt is None:
            return openai_chat.ChatStream(self.spelling)
        return openai_completions.CompletionStream(self.spelling)

    def _can(self, request: ChatRequest) -> frozenset[str]:
        if request.prompt is not None:
            return CAN_COMPLETE
        return CAN_CHAT | {"prefill"} if self.spelling.continues == "last_message" else CAN_CHAT
