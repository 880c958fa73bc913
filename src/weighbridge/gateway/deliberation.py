"""One request to a cascade: rounds of cheap answers, a judge's scores of them where the router wants them, a decision.

    round    every voter of it is asked for its whole answer, at once
    judge    asked about each different answer that it has not scored yet, at once; where one of its scores cannot be
             had nobody knows what that answer is worth, and the strong model is asked
    step     the router takes an answer, goes on to the next round, or leaves it to the strong model

Each call is an Exchange like any other: tried again, recorded and paid for by itself, out of what was held for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from weighbridge.chat import Answer, Piece
from weighbridge.dispatch.purse import settle
from weighbridge.dispatch.routing import plan
from weighbridge.errors import EngineError, WeighbridgeError
from weighbridge.ledger.rows import CallRow
from weighbridge.routers import JudgeRecord, Reply, judge_question, model_of, read_score

from . import reply
from .ask import Ask
from .chunked import LAST_CHUNK, chunk
from .exchange import Exchange
from .money import Admission
from .routes import most_usd
from .stage import JUDGE_TOKENS, JudgeCarrier, StageCarrier

if TYPE_CHECKING:
    from .app import Gateway
    from .cascade import Cascade
    from .routes import Aim

LONGEST_NAME = 200
ANSWER_BYTES = 8
"""Of a token that a cheap model wrote, to hold enough for the judge who reads it."""
CHEAP = "cascade"
"""Marks calls whose answer the client may never see."""
_FLAGS = 1 + CallRow.__struct_fields__.index("flags")  # a journal line begins with its kind
_HEADER_END = str.maketrans("\r\n\0", "   ")


def planned(gateway: Gateway, ask: Ask, aims: Sequence[Aim]) -> Sequence[Aim]:
    strategy = ask.route.table.strategy
    prefix = ask.carrier.prefix if strategy == "affinity" else b""
    return plan(aims, strategy, now=gateway.now, rng=gateway.rng, prefix=prefix) if len(aims) > 1 else aims


def judge_usd(judge: JudgeRecord, aims: Sequence[Aim], body_bytes: int, output_tokens: int) -> float:
    """Held for one score: of the instructions, a request and an answer as long as they may be."""
    shown = len(judge.instructions.encode()) + body_bytes + output_tokens * ANSWER_BYTES
    return most_usd(aims, shown, JUDGE_TOKENS)


class Deliberation:
    """Of one request whose weak side is asked first."""

    def __init__(self, gateway: Gateway, ask: Ask, admission: Admission, cascade: Cascade, text: str) -> None:
        self._gateway = gateway
        self._ask = ask
        self._admission = admission
        self._cascade = cascade
        self._text = text
        self._weak: Sequence[Sequence[Aim]] = ()
        self._calls: list[StageCall] = []
        """To voters, in their order."""
        self._hearings: dict[int, StageCall] = {}
        """Calls to the judge, by the place of the voter whose answer it scores."""
        self._left = 0
        self._is_over = False

    def start(self, weak: Sequence[Sequence[Aim]]) -> None:
        """weak: targets of each voter."""
        self._ask.client.work = self
        self._weak = weak
        self._ask_round()

    def _ask_round(self) -> None:
        asked = len(self._calls)
        size = next(size for size in self._cascade.router.rounds if size > asked)
        made = []
        for aims in self._weak[asked:size]:
            carrier = StageCarrier(self._ask.carrier)
            held = most_usd(aims, carrier.body_bytes, self._ask.output_tokens)
            made.append(self._call(carrier, aims, held, self._ask.output_tokens, CHEAP))
        self._calls += made
        self._launch(made, keep=not asked)

    def _call(
        self, carrier: StageCarrier, aims: Sequence[Aim], held_usd: float, output_tokens: int, mark: str
    ) -> StageCall:
        ask, gateway, whole = self._ask, self._gateway, self._admission
        mine = Ask(ask.client, ask.head, carrier, caller=ask.caller, route=ask.route, output_tokens=output_tokens)
        mine.decisions = ask.decisions
        admission = Admission(whole.caller, whole.purses, held_usd if whole.purses else 0.0, None)
        targets = planned(gateway, mine, aims)
        return StageCall(gateway, mine, admission, targets, carrier=carrier, told=self._answered, mark=mark)

    def _launch(self, made: Sequence[StageCall], *, keep: bool) -> None:
        self._left = len(made)
        for place, call in enumerate(made):
            self._gateway.launch(call, call.ask, keep=keep and place == 0)

    def _answered(self) -> None:
        """A voter or the judge has answered, or failed; the journal knows."""
        self._left -= 1
        if self._left or self._is_over:
            return
        if self._gateway.is_closing:
            self._is_over = True
            self._release()
            self._ask.client.close()
            return
        if not self._hear():
            self._decide()

    def _hear(self) -> bool:
        """Ask the judge about answers that it has not scored. False where there are none."""
        router, ask = self._cascade.router, self._ask
        judge = router.asks_judge
        if judge is None:
            return False
        replies = self._replies()
        made = []
        aims = self._cascade.of(judge.name, ask.aims)
        for place in router.to_judge(replies):
            if place not in self._hearings:
                text = judge_question(judge.instructions, self._text, replies[place].text or "")
                carrier = JudgeCarrier(ask.carrier, text)
                held = judge_usd(judge, aims, ask.carrier.body_bytes, ask.output_tokens)
                call = self._hearings[place] = self._call(carrier, aims, held, JUDGE_TOKENS, f"{CHEAP} judge")
                made.append(call)
        self._launch(made, keep=False)
        return bool(made)

    def _replies(self) -> list[Reply]:
        """Of the voters that were asked, with the judge's scores so far."""
        replies = [Reply(_trusted(call.carrier.answer)) for call in self._calls]
        judge = self._cascade.router.asks_judge
        for place, call in self._hearings.items():
            said = _trusted(call.carrier.answer)
            if judge is not None and said is not None:
                replies[place] = Reply(replies[place].text, read_score(said, judge.out_of))
        return replies

    def _decide(self) -> None:
        router = self._cascade.router
        replies = self._replies()
        if any(math.isnan(replies[place].judged) for place in self._hearings):
            self._is_over = True
            self._ask_strong()
            return
        step = router.step(self._text, replies)
        if step.goes_on:
            self._ask_round()
            return
        self._is_over = True
        if step.voter is None or not self._give(step.voter):
            self._ask_strong()

    def _give(self, place: int) -> bool:
        """Send the client a voter's answer. False where its dialect cannot say it."""
        call, voter = self._calls[place], self._cascade.router.voters[place]
        ask, gateway, answer = self._ask, self._gateway, call.carrier.answer
        assert answer is not None
        name = model_of(voter)[:LONGEST_NAME].translate(_HEADER_END).encode("ascii", "replace")
        more = b"x-weighbridge-cascade: %b\r\n%b" % (name, reply.left_out(call.carrier.left_out))
        try:
            data = _streamed(ask, gateway, answer, call.id, more) if ask.carrier.stream else None
            if data is None:
                body = ask.carrier.write(answer)
                if ask.cache_key and ask.route.cache is not None:
                    keep, names = ask.route.cache.keep, call.carrier.left_out
                    keep(ask.cache_key, body, answer.usage, answer.model, gateway.now, left_out=names)
                close = not ask.head.keep_alive
                data = reply.whole(200, body, gateway.date.field, call.id, more=more, close=close)
        except EngineError:
            return False
        self._release()
        ask.client.finish(data, close=ask.carrier.stream and ask.head.is_http_1_0)
        return True

    def _ask_strong(self) -> None:
        router, ask = self._cascade.router, self._ask
        admission = _Rest(self._admission, self._held_left(), self._tokens())
        aims = planned(self._gateway, ask, self._cascade.of(router.strong, ask.aims))
        try:
            self._gateway.send(ask, admission, aims)
        except WeighbridgeError as error:
            admission.settle(0.0, None)
            self._gateway.refuse(ask.client, ask.head, error)

    def _release(self) -> None:
        """The strong model is not asked: what was held for it is free again."""
        settle(self._admission.purses, self._held_left(), 0.0)
        Admission(self._admission.caller, (), 0.0, self._admission.tokens).settle(0.0, self._tokens())

    def _held_left(self) -> float:
        return self._admission.held_usd - sum(call.admission.held_usd for call in self._made())

    def _tokens(self) -> int:
        return sum(call.tokens or 0 for call in self._made())

    def _made(self) -> list[StageCall]:
        return [*self._calls, *self._hearings.values()]

    # --- client.Work

    def abandon(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        for call in self._made():
            call.abandon()
        self._release()

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class StageCall(Exchange):
    """A call to a voter or to the judge: its answer goes to the router, not to the client."""

    def __init__(
        self,
        gateway: Gateway,
        ask: Ask,
        admission: Admission,
        aims: Sequence[Aim],
        *,
        carrier: StageCarrier,
        told: Callable[[], None],
        mark: str,
    ) -> None:
        super().__init__(gateway, ask, admission, aims)
        self.ask = ask
        self.carrier = carrier
        self._told = told
        self._mark = mark

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        """Marked, so that who counts requests can leave it out."""
        line = list(super().line(kind))
        line[_FLAGS] = self._mark if line[_FLAGS] is None else f"{line[_FLAGS]} {self._mark}"
        return tuple(line)

    def deliver_unsettled(self) -> None:
        self._told()


class _Rest(Admission):
    """What is left of an admission once the weak side was paid for."""

    __slots__ = ("_spent_tokens",)

    def __init__(self, whole: Admission, held_usd: float, spent_tokens: int) -> None:
        super().__init__(whole.caller, whole.purses, held_usd, whole.tokens)
        self._spent_tokens = spent_tokens

    def settle(self, cost_usd: float, tokens: int | None) -> None:
        super().settle(cost_usd, None if tokens is None else tokens + self._spent_tokens)


def _trusted(answer: Answer | None) -> str | None:
    """The text of an answer that came to its own end; None for one that was cut, filtered, or calls tools."""
    if answer is None or answer.tool_calls or answer.finish not in (None, "stop"):
        return None
    return answer.text


def _streamed(ask: Ask, gateway: Gateway, answer: Answer, call_id: str, more: bytes) -> bytes:
    """A whole answer as a whole stream. Raises EngineError."""
    flow = ask.carrier.pieces()
    last = Piece(
        finish=answer.finish or "stop",
        usage=answer.usage,
        model=answer.model,
        thoughts=answer.thoughts,
        stop_sequence=answer.stop_sequence,
    )
    pieces = [Piece(reasoning=answer.reasoning)] if answer.reasoning else []
    out = flow.take((*pieces, Piece(text=answer.text, logprobs=answer.logprobs), last)) + flow.end()
    is_chunked = not ask.head.is_http_1_0
    kind = ask.carrier.stream_type
    head = reply.stream_head(gateway.date.field, call_id, kind=kind, chunked=is_chunked, more=more)
    return head + (chunk(out) + LAST_CHUNK if is_chunked else out)
