"""Calls under way, and how they end: in the journal, then settled, then the client gets the rest of its answer.

Calls that end in the same turn of the loop are written down together.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from weighbridge.errors import LedgerError

from .books import Books
from .metrics import Metrics
from .tracing import Tracer

if TYPE_CHECKING:
    from .attempts import Attempts

log = logging.getLogger("weighbridge.gateway")


class Register:
    """Of one worker."""

    def __init__(self, books: Books, metrics: Metrics, tracer: Tracer | None) -> None:
        self.calls: set[Attempts] = set()
        """Under way."""
        self.count = 0
        """Of calls that have ended."""
        self.is_sick = ""
        """Why calls cannot be recorded, if they cannot."""
        self._ended: list[Attempts] = []
        self._books = books
        self._metrics = metrics
        self._tracer = tracer
        self._loop = asyncio.get_running_loop()

    def end(self, call: Attempts) -> None:
        """It is written down at the end of this turn of the loop."""
        self.calls.discard(call)
        if not self._ended:
            self._loop.call_soon(self._write_down)
        self._ended.append(call)

    def note_long_calls(self) -> None:
        """Write down calls that outlast a tick, with what is held for them, for the case that we end before them."""
        fresh = [call for call in self.calls if not call.is_noted]
        if fresh:
            try:
                self._books.append([call.opening() for call in fresh])
            except LedgerError as error:
                log.error("%s", error)
                return
            for call in fresh:
                call.is_noted = True

    def _write_down(self) -> None:
        ended, self._ended = self._ended, []
        lines = [call.line() for call in ended]
        try:
            self._books.append(lines)
        except LedgerError as error:
            self._cannot_record(error, ended)
            self._trace(ended, lines)
            return
        self.is_sick = ""
        count = self._metrics.count
        for call, line in zip(ended, lines, strict=True):
            try:
                call.deliver()
            except Exception:  # the gateway's outer edge too: the others that ended with it must not wait for ever
                log.exception("request %s failed", call.id)
                call.cut()
            count(line)
        self.count += len(ended)
        self._trace(ended, lines)

    def _trace(self, ended: list[Attempts], lines: list[tuple[Any, ...]]) -> None:
        if self._tracer is not None:
            for call, line in zip(ended, lines, strict=True):
                self._tracer.ended(line, call.reasons)

    def _cannot_record(self, error: LedgerError, ended: list[Attempts]) -> None:
        """Their money stays held: what is not written down is not settled. The answers are paid for and delivered."""
        if not self.is_sick:
            log.error("%s", error)
        self.is_sick = error.what
        for call in ended:
            call.deliver_unsettled()
