"""What a feed is: where it lies, what it brings under which terms, and which of its pages are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weighbridge.catalog.facts import Source
from weighbridge.catalog.feeds.gather import Gather
from weighbridge.catalog.records import Catalogue
from weighbridge.units import MIB


@dataclass(frozen=True, slots=True)
class Ask:
    """One document to ask for."""

    url: str
    read: Callable[[bytes, Gather], tuple[Ask, ...]]
    """Puts what the document says into the Gather; returns what to ask for next because of it."""
    most_bytes: int = 4 * MIB
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed:
    name: str
    source: Source
    """As whom it is cited; its `licence` is None where the data may be read, but not passed on."""
    endpoint: str
    brings: str
    asks: Callable[[str, Catalogue, tuple[str, ...]], tuple[Ask, ...]]
    """Endpoint, catalogue, and the names that were asked for (empty: all), to the documents that are needed."""
    takes_names: bool = False
    """Whether each model has a document of its own."""
    stands_for: tuple[str, ...] = ()
    """Sources of shipped data whose newer word this is."""


def whole_list(path: str, read: Callable[[bytes, Gather], None], most_bytes: int) -> Callable[..., tuple[Ask, ...]]:
    """The one document of a feed that is a single list, under its endpoint."""

    def once(body: bytes, gather: Gather) -> tuple[Ask, ...]:
        read(body, gather)
        return ()

    def asks(endpoint: str, _catalogue: Catalogue, _names: tuple[str, ...]) -> tuple[Ask, ...]:
        return (Ask(f"{endpoint.rstrip('/')}{path}", once, most_bytes),)

    return asks
