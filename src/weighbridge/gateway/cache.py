"""Whole answers, given again to requests that are the same byte for byte: opt-in for each route, bounded, forgotten
after a while, and never across keys unless the route says so.

One memory for all workers of a gateway: it is mapped before they are forked, and nothing of it is ever in a file.

    newest | buckets of WAYS digests and places | the ring: answers one after the other, the oldest overwritten

A place counts bytes since the beginning and never goes back. What stands there is whole as long as no more than a ring
was written since, so room is taken by moving `newest` before anything is written to it. All of this happens under one
lock, which the system takes away from a worker that dies; what that one left half written has no place yet, and would
not fit its checksum. An answer that is asked for while it is among the older half is written again, as the newest.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import weakref
import zlib
from typing import NamedTuple

import msgspec

from weighbridge.chat import Usage
from weighbridge.dispatch.shared_rate import nameless_file
from weighbridge.errors import InputError

from .config_tables import CacheTable

DIGEST = 20
WAYS = 8
BYTES_A_PLACE = 512
"""Of the ring for each place in the index; with answers shorter than that, the index is what is full first."""
TRIES = 200
"""For the lock, which others hold for microseconds; whoever does not get it asks the backend."""

_NEWEST = struct.Struct("<Q")
_PLACES = struct.Struct(f"<{WAYS}Q")
_ANSWER = struct.Struct(f"<{DIGEST}sII")
"""Whose it is, how long what follows is, and its checksum."""
_BUCKET = WAYS * DIGEST + _PLACES.size


class Kept(NamedTuple):
    body: bytes
    usage: Usage
    model: str | None
    """The one that was served."""
    until: float
    left_out: tuple[str, ...] = ()
    """What the backend could not be told of the request: whoever gets the answer again is told of that, too."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


class AnswerCache:
    """Of one route. Times are seconds of the machine's clock that never goes back."""

    def __init__(self, table: CacheTable) -> None:
        """InputError where there is no such memory."""
        self._table = table
        self._room = table.bytes
        self._buckets = max(1, table.bytes // (WAYS * BYTES_A_PLACE))
        self._ring = _NEWEST.size + self._buckets * _BUCKET
        try:
            self._memory = mmap.mmap(-1, self._ring + self._room)
        except (OSError, OverflowError, ValueError) as error:
            raise InputError(
                f"there is no memory for a cache of {table.bytes:,} bytes: {error}",
                where="[[route]]: cache",
                next_move="Write a smaller number of `bytes`.",
            ) from error
        self._lock = nameless_file()
        weakref.finalize(self, os.close, self._lock)
        _NEWEST.pack_into(self._memory, 0, self._room)  # place 0 is nowhere

    def key(self, place: str, body: bytes, caller: str | None) -> bytes:
        """What an answer is kept under. The dialect is in `place`: the path, and fields that a backend is told."""
        owner = "" if self._table.across_keys else f"key {caller}"
        digest = hashlib.blake2b(f"{owner}\0{place}\0".encode(), digest_size=DIGEST)
        digest.update(body)
        return digest.digest()

    def find(self, key: bytes, now: float) -> Kept | None:
        if not self._hold():
            return None
        try:
            found = self._read(key)
        finally:
            self._let_go()
        if found is None:
            return None
        place, newest, data = found
        kept = _decoder.decode(data)
        if now >= kept.until:
            return None
        if newest - place > self._room // 2:
            self._write(key, data)
        return kept

    def keep(
        self, key: bytes, body: bytes, usage: Usage, model: str | None, now: float, *, left_out: tuple[str, ...] = ()
    ) -> None:
        """An answer larger than all of the memory is not kept."""
        self._write(key, _encoder.encode(Kept(body, usage, model, now + self._table.seconds, left_out)))

    def _read(self, key: bytes) -> tuple[int, int, bytes] | None:
        """Where an answer stands, the newest place, and what it is."""
        memory = self._memory
        newest: int = _NEWEST.unpack_from(memory, 0)[0]
        bucket = self._bucket(key)
        places = _PLACES.unpack_from(memory, bucket + WAYS * DIGEST)
        for way, place in enumerate(places):
            at = bucket + way * DIGEST
            if newest <= place + self._room and memory[at : at + DIGEST] == key:
                start = self._ring + place % self._room
                whose, length, checksum = _ANSWER.unpack_from(memory, start)
                data = memory[start + _ANSWER.size : start + _ANSWER.size + length]
                return (place, newest, data) if whose == key and zlib.crc32(data) == checksum else None
        return None

    def _write(self, key: bytes, data: bytes) -> None:
        length = _ANSWER.size + len(data)
        if length > self._room or not self._hold():
            return
        try:
            memory = self._memory
            place: int = _NEWEST.unpack_from(memory, 0)[0]
            left = self._room - place % self._room
            if length > left:
                place += left  # an answer is in one piece
            _NEWEST.pack_into(memory, 0, place + length)
            start = self._ring + place % self._room
            memory[start + _ANSWER.size : start + length] = data
            _ANSWER.pack_into(memory, start, key, len(data), zlib.crc32(data))
            self._note(key, place)
        finally:
            self._let_go()

    def _note(self, key: bytes, place: int) -> None:
        """In the index, instead of what was there for the key, else of what is oldest."""
        memory = self._memory
        bucket = self._bucket(key)
        digests = [memory[at : at + DIGEST] for at in range(bucket, bucket + WAYS * DIGEST, DIGEST)]
        places = _PLACES.unpack_from(memory, bucket + WAYS * DIGEST)
        way = digests.index(key) if key in digests else places.index(min(places))
        slot = bucket + WAYS * DIGEST + way * _NEWEST.size
        _NEWEST.pack_into(memory, slot, 0)
        memory[bucket + way * DIGEST : bucket + (way + 1) * DIGEST] = key
        _NEWEST.pack_into(memory, slot, place)

    def _bucket(self, key: bytes) -> int:
        return _NEWEST.size + int.from_bytes(key[:8], "little") % self._buckets * _BUCKET

    def _hold(self) -> bool:
        """Keep other workers out; False where one of them has been in for too long."""
        for _ in range(TRIES):
            try:
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.sched_yield()
            else:
                return True
        return False

    def _let_go(self) -> None:
        fcntl.lockf(self._lock, fcntl.LOCK_UN)
