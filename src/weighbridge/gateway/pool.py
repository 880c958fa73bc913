"""Connections to one backend, kept for the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from weighbridge.errors import BackendUnreachable, EngineError
from weighbridge.net.dial import Way, dial

from .upstream import Upstream
from .usual_head import UsualHead

IDLE_S = 4.0
"""uvicorn, which vLLM and SGLang run on, closes after 5 s; letting go first avoids most races with it."""


LINGER_S = 1.0
"""How long a finished stream may take to end its framing before its connection is given up."""


class UpstreamPool:
    """Connections to one origin, kept for the next request; the last one used is used first."""

    def __init__(self, way: Way, *, answer_bytes: int) -> None:
        self.way = way
        self.answer_bytes = answer_bytes
        self.open: set[Upstream] = set()
        self.usual = UsualHead()
        self._idle: list[Upstream] = []
        self._dialling: set[asyncio.Task[None]] = set()

    def take(self) -> Upstream | None:
        """A kept connection, if there is one."""
        while self._idle:
            upstream = self._idle.pop()
            if not upstream.lost:
                return upstream
        return None

    def dial(self, seconds: float, ready: Callable[[Upstream | EngineError], Any]) -> Callable[[], Any]:
        """Open a connection and hand it, or what went wrong, to `ready`; returns what calls that off."""
        task = asyncio.get_running_loop().create_task(self._dial(seconds, ready))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)
        return task.cancel

    async def _dial(self, seconds: float, ready: Callable[[Upstream | EngineError], Any]) -> None:
        try:
            upstream = await dial(self.way, lambda: Upstream(self), seconds)
        except EngineError as error:
            ready(error)
            return
        if upstream.lost:
            ready(BackendUnreachable(f"{self.way} closed the connection at once"))
            return
        self.open.add(upstream)
        ready(upstream)

    def give_back(self, upstream: Upstream) -> None:
        upstream.idle_since = 0.0
        self._idle.append(upstream)

    def forget(self, upstream: Upstream) -> None:
        self.open.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)

    def tend(self, now: float) -> None:
        """Close what has been idle too long; called a few times a second."""
        kept = []
        for upstream in self._idle:
            if not upstream.idle_since:
                upstream.idle_since = now
            if now - upstream.idle_since >= IDLE_S:
                self.open.discard(upstream)
                upstream.close()
            else:
                kept.append(upstream)
        self._idle[:] = kept
        for upstream in tuple(self.open):
            if upstream.is_lingering:
                upstream.idle_since = upstream.idle_since or now
                if now - upstream.idle_since >= LINGER_S:
                    upstream.drop()

    def close(self) -> None:
        for task in tuple(self._dialling):
            task.cancel()
        for upstream in tuple(self.open):
            upstream.close()
        self._idle.clear()
