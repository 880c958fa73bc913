"""The key of an answer: a hash over everything that can change it.

    fingerprint   of the backend: weights, engine version, settings, URL; never a secret
    model         the record's default, for requests that name none
    request       whole, in the order it was written: the order of a schema's fields steers a grammar
    repeat        which of several independent answers to the same question

BLAKE2b with 160 bits. Equal keys mean an identical call, so that the answer paid for earlier may be used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from weighbridge.chat import ChatRequest

KEY_VERSION = 1
"""Raised when canonical requests come to mean something else; earlier answers are then asked for again."""

_encoder = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="deterministic")


def backend_stem(fingerprint: Mapping[str, str], model: str | None) -> bytes:
    """The part of the key that all calls to one backend share."""
    return _sorted.encode([KEY_VERSION, dict(fingerprint), model])


def answer_key(stem: bytes, request: ChatRequest, repeat: int) -> str:
    """40 hexadecimal digits. Raises UnicodeEncodeError for a request that holds lone surrogates."""
    digest = hashlib.blake2b(stem, digest_size=20)
    digest.update(b"\0%d\0" % repeat)
    digest.update(_encoder.encode(request))
    return digest.hexdigest()
