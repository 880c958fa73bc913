"""What a backend's refusal means for us, and what a client is told of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from weighbridge.chat.openai_wire import error_text, one_line
from weighbridge.errors import BackendRefused, CallRefused, EngineError, RequestError, WeighbridgeError

from .reply import openai_error
from .routes import Aim
from .upstream import find_header

MOST_TEXT = 64 * 1024


def refused_by(aim: Aim, status: int, head: bytes, body: bytes) -> BackendRefused:
    """The error for a status other than 200; no secret of ours is in it."""
    wait = _seconds(find_header(head, b"retry-after"))
    said = aim.door.clean(_said(body))
    if status in (401, 403):
        said = "it does not take the key that the gateway has for it"
    error = BackendRefused(
        f"backend {aim.backend!r} refused the request: {status}; it said: {said}",
        status=status,
        retry_after_s=wait,
        where=f"backend {aim.backend}",
    )
    if status in (300, 301, 302, 303, 307, 308):
        error.what = f"backend {aim.backend!r} redirects, which is not followed"
    return error


def retry_after_of(error: EngineError) -> float | None:
    return error.retry_after_s if isinstance(error, BackendRefused) else None


def status_of(error: WeighbridgeError) -> int:
    """What the client is told: its own mistakes as they are, trouble between us and a backend as 502 or 503."""
    if isinstance(error, BackendRefused):
        if error.status in (400, 404, 413, 422, 429):
            return error.status
        return 503 if error.status == 503 else 502
    return error.http_status


def openai_refusal(error: WeighbridgeError) -> tuple[int, bytes, bytes]:
    """Status, further header lines and body of an error in OpenAI's shape."""
    status = status_of(error)
    kind, code, param = _openai_words(error, status)
    message = error.what if error.next_move is None else f"{error.what}. {error.next_move}"
    wait = getattr(error, "retry_after_s", None)
    more = b"retry-after: %d\r\n" % max(1, math.ceil(wait)) if wait is not None else b""
    if code == "insufficient_quota":
        more += b"x-should-retry: false\r\n"  # OpenAI's own clients would try a 429 again
    return status, more, openai_error(message, kind=kind, code=code, param=param)


def _openai_words(error: WeighbridgeError, status: int) -> tuple[str, str | None, str | None]:
    """type, code, param"""
    if isinstance(error, CallRefused):
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = "insufficient_quota" if error.code == "insufficient_quota" else kinds.get(error.http_status)
        return kind or "invalid_request_error", error.code, "model" if error.code == "model_not_found" else None
    if isinstance(error, RequestError):
        return "invalid_request_error", None, error.field
    if status < 500:
        return "rate_limit_error" if status == 429 else "invalid_request_error", None, None
    return "server_error", str(getattr(error, "reason", "error")).replace(" ", "_"), None


def _said(body: bytes) -> str:
    try:
        return error_text(msgspec.json.decode(body[:MOST_TEXT]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return one_line(body[:400].decode("utf-8", "replace")) or "nothing"


def _seconds(value: bytes) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


def no_route(model: str, names: Iterable[str]) -> CallRefused:
    """`names`: the public names that the caller may ask for."""
    names = sorted(names)
    close = get_close_matches(model[:80], names, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return CallRefused(
        f"there is no model {model[:80]!r} here",
        status=404,
        code="model_not_found",
        next_move=f"{meant}Models: {', '.join(names[:12]) or 'none'}.",
    )
