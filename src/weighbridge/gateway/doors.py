"""From `[[backend]]` records to doors: addresses, keys and request heads made once, before the first call."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

from weighbridge.engines import BackendRecord
from weighbridge.engines.openai import OpenAISettings
from weighbridge.engines.openai.access import Access, read_access
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.net.dial import Way
from weighbridge.net.origin import proxy_for, split_url
from weighbridge.net.request_head import request_head

from .routes import Door
from .upstream import UpstreamPool

OPENAI_PATHS = ("chat/completions", "completions", "embeddings", "responses")


def openai_door(
    record: BackendRecord, environ: Mapping[str, str], tls: Callable[[], ssl.SSLContext], *, answer_bytes: int
) -> Door:
    """The door to any OpenAI-compatible URL. InputError for an address or a key that cannot be used."""
    own = read_own_settings(record, OpenAISettings)
    access = read_access(record, own.headers, environ)
    door = url_door(record, access, environ, tls, answer_bytes=answer_bytes)
    door.stream_usage = own.stream_usage
    return door


def url_door(
    record: BackendRecord,
    access: Access,
    environ: Mapping[str, str],
    tls: Callable[[], ssl.SSLContext],
    *,
    answer_bytes: int,
) -> Door:
    door = Door(record)
    origin, base = split_url(access.base_url)
    way = Way(origin, proxy_for(origin, environ), tls)
    door.pool = UpstreamPool(way, answer_bytes=answer_bytes)
    door.clean = access.clean
    for path in OPENAI_PATHS:
        door.heads[path] = request_head("POST", f"{base.rstrip('/')}/{path}", access.headers, way).start
    return door
