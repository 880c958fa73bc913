"""What do two workers answer for the processor time of one, the gateway's beside nginx's and those of a bare proxy?

Ceiling: 2.0. On two processors the load generator, the backend and two workers cannot all run at once, so requests a
second say little of the workers; processor time a request says what they lose to each other: locks, shared memory, a
turn of the loop with fewer requests in it. The controls, nginx and `bare` (gateway_peers.py), share nothing between
their workers, so what they lose is the machine's: colder caches, more switches.

    each    one worker with CONNECTIONS, two with twice as many: the same load for each worker, as one adds workers
            for. 2 x the one's microseconds a request over the two's
    half    two workers share CONNECTIONS: each gets half, writes its journal for half as many calls at a time, and
            which gets how many is the kernel's dice (SO_REUSEPORT)

Method: pairs of short loads right after each other, one worker and two, so that drift hits both alike; medians of the
pairs' ratios, over all rounds. Part of bench/gateway.py.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple, Protocol

PAIRS = 2
"""A round."""


class Served(NamedTuple):
    """A server under measurement: where it listens, and its processes' root."""

    port: int
    pid: int


class Costs(Protocol):
    def cost(self, port: int, pid: int, *, seconds: int, connections: int) -> tuple[float, float, int, float]:
        """CPU microseconds a request during the load, the same with what comes after, bad answers, requests a
        second."""


class Pair(NamedTuple):
    each: float
    half: float
    rate: float
    """Requests a second of two workers with the same load for each."""


def measured(bench: Costs, one: Served, two: Served, connections: int) -> list[Pair]:
    """The pairs of one round."""
    found = []
    for _ in range(PAIRS):
        alone = _us(bench, one, connections)[0]
        each, rate = _us(bench, two, 2 * connections)
        half, _ = _us(bench, two, connections)
        found.append(Pair(2 * alone / each, 2 * alone / half, rate))
    return found


def _us(bench: Costs, served: Served, connections: int) -> tuple[float, float]:
    during, _, bad, rate = bench.cost(served.port, served.pid, seconds=1, connections=connections)
    if bad:
        raise SystemExit(f"{served.port} answered {bad} requests with something other than 200")
    return during, rate


def medians(pairs: Sequence[Pair]) -> dict[str, float]:
    """Of all rounds; `pairs` says over how many."""
    return {
        "each": round(statistics.median(pair.each for pair in pairs), 3),
        "half": round(statistics.median(pair.half for pair in pairs), 3),
        "requests_s": round(statistics.median(pair.rate for pair in pairs), 1),
        "pairs": len(pairs),
    }
