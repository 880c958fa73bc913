"""Routes as the gateway uses them: targets with their connections, and the dearest rates to hold for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weighbridge.chat.prompt_kind import Wanted
from weighbridge.dispatch.allowance import parse_allowance
from weighbridge.dispatch.hedging import Hedge
from weighbridge.dispatch.policy import Policy
from weighbridge.dispatch.purse import Purse
from weighbridge.dispatch.routing import Target
from weighbridge.engines import BackendRecord, Price

from .cache import AnswerCache
from .config_tables import RouteTable, ServerTable
from .pool import UpstreamPool
from .started import StartedPool

if TYPE_CHECKING:
    from weighbridge.chat.dialect import Back
    from weighbridge.chat.embedding_backs import EmbedBack

    from .cascade import Cascade
    from .local import LocalEngine
    from .shared import Shared
    from .tracing import Tracer

MILLION = 1_000_000
KEPT_HEADS = 256
OVERHEAD_TOKENS = 64
"""What chat templates add around a conversation, beyond a token for each byte of the body."""


class Door:
    """How one backend is reached and spoken to."""

    def __init__(self, record: BackendRecord) -> None:
        self.record = record
        self.name = record.name
        self.dialect = record.kind
        self.back: Back | None = None
        """Speaks its dialect; None for an engine that is asked in process."""
        self.embeds: EmbedBack | None = None
        self.pool: UpstreamPool | None = None
        """Connections to it; None for an engine that is asked in process."""
        self.local: LocalEngine | None = None
        self.stream_usage = True
        """Whether an OpenAI-compatible server may be asked for counts at the end of a stream."""
        self.clean: Callable[[str], str] = str
        """Takes every secret out of a text."""
        self.write_head: Callable[[str, tuple[tuple[str, str], ...]], bytes] = _no_head
        """The head of a request for a path below the base URL, with further fields, up to content-length's value."""
        self._heads: dict[tuple[str, tuple[tuple[str, str], ...]], bytes] = {}

    async def close(self) -> None:
        """Close what leads to it, and end it where it was started here."""
        if self.pool is not None:
            self.pool.close()
        if isinstance(self.pool, StartedPool):
            await self.pool.stop()
        if self.local is not None:
            await self.local.close()

    def head(self, path: str, fields: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Made once for each path and set of fields."""
        made = self._heads.get((path, fields))
        if made is None:
            if len(self._heads) >= KEPT_HEADS:
                self._heads.clear()
            made = self._heads[path, fields] = self.write_head(path, fields)
        return made


def _no_head(path: str, _: tuple[tuple[str, str], ...]) -> bytes:
    raise AssertionError(f"an engine in process has no address for {path}")


class Aim(Target):
    """A target with the door to its backend."""

    __slots__ = ("door", "prompt")

    def __init__(
        self, door: Door, model: str, price: Price | None, weight: float, prompt: Wanted | None = None
    ) -> None:
        """`prompt`: the kind of system text the route gives its models."""
        super().__init__(door.name, model, price=price, weight=weight)
        self.door = door
        self.prompt = prompt


class Route:
    """A public model name."""

    __slots__ = (
        "aims",
        "cache",
        "cascade",
        "hedge",
        "input_rate",
        "model",
        "output_rate",
        "purse",
        "table",
        "unpriced_input",
        "unpriced_output",
    )

    def __init__(self, table: RouteTable, doors: Mapping[str, Door], prices: Mapping[tuple[str, str], Price]) -> None:
        """`prices`: what the catalogue says, by (backend, model), for targets that say nothing themselves."""
        self.model = table.model
        self.table = table
        self.purse = Purse("route", table.model, parse_allowance(table.budget)) if table.budget else None
        self.aims = tuple(_aim(table, place, doors, prices) for place in range(len(table.to)))
        self.cache = AnswerCache(table.cache) if table.cache is not None else None
        self.cascade: Cascade | None = None
        """Says which of the targets answer; given by whoever reads the router."""
        self.hedge = Hedge(table.hedge) if table.hedge is not None and len(self.aims) > 1 else None
        rates = [aim.price.dearest if aim.price is not None else None for aim in self.aims]
        self.unpriced_input = any(each is None or each.input is None for each in rates)
        self.unpriced_output = any(each is None or each.output is None for each in rates)
        self.input_rate = max((each.input or 0.0 for each in rates if each), default=0.0) / MILLION
        """Dollars a token, the dearest of all targets: any of them may have to answer."""
        self.output_rate = max((each.output or 0.0 for each in rates if each), default=0.0) / MILLION

    def is_unpriced(self, output_tokens: int) -> bool:
        """Whether nothing can be held for a call that writes so much, at most, on whichever target."""
        return self.unpriced_input or (output_tokens > 0 and self.unpriced_output)

    def most_usd(self, body_bytes: int, output_tokens: int) -> float:
        """The most a call could cost: no tokenizer in use makes more tokens than bytes."""
        usd = (body_bytes + OVERHEAD_TOKENS) * self.input_rate + output_tokens * self.output_rate
        return usd if math.isfinite(usd) else 0.0

    def held_usd(self, body_bytes: int, output_tokens: int) -> float:
        """What is held for a call: all that may be asked for it, a second backend beside the first and others that go
        on with a broken answer included. These read what was written before, too."""
        if self.cascade is not None:
            return self.cascade.held_usd(body_bytes, output_tokens)
        usd = self.most_usd(body_bytes, output_tokens)
        if self.hedge is None and not self.table.continuations:
            return usd
        usd *= 2 if self.hedge is not None else 1
        again = min(self.table.continuations, len(self.aims) - 1)
        return usd + again * self.most_usd(body_bytes + output_tokens, output_tokens) if again else usd


def most_usd(aims: Iterable[Aim], body_bytes: int, output_tokens: int) -> float:
    """The most one call could cost at whichever of the targets answers it; a price that is not known counts nothing."""
    rates = [aim.price.dearest for aim in aims if aim.price is not None]
    read = max((each.input or 0.0 for each in rates), default=0.0) / MILLION
    written = max((each.output or 0.0 for each in rates), default=0.0) / MILLION
    usd = (body_bytes + OVERHEAD_TOKENS) * read + output_tokens * written
    return usd if math.isfinite(usd) else 0.0


def _aim(table: RouteTable, place: int, doors: Mapping[str, Door], prices: Mapping[tuple[str, str], Price]) -> Aim:
    to = table.to[place]
    door = doors[to.backend]
    model = to.model or door.record.model or table.model
    price = to.price or door.record.price or prices.get((door.name, model))
    return Aim(door, model, price, to.weight, table.prompt)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of; `cli/compose_serve.py` puts it together."""

    server: ServerTable
    routes: Mapping[str, Route]
    doors: Mapping[str, Door]
    """By the backend's name."""
    teams: Mapping[str, Purse]
    policy: Policy
    """Asked before a backend is chosen."""
    admin_digest: bytes | None = None
    """SHA-256 of the admin key; None where there is no admin API."""
    shared: Shared | None = None
    """What several workers know together; None where there is one."""
    tracer: Callable[[], Tracer] | None = None
    """Makes what traces calls, in the worker; None where nothing is traced."""
