"""How an answer is stored: msgspec JSON, deflated when it is long. The first byte tells which (`{` or zlib's 0x78)."""

from __future__ import annotations

import zlib

import msgspec

from weighbridge.chat import Answer

DEFLATE_FROM_BYTES = 1024
"""Shorter answers would gain little."""
LONGEST_BYTES = 1 << 30
"""No answer of ours inflates to more; a damaged ledger must not fill the memory."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Answer)


def pack(answer: Answer) -> bytes:
    """Raises UnicodeEncodeError for lone surrogates: such text is no text."""
    body = _encoder.encode(answer)
    return body if len(body) < DEFLATE_FROM_BYTES else zlib.compress(body, 1)


def unpack(body: bytes) -> Answer:
    """Raises zlib.error or msgspec.DecodeError for what `pack` did not make."""
    if body[:1] == b"{":
        return _decoder.decode(body)
    return _decoder.decode(zlib.decompressobj().decompress(body, LONGEST_BYTES))
