"""Servers of OpenAI's dialect that are known by name: where each listens unless told otherwise, how it says that it is
well, how it goes on from the beginning of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from .addresses import address_of
from .engine import BackendRecord

if TYPE_CHECKING:
    from weighbridge.chat.openai_wire import Continues


@dataclass(frozen=True, slots=True)
class Ways:
    """Of one kind."""

    health: str
    """Path of its health check, or one that any healthy server answers, from the root of its address."""
    continues: Continues = "refuse"


OPENAI_KINDS: dict[str, Ways] = {
    "openai": Ways("/v1/models"),
    "vllm": Ways("/health", "final_message"),
    "sglang": Ways("/health", "final_message"),
    "tensorrt-llm": Ways("/health"),
}
"""Kinds that speak OpenAI's dialect."""
HEALTH = {kind: ways.health for kind, ways in OPENAI_KINDS.items()} | {"ollama": "/api/version"}
"""Kinds that may be started by a command, with the path that says whether they are well."""
IDLE_STOP_S = 600.0
"""After so long without a call an engine that was started gives its memory back, unless its record says otherwise."""


def placed(record: BackendRecord) -> BackendRecord:
    """The record with the address it is asked at written out."""
    return msgspec.structs.replace(record, base_url=address_of(record))


def health_url(record: BackendRecord) -> str:
    """Whole; a path in `health` counts from the root of the backend's address."""
    path = record.health or HEALTH[record.kind]
    if path.startswith(("http://", "https://")):
        return path
    parts = urlsplit(address_of(record) or "")
    return f"{parts.scheme}://{parts.netloc}/{path.removeprefix('/')}"


def idle_stop_s(record: BackendRecord) -> float | None:
    """Seconds; None keeps it running."""
    seconds = IDLE_STOP_S if record.idle_stop_s is None else record.idle_stop_s
    return seconds or None
