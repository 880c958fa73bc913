"""Answers that are given again: one memory for all workers, bounded, and never half an answer or another's."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from gateway_running import HELLO, config_of, make_key, read_reply, request
from hypothesis import given
from hypothesis import strategies as st
from test_crash import process
from test_workers_together import children

from fault_server import Exchange, chat_body, response, serving
from patience import PATIENCE_S, eventually
from weighbridge.chat import Usage
from weighbridge.errors import InputError
from weighbridge.gateway.cache import WAYS, AnswerCache
from weighbridge.gateway.config_tables import CacheTable

ROOM = 64 << 10
USED = Usage(10, 20, cached_tokens=5)


def made(room: int = ROOM, seconds: float = 300.0) -> AnswerCache:
    return AnswerCache(CacheTable(seconds=seconds, bytes=room))


def body_of(number: int) -> bytes:
    """Says whose it is in every byte, at a length of its own."""
    return number.to_bytes(4, "big") * (1 + number * 37 % 900)


def keep(cache: AnswerCache, number: int, now: float = 0.0) -> bytes:
    key = cache.key("/v1/chat/completions", str(number).encode(), "key")
    cache.keep(key, body_of(number), USED, f"model {number}", now)
    return key


@contextmanager
def forked(work: Callable[[], None]) -> Iterator[int]:
    """A process that does the work, and is gone afterwards."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_whichever_worker_answers_the_backend_is_asked_once(tmp_path: Path) -> None:
    """Each worker with a memory of its own would ask once each. One that is started anew knows what the others know."""

    async def count(exchange: Exchange) -> None:
        exchange.write(response(200, chat_body(f"answer {exchange.number}")))

    async def asked(port: int, key: str) -> tuple[bytes, bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("POST", "/v1/chat/completions", str(HELLO).replace("'", '"').encode(), key, {}))
        reply = await read_reply(reader)
        writer.close()
        assert reply.status == 200
        return reply.body, "x-weighbridge-cache" in reply.headers

    async def all_asked(port: int, key: str) -> set[tuple[bytes, bool]]:
        first = await asked(port, key)
        return {first, *(await asyncio.gather(*(asked(port, key) for _ in range(20))))}

    with serving(count) as up:
        data_dir = tmp_path / "data" / "weighbridge"
        (_, key), (_, other) = make_key(data_dir), make_key(data_dir)
        with process(tmp_path, config_of({"up": up}, route="cache = {}"), "--workers", "2") as (gateway, port):
            answers = asyncio.run(all_asked(port, key))
            victim = children(gateway.pid)[0]
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: victim not in (now := children(gateway.pid)) and len(now) == 2)
            again = asyncio.run(all_asked(port, key))
            before = len(up.requests)
            theirs = asyncio.run(all_asked(port, other))
            gateway.terminate()
            gateway.wait(PATIENCE_S)

    assert before == 1
    assert {hit for _, hit in answers} == {False, True}
    assert len({body for body, _ in answers | again}) == 1
    assert again == {(body, True) for body, hit in answers if hit}
    assert {body for body, _ in theirs}.isdisjoint(body for body, _ in answers), "another key has another answer"
    assert len(up.requests) == 2


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=120), st.sampled_from((1024, 5000, ROOM)))
def test_what_is_found_is_what_was_kept_last_and_the_newest_is_always_there(
    steps: list[tuple[int, bool]], room: int
) -> None:
    cache = made(room)
    newest = None
    for number, keeps in steps:
        if keeps:
            key = keep(cache, number)
            found = cache.find(key, 1.0)
            fits = len(body_of(number)) + 100 <= room
            newest = number if fits else newest
            assert not fits or (found is not None and found.body == body_of(number))
        else:
            found = cache.find(cache.key("/v1/chat/completions", str(number).encode(), "key"), 1.0)
            assert found is None or (found.body, found.usage, found.model) == (body_of(number), USED, f"model {number}")
    if newest is not None:
        assert cache.find(cache.key("/v1/chat/completions", str(newest).encode(), "key"), 1.0) is not None


def test_the_memory_is_bounded_and_what_is_asked_for_stays() -> None:
    cache = made()
    favourite = keep(cache, 1)

    keys = [keep(cache, number) for number in range(2, 300) if cache.find(favourite, 1.0) is not None]

    assert len(keys) == 298, "the one that was asked for all the time was never missing"
    there = [key for key in keys if cache.find(key, 1.0) is not None]
    assert 0 < len(there) < 298
    kept = [cache.find(key, 1.0) for key in there]
    assert sum(len(each.body) for each in kept if each is not None) <= ROOM


def test_an_answer_is_forgotten_in_time_and_asking_for_it_does_not_keep_it_longer() -> None:
    cache = made(seconds=10.0)
    key = keep(cache, 7, now=100.0)
    for number in range(20, 60):
        assert cache.find(key, 109.9) is not None
        keep(cache, number, now=109.9)

    assert cache.find(key, 110.0) is None


def test_many_short_answers_push_out_the_oldest_of_their_bucket() -> None:
    cache = made(1024)
    keys = []
    for number in range(2 * WAYS):
        keys.append(cache.key("/", str(number).encode(), None))
        cache.keep(keys[-1], b"x", Usage(), None, 0.0)

    assert [cache.find(key, 1.0) is not None for key in keys] == [False] * WAYS + [True] * WAYS


def test_processes_that_write_at_once_never_read_half_an_answer() -> None:
    cache = made(16 << 10)
    rng = Random(1)

    def hammer() -> None:
        mine = Random(2)
        while True:
            keep(cache, mine.randrange(60))

    found = 0
    with forked(hammer), forked(hammer):
        while found < 300:
            number = rng.randrange(60)
            kept = cache.find(cache.key("/v1/chat/completions", str(number).encode(), "key"), 1.0)
            if kept is not None:
                assert (kept.body, kept.model) == (body_of(number), f"model {number}")
                found += 1


def test_a_worker_that_is_killed_while_it_writes_leaves_nothing_behind_but_room() -> None:
    cache = made(16 << 10)

    def hammer() -> None:
        for number in itertools.cycle(range(60)):
            keep(cache, number)

    for _ in range(25):
        with forked(hammer):
            key = cache.key("/v1/chat/completions", b"59", "key")
            eventually(lambda key=key: cache.find(key, 1.0) is not None)
        for number in range(60):
            kept = cache.find(cache.key("/v1/chat/completions", str(number).encode(), "key"), 1.0)
            assert kept is None or kept.body == body_of(number)
        assert cache.find(keep(cache, 3), 1.0) is not None, "the lock is free again"


def test_one_that_is_stopped_with_the_lock_costs_the_others_answers_given_again_and_no_time() -> None:
    cache = made()
    key = keep(cache, 5)
    reader, writer = os.pipe()

    def hold() -> None:
        assert cache._hold()
        os.write(writer, b"!")
        signal.pause()

    with forked(hold):
        os.read(reader, 1)
        assert cache.find(key, 1.0) is None
        cache.keep(key, b"other", Usage(), None, 0.0)
    os.close(reader)
    os.close(writer)

    found = cache.find(key, 1.0)
    assert found is not None
    assert found.body == body_of(5)


def test_more_memory_than_there_is_is_a_mistake_in_the_config() -> None:
    with pytest.raises(InputError, match="no memory for a cache of"):
        made(1 << 61)
