"""What a request asks for, in the words of OpenTelemetry's conventions for generative AI, whatever its dialect."""

from __future__ import annotations

from typing import Any

import msgspec


class _Kind(msgspec.Struct):
    type: Any = None


class _Text(msgspec.Struct):
    format: _Kind | None = None


class _Sampling(msgspec.Struct):
    """What every dialect calls the same, wherever it stands."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


class _Options(_Sampling):
    """Ollama's."""

    num_predict: int | None = None


class _Asked(_Sampling):
    """What the conventions name; the same in several dialects."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None
    stop_sequences: list[str] | None = None
    response_format: _Kind | None = None
    text: _Text | None = None
    format: Any = None
    encoding_format: str | None = None
    dimensions: int | None = None
    options: _Options | None = None


_asked = msgspec.json.Decoder(_Asked)


def asked_of(body: bytes, *, stream: bool) -> dict[str, Any]:
    """As attributes; nothing of a body that cannot be read. No text of a conversation is among them."""
    try:
        said = _asked.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"gen_ai.request.stream": True} if stream else {}
    own = said.options or _Options()
    stop = _first(said.stop, said.stop_sequences, own.stop)
    named = {
        "gen_ai.request.max_tokens": _first(
            said.max_completion_tokens, said.max_output_tokens, said.max_tokens, own.num_predict
        ),
        "gen_ai.request.temperature": _first(said.temperature, own.temperature),
        "gen_ai.request.top_p": _first(said.top_p, own.top_p),
        "gen_ai.request.top_k": _first(said.top_k, own.top_k),
        "gen_ai.request.frequency_penalty": _first(said.frequency_penalty, own.frequency_penalty),
        "gen_ai.request.presence_penalty": _first(said.presence_penalty, own.presence_penalty),
        "gen_ai.request.seed": _first(said.seed, own.seed),
        "gen_ai.request.choice.count": said.n if said.n != 1 else None,
        "gen_ai.request.stop_sequences": [stop] if isinstance(stop, str) else stop,
        "gen_ai.request.encoding_formats": [said.encoding_format] if said.encoding_format else None,
        "gen_ai.embeddings.dimension.count": said.dimensions,
        "gen_ai.request.stream": stream or None,
        "gen_ai.output.type": "json" if _wants_json(said) else None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _wants_json(said: _Asked) -> bool:
    kinds = (said.response_format, said.text.format if said.text is not None else None)
    if any(kind is not None and kind.type in ("json_object", "json_schema") for kind in kinds):
        return True
    return said.format == "json" or isinstance(said.format, dict)  # Ollama's: the word, or a schema


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
