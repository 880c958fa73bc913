"""Bring files and small documents over HTTP: blocking, meant for threads, polite and suspicious.

Retried with back-off, at most ATTEMPTS times in a row without progress: lost connections, time-outs, 408, 425, 429 and
5xx; `Retry-After` (and the hubs' `RateLimit: ...;t=N`) is honoured up to MAX_WAIT_S, and a server that asks for more
is told apart from one that is down. A cut file goes on where it stopped (Range, If-Range), a server that ignores
ranges starts it over. Nothing is trusted to end: sizes are bounded, and a transfer slower than SLOWEST_BYTES_S is
dropped. On a redirect to another origin credentials stay behind, and https never leads to http.

Proxies come from the environment that is handed in; certificates are checked against the system's trust store, or
the bundle that SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urljoin

import urllib3

from weighbridge import __version__
from weighbridge.errors import PullError
from weighbridge.net.headers import announced_bytes, asked_wait_s, is_next_part, is_plain, strong_etag, trust
from weighbridge.net.origin import Origin, proxy_for, split_url
from weighbridge.net.wire import READ_S, Again, Explain, Request, Sink, wire_trouble
from weighbridge.units import KIB, format_bytes, format_duration

ATTEMPTS = 6
"""In a row without at least PROGRESS_BYTES gained."""
PROGRESS_BYTES = 256 * KIB
MAX_WAIT_S = 120.0
MAX_REDIRECTS = 10
CONNECT_S = 15.0
SLOW_WINDOW_S = 60.0
SLOWEST_BYTES_S = KIB
CHUNK_BYTES = 64 * KIB
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRET_HEADERS = frozenset({"authorization", "cookie"})

__all__ = ["Explain", "Fetcher", "Request", "Sink"]

T = TypeVar("T")


class Fetcher:
    """A pool of connections; safe to use from several threads. Close it, or use it in a `with` block."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._environ = environ
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or random.Random()
        self._pools: dict[str, urllib3.PoolManager] = {}

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back."""
        for pool in self._pools.values():
            pool.clear()

    def small(self, request: Request, most: int) -> tuple[bytes, Mapping[str, str]]:
        """A document of at most `most` bytes, and its headers."""

        def once() -> tuple[bytes, Mapping[str, str]]:
            with self._answer(request, {}) as response:
                return self._whole(request, response, most, math.inf), response.headers

        return self._retry(request, once, lambda: 0)

    def changed(self, request: Request, most: int, within_s: float) -> tuple[bytes, Mapping[str, str]] | None:
        """A document as `small` brings it; None where it is still the one that `If-None-Match` or `If-Modified-Since`
        among the request's headers describe (304). All tries together take no longer than about `within_s`."""
        ends = self._clock() + within_s

        def once() -> tuple[bytes, Mapping[str, str]] | None:
            if self._clock() > ends:
                raise PullError(f"not there after {format_duration(within_s)}", where=request.shown)
            with self._answer(request, {}, allow=(304,)) as response:
                same = response.status == 304
                return None if same else (self._whole(request, response, most, ends), response.headers)

        return self._retry(request, once, lambda: 0)

    def _whole(self, request: Request, response: urllib3.BaseHTTPResponse, most: int, ends: float) -> bytes:
        """A body of at most `most` bytes, by the time `ends` of the clock."""
        body = bytearray()
        if (announced_bytes(response.headers) or 0) > most:
            raise PullError(f"the answer is longer than {format_bytes(most)}", where=request.shown)
        for chunk in self._chunks(response):
            body += chunk
            if len(body) > most:
                raise PullError(f"the answer is longer than {format_bytes(most)}", where=request.shown)
            if self._clock() > ends:
                raise PullError(
                    f"the answer does not end: {format_bytes(len(body))} came in the time allowed", where=request.shown
                )
        return bytes(body)

    def head(self, request: Request) -> Mapping[str, str]:
        """What the server itself says about a file, without the file and without following it to another origin."""

        def once() -> Mapping[str, str]:
            with self._answer(request, {}, allow=tuple(_REDIRECTS), method="HEAD") as response:
                return response.headers

        return self._retry(request, once, lambda: 0)

    def file(self, request: Request, sink: Sink, size: int | None, most: int, on_bytes: Callable[[int], None]) -> None:
        """Bring a file into `sink`, going on from what it holds. `size` is what was promised, `most` what is believed.

        Returns when the sink holds `size` bytes (or, of unknown size, when the server says it is all).
        """

        def once() -> None:
            if size is not None and sink.size > size:
                sink.restart()
            if size is None or sink.size < size:
                self._transfer(request, sink, size, most, on_bytes)

        self._retry(request, once, lambda: sink.size)

    def _transfer(
        self, request: Request, sink: Sink, size: int | None, most: int, on_bytes: Callable[[int], None]
    ) -> None:
        """One attempt at the rest of a file."""
        extra = {"Range": f"bytes={sink.size}-"} if sink.size else {}
        if sink.size and sink.validator:
            extra["If-Range"] = sink.validator
        with self._answer(request, extra, allow=(416,)) as response:
            _check_place(request, response, sink, size)
            sink.validator = strong_etag(response.headers)
            for chunk in self._chunks(response):
                sink.write(chunk)
                if sink.size > (most if size is None else size):
                    raise _longer(request, size, sink.size)
                on_bytes(sink.size)
            if size is not None and sink.size < size:
                raise Again(f"cut after {sink.size} of {size} bytes")

    def _retry(self, request: Request, once: Callable[[], T], held: Callable[[], int]) -> T:
        """Try until it works, or until ATTEMPTS in a row have not brought `held` further than it ever was."""
        failed, furthest, began = 0, held(), self._clock()
        while True:
            try:
                return once()
            except Again as again:
                failed += 1
                if held() >= furthest + PROGRESS_BYTES:
                    failed, furthest = 1, held()
                wait = again.wait_s if again.wait_s is not None else self._rng.uniform(0.5, 1) * 2 ** (failed - 1)
                if failed >= ATTEMPTS or wait > MAX_WAIT_S:
                    raise self._given_up(request, again, failed, self._clock() - began) from again
                self._sleep(wait)

    def _given_up(self, request: Request, again: Again, failed: int, seconds: float) -> PullError:
        asked = f", asked us to wait {format_duration(again.wait_s)}" if again.wait_s else ""
        return PullError(
            f"{again.reason}{asked}. Tried {failed} times in a row, {format_duration(seconds)} in all",
            where=request.shown,
            next_move="What had come of a file is kept: pull again later to go on from there.",
        )

    @contextmanager
    def _answer(
        self, request: Request, extra: Mapping[str, str], allow: tuple[int, ...] = (), method: str = "GET"
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """A response with a status that is worth reading; what goes wrong on the way becomes Again or PullError."""
        with wire_trouble(request):
            response = self._follow(request, extra, method)
            try:
                if response.status in RETRIED:
                    wait_s = asked_wait_s(response.headers, time.time())
                    raise Again(f"the server answered {response.status}", wait_s=wait_s)
                if response.status not in (200, 206, *allow):
                    text = response.read(2048, decode_content=True).decode("utf-8", "replace")
                    raise request.explain(response.status, response.headers, text)
                if not is_plain(response.headers):
                    raise PullError(
                        "the server sends compressed bytes where plain ones were asked for", where=request.shown
                    )
                yield response
            finally:
                response.close()
                response.release_conn()

    def _follow(self, request: Request, extra: Mapping[str, str], method: str) -> urllib3.BaseHTTPResponse:
        """Ask, and go where redirects lead; credentials stay with the origin they were meant for."""
        url, headers = request.url, dict(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            origin, _ = split_url(url)
            response = self._pool(origin).urlopen(
                method,
                url,
                headers={"User-Agent": f"weighbridge/{__version__}", "Accept-Encoding": "identity", **headers, **extra},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            url = urljoin(url, location)
            target, _ = split_url(url)
            if target != origin and method == "HEAD":
                return response
            response.close()
            response.release_conn()
            if origin.scheme == "https" and target.scheme != "https":
                raise PullError(f"{origin} redirects to {target}, which is not encrypted", where=request.shown)
            if target != origin:
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
        raise PullError(f"more than {MAX_REDIRECTS} redirects", where=request.shown)

    def _pool(self, origin: Origin) -> urllib3.PoolManager:
        """The connections to `origin`: one pool per proxy, and one without."""
        proxy = proxy_for(origin, self._environ)
        key = str(proxy.origin) if proxy else ""
        if key not in self._pools:
            timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
            context = trust(self._environ)
            login = {"Proxy-Authorization": proxy.authorization} if proxy and proxy.authorization else None
            fresh = (
                urllib3.ProxyManager(key, proxy_headers=login, timeout=timeout, ssl_context=context, maxsize=8)
                if proxy
                else urllib3.PoolManager(timeout=timeout, ssl_context=context, maxsize=8)
            )
            self._pools.setdefault(key, fresh)
        return self._pools[key]

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """The body as it comes; Again when it comes more slowly than anyone would wait for."""
        since, came = self._clock(), 0
        for chunk in _as_it_comes(response):
            yield chunk
            came += len(chunk)
            passed = self._clock() - since
            if passed >= SLOW_WINDOW_S:
                if came < SLOWEST_BYTES_S * passed:
                    raise Again(f"only {came} bytes came in {format_duration(passed)}")
                since, came = self._clock(), 0


def _as_it_comes(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body in pieces of at most CHUNK_BYTES, none of which waits until it is full: a drip is seen as one."""
    if response.chunked:
        yield from response.stream(CHUNK_BYTES, decode_content=False)
        return
    while chunk := response.read1(CHUNK_BYTES, decode_content=False):
        yield chunk


def _check_place(request: Request, response: urllib3.BaseHTTPResponse, sink: Sink, size: int | None) -> None:
    """Make sure that what comes continues what is held, and adds up to what was promised."""
    if response.status == 416:
        sink.restart()
        raise Again("the server has nothing where the file was cut; starting over")
    if response.status == 200 and sink.size:  # ranges ignored, or the file has changed: it comes whole
        sink.restart()
    if response.status == 206 and not is_next_part(response.headers, sink.size, size):
        sink.restart()
        raise Again("the server sent another part than was asked for; starting over")
    announced = announced_bytes(response.headers)
    if size is not None and announced is not None and sink.size + announced > size:
        raise _longer(request, size, sink.size + announced)


def _longer(request: Request, size: int | None, came: int) -> PullError:
    promised = "is believed" if size is None else f"the {size} that were promised"
    return PullError(
        f"{came} bytes come, more than {promised}",
        where=request.shown,
        next_move="Nothing was kept. Do not use this source until you know why.",
    )
