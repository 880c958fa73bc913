"""Every chat template of a download, wherever it lies, with the tokens it may name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from weighbridge.audit.repository import Repository
from weighbridge.formats.gguf import GgufHeader

GGUF_KEY = "tokenizer.chat_template"
_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "image_token")


class Found(NamedTuple):
    """One template; `where` names the file and, where there are several in it, the name."""

    where: str
    source: str
    tokens: dict[str, str]


def templates_of(repository: Repository, headers: Mapping[str, GgufHeader]) -> Iterator[Found]:
    """Templates in settings files, files of their own, and GGUF metadata, named ones included."""
    tokens = _tokens(repository)
    for name in repository.ending(".json"):
        content = repository.object(name) if not name.endswith(("tokenizer.json", ".index.json", "vocab.json")) else {}
        yield from _in_settings(content, name, tokens)
    for name in repository.ending(".jinja", ".jinja2", ".j2"):
        source = repository.text(name)
        if source is not None:
            yield Found(name, source, tokens)
    for name, header in headers.items():
        for key, value in header.metadata.items():
            if (key == GGUF_KEY or key.startswith(f"{GGUF_KEY}.")) and isinstance(value, str):
                yield Found(f"{name}:{key}", value, tokens)


def _in_settings(content: Mapping[str, Any], name: str, tokens: dict[str, str]) -> Iterator[Found]:
    value = content.get("chat_template")
    if isinstance(value, str):
        yield Found(name, value, tokens)
    elif isinstance(value, dict):
        yield from (Found(f"{name}:{key}", text, tokens) for key, text in value.items() if isinstance(text, str))
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict) and isinstance(each.get("template"), str):
                yield Found(f"{name}:{each.get('name', '?')}", each["template"], tokens)


def _tokens(repository: Repository) -> dict[str, str]:
    """What transformers would give a template for `bos_token` and its kin."""
    found = {"bos_token": "<s>", "eos_token": "</s>"}
    for name in repository.named("tokenizer_config.json", "special_tokens_map.json"):
        content = repository.object(name)
        for key in _TOKENS:
            value = content.get(key)
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                found[key] = text
    return found
