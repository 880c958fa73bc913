"""What a download says it is: architecture, size, task, licences, the models and data it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from weighbridge.audit.records import Subject
from weighbridge.formats.gguf import GgufHeader

from .licences.judge import Terms, base_models, front_matter, licence_claims
from .repository import Repository
from .structure import Headers

MOST = 50
_CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")


def subject_of(repository: Repository, headers: Headers, terms: Terms | None) -> Subject:
    """From config.json and the model card, or from the metadata of a GGUF file."""
    config = _config(repository)
    gguf = next(iter(headers.gguf.values()), None)
    named = config.get("architectures")
    card = front_matter(repository)
    own = gguf.architecture if gguf is not None else None
    claims = licence_claims(repository, headers.gguf, terms)
    return Subject(
        architecture=_text(named[0] if isinstance(named, list) and named else None) or own,
        family=_text(config.get("model_type")) or own,
        task=next(iter(card.get("pipeline_tag", ())), None) or None,
        parameters=_parameters(headers, gguf),
        context_tokens=_context(config, gguf),
        licences=tuple(dict.fromkeys((claim.id or claim.said, claim.where) for claim in claims))[:MOST],
        bases=tuple(base_models(repository, headers.gguf))[:MOST],
        datasets=tuple(card.get("datasets", ()))[:MOST],
        languages=tuple(card.get("language", ()))[:MOST],
    )


def _config(repository: Repository) -> Mapping[str, object]:
    """The config.json that lies highest."""
    names = sorted(repository.named("config.json"), key=lambda name: len(PurePosixPath(name).parts))
    return repository.object(names[0]) if names else {}


def _parameters(headers: Headers, gguf: GgufHeader | None) -> int | None:
    """Of all safetensors of the highest folder that has any, or of the GGUF file when there is one alone."""
    if headers.safetensors:
        folder = min((str(PurePosixPath(name).parent) for name in headers.safetensors), key=len)
        count = 0
        for tensor in headers.tensors_in(folder).values():
            size = 1
            for length in tensor.shape:
                size *= length
            count += size
        return count or None
    return gguf.parameters if gguf is not None and len(headers.gguf) == 1 else None


def _context(config: Mapping[str, object], gguf: GgufHeader | None) -> int | None:
    found = next((value for key in _CONTEXT if isinstance(value := config.get(key), int)), None)
    return found if found is not None else gguf.context_length if gguf is not None else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
