"""Bring a feed up to date: ask for what has changed, read it, hold it against what was held, and keep it whole.

Nothing here runs by itself. A list that cannot be had or believed raises, and what was held stays. Of a feed with a
page for each model, pages that fail leave their predecessors in place and are named; after MOST_FAILED in a row, or
when the server asks for a longer pause than we make, the rest is left for another time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from weighbridge import __version__
from weighbridge.catalog.feeds.changes import compare
from weighbridge.catalog.feeds.feed import Ask, Feed
from weighbridge.catalog.feeds.gather import Gather
from weighbridge.catalog.feeds.records import Changes, Document, Overlay, Refused
from weighbridge.catalog.names import find_licence
from weighbridge.catalog.records import Catalogue
from weighbridge.errors import PullError, SourceNotFound
from weighbridge.net.fetch import Fetcher, Request

MOST_FAILED = 3
MOST_ASKED = 5_000
MOST_HISTORY = 50
WITHIN_S = 600.0
"""Longest that one document may take, tries included."""
LEAST_LEFT = 0.5
"""Share of what was held below which an answer is taken for a mistake."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an update needs beside the feed."""

    fetcher: Fetcher
    catalogue: Catalogue
    find: Callable[[str], str | None]
    """The catalogue id that a name means; None where it is unknown or ambiguous. May raise InputError."""
    now: str
    """ISO time, UTC."""
    endpoint: str
    names: tuple[str, ...] = ()
    """Only these models, of a feed with a page for each."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Authorization; goes to the endpoint's origin only."""
    accept_loss: bool = False
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Updated:
    overlay: Overlay
    changes: Changes
    asked: int
    unchanged: int
    """Documents that the server says have not changed."""
    failed: tuple[Refused, ...]
    """Pages that could not be had, by URL; what was held of them stays."""
    left: int = 0
    """Pages that were not asked for any more, after failures or Ctrl-C."""


class _NotAllowed(PullError):
    """One page is not for us; the others may be."""


@dataclass(slots=True)
class _Round:
    """The pages of one update, as they come."""

    held: dict[str, Document]
    conditional: bool
    """Whether what is held may be confirmed instead of sent again."""
    documents: dict[str, Document] = field(default_factory=dict)
    failed: list[Refused] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    asked: int = 0
    unchanged: int = 0
    left: int = 0


def update(feed: Feed, held: Overlay | None, job: Job) -> Updated:
    """Ask for a feed; `held` is what there was before. Raises PullError where nothing came that can be used."""
    read_with = f"{__version__} {job.catalogue.built}"
    conditional = held is not None and held.read_with == read_with
    before = {} if held is None else {document.url: document for document in held.documents}
    asks = feed.asks(job.endpoint, job.catalogue, job.names)
    pages = _Round(before, conditional)
    _ask_all(feed, asks, job, pages)
    documents = _merged(feed, pages, partial=bool(job.names))
    if held is not None and not job.accept_loss:
        _check_loss(before.values(), documents)
    changes = compare(None if held is None else before.values(), documents, job.now)
    history = held.history if held else ()
    if held is None or changes.added or changes.removed or changes.changed:
        history = (*history, changes)[-MOST_HISTORY:]
    overlay = Overlay(feed.name, feed.source, job.now, documents, read_with, history)
    return Updated(overlay, changes, pages.asked, pages.unchanged, tuple(pages.failed), pages.left)


def _ask_all(feed: Feed, asks: Iterable[Ask], job: Job, pages: _Round) -> None:
    """Every page, and what pages lead to; those first that were not asked for longest, so that a hub which lets us ask
    for some only lets us have all in the end. What had come when Ctrl-C did is kept."""
    todo = deque((ask, "") for ask in sorted(asks, key=lambda ask: _last_asked(ask, pages)))
    in_a_row = 0
    while todo:
        if in_a_row >= MOST_FAILED or pages.asked >= MOST_ASKED:
            pages.left = len(todo)
            return
        ask, parent = todo.popleft()
        pages.asked += 1
        try:
            todo.extendleft((more, ask.url) for more in _ask(feed, ask, parent, job, pages))
            in_a_row = 0
        except PullError as error:
            in_a_row += not isinstance(error, SourceNotFound | _NotAllowed)
            _fail(feed, ask, error, pages, hopeless=in_a_row >= MOST_FAILED and not pages.documents)
        except KeyboardInterrupt:
            if not pages.documents:
                raise
            pages.left = len(todo) + 1
            return


def _last_asked(ask: Ask, pages: _Round) -> str:
    held = pages.held.get(ask.url)
    return held.fetched if held else ""


def _fail(feed: Feed, ask: Ask, error: PullError, pages: _Round, *, hopeless: bool) -> None:
    """Note a page that could not be had; of a list, or where nothing comes at all, that is the end."""
    if not feed.takes_names or hopeless:
        raise error
    if isinstance(error, SourceNotFound):
        pages.gone.add(ask.url)
    pages.failed.append(Refused(ask.url, error.what))


def _ask(feed: Feed, ask: Ask, parent: str, job: Job, pages: _Round) -> tuple[Ask, ...]:
    """One page into `pages`; what it leads to."""
    held = pages.held.get(ask.url) if pages.conditional else None
    job.tell(ask.url)
    request = Request(ask.url, _explain(ask.url), {**job.headers, **ask.headers, **_conditions(held)})
    answer = job.fetcher.changed(request, ask.most_bytes, WITHIN_S)
    if answer is None:
        if held is None:
            raise PullError("the server says that it has not changed, but nothing is held", where=ask.url)
        pages.unchanged += 1
        for document in (held, *_children(held, pages.held.values())):
            pages.documents[document.url] = _seen(document, job.now)
        return ()
    body, headers = answer
    gather = Gather(feed.source.id, job.now[:10], job.find, lambda text: find_licence(job.catalogue, text))
    try:
        more = ask.read(body, gather)
        harvest = gather.harvest()
    except PullError as error:
        error.where = error.where or ask.url
        raise
    etag, modified = _kept(headers.get("ETag")), _kept(headers.get("Last-Modified"))
    pages.documents[ask.url] = Document(ask.url, job.now, harvest, etag, modified, parent)
    return more


def _conditions(held: Document | None) -> dict[str, str]:
    if held is None:
        return {}
    said = {"If-None-Match": held.etag, "If-Modified-Since": held.last_modified}
    return {name: value for name, value in said.items() if value}


def _kept(header: str | None) -> str:
    """A validator that can be sent back; nothing where it is too long or no header."""
    return header if header and len(header) < 512 and header.isascii() and header.isprintable() else ""


def _children(parent: Document, held: Iterable[Document]) -> list[Document]:
    return [document for document in held if document.parent == parent.url]


def _seen(document: Document, now: str) -> Document:
    kept = document
    return Document(kept.url, now, kept.harvest, kept.etag, kept.last_modified, kept.parent)


def _merged(feed: Feed, pages: _Round, *, partial: bool) -> tuple[Document, ...]:
    """The new pages, and the old ones of those that failed or were not asked for this time."""
    if not feed.takes_names:
        return tuple(pages.documents.values())
    failed = {each.record for each in pages.failed}
    kept = {
        url: document
        for url, document in pages.held.items()
        if url not in pages.gone
        and document.parent not in pages.documents
        and (partial or pages.left or url in failed or document.parent in failed)
    }
    merged = kept | pages.documents
    return tuple(merged[url] for url in sorted(merged))


def _check_loss(before: Iterable[Document], after: Iterable[Document]) -> None:
    """Refuse an answer that forgets most of what was held: half a list reads like a list."""
    old, new = (_size(documents) for documents in (before, after))
    if new < LEAST_LEFT * old:
        raise PullError(
            f"{new:,} records came where {old:,} are held: taken for a mistake of the feed, and nothing was changed",
            next_move="Look at the feed. If it is right, say so with --accept-loss.",
        )


def _size(documents: Iterable[Document]) -> int:
    return sum(len(each.harvest.offers) + len(each.harvest.facts) + len(each.harvest.variants) for each in documents)


def _explain(url: str) -> Callable[[int, Mapping[str, str], str], PullError]:
    """A refusal of the server as an error."""

    place = url.partition("?")[0]

    def explain(status: int, _headers: Mapping[str, str], _text: str) -> PullError:
        if status in (404, 410):
            return SourceNotFound(f"nothing is there (status {status})", where=place)
        if status in (401, 403):
            return _NotAllowed(f"the server answered {status}", where=place, next_move="It may want a token.")
        return PullError(f"the server answered {status}", where=place, next_move="Nothing was changed. Try later.")

    return explain
