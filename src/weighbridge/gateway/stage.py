"""What a cascade reads of a request, and how one of its calls is carried: asked whole, answered to the router."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.chat import Answer, ChatRequest, Message, Sampling, Usage
from weighbridge.chat.request import Text
from weighbridge.errors import WeighbridgeError

from .carrier import Carrier, Flow
from .dialects import whole_request
from .flows import PieceFlow
from .routes import Aim


def prompt_of(carrier: Carrier, aim: Aim) -> str | None:
    """The text that a router judges: the last message of the user, or the prompt that is to be continued. None for what
    samples of prompts say nothing about: tools, images, several answers, a schema; and for what cannot be read."""
    if carrier.answers > 1:
        return None
    try:
        request = carrier.canonical(aim)
    except WeighbridgeError:
        return None
    if request.tools or request.schema is not None:
        return None
    if request.prompt is not None:
        return request.prompt
    if any(message.role == "tool" or message.tool_calls for message in request.messages):
        return None
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if last is None:
        return None
    if isinstance(last.content, str):
        return last.content
    texts = [part.text for part in last.content if isinstance(part, Text)]
    return "\n".join(texts) if len(texts) == len(last.content) else None


JUDGE_TOKENS = 2048
"""That a judge may write, its thoughts included."""


class StageCarrier:
    """Carries the same request without streaming, and keeps the answer."""

    stream = False
    stream_type = b""

    def __init__(self, whole: Carrier) -> None:
        self._whole = whole
        self.on_request: Callable[[Aim, bytes], bytes] | None = None
        self.model = whole.model
        self.body_bytes = whole.body_bytes
        self.most_output = whole.most_output
        self.answers = 1
        self.prefix = whole.prefix
        self.cache_body = whole.cache_body
        self.left_out: tuple[str, ...] = ()
        self.answer: Answer | None = None
        """Once it has come."""

    def request(self, aim: Aim) -> bytes:
        back = aim.door.back
        assert back is not None
        sent = back.encode(self.canonical(aim), stream=False)
        self.left_out = sent.left_out
        data = whole_request(aim.door.head(sent.path, sent.headers), sent.body)
        return data if self.on_request is None else self.on_request(aim, data)

    def canonical(self, aim: Aim) -> ChatRequest:
        return self._whole.canonical(aim)

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        back = aim.door.back
        assert back is not None
        answer = self.answer = back.decode(body, self.canonical(aim))
        return b"", answer.usage, answer.model

    def write(self, answer: Answer) -> bytes:
        """From an engine in process."""
        self.answer = answer
        return b""

    def flow(self, aim: Aim) -> Flow:
        raise AssertionError("a voter is asked for its whole answer")

    def pieces(self) -> PieceFlow:
        raise AssertionError("a voter is asked for its whole answer")

    def broken(self, error: WeighbridgeError) -> bytes:
        return b""


class JudgeCarrier(StageCarrier):
    """Asks a judge about one answer, beside the request that led to it."""

    def __init__(self, whole: Carrier, text: str) -> None:
        super().__init__(whole)
        self._text = text
        self.body_bytes = len(text.encode("utf-8", "replace"))
        self.most_output = JUDGE_TOKENS
        self.prefix = b""
        self.cache_body = b""

    def canonical(self, aim: Aim) -> ChatRequest:
        sampling = Sampling(max_tokens=JUDGE_TOKENS, temperature=0.0)
        return ChatRequest(model=aim.model, messages=(Message(role="user", content=self._text),), sampling=sampling)
