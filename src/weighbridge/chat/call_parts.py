"""Tool calls on their way to a client: parts where a backend streams them, whole calls where it does not."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.chat.answer import CallPart, Piece


class CallFlow:
    """What of a piece's calls is news. A backend that streamed parts says the whole calls again at the end."""

    def __init__(self) -> None:
        self._seen = 0
        """Calls that were begun."""
        self._whole = 0
        """Calls that came whole, over all pieces."""

    def parts(self, piece: Piece) -> Sequence[CallPart]:
        if not piece.tool_calls and not piece.call_parts:
            return ()
        out = list(piece.call_parts)
        for part in piece.call_parts:
            self._seen = max(self._seen, part.index + 1)
        for call in piece.tool_calls:
            index = self._whole
            self._whole += 1
            if index >= self._seen:
                self._seen = index + 1
                out.append(CallPart(index, call.id, call.name, call.arguments, call.signature))
        return out
