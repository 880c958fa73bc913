"""What a feed brings, and how it is kept: an overlay beside the shipped catalogue.

Overlay          all that one feed says, and how that changed from update to update
|- Document      one answer of its server, with what a conditional request needs
   |- Harvest    the offers, facts, counts and variants read from it; what was refused is named
"""

from __future__ import annotations

import msgspec

from weighbridge.catalog.facts import Fact, Source
from weighbridge.catalog.records import Adoption, Offer, Variant

MOST_REFUSED = 100
"""Refused records that are named; beyond them only the count grows."""


class Refused(msgspec.Struct, frozen=True):
    """A record of a feed that was not taken."""

    record: str
    what: str


class Harvest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was read from one document."""

    offers: tuple[Offer, ...] = ()
    facts: dict[str, dict[str, Fact]] = {}
    """Model id, field name."""
    adoption: tuple[Adoption, ...] = ()
    variants: dict[str, tuple[Variant, ...]] = {}
    refused: tuple[Refused, ...] = ()
    refused_count: int = 0
    records: int = 0
    """Records that were looked at, taken or not."""
    unknown: int = 0
    """Records of models that the catalogue does not know, or that could be several; offers of them are kept."""


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer of a server."""

    url: str
    fetched: str
    """ISO time, UTC, of the last answer; also of one that said it has not changed."""
    harvest: Harvest
    etag: str = ""
    last_modified: str = ""
    parent: str = ""
    """URL of the document that led to this one."""


class Change(msgspec.Struct, frozen=True):
    """One thing that is not as it was."""

    what: str
    """`deepseek/deepseek-chat: input`, `Qwen/Qwen3-8B: licence`."""
    before: str
    """Empty where it is new."""
    after: str
    """Empty where it is gone."""


class Changes(msgspec.Struct, frozen=True):
    """What one update changed. `shown` holds the first of them; the counts hold all."""

    date: str
    """ISO time of the update."""
    added: int = 0
    removed: int = 0
    changed: int = 0
    shown: tuple[Change, ...] = ()


class Overlay(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one feed says."""

    feed: str
    source: Source
    updated: str
    """ISO time, UTC, of the last update that brought anything or confirmed everything."""
    documents: tuple[Document, ...]
    read_with: str = ""
    """The catalogue and the release it was read with: with others, names may mean something else."""
    history: tuple[Changes, ...] = ()
    """The newest last."""
