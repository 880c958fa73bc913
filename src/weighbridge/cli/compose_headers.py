"""Sizes of weights on the web from headers alone, at a bound of traffic.

Ranges only: the first bytes of each file; of a large index only its beginning, which holds the total. What lies here is
read by cli/shards.py.

A remote header costs at most MOST_TRAFFIC bytes, tries that fail included. A server that ignores ranges, does not end
or contradicts itself gets an error that says so; a file too long for the bound gets its size alone, exact too.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin

from weighbridge.cli.shards import INDEX, check_index, index_names
from weighbridge.errors import InputError, PullError, WeightsError
from weighbridge.fit.architecture import Architecture
from weighbridge.fit.checkpoint import checkpoint_weights
from weighbridge.fit.weights_record import Weights
from weighbridge.formats.gguf import GgufHeader, read_gguf
from weighbridge.formats.safetensors import (
    PREFIX,
    SafetensorsHeader,
    header_length,
    parse_header,
)
from weighbridge.net.fetch import Explain, Fetcher, Request
from weighbridge.settings import Settings
from weighbridge.units import KIB, MIB, format_bytes

MOST_TRAFFIC = 8 * MIB
FIRST_BYTES = 64 * KIB
"""Of a file, asked for at once: the header of most shards, or the beginning of an index."""
WITHIN_S = 45.0
"""For one range, tries that fail included."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What was learned of weights on the web."""

    place: str
    file_bytes: int
    """Of all files together; of an index, what it says its tensors take."""
    traffic_bytes: int
    weights: Weights | None
    """None where the headers did not fit into the bound."""
    gguf: GgufHeader | None = None
    note: str = ""


@dataclass(slots=True)
class _Budget:
    """Bytes that may still be asked for; a try that is made again pays again."""

    left: int = MOST_TRAFFIC
    asked: int = 0
    spent: int = 0

    def pay(self, count: int) -> None:
        self.asked = count
        if count > self.left:
            raise PullError(f"reading the headers would take more than {format_bytes(MOST_TRAFFIC)} of traffic")
        self.left -= count
        self.spent += count

    def again(self, seconds: float) -> None:
        """Called before a try is repeated."""
        self.pay(self.asked)
        time.sleep(min(seconds, 5.0))


@dataclass(slots=True)
class HeaderReader:
    """Reads headers of files on the web within one budget."""

    settings: Settings
    budget: _Budget = field(default_factory=_Budget)

    def read(self, place: str, architecture: Architecture | None = None) -> Remote:
        """Sizes of the weights at a URL (.safetensors, .gguf, an index) or in a hub's repository (`hf:owner/name`)."""
        with Fetcher(self.settings.environ, sleep=self.budget.again) as fetcher:
            source = _Source(fetcher, self.budget, _headers(self.settings, place))
            if place.startswith("hf:"):
                return _repository(source, hub_folder(self.settings, place), architecture)
            if place.endswith(".gguf"):
                return _gguf(source, place)
            if place.endswith(".json"):
                return _index(source, place, architecture)
            return _single(source, place, architecture)


def hub_folder(settings: Settings, place: str) -> str:
    """`hf:owner/name` or `hf:owner/name@revision` as the address of its files."""
    name, _, revision = place.removeprefix("hf:").partition("@")
    if not re.fullmatch(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", name):
        raise InputError(f"{place!r} is no repository; write hf:owner/name", where="place")
    return f"{settings.hf_endpoint}/{name}/resolve/{quote(revision or 'main', safe='')}/"


def _headers(settings: Settings, place: str) -> dict[str, str]:
    if place.startswith("hf:") and settings.hf_token is not None:
        return {"Authorization": f"Bearer {settings.hf_token.value}"}
    return {}


@dataclass(slots=True)
class _Source:
    fetcher: Fetcher
    budget: _Budget
    headers: Mapping[str, str]

    def bytes(self, url: str, begin: int, count: int) -> tuple[bytes, int]:
        """Up to `count` bytes from `begin`, and the whole file's size. Raises PullError where ranges are ignored."""
        self.budget.pay(count)
        request = Request(url, _explain(url), {**self.headers, "Range": f"bytes={begin}-{begin + count - 1}"})
        try:
            answer = self.fetcher.changed(request, count, WITHIN_S)
        except PullError as error:
            if "longer than" not in error.what:
                raise
            raise PullError(
                "the server ignores ranges and sends the whole file; its header cannot be read alone",
                where=request.shown,
                next_move="Pull the file first, or use a server that knows `Range`.",
            ) from error
        if answer is None:
            raise PullError("the server answers 304 to a question that was not asked", where=request.shown)
        body, headers = answer
        total = _whole_size(headers, begin, len(body), request.shown)
        return body, total


def _whole_size(headers: Mapping[str, str], begin: int, came: int, where: str) -> int:
    """The file's size from `Content-Range: bytes 0-9/1234`; without it the answer was the whole file."""
    text = headers.get("Content-Range", "")
    if not text:
        if begin:
            raise PullError("the server answers a range with the beginning of the file", where=where)
        return came
    match = re.fullmatch(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", text.strip())
    if match is None:
        raise PullError(f"the server does not say how long the file is: Content-Range: {text[:60]}", where=where)
    first, last, total = (int(part) for part in match.groups())
    if first != begin or last - first + 1 != came or last >= total:
        raise PullError(f"the server's range is not the one asked for: {text[:60]}, {came} bytes came", where=where)
    return total


def _explain(url: str) -> Explain:
    def explain(status: int, headers: Mapping[str, str], text: str) -> PullError:
        del headers, text
        if status == 416:
            what = "the server says that the file is shorter than its own header (416)"
        else:
            what = f"the server answers {status}"
        return PullError(what, where=url.partition("?")[0], next_move="Check the address, the revision and the token.")

    return explain


def _single(source: _Source, url: str, architecture: Architecture | None) -> Remote:
    header = _header(source, url)
    weights = checkpoint_weights([header], architecture)
    return Remote(url.partition("?")[0], header.file_bytes, source.budget.spent, weights)


def _header(source: _Source, url: str) -> SafetensorsHeader:
    """The header of one file: its first bytes, and the rest where that is not all of it."""
    shown = url.partition("?")[0]
    start, total = source.bytes(url, 0, FIRST_BYTES)
    length = header_length(start[:PREFIX], total, shown)
    text = start[PREFIX:]
    if len(text) < length:
        more, again = source.bytes(url, len(start), PREFIX + length - len(start))
        if again != total:
            raise PullError(f"the file changed while it was read: {total} bytes, then {again}", where=shown)
        text += more
    return parse_header(text, length, total, shown)


def _repository(source: _Source, folder: str, architecture: Architecture | None) -> Remote:
    """One file where there is one, else what the index names."""
    try:
        return _index(source, urljoin(folder, INDEX), architecture)
    except PullError as error:
        if " 404" not in error.what:
            raise
    return _single(source, urljoin(folder, "model.safetensors"), architecture)


def _index(source: _Source, url: str, architecture: Architecture | None) -> Remote:
    shown = url.partition("?")[0]
    start, total = source.bytes(url, 0, FIRST_BYTES)
    if total > len(start):
        room = source.budget.left // 2
        if total - len(start) > room:
            return _stated(source, start, shown)
        rest, _ = source.bytes(url, len(start), total - len(start))
        start += rest
    names, stated = index_names(start, shown)
    shards = sorted(set(names.values()))
    if len(shards) * FIRST_BYTES > source.budget.left:
        return _from_total(source, stated, shown, f"{len(shards)} headers would take more than the bound")
    headers = [_header(source, urljoin(url, quote(name))) for name in shards]
    check_index(names, headers, shown)
    weights = checkpoint_weights(headers, architecture, total)
    return Remote(shown, weights.total_bytes, source.budget.spent, weights)


def _stated(source: _Source, start: bytes, shown: str) -> Remote:
    """From the beginning of an index too long to read: its metadata stand first."""
    match = re.search(rb'"total_size"\s*:\s*(\d{1,18})(?:\.0)?\b', start)
    total = int(match[1]) if match else None
    return _from_total(source, total, shown, "the index is too long to be read whole")


def _from_total(source: _Source, total: int | None, shown: str, why: str) -> Remote:
    if total is None:
        raise PullError(f"{why}, and it does not say at its beginning what all tensors take", where=shown)
    return Remote(shown, total, source.budget.spent, None, note=f"{why}; the total is the one the index states")


def _gguf(source: _Source, url: str) -> Remote:
    """The header of a GGUF file, read in growing pieces; its size alone where the vocabulary is beyond the bound."""
    shown = url.partition("?")[0]
    held, total = source.bytes(url, 0, FIRST_BYTES)
    while True:
        header = _whole_gguf(held, total)
        if header is not None:
            return Remote(shown, total, source.budget.spent, None, header)
        count = min(max(len(held), MIB), total - len(held), source.budget.left)
        if count <= 0:
            return Remote(shown, total, source.budget.spent, None, note="the header is longer than the bound")
        more, _ = source.bytes(url, len(held), count)
        held += more


def _whole_gguf(held: bytes, total: int) -> GgufHeader | None:
    """The header if these first bytes hold all of it; raises WeightsError where they already show that it is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "header.gguf"
        path.write_bytes(held)
        try:
            header = read_gguf(path)
        except WeightsError as error:
            if "ends inside" in error.what and len(held) < total:
                return None
            raise
        with path.open("r+b") as file:
            file.truncate(total)
        return read_gguf(path) if header.data_offset <= total else header
