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

from .config_family import family_findings
from .containers.member import finding, shown

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks?|blk|decoder\.layers|transformer\.layers)\.(\d+)\.")
_VISION = re.compile(
    r"(?:^|\.)(?:vision\w*|visual|image\w*|audio\w*|multi_modal\w*|mm_\w*|tower\w*|encoder|vit|mtp|draft)\b"
)
_EMBED = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|token_embd|embed_in|embeddings\.word_embeddings)\.weight$"
)
_EXPERT = re.compile(r"\.experts?\.(\d+)\.")
_ANY_EXPERT = re.compile(r"expert|\bmoe\b|router|block_sparse")
_QUERY = re.compile(r"(?:self_attn|attention|attn)\.(?:q_proj|wq|query)\.weight$")
_KEY = re.compile(r"(?:self_attn|attention|attn)\.(?:k_proj|wk|key)\.weight$")
_UP = re.compile(r"(?:mlp|feed_forward)\.(?:up_proj|w3|fc1|c_fc|dense_h_to_4h)\.weight$")
_PLAIN_LAYER = re.compile(r"(?:model\.)?layers\.(\d+)\.([\w.]+)")
_UNIFORM = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "olmo2", "granite", "smollm3"})
"""Families of which every layer has the same tensors."""
_LISTS = frozenset({"architectures", "eos_token_id", "bos_token_id", "pad_token_id", "layer_types", "no_rope_layers"})
"""Lists in a config that change no layer's tensors in these families."""
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
        """The first of these fields that holds a whole number."""
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
    yield from family_findings(inner, tensors, where)
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
    if not found and said is not None and said > 1 and not any(_ANY_EXPERT.search(name) for name in tensors):
        yield _lies("the number of experts is", said, "no tensor is an expert's", where)
    if found and said is None and not _names_experts(language.config):
        detail = f"the tensors hold {max(found) + 1} experts, of which the config says nothing"
        yield finding("config-lies", "high", where, detail)


def _names_experts(config: Mapping[str, Any]) -> bool:
    return any("expert" in key or "moe" in key for key in config)


def _embedding(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    table = _table(tensors)
    if table is None or table.dtype not in _DTYPES.values():
        return
    head = tensors.get("lm_head.weight")
    if head is not None and head.dtype == table.dtype and len(head.shape) == 2 and head.shape != table.shape:
        detail = f"lm_head.weight has {list(head.shape)}, the embedding {list(table.shape)}"
        yield finding("config-lies", "medium", where, detail)
    rows, width = table.shape
    vocab = language.number("vocab_size", "padded_vocab_size")
    if vocab is not None and rows != vocab and not _is_padded(rows, vocab):
        yield _lies("vocab_size =", vocab, f"{rows} rows of {shown(table.name)}", where)
    hidden = language.number("hidden_size", "n_embd", "d_model", "dim")
    factor = language.number("embedding_size", "word_embed_proj_dim", "hidden_size_per_layer_input")
    if hidden is not None and width not in (hidden, factor):
        yield _lies("hidden_size =", hidden, f"rows of {width} in {shown(table.name)}", where)


def _is_padded(rows: int, vocab: int) -> bool:
    """Tables are padded to a multiple that hardware likes: a little longer than the vocabulary."""
    return rows > vocab and rows % 8 == 0 and rows <= vocab + max(1024, vocab // 20)


def _table(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The embedding of tokens, (rows, width)."""
    return next((tensor for tensor in tensors.values() if _EMBED.search(tensor.name) and len(tensor.shape) == 2), None)


def tokenizer_size_findings(highest: int | None, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Tokens without a row in the embedding: reading them reads beyond it."""
    table = _table(tensors)
    if highest is not None and table is not None and highest >= table.shape[0]:
        detail = f"the tokenizer has a token {highest:,}, the embedding {table.shape[0]:,} rows"
        yield finding("config-lies", "high", where, detail)


def _projections(language: Language, tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Heads and widths, where every layer has the same."""
    is_uniform = language.config.get("model_type") in _UNIFORM and not any(
        isinstance(value, list) and value for key, value in language.config.items() if key not in _LISTS
    )
    for pattern, what, said in _said_rows(language):
        if said is None:
            continue
        rows = {
            tensor.shape[0]
            for tensor in tensors.values()
            if len(tensor.shape) == 2 and pattern.search(tensor.name) and not _VISION.search(tensor.name)
        }
        gated = 2 * said if pattern is _QUERY else said
        odd = rows - {said, gated}
        if odd and (len(rows) == 1 or is_uniform):
            yield _lies(what, said, min(odd), where)
    if is_uniform:
        yield from _uniform(tensors, where)


def _said_rows(language: Language) -> Iterator[tuple[re.Pattern[str], str, int | None]]:
    """Which tensors have as many rows as which fields of the config say; None where it does not."""
    hidden = language.number("hidden_size", "n_embd", "dim")
    heads = language.number("num_attention_heads", "n_head", "n_heads")
    head = language.number("head_dim") or (hidden // heads if hidden and heads else None)
    groups = language.number("num_key_value_heads", "n_kv_heads") or heads
    yield _QUERY, "num_attention_heads x head_dim =", heads * head if heads and head else None
    yield _KEY, "num_key_value_heads x head_dim =", groups * head if groups and head else None
    yield _UP, "intermediate_size =", language.number("intermediate_size", "ffn_dim", "n_inner")


def _uniform(tensors: Mapping[str, Tensor], where: str) -> Iterator[Finding]:
    """Families whose layers are all alike: a layer whose tensors have other shapes, or that lacks one, was changed."""
    layers: dict[str, dict[int, tuple[int, ...]]] = {}
    for tensor in tensors.values():
        hit = _PLAIN_LAYER.fullmatch(tensor.name)
        if hit:
            layers.setdefault(hit.group(2), {})[int(hit.group(1))] = tensor.shape
    count = len({number for held in layers.values() for number in held})
    for kind, held in sorted(layers.items()):
        shapes = Counter(held.values())
        if len(shapes) > 1:
            odd = shapes.most_common()[-1][0]
            number = next(number for number, shape in held.items() if shape == odd)
            detail = (
                f"layer {number} has {shown(kind)} of shape {list(odd)}, others {list(shapes.most_common(1)[0][0])}"
            )
            yield finding("config-lies", "high", where, detail)
        elif len(held) < count:
            yield finding("config-lies", "medium", where, f"{count - len(held)} of {count} layers lack {shown(kind)}")


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
