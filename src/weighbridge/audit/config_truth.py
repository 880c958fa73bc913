"""What a model's settings say, against the tensors that are there.

A config that lies makes loaders allocate, skip or misread tensors; and people judge size, context and architecture by
it. Only what the tensors decide is compared; what they cannot decide (context length, rotary bases) is left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from weighbridge.audit.records import Finding

from .containers.member import finding, shown

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks?|blk|decoder\.layers|transformer\.layers)\.(\d+)\.")
_VISION = re.compile(
    r"(?:^|\.)(?:vision\w*|visual|image\w*|audio\w*|multi_modal\w*|mm_\w*|tower\w*|encoder|vit|mtp|draft)\b"
)
_EMBED = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|token_embd|embed_in|embeddings\.word_embeddings)\.weight$"
)
_EXPERT = re.compile(r"\.experts?\.(\d+)\.")
_QUERY = re.compile(r"(?:self_attn|attention|attn)\.(?:q_proj|wq|query)\.weight$")
_KEY = re.compile(r"(?:self_attn|attention|attn)\.(?:k_proj|wk|key)\.weight$")
_UP = re.compile(r"(?:mlp|feed_forward)\.(?:up_proj|w3|fc1|c_fc|dense_h_to_4h)\.weight$")
_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}


class Tensor(NamedTuple):
    """One tensor of a safetensors file."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Language(NamedTuple):
    """The part of a config that speaks of the language model."""

    config: Mapping[str, Any]
    outer: Mapping[str, Any]

    def number(self, *names: str) -> int | None:
        for name in names:
            value = self.config.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return None


def config_findings(config: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Where the config and the tensors cannot both be right. Nothing is said of packed or quantised layers' shapes."""
    inner = next(
        (config[key] for key in ("text_config", "llm_config", "language_config") if isinstance(config.get(key), dict)),
        config,
    )
    language = Language(inner, config)
    if not tensors:
        return
    yield from _layers(language, tensors, where)
    yield from _experts(language, tensors, where)
    yield from _embedding(language, tensors, where)
    if not _is_packed(config, inner):
        yield from _projections(language, tensors, where)
        yield from _dtype(language, tensors, where)


def _is_packed(config: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    return bool(
        config.get("quantization_config") or inner.get("quantization_config") or config.get("compression_config")
    )


def _lies(what: str, said: object, true: object, where: str) -> Finding:
    detail = f"the config says {what} {said}, the tensors say {true}"
    return finding("config-lies", "high", where, detail)


def _layers(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    said = language.number("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    found = {int(hit.group(1)) for name in tensors if not _VISION.search(name) and (hit := _LAYER.search(name))}
    if said is None or not found:
        return
    extra = sum(
        language.number(key) or 0 for key in ("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers")
    )
    count = max(found) + 1
    if not said <= count <= said + extra:
        yield _lies("num_hidden_layers =", said, count, where)
    elif missing := sorted(set(range(said)) - found):
        yield finding("config-lies", "high", where, f"layers without a tensor: {', '.join(map(str, missing[:10]))}")


def _experts(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    said = language.number("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
    found = {int(hit.group(1)) for name in tensors if (hit := _EXPERT.search(name))}
    if found and said is not None and max(found) + 1 != said:
        yield _lies("the number of experts is", said, max(found) + 1, where)
    if found and said is None and not _names_experts(language.config):
        detail = f"the tensors hold {max(found) + 1} experts, of which the config says nothing"
        yield finding("config-lies", "high", where, detail)


def _names_experts(config: Mapping[str, Any]) -> bool:
    return any("expert" in key or "moe" in key for key in config)


def _embedding(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    vocab, hidden = (
        language.number("vocab_size", "padded_vocab_size"),
        language.number("hidden_size", "n_embd", "d_model", "dim"),
    )
    table = next((tensor for tensor in tensors.values() if _EMBED.search(tensor.name) and len(tensor.shape) == 2), None)
    if table is None or table.dtype not in _DTYPES.values():
        return
    rows, width = table.shape
    if (vocab is not None and rows < vocab) or (vocab is not None and rows > vocab + max(1024, vocab // 20)):
        yield _lies("vocab_size =", vocab, f"{rows} rows of {shown(table.name)}", where)
    factor = language.number("embedding_size", "word_embed_proj_dim", "hidden_size_per_layer_input")
    if hidden is not None and width not in (hidden, factor):
        yield _lies("hidden_size =", hidden, f"rows of {width} in {shown(table.name)}", where)


def tokenizer_size_findings(highest: int | None, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Tokens without a row in the embedding: reading them reads beyond it."""
    table = next((tensor for tensor in tensors.values() if _EMBED.search(tensor.name) and len(tensor.shape) == 2), None)
    if highest is not None and table is not None and highest >= table.shape[0]:
        detail = f"the tokenizer has a token {highest:,}, the embedding {table.shape[0]:,} rows"
        yield finding("config-lies", "high", where, detail)


def _projections(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Heads and widths, where every layer has the same."""
    hidden, heads = (
        language.number("hidden_size", "n_embd", "dim"),
        language.number("num_attention_heads", "n_head", "n_heads"),
    )
    head = language.number("head_dim") or (hidden // heads if hidden and heads else None)
    groups = language.number("num_key_value_heads", "n_kv_heads") or heads
    wanted = (
        (_QUERY, "num_attention_heads x head_dim =", heads * head if heads and head else None),
        (_KEY, "num_key_value_heads x head_dim =", groups * head if groups and head else None),
        (_UP, "intermediate_size =", language.number("intermediate_size", "ffn_dim", "n_inner")),
    )
    for pattern, what, said in wanted:
        shapes = [
            tensor.shape
            for tensor in tensors.values()
            if pattern.search(tensor.name) and not _VISION.search(tensor.name)
        ]
        rows = {shape[0] for shape in shapes if len(shape) == 2}
        gated = 2 * said if said and pattern is _QUERY else None
        if said is not None and len(rows) == 1 and not rows & {said, gated}:
            yield _lies(what, said, next(iter(rows)), where)


def _dtype(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    said = language.config.get("dtype") or language.config.get("torch_dtype") or language.outer.get("torch_dtype")
    wanted = _DTYPES.get(str(said).removeprefix("torch."))
    if wanted is None:
        return
    held: Counter[str] = Counter()
    for tensor in tensors.values():
        size = 1
        for length in tensor.shape:
            size *= length
        held[tensor.dtype] += size
    most, elements = held.most_common(1)[0]
    if most != wanted and elements > 0.9 * sum(held.values()):
        severity_word = "stores" if most in _DTYPES.values() else "packs"
        yield finding("config-dtype", "low", where, f"the config says {said}, the file {severity_word} {most}")
