"""What a decision is about: one model, by one backend, for one kind of data. Unknown is None, and never a yes."""

from __future__ import annotations

from typing import Literal

import msgspec

from weighbridge.catalog.records import Licence


class Known(msgspec.Struct, frozen=True):
    """A value and who says so."""

    value: str
    source: str = ""


class Link(msgspec.Struct, frozen=True):
    """One hand a model went through: who made it, its base, who quantised, serves or stores it."""

    role: Literal["lab", "base model", "quantiser", "server", "storage"]
    name: str
    country: Known | None = None
    """ISO 3166 alpha-2 of the seat; None: not known."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything rules ask for."""

    model: str
    open_weights: bool | None = None
    licence: Licence | None = None
    licence_source: str = ""
    chain: tuple[Link, ...] = ()
    """Origin: lab first, then base models and whoever changed the weights."""
    runs_here: bool = False
    """Served by an engine of one's own: no data leaves, and no provider's terms apply."""
    provider: str | None = None
    jurisdiction: Known | None = None
    """Country of the company one contracts with."""
    data_location: Known | None = None
    """Where requests are processed and kept, in a few words."""
    trains_on_inputs: Known | None = None
    """`yes`, `no`, `opt-out`, `opt-in`."""
    retention_days: int | None = None
    audit: Literal["pass", "warn", "fail"] | None = None
    """None: nobody has audited these files."""
    pinned: bool | None = None
    """Whether the revision is fixed."""
    served_as_asked: bool | None = None
    """Whether the backend says it served the model that was asked for."""
    data_class: str | None = None
