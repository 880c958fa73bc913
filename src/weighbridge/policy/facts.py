"""What a decision is about: one model, by one backend, for one kind of data. Unknown is None, and never a yes."""

from __future__ import annotations

from typing import Literal

import msgspec

from weighbridge.catalog.records import Licence

Role = Literal["lab", "base model", "quantiser", "server", "storage"]
ROLES: tuple[Role, ...] = ("lab", "base model", "quantiser", "server", "storage")


class Known(msgspec.Struct, frozen=True):
    """A value and who says so, with the date."""

    value: str
    source: str = ""


class Figure(msgspec.Struct, frozen=True):
    """A number and who says so, with the date."""

    value: float
    source: str = ""


class Link(msgspec.Struct, frozen=True):
    """One hand a model went through: who made it, its base, who quantised it, who serves it, where it is stored."""

    role: Role
    name: str
    """The lab's id, the base model's, the organisation that changed the weights, the provider, the hub."""
    country: Known | None = None
    """ISO 3166 alpha-2 of the seat; None: not known."""
    lab: str | None = None
    """Id of the lab behind it, of a lab, a base model or a quantiser; None: not known."""
    source: str = ""
    """Who says that it went through this hand."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything rules ask for. Origin, the law a server is under and the place of data are three things."""

    model: str
    open_weights: bool | None = None
    licence: Licence | None = None
    licence_source: str = ""
    """Who says that this is the licence."""
    terms_source: str = ""
    """Where its text can be read, and when it was."""
    text_only: bool = False
    """Known to take text alone."""
    chain: tuple[Link, ...] = ()
    """Origin: lab first, then base models, who changed the weights, who serves them and where they are stored."""
    runs_here: bool = False
    """Served by an engine of one's own: no data leaves, and no provider's terms apply."""
    provider: str | None = None
    jurisdiction: Known | None = None
    """Country of the company one contracts with."""
    data_location: Known | None = None
    """Where requests are processed and kept, in a few words."""
    trains_on_inputs: Known | None = None
    """`yes`, `no`, `opt-out`, `opt-in`."""
    retention_days: Figure | None = None
    """How long a provider keeps inputs; 0: not at all."""
    report: Known | None = None
    """Whether a technical report is published: `yes`, `partial`, `no`."""
    training_summary: Known | None = None
    """Whether a public summary of the training content is published: `yes`, `no`."""
    training_flop: Figure | None = None
    device_vendor: Known | None = None
    """Who made the accelerator that it runs on, of engines of one's own."""
    audit: Literal["pass", "warn", "fail"] | None = None
    """None: nobody has audited these files."""
    pinned: bool | None = None
    """Whether what answers is fixed: by revision or hash of weights, by a date in its name at a provider."""
    alias: Known | None = None
    """What a name that moves means today, where it is known to move."""
    served_as_asked: bool | None = None
    """Whether the backend says it served the model that was asked for; None: it was not asked yet."""
    drift_days: Figure | None = None
    """Days since another model began to answer under the name; None: none has, as far as anybody saw."""
    data_class: str | None = None
