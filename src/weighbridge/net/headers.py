"""What the headers of an answer promise, and whether to believe it."""

from __future__ import annotations

import email.utils
import re
import ssl
from collections.abc import Mapping

from weighbridge.errors import PullError

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """TLS with the system's trust store, or the bundle the environment names."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    bundle = next((environ[name] for name in names if environ.get(name)), None)
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise PullError(
            f"cannot read the certificates in {bundle}: {error}", next_move="Correct SSL_CERT_FILE."
        ) from error


def is_next_part(headers: Mapping[str, str], held: int, size: int | None) -> bool:
    """Whether a 206 continues after the `held` bytes, in a file of `size` bytes (None: of any size)."""
    place = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return place is not None and place[1] == str(held) and (size is None or place[2] in ("*", str(size)))


def is_plain(headers: Mapping[str, str]) -> bool:
    """Whether the bytes are sent as they are, not compressed."""
    return headers.get("Content-Encoding", "").strip().lower() in ("", "identity")


def announced_bytes(headers: Mapping[str, str]) -> int | None:
    """Content-Length, if it is a number."""
    length = headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """The ETag if it vouches for every byte (RFC 9110, 8.8.1), so that a range can be asked for on its strength."""
    value = headers.get("ETag", "")
    return value if value.startswith('"') and len(value) < 512 else None


def asked_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds a server asks us to wait: Retry-After in seconds or as a date, or the reset of a RateLimit header."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if text:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
        except (ValueError, OverflowError):
            return None
    reset = re.search(r"\bt=(\d{1,9})", headers.get("RateLimit", ""))
    return float(reset[1]) if reset else None
