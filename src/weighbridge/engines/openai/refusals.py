"""What a status other than 200 means, in words: who refused, what it said, and what to try."""

from __future__ import annotations

import email.utils
import math
from difflib import get_close_matches

import msgspec

from weighbridge.chat.openai_wire import decode_json, error_text, one_line
from weighbridge.engines.openai.access import Access
from weighbridge.errors import BackendRefused
from weighbridge.net.calls import Headers

MOST_ERROR_BYTES = 64 * 1024
LONGEST_WAIT_S = 24 * 3600.0
MOST_NAMED = 12
"""Models named in an error."""
NO_MONEY = ("insufficient_quota", "insufficient_balance", "billing_hard_limit", "credit balance")
"""429 and 402 that waiting does not mend."""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def served_models(body: bytes) -> tuple[str, ...]:
    """Ids from the answer of `/models`."""
    return tuple(model.id for model in decode_json(body, _Models).data)


def refusal(
    status: int,
    headers: Headers,
    body: bytes,
    *,
    model: str,
    access: Access,
    offered: tuple[str, ...] = (),
    now: float = 0.0,
) -> BackendRefused:
    """The error for a status; `offered` are the models the backend serves, where it said so; `now` in Unix seconds."""
    said = said_in(body)
    if 300 <= status < 400:
        said = f"it points to {one_line(headers.get('location') or 'nowhere', 200)}, which is not followed"
    wait_s = retry_after_s(headers, now)
    asked = f", asked us to wait {wait_s:g} s" if wait_s is not None else ""
    error = BackendRefused(
        f"backend {access.name!r} {_verb(status)} the request: {status}{asked}" + (f"; {said}" if said else ""),
        status=status,
        retry_after_s=wait_s,
        next_move=_next_move(status, said, model, access, offered),
    )
    if any(sign in body[:MOST_ERROR_BYTES].decode("utf-8", "replace").lower() for sign in NO_MONEY):
        error.retryable = False
        error.next_move = "The account has no credit left: waiting will not help. Top it up, or name another backend."
    return error


def said_in(body: bytes) -> str:
    """The backend's own message, in one bounded line; says so where it sent a web page or nothing."""
    body = body[:MOST_ERROR_BYTES]
    start = body[:64].lstrip().lower()
    if not start:
        return "it gave no reason"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")):
        return "it sent a web page, as a proxy or a wrong address does"
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"it said {one_line(body.decode('utf-8', 'replace'))!r}"
    return f"it said {error_text(raw)!r}"


def retry_after_s(headers: Headers, now: float) -> float | None:
    """Seconds to wait: from `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return _bounded(seconds) if seconds is not None else None
    try:
        return _bounded(email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _verb(status: int) -> str:
    return "redirected" if 300 <= status < 400 else "failed at" if status >= 500 else "refused"


def _next_move(status: int, said: str, model: str, access: Access, offered: tuple[str, ...]) -> str:
    if status == 401:
        if access.key_variable is None:
            return 'It wants a key: name the variable that holds one with api_key = "env:NAME".'
        return f"Check the key in the environment variable {access.key_variable}."
    if status == 403:
        return f"The key may not use the model {model!r}, or not from here: ask whoever issued it."
    if status == 404:
        return _who_is_there(model, access, offered)
    if 300 <= status < 400:
        return "Put the address it moved to into base_url."
    if status in (400, 422):
        return _what_to_change(said)
    if status == 413:
        return "The request is larger than the backend takes: shorten the prompt or its examples."
    if status == 429:
        return "Lower the backend's `concurrency`, or wait."
    if status >= 500:
        return "Look at the backend's own log; this may pass."
    return "Check base_url and the model's name."


def _who_is_there(model: str, access: Access, offered: tuple[str, ...]) -> str:
    if not offered:
        end = "" if access.base_url.endswith("/v1") else " Most base URLs end in /v1."
        return f"Check the model's name {model!r} and base_url.{end}"
    close = get_close_matches(model, offered, n=1)
    named = ", ".join(one_line(each, 80) for each in offered[:MOST_NAMED])
    more = f" and {len(offered) - MOST_NAMED} more" if len(offered) > MOST_NAMED else ""
    hint = f" Did you mean {one_line(close[0], 80)!r}?" if close and close[0] != model else ""
    return f"It serves: {named}{more}.{hint}"


def _what_to_change(said: str) -> str:
    """Settings that mend the refusals every newcomer meets."""
    if "max_completion_tokens" in said or "max_tokens" in said:
        return "Set settings.max_tokens_field to the other name of the field, or lower max_tokens."
    if any(word in said for word in ("response_format", "json_schema", "guided", "structured_outputs", "grammar")):
        return 'Set settings.guided to what this backend knows, or `choose = "text"`.'
    if "stream_options" in said:
        return "Set settings.stream_usage = false."
    if "logprobs" in said:
        return "Lower settings.top_logprobs."
    if "context" in said and "length" in said:
        return "The prompt is longer than the model's context: shorten it or its examples."
    return "Change what it names: a field it does not know can be left out of `[answer]`."
