"""The records of a weighbridge.toml, table by table: what each may say, and what holds where it says nothing."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from weighbridge.chat.prompt_kind import Wanted
from weighbridge.dispatch.hedging import HedgeTable
from weighbridge.dispatch.routing import Strategy
from weighbridge.engines import BackendRecord, Price
from weighbridge.ledger.prompts import RULES, Rule

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class ServerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    """0 takes a free one, which is printed."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    """Processes; one for each core that the gateway may have."""
    auth: Literal["auto", "keys", "none"] = "auto"
    """`auto` wants a key as soon as one was ever made, and always when not listening on loopback."""
    policy: str | None = None
    """A policy.toml that says what may be asked where; a relative path counts from the file."""
    admin_key: str | None = None
    """`env:NAME`; without it there is no admin API."""
    data_dir: str | None = None
    """Where the ledger is; None is the XDG data directory. A relative path counts from the file."""
    unknown_price: Literal["refuse", "allow"] = "refuse"
    """What becomes of a call that is paid from a budget although its price is not known."""
    hold_output_tokens: Count = 4096
    """Held for the answer of a call that does not bound it."""
    head_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 20)] = 32 * 1024
    body_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)] = 32 << 20
    answer_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)] = 64 << 20
    """Of one whole answer; streams are bounded by time only."""
    connections: Count = 4096
    """Of one worker; further ones are told 503."""
    calls: Count = 2048
    """Under way at once in one worker; further ones are told 503."""
    idle_s: Seconds = 75.0
    """A connection without a request is closed after so long."""
    head_s: Seconds = 10.0
    """For the head of a request, from its first byte."""
    body_s: Seconds = 60.0
    """For its body; longer bodies get more, at LEAST_BYTES_S."""
    write_s: Seconds = 60.0
    """How long a client may take nothing of a waiting answer."""
    tls_cert: str | None = None
    tls_key: str | None = None


class TargetTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a route's `to`."""

    backend: str
    model: str | None = None
    """The id asked for there; None is the backend's `model`, else the route's own name."""
    price: Price | None = None
    """Dollars a million tokens; None is the backend's, else what the catalogue says, else unknown."""
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    stage: str | None = None
    """Which model of a cascade's router this is, by the name it was recorded under; None is `model`."""


class RouteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[route]]`."""

    model: str
    to: tuple[TargetTable, ...]
    kind: Literal["plain", "cascade"] = "plain"
    """cascade: a router that was learned from samples says which of its models answers."""
    router: str | None = None
    """Of a cascade: the file that `weighbridge route train` wrote; a relative path counts from the file."""
    strategy: Strategy = "order"
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    """Further attempts after the first, over all backends, before the first content piece."""
    connect_s: Seconds = 10.0
    first_piece_s: Seconds = 120.0
    gap_s: Seconds = 60.0
    """Longest silence within an answer."""
    total_s: Seconds = 600.0
    hedge: HedgeTable | None = None
    """Ask a second backend when the first one is slow."""
    continuations: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    """How often another backend may go on with an answer that broke off in its middle."""
    budget: str | None = None
    """`100/day`."""
    cache: CacheTable | None = None
    prompts: PromptsTable | None = None
    """Keep requests, redacted, for a while; None keeps none."""
    prompt: Wanted | None = None
    """The kind of system text its models get: `structured`, `conversational`, or `by_model`, what is known of each."""


class CacheTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cache` of a route: answer identical requests again from memory."""

    seconds: Seconds = 300.0
    bytes: Annotated[int, msgspec.Meta(ge=1024)] = 64 << 20
    across_keys: bool = False


class PromptsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prompts` of a route: what is kept of requests, and for how long."""

    days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 30.0
    """Then they are deleted."""
    redact: tuple[Rule, ...] = RULES
    """What is taken out before anything is written."""
    patterns: tuple[str, ...] = ()
    """Regular expressions for what else is taken out."""


class TeamTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[team]]`."""

    name: str
    budget: str | None = None


class TracesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[traces]`: calls as OpenTelemetry traces; needs the extra `otel`."""

    endpoint: str
    """Of a collector that speaks OTLP over HTTP: `http://127.0.0.1:4318`."""
    service: str = "weighbridge"
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Of the traces that begin here; one that a client began is kept if the client keeps it."""
    headers: dict[str, str] = {}
    """Sent with them; a value `env:NAME` is looked up."""


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file, as it is written."""

    server: ServerTable = ServerTable()
    backend: tuple[BackendRecord, ...] = ()
    route: tuple[RouteTable, ...] = ()
    team: tuple[TeamTable, ...] = ()
    traces: TracesTable | None = None
