"""From `[[backend]]` records to doors: addresses, keys and request heads made before the first call."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from weighbridge.chat.embedding_backs import OpenAIEmbedBack
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_wire import Spelling
from weighbridge.engines import BackendRecord
from weighbridge.engines.dialect import speech_of
from weighbridge.engines.kinds import OPENAI_KINDS, placed
from weighbridge.engines.openai import OpenAISettings
from weighbridge.engines.openai.access import Access, read_access
from weighbridge.engines.own_settings import read_own_settings
from weighbridge.errors import InputError
from weighbridge.net.dial import Way
from weighbridge.net.origin import proxy_for, split_url
from weighbridge.net.request_head import request_head

from .pool import UpstreamPool
from .routes import Door
from .started import StartedPool

if TYPE_CHECKING:
    from weighbridge.engines.command import CommandServer

MakeTls = Callable[[], ssl.SSLContext]
IN_PROCESS = frozenset({"echo", "llamacpp"})
"""Kinds that are asked without a socket of ours."""


def url_door(
    record: BackendRecord,
    environ: Mapping[str, str],
    tls: MakeTls,
    *,
    answer_bytes: int,
    start: Callable[[], CommandServer] | None = None,
) -> Door:
    """The door to a backend at a URL; `start` makes what starts it first. InputError for an address or a key that
    cannot be used."""
    door = _door_at(record, environ, tls, answer_bytes)
    if start is not None:
        assert door.pool is not None
        door.pool = StartedPool(door.pool.way, answer_bytes=answer_bytes, make=start)
    return door


def _door_at(record: BackendRecord, environ: Mapping[str, str], tls: MakeTls, answer_bytes: int) -> Door:
    if record.kind in OPENAI_KINDS:
        return _openai_door(placed(record), environ, tls, answer_bytes)
    speech = speech_of(record)
    key = speech.key_field, speech.key_prefix
    access = read_access(placed(record), speech.settings.headers, environ, key_header=key)
    door = _reached(Door(record), access, environ, tls, answer_bytes)
    door.back, door.embeds = speech.back, speech.embeds
    return door


def _openai_door(record: BackendRecord, environ: Mapping[str, str], tls: MakeTls, answer_bytes: int) -> Door:
    own = read_own_settings(record, OpenAISettings)
    access = read_access(record, own.headers, environ)
    door = _reached(Door(record), access, environ, tls, answer_bytes)
    door.stream_usage = own.stream_usage
    spelling = Spelling(
        guided=own.guided,
        max_tokens=own.max_tokens_field or access.usual_max_tokens_field,
        reasoning=own.reasoning_field,
        thinking=own.thinking,
        stream_usage=own.stream_usage,
        continues=OPENAI_KINDS[record.kind].continues if own.continues == "refuse" else own.continues,
    )
    host = split_url(access.base_url)[0].host
    door.back, door.embeds = OpenAIBack(spelling, host=host, quirks=own.quirks), OpenAIEmbedBack()
    return door


def _reached(door: Door, access: Access, environ: Mapping[str, str], tls: MakeTls, answer_bytes: int) -> Door:
    origin, base = split_url(access.base_url)
    way = Way(origin, proxy_for(origin, environ), tls)
    door.pool = UpstreamPool(way, answer_bytes=answer_bytes)
    door.clean = access.clean
    base = base.rstrip("/")

    def write_head(path: str, fields: tuple[tuple[str, str], ...]) -> bytes:
        return request_head("POST", f"{base}/{path}", access.headers + fields, way).start

    door.write_head = write_head
    try:
        write_head("models", ())
    except InputError as error:
        error.where = error.where or f"[[backend]] {door.name}"
        raise
    return door
