"""What tests of feeds share: a catalogue, an update against a server on loopback, and no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fault_server import Behaviour, Exchange, response
from weighbridge.catalog.feeds.records import Overlay
from weighbridge.catalog.feeds.registry import find_feed
from weighbridge.catalog.feeds.update import Job, Updated, update
from weighbridge.catalog.match import load_index, resolve_name
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.net.fetch import Fetcher

NOW = "2026-11-22T10:00:00Z"


class Clock:
    """Time that passes only when somebody sleeps, or a little at every look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now = 1000.0
        self.step_s = step_s
        self.slept: list[float] = []

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def bring(
    feed: str,
    url: str,
    held: Overlay | None = None,
    *,
    clock: Clock | None = None,
    now: str = NOW,
    names: tuple[str, ...] = (),
    accept_loss: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Updated:
    """One update, as the command makes it."""
    clock = clock or Clock()
    with Fetcher({}, sleep=clock.sleep, clock=clock) as fetcher:
        job = Job(
            fetcher,
            load_catalogue(),
            lambda name: resolve_name(load_index(), name).id,
            now,
            url,
            names,
            accept_loss=accept_loss,
            tell=tell,
        )
        return update(find_feed(feed), held, job)


def serves(pages: dict[str, Any], etag: str = "") -> Behaviour:
    """Pages by target, JSON unless they are bytes; 304 to whoever holds `etag`; 404 for everything else."""

    async def behave(exchange: Exchange) -> None:
        target = exchange.target.partition("?")[0]
        if target not in pages:
            exchange.write(response(404, b"not here"))
        elif etag and exchange.headers.get("if-none-match") == etag:
            exchange.write(f"HTTP/1.1 304 Not Modified\r\netag: {etag}\r\n\r\n".encode())
        else:
            page = pages[target]
            body = page if isinstance(page, bytes) else msgspec.json.encode(page)
            exchange.write(response(200, body, **({"etag": etag} if etag else {})))

    return behave
