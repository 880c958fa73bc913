"""What a client asks for, before it is admitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .carrier import Carrier
from .client import Client
from .head import Head
from .keyring import Caller
from .routes import Aim, Route

_UNASKED: Mapping[Aim, str] = {}


class Ask:
    __slots__ = ("aims", "cache_key", "caller", "carrier", "client", "decisions", "head", "output_tokens", "route")

    def __init__(
        self, client: Client, head: Head, carrier: Carrier, *, caller: Caller | None, route: Route, output_tokens: int
    ) -> None:
        """`output_tokens`: the most all its answers together may hold."""
        self.client = client
        self.head = head
        self.carrier = carrier
        self.caller = caller
        self.route = route
        self.output_tokens = output_tokens
        self.aims: Sequence[Aim] = route.aims
        """Where it may be sent."""
        self.decisions: Mapping[Aim, str] = _UNASKED
        """Where it may be sent, to the id of the policy's decision; empty where no policy is asked."""
        self.cache_key = b""
        """What its answer is kept under; empty where it is not."""
