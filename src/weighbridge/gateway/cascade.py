"""A route whose router says who answers: a cheap model where it does as well, the strong one elsewhere.

    prompt     the router reads the prompt and chooses; the call then goes its usual way, streamed or not
    cascade    every model of the weak side is asked for its whole answer, at once; the router judges what they say;
               the answer it trusts is the client's, else the strong model is asked as usual

What the router cannot judge (tools, images, several answers, a body we cannot read) goes to the strong model, and so
does what the weak side fails at. Where the strong model fails there is an error: the promise is about quality, so the
weak side does not stand in for it. A cascade holds an answer back until it is whole, for it cannot be judged sooner: a
stream begins late, and then comes at once. Each call is recorded and paid for by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from weighbridge.chat import Answer, Piece
from weighbridge.dispatch.purse import settle
from weighbridge.dispatch.routing import plan
from weighbridge.errors import CallRefused, EngineError, InputError, WeighbridgeError
from weighbridge.formats.problems import did_you_mean
from weighbridge.ledger.rows import CallRow
from weighbridge.routers import Reply, Router, model_of

from . import reply
from .ask import Ask
from .chunked import LAST_CHUNK, chunk
from .exchange import Exchange
from .money import Admission
from .routes import most_usd
from .stage import StageCarrier, prompt_of

if TYPE_CHECKING:
    from .app import Gateway
    from .config import RouteTable
    from .routes import Aim

LONGEST_NAME = 200
_FLAGS = 1 + CallRow.__struct_fields__.index("flags")  # a journal line begins with its kind
_HEADER_END = str.maketrans("\r\n\0", "   ")


class Cascade:
    """Of one route: its router, and the targets behind each model that the router names."""

    __slots__ = ("_order", "_stages", "router")

    def __init__(self, router: Router, table: RouteTable, aims: Sequence[Aim]) -> None:
        """InputError where a model of the router has no target, or a target belongs to none."""
        self.router = router
        self._stages: dict[str, tuple[Aim, ...]] = {}
        names = [to.stage or aim.model for to, aim in zip(table.to, aims, strict=True)]
        where = f"route {table.model!r}"
        if router.needs_judge:
            raise InputError(
                "the router decides by a judge's score of each cheap answer, and the gateway asks no judge",
                where=where,
                next_move="Train one without --judged and without NAME.judge columns, by answers and lengths.",
            )
        for name in names:
            if name not in router.models:
                hint = did_you_mean(name, router.models)
                raise InputError(f"the router knows no model {name!r}", where=where, next_move=hint)
        for model in router.models:
            self._stages[model] = tuple(aim for name, aim in zip(names, aims, strict=True) if name == model)
            if not self._stages[model]:
                raise InputError(
                    f"the router asks {model!r}, and no target of the route is that",
                    where=where,
                    next_move=f'Say which one is: to = [{{ backend = "...", stage = "{model}" }}].',
                )

    @property
    def asked(self) -> tuple[tuple[Aim, ...], ...]:
        """Targets of each call that one request may lead to."""
        router = self.router
        if router.is_cascade:
            return (*(self._stages[model_of(voter)] for voter in router.voters), self._stages[router.strong])
        return (tuple(aim for aims in self._stages.values() for aim in aims),)

    def of(self, model: str, allowed: Sequence[Aim]) -> list[Aim]:
        """The targets of a model that may be asked."""
        return [aim for aim in self._stages[model] if aim in allowed]

    def begin(self, gateway: Gateway, ask: Ask, admission: Admission) -> None:
        """Ask whom the router chooses. CallRefused where rules forbid the strong model: without it nothing is
        promised."""
        router = self.router
        strong = self.of(router.strong, ask.aims)
        if not strong:
            admission.settle(0.0, 0)
            raise CallRefused(
                f"the strong model {router.strong!r} may not be asked, and without it the route keeps no promise",
                status=403,
                code="policy",
            )
        text = prompt_of(ask.carrier, strong[0])
        weak = [self.of(model_of(voter), ask.aims) for voter in router.voters]
        if text is None or not all(weak):
            gateway.send(ask, admission, _planned(gateway, ask, strong))
        elif router.is_cascade:
            Judged(gateway, ask, admission, self, text).start(weak)
        elif router.wants_strong(text):
            gateway.send(ask, admission, _planned(gateway, ask, strong))
        else:
            gateway.send(ask, admission, [*_planned(gateway, ask, weak[0]), *_planned(gateway, ask, strong)])


def _planned(gateway: Gateway, ask: Ask, aims: Sequence[Aim]) -> Sequence[Aim]:
    strategy = ask.route.table.strategy
    prefix = ask.carrier.prefix if strategy == "affinity" else b""
    return plan(aims, strategy, now=gateway.now, rng=gateway.rng, prefix=prefix) if len(aims) > 1 else aims


class Judged:
    """One request whose weak side is asked first."""

    def __init__(self, gateway: Gateway, ask: Ask, admission: Admission, cascade: Cascade, text: str) -> None:
        self._gateway = gateway
        self._ask = ask
        self._admission = admission
        self._cascade = cascade
        self._text = text
        self._calls: list[StageCall] = []
        self._left = 0
        self._is_over = False

    def start(self, weak: Sequence[Sequence[Aim]]) -> None:
        """weak: targets of each voter."""
        ask, gateway = self._ask, self._gateway
        ask.client.work = self
        self._left = len(weak)
        purses = self._admission.purses
        for aims in weak:
            carrier = StageCarrier(ask.carrier)
            mine = Ask(
                ask.client, ask.head, carrier, caller=ask.caller, route=ask.route, output_tokens=ask.output_tokens
            )
            mine.decisions = ask.decisions
            held = most_usd(aims, carrier.body_bytes, ask.output_tokens) if purses else 0.0
            admission = Admission(self._admission.caller, purses, held, None)
            call = StageCall(gateway, mine, admission, _planned(gateway, mine, aims))
            call.told, call.carrier = self._answered, carrier
            self._calls.append(call)
        for place, call in enumerate(tuple(self._calls)):
            gateway.launch(call, call.ask, keep=place == 0)

    def _answered(self, _: StageCall) -> None:
        """A voter has answered, or failed; the journal knows."""
        self._left -= 1
        if self._left or self._is_over:
            return
        self._is_over = True
        if self._gateway.is_closing:
            self._release()
            self._ask.client.close()
            return
        replies = [Reply(_trusted(call.carrier.answer)) for call in self._calls]
        taken = self._cascade.router.judge(self._text, replies)
        if taken is None or not self._give(self._calls[taken], self._cascade.router.voters[taken]):
            self._ask_strong()

    def _give(self, call: StageCall, voter: str) -> bool:
        """Send the client a voter's answer. False where its dialect cannot say it."""
        ask, gateway, answer = self._ask, self._gateway, call.carrier.answer
        assert answer is not None
        name = model_of(voter)[:LONGEST_NAME].translate(_HEADER_END).encode("ascii", "replace")
        more = b"x-weighbridge-cascade: %b\r\n%b" % (name, reply.left_out(call.carrier.left_out))
        try:
            data = _streamed(ask, gateway, answer, call.id, more) if ask.carrier.stream else None
            if data is None:
                body = ask.carrier.write(answer)
                if ask.cache_key and ask.route.cache is not None:
                    ask.route.cache.keep(ask.cache_key, body, answer.usage, answer.model, gateway.now)
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
        aims = _planned(self._gateway, ask, self._cascade.of(router.strong, ask.aims))
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
        return self._admission.held_usd - sum(call.admission.held_usd for call in self._calls)

    def _tokens(self) -> int:
        return sum(call.tokens or 0 for call in self._calls)

    # --- client.Work

    def abandon(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        for call in self._calls:
            call.abandon()
        self._release()

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class StageCall(Exchange):
    """A call to one voter: its answer goes to the router, not to the client."""

    told: Callable[[StageCall], None]
    carrier: StageCarrier

    def __init__(self, gateway: Gateway, ask: Ask, admission: Admission, aims: Sequence[Aim]) -> None:
        super().__init__(gateway, ask, admission, aims)
        self.ask = ask

    def line(self, kind: str = "call") -> tuple[Any, ...]:
        """Marked, so that who counts requests can leave it out."""
        line = list(super().line(kind))
        line[_FLAGS] = "cascade" if line[_FLAGS] is None else f"{line[_FLAGS]} cascade"
        return tuple(line)

    def deliver_unsettled(self) -> None:
        self.told(self)


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
