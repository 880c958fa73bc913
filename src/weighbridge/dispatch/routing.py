"""Which backends a call to a route tries, and in which order.

    order      as the route lists them
    weight     drawn with their weights, the others after it
    load       the one with the fewest calls under way, for its weight
    price      the cheapest first; unknown prices last
    latency    the one whose first piece came soonest lately; those never measured first
    affinity   by the beginning of the prompt, so that a conversation stays where its cache is warm; when a backend
               comes or goes, only its share of the conversations moves (rendezvous hashing)

Pure: the clock and the random generator are arguments. Backends whose breaker is open come last, never never: when
all are open, trying is better than refusing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import Literal, TypeVar

from weighbridge.engines import Price

from .breaker import Breaker

Strategy = Literal["order", "weight", "load", "price", "latency", "affinity"]

SMOOTHING = 0.2
"""Share of the newest measurement in the running mean of latencies."""


class Target:
    """A backend and the model asked for there, and what has been seen of it."""

    __slots__ = ("backend", "breaker", "calls", "failures", "first_piece_s", "model", "price", "under_way", "weight")

    def __init__(self, backend: str, model: str, *, price: Price | None = None, weight: float = 1.0) -> None:
        self.backend = backend
        self.model = model
        self.price = price
        self.weight = weight
        self.breaker = Breaker()
        self.under_way = 0
        self.calls = 0
        self.failures = 0
        self.first_piece_s: float | None = None
        """Running mean."""

    def measured(self, first_piece_s: float) -> None:
        before = self.first_piece_s
        self.first_piece_s = first_piece_s if before is None else before + SMOOTHING * (first_piece_s - before)


Some = TypeVar("Some", bound=Target)


def plan(
    targets: Sequence[Some], strategy: Strategy, *, now: float, rng: Random, prefix: bytes = b""
) -> Sequence[Some]:
    """All targets in the order they are to be tried. `prefix` is the beginning of the prompt, for `affinity`."""
    if len(targets) == 1:
        return targets
    ordered = list(targets) if strategy == "order" else _ordered(targets, strategy, rng, prefix)
    ordered.sort(key=lambda target: not target.breaker.lets_through(now))  # stable: the order stays otherwise
    return ordered


def _ordered(targets: Sequence[Some], strategy: Strategy, rng: Random, prefix: bytes) -> list[Some]:
    if strategy == "weight":
        # Efraimidis and Spirakis 2006: keys u^(1/w) sort a weighted draw without replacement.
        return sorted(targets, key=lambda target: -math.log(rng.random() or 1e-300) / target.weight)
    if strategy == "load":
        return sorted(targets, key=lambda target: (target.under_way / target.weight, rng.random()))
    if strategy == "price":
        return sorted(targets, key=lambda target: _rate(target.price))
    if strategy == "latency":
        return sorted(targets, key=lambda target: (target.first_piece_s or 0.0, target.under_way))
    return sorted(targets, key=lambda target: -_affinity(target, prefix))


def _rate(price: Price | None) -> float:
    """Of a call that reads three tokens for one it writes, as chats do; only for putting prices in order."""
    if price is None or price.input is None or price.output is None:
        return math.inf
    return 3 * price.input + price.output


def _affinity(target: Target, prefix: bytes) -> float:
    name = f"{target.backend}\0{target.model}\0".encode()
    digest = hashlib.blake2b(name + prefix, digest_size=8).digest()
    share = (int.from_bytes(digest) + 1) / (2**64 + 1)
    return -target.weight / math.log(share)
