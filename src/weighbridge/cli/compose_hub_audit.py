"""A repository on a hub, audited without pulling it: what decides is fetched, of large files only what must be read.

    settings, texts, tokenizers     whole
    safetensors, GGUF               their headers
    archives, pickles, the rest     as far as a reader asks, in pieces, up to MOST_OF_ONE bytes a file

Everything lands in a folder of its own that is gone afterwards; a large file is a file with holes there. Hashes of what
did not come whole are the hub's word. What was not fetched is named.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from weighbridge.audit.given import Baseline, Published
from weighbridge.audit.walk import Entry, Walked
from weighbridge.engines.pull.cache import Cache
from weighbridge.engines.pull.choose import RemoteFile
from weighbridge.engines.pull.hub import MAX_FILES
from weighbridge.engines.pull.huggingface import Listing, complete, list_repository
from weighbridge.engines.pull.job import Job
from weighbridge.engines.pull.progress import Silent
from weighbridge.engines.pull.source import parse_source
from weighbridge.engines.pull.stop import Stop
from weighbridge.errors import PullError, WeightsError
from weighbridge.formats.gguf import read_gguf
from weighbridge.net.fetch import Fetcher, Request
from weighbridge.settings import Settings
from weighbridge.units import GIB, KIB, MIB, format_bytes

WHOLE_BYTES = 4 * MIB
"""Files up to this size are fetched whole, whatever they are."""
WHOLE_TEXT_BYTES = 96 * MIB
"""Settings, tokenizers, scripts and indexes are fetched whole up to this size."""
FIRST_BYTES = 256 * KIB
PIECE_BYTES = 256 * KIB
MOST_OF_ONE = 64 * MIB
MOST_TRAFFIC = 2 * GIB
WITHIN_S = 120.0
AT_ONCE = 8
_TEXTS = re.compile(
    r"(?i)\.(?:json|jsonl|txt|md|jinja2?|j2|py|sh|ya?ml|toml|cfg|ini|model|tiktoken|vocab|csv|html?|sig|pb|ipynb)$"
    r"|(?:^|/)(?:licen[cs]e|notice|copying|modelfile|dockerfile|makefile)[^/]*$"
)
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


@dataclass(slots=True)
class Fetched:
    """A repository as far as it was fetched."""

    walked: Walked
    published: Baseline
    known: dict[str, str]
    """SHA-256 by the hub's word."""
    pinned: str


class Beyond(OSError):
    """A reader wants more of a file than an audit fetches."""


@dataclass(slots=True)
class _Traffic:
    left: int = MOST_TRAFFIC
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pay(self, count: int) -> None:
        with self.lock:
            if count > self.left:
                raise Beyond(f"an audit fetches at most {format_bytes(MOST_TRAFFIC)} of a repository")
            self.left -= count


class HubBlob:
    """A file on a hub, read in pieces that are kept in a file with holes. Raises Beyond, PullError."""

    def __init__(self, file: RemoteFile, path: Path, fetcher: Fetcher, traffic: _Traffic) -> None:
        self.name = file.name
        self.size = file.size or 0
        self._file, self._path, self._fetcher, self._traffic = file, path, fetcher, traffic
        self._here: set[int] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as holes:
            holes.truncate(self.size)

    @property
    def is_whole(self) -> bool:
        return len(self._here) * PIECE_BYTES >= self.size

    def read(self, at: int, count: int) -> bytes:
        if at < 0 or count <= 0 or at >= self.size:
            return b""
        count = min(count, self.size - at)
        self.want(at, count)
        with self._path.open("rb") as file:
            file.seek(at)
            return file.read(count)

    def want(self, at: int, count: int) -> None:
        """Have these bytes in the file, neighbouring pieces in one request."""
        pieces = range(at // PIECE_BYTES, (min(at + count, self.size) - 1) // PIECE_BYTES + 1)
        missing = [piece for piece in pieces if piece not in self._here]
        if (len(self._here) + len(missing)) * PIECE_BYTES > max(MOST_OF_ONE, _most(self._file)):
            raise Beyond(
                f"only the first {format_bytes(len(self._here) * PIECE_BYTES)} that were asked for were fetched"
            )
        for first, last in _runs(missing):
            self._fetch(first, last)

    def _fetch(self, first: int, last: int) -> None:
        at = first * PIECE_BYTES
        count = min((last + 1) * PIECE_BYTES, self.size) - at
        self._traffic.pay(count)
        body = ranged(self._fetcher, self._file.request, at, count, self.size)
        with self._path.open("r+b") as file:
            file.seek(at)
            file.write(body)
        self._here.update(range(first, last + 1))


def _runs(pieces: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring numbers as pairs of the first and the last."""
    start = 0
    for place in range(1, len(pieces) + 1):
        if place == len(pieces) or pieces[place] != pieces[place - 1] + 1:
            yield pieces[start], pieces[place - 1]
            start = place


def ranged(fetcher: Fetcher, request: Request, at: int, count: int, size: int) -> bytes:
    """A part of a file on the web. Raises PullError where the server sends another part or ignores ranges."""
    asked = {} if count == size else {"Range": f"bytes={at}-{at + count - 1}"}
    try:
        answer = fetcher.changed(Request(request.url, request.explain, {**request.headers, **asked}), count, WITHIN_S)
    except PullError as error:
        raise _ignored(request, at, count, size) if "longer than" in error.what else error from error
    body, headers = answer if answer is not None else (b"", {})
    match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    came = (int(match[1]), int(match[2]) + 1, int(match[3])) if match else (0, len(body), len(body))
    if came != (at, at + count, size) or len(body) != count:
        raise _ignored(request, at, count, size)
    return body


def _ignored(request: Request, at: int, count: int, size: int) -> PullError:
    return PullError(
        f"the server does not send the bytes {at}-{at + count - 1} of {size} that were asked for",
        where=request.shown,
        next_move="Pull the repository and audit the folder, or use a server that knows `Range`.",
    )


def _most(file: RemoteFile) -> int:
    """Bytes of a file that are fetched at most."""
    return WHOLE_TEXT_BYTES if _TEXTS.search(file.name) else MOST_OF_ONE


@contextmanager
def hub_repository(source: str, settings: Settings) -> Iterator[Fetched]:
    """`hf:REPO[@REVISION]`, fetched as far as an audit needs. Raises PullError, UsageError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weighbridge-audit-")))
        fetcher = stack.enter_context(Fetcher(settings.environ))
        parsed = parse_source(source)
        job = Job(parsed, settings, Cache(folder), folder, fetcher, Silent(), Stop(None))
        listing = list_repository(job)
        listed = (file for file in listing.files if parsed.file is None or file.name.startswith(parsed.file))
        files = [complete(job, file) if file.size is None else file for file in listed]
        if len(files) > MAX_FILES:
            raise PullError(f"the repository has {len(files):,} files; {MAX_FILES:,} is the most", where=source)
        fetched = _fetch_all(files, folder / "files", fetcher)
        yield Fetched(
            walked=fetched[0],
            published=published(source, listing),
            known=fetched[1],
            pinned=f"hf:{parsed.name}@{listing.revision}",
        )


def published(source: str, listing: Listing) -> Baseline:
    """What the hub says every file is."""
    return Baseline(
        source, {file.name: Published(_lower(file.sha256), _lower(file.git_sha1)) for file in listing.files}
    )


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def hub_baseline(source: str, settings: Settings) -> Baseline:
    """The hub's hashes of a repository, to compare a copy with; no file is fetched. Raises PullError."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-audit-") as folder, Fetcher(settings.environ) as fetcher:
        place = Path(folder)
        job = Job(parse_source(source), settings, Cache(place), place, fetcher, Silent(), Stop(None))
        return published(source, list_repository(job))


def _fetch_all(files: list[RemoteFile], folder: Path, fetcher: Fetcher) -> tuple[Walked, dict[str, str]]:
    traffic = _Traffic()
    not_checked: list[str] = []
    blobs = {file.name: HubBlob(file, folder / file.name, fetcher, traffic) for file in files}
    with ThreadPoolExecutor(AT_ONCE, "audit") as pool:
        problems = list(pool.map(lambda file: _bring(file, blobs[file.name]), files))
    not_checked += [problem for problem in problems if problem]
    entries = tuple(_entry(file, blobs[file.name], folder) for file in sorted(files, key=lambda file: file.name))
    known = {
        file.name: file.sha256.lower() for file in files if file.sha256 is not None and not blobs[file.name].is_whole
    }
    part = [file.name for file in files if not blobs[file.name].is_whole]
    not_checked += [
        f"{name}: only the parts that readers ask for were fetched; its hash is the hub's word" for name in part
    ]
    return Walked(entries, (), tuple(not_checked)), known


def _entry(file: RemoteFile, blob: HubBlob, folder: Path) -> Entry:
    remote: Callable[[], HubBlob] | None = None if blob.is_whole else (lambda: blob)
    return Entry(file.name, folder / file.name, blob.size, blob.size, remote)


def _bring(file: RemoteFile, blob: HubBlob) -> str:
    """Fetch what decides; what went wrong, in words, or nothing."""
    ending = PurePosixPath(file.name).suffix.lower()
    try:
        if blob.size <= WHOLE_BYTES or (_TEXTS.search(file.name) and blob.size <= WHOLE_TEXT_BYTES):
            blob.want(0, blob.size) if blob.size else None
        elif ending == ".safetensors":
            start = blob.read(0, 8)
            blob.want(0, min(blob.size, 8 + int.from_bytes(start, "little")))
        elif ending == ".gguf":
            _gguf_header(blob)
        else:
            blob.want(0, min(blob.size, FIRST_BYTES))
    except Beyond as error:
        return f"{file.name}: {error}"
    return ""


def _gguf_header(blob: HubBlob) -> None:
    """Twice as much each time, until the header is whole."""
    count = FIRST_BYTES
    while True:
        with tempfile.TemporaryDirectory(prefix="weighbridge-audit-") as folder:
            path = Path(folder) / "header.gguf"
            path.write_bytes(blob.read(0, count))
            try:
                read_gguf(path)
                return
            except WeightsError as error:
                if "ends inside" not in error.what or count >= blob.size:
                    return  # the audit itself says what is wrong with it
        count = min(2 * count, blob.size)
