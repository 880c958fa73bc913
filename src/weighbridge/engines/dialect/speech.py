"""How each kind of backend is spoken to: its dialect, where it usually is, how it takes its key, what it can do.

The settings of a kind are a record here; `speech_of` turns a backend's record into all of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from weighbridge.chat.anthropic.back import AnthropicBack
from weighbridge.chat.anthropic.back_request import Terms as AnthropicTerms
from weighbridge.chat.anthropic.wire import Version
from weighbridge.chat.dialect import Back
from weighbridge.chat.embedding_backs import EmbedBack, GeminiEmbedBack, OllamaEmbedBack, OpenAIEmbedBack
from weighbridge.chat.gemini.back import GeminiBack
from weighbridge.chat.gemini.back_request import Terms as GeminiTerms
from weighbridge.chat.ollama_api.back import OllamaBack
from weighbridge.chat.responses.back import ResponsesBack
from weighbridge.engines.addresses import USUAL
from weighbridge.engines.engine import Ability, BackendRecord
from weighbridge.engines.own_settings import read_own_settings

Seconds = Annotated[float, msgspec.Meta(gt=0)]
CONVERSATION = frozenset(
    {Ability.CHAT, Ability.TOOLS, Ability.SCHEMA, Ability.GRAMMAR, Ability.IMAGES, Ability.REASONING_EFFORT}
)
"""What all of them can do; labels are enforced by a JSON schema."""


class DialectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`settings` that every kind here knows."""

    abilities: tuple[Ability, ...] | None = None
    """What the backend can do; None is what its dialect can say."""
    stream: bool = True
    """Whether answers are read as they are written."""
    headers: dict[str, str] = {}
    """Further headers; a value `env:NAME` is looked up like the key."""
    connect_s: Seconds = 10.0
    gap_s: Seconds | None = None
    """Longest silence within an answer; None is the whole timeout_s."""
    check: bool = False
    """Whether `start` asks the backend for its models, so that a wrong address or key ends a run before it begins."""


class AnthropicSettings(DialectSettings, frozen=True, forbid_unknown_fields=True):
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 4096
    """Where a request sets no limit; this dialect must have one."""
    effort: Literal["output_config", "budget"] = "output_config"
    """Newer models take a word of effort, older ones a budget of tokens."""
    foreign_reasoning: Literal["refuse", "leave_out"] = "refuse"
    """What becomes of earlier reasoning that Anthropic did not sign."""
    version: Version = "2023-06-01"
    """Of the API; the newer one refuses temperature, top_p and top_k."""


class GeminiSettings(DialectSettings, frozen=True, forbid_unknown_fields=True):
    effort: Literal["level", "budget"] = "level"
    """Gemini 3 takes a word of effort, 2.5 a budget of tokens."""


class OllamaSettings(DialectSettings, frozen=True, forbid_unknown_fields=True):
    pass


class ResponsesSettings(DialectSettings, frozen=True, forbid_unknown_fields=True):
    pass


@dataclass(frozen=True, slots=True)
class Speech:
    back: Back
    settings: DialectSettings
    base_url: str
    """Where the kind usually is, for a record that does not say."""
    abilities: frozenset[Ability]
    key_field: str
    """Header that carries the key."""
    key_prefix: str
    models_path: str
    embeds: EmbedBack | None = None


KINDS: dict[str, type[DialectSettings]] = {
    "anthropic": AnthropicSettings,
    "ollama": OllamaSettings,
    "gemini": GeminiSettings,
    "responses": ResponsesSettings,
}
"""Kind to its settings."""


def speech_of(record: BackendRecord) -> Speech:
    """InputError names the setting that is wrong."""
    own = read_own_settings(record, KINDS[record.kind])
    base = USUAL[record.kind]
    if isinstance(own, AnthropicSettings):
        terms = AnthropicTerms(own.max_tokens, own.effort, own.foreign_reasoning, own.version)
        return Speech(AnthropicBack(terms), own, base, CONVERSATION, "x-api-key", "", "models")
    if isinstance(own, GeminiSettings):
        can = CONVERSATION | {Ability.LOGPROBS, Ability.EMBEDDINGS}
        back = GeminiBack(GeminiTerms(own.effort))
        return Speech(back, own, base, can, "x-goog-api-key", "", "models", GeminiEmbedBack())
    if isinstance(own, OllamaSettings):
        can = CONVERSATION | {Ability.COMPLETION, Ability.LOGPROBS, Ability.EMBEDDINGS}
        return Speech(OllamaBack(), own, base, can, "authorization", "Bearer ", "api/tags", OllamaEmbedBack())
    can = CONVERSATION | {Ability.LOGPROBS, Ability.EMBEDDINGS}
    return Speech(ResponsesBack(), own, base, can, "authorization", "Bearer ", "models", OpenAIEmbedBack())
