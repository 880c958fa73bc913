"""A model's config.json as people have it: of a bounded size, with what Python writes in place of JSON."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import InputError

MOST_CONFIG_BYTES = 8 << 20


def read_json(file: Path) -> dict[str, Any]:
    """A config.json of a bounded size. Raises InputError for anything else."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_CONFIG_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(file)) from error
    return decode_config(data, str(file))


def decode_config(data: bytes, where: str) -> dict[str, Any]:
    """A config's object. Raises InputError for what is no JSON object of at most 8 MiB."""
    if len(data) > MOST_CONFIG_BYTES:
        raise InputError(f"a config has less than {MOST_CONFIG_BYTES >> 20} MiB; this is something else", where=where)
    try:
        config = _decoded(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}", where=where, next_move="Name a config.json.") from error
    if not isinstance(config, dict):
        raise InputError("a config is a JSON object; this is something else", where=where)
    return config


def _decoded(data: bytes) -> Any:
    """JSON, and what Python writes in its place: Mamba's configs say `"time_step_limit": [0.0, Infinity]`."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        if not re.search(rb"\b(?:Infinity|NaN)\b", data):
            raise
        return json.loads(data)
