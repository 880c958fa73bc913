"""What a GGUF file's metadata says, against the tensors in the same file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from weighbridge.audit.records import Finding
from weighbridge.formats.ggml_types import GGML_TYPES
from weighbridge.formats.gguf import GgufArray, GgufHeader, Tensor

from .containers.member import finding, shown
from .vocabulary import SAID, looks_special, merge_findings

_BLOCK = re.compile(r"^blk\.(\d+)\.")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_LIKE_BYTE = re.compile(r"<0x[^<>]{0,8}>")
_COUNTS = ("block_count", "embedding_length", "context_length")
_WITH_HEADS = frozenset({"llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "deepseek2", "starcoder2"})
"""Architectures whose every layer attends; state-space ones say that they have no heads."""
_PLAIN = frozenset({"llama", "qwen2", "qwen3"})
_READS = re.compile(
    r"(?:token_embd(?:_norm)?|output(?:_norm)?|rope_freqs|rope_factors_(?:long|short)|cls(?:\.output)?"
    r"|blk\.\d+\.(?:attn_(?:norm(?:_2)?|[qkv]|qkv|output|[qk]_norm|rot_embd|sub_norm|sinks)|rope_freqs"
    r"|rope_factors_(?:long|short)|ffn_(?:norm|gate|up|down|gate_inp|sub_norm|(?:gate|up|down)(?:\.\d+|_exps|_shexp))))"
    r"\.(?:weight|bias|scale|input_scale)"
)
"""Source: llama.cpp, llama-arch.cpp (LLM_TENSOR_NAMES) of these architectures."""
_CONTROL, _USER_DEFINED = 3, 4
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K", 12: "Q3_K",
    13: "Q3_K", 14: "Q4_K", 15: "Q4_K", 16: "Q5_K", 17: "Q5_K", 18: "Q6_K", 32: "BF16",
}  # fmt: skip
"""`general.file_type` to the type that most of the file should have. Source: llama.h, enum llama_ftype."""
MOST_TOKENS = 2_000_000


def gguf_findings(header: GgufHeader, where: str) -> Iterator[Finding]:
    """Layers, widths, vocabulary, types and tokens that cannot be what the metadata says."""
    architecture = header.architecture
    if header.text("general.type") in ("adapter", "mmproj", "vocab", "imatrix") or not header.tensors:
        return
    if architecture is None:
        yield finding("gguf-lies", "medium", where, "the metadata names no architecture")
        return
    shapes = {tensor.name: tensor for tensor in header.tensors}
    counts = (*_COUNTS, "attention.head_count") if architecture in _WITH_HEADS else _COUNTS
    zero = [key for key in counts if header.number(f"{architecture}.{key}") == 0]
    if zero:
        detail = f"{architecture}.{zero[0]} is 0: readers divide by it"
        yield finding("gguf-lies", "high", where, detail, "CVE-2024-8063")
    yield from _layers(header, architecture, where)
    yield from _widths(header, architecture, shapes, where)
    yield from _types(header, where)
    yield from _unread(header, architecture, where)
    yield from _tokens(header, shapes, where)


def _lies(key: str, said: object, true: object, where: str) -> Finding:
    return finding("gguf-lies", "high", where, f"{key} is {said}, the tensors say {true}")


def _layers(header: GgufHeader, architecture: str, where: str) -> Iterator[Finding]:
    said = header.number(f"{architecture}.block_count")
    found = {int(hit.group(1)) for tensor in header.tensors if (hit := _BLOCK.match(tensor.name))}
    if said is None:
        yield finding("gguf-lies", "medium", where, f"the metadata has no {architecture}.block_count")
    elif found and _is_whole(header) and max(found) + 1 != said:
        yield _lies(f"{architecture}.block_count", said, max(found) + 1, where)


def _widths(header: GgufHeader, architecture: str, shapes: dict[str, Tensor], where: str) -> Iterator[Finding]:
    width = header.number(f"{architecture}.embedding_length")
    table = shapes.get("token_embd.weight")
    if table is not None and width is not None and len(table.dims) == 2 and table.dims[0] != width:
        yield _lies(f"{architecture}.embedding_length", width, f"{table.dims[0]} in token_embd.weight", where)
    feed = header.number(f"{architecture}.feed_forward_length")
    up = shapes.get("blk.0.ffn_up.weight")
    if up is not None and feed is not None and len(up.dims) == 2 and up.dims[1] not in (feed, 2 * feed):
        yield _lies(f"{architecture}.feed_forward_length", feed, f"{up.dims[1]} in blk.0.ffn_up.weight", where)
    yield from _experts(header, architecture, shapes, where)


def _experts(header: GgufHeader, architecture: str, shapes: dict[str, Tensor], where: str) -> Iterator[Finding]:
    stacked = (tensor for name, tensor in shapes.items() if name.endswith("_exps.weight") and len(tensor.dims) == 3)
    held = next((tensor.dims[2] for tensor in stacked), None)
    if held is not None:
        said = header.number(f"{architecture}.expert_count")
        if said != held:
            yield _lies(f"{architecture}.expert_count", said, f"{held} experts", where)
    elif "blk.0.ffn_up.weight" in shapes and architecture.endswith("moe") and _is_whole(header):
        yield _lies("general.architecture", architecture, "every layer is one network, not experts", where)


def _is_whole(header: GgufHeader) -> bool:
    """Whether all tensors of the model are in this one file."""
    return header.number("split.count") in (None, 0, 1)


def _unread(header: GgufHeader, architecture: str, where: str) -> Iterator[Finding]:
    """Tensors that the architecture does not have, and types that have no size known here."""
    unknown = sorted(tensor.name for tensor in header.tensors if tensor.kind not in GGML_TYPES)
    if unknown:
        detail = f"{shown(unknown[0])} has a type that is not known here: how many bytes it takes was not checked"
        yield finding("gguf-type", "medium", where, detail)
    odd = sorted(tensor.name for tensor in header.tensors if not _READS.fullmatch(tensor.name))
    if architecture in _PLAIN and odd:
        said = ", ".join(shown(name) for name in odd[:SAID])
        detail = f"{len(odd)} tensors that no {architecture} model has: {said}; what they are for is not said"
        yield finding("gguf-unread", "medium", where, detail)


def _types(header: GgufHeader, where: str) -> Iterator[Finding]:
    """The type in the metadata, and so mostly in the file's name, against what most bytes are."""
    said = header.number("general.file_type")
    wanted = _FILE_TYPES.get(said if said is not None else -1)
    held: Counter[str] = Counter()
    for tensor in header.tensors:
        if tensor.name != "token_embd.weight" and len(tensor.dims) > 1:
            held[GGML_TYPES[tensor.kind].name if tensor.kind in GGML_TYPES else str(tensor.kind)] += tensor.elements
    if wanted and held and wanted not in held:
        most = held.most_common(1)[0][0]
        yield finding("gguf-type", "low", where, f"general.file_type says {wanted}, no tensor has it; most are {most}")


def _tokens(header: GgufHeader, shapes: dict[str, Tensor], where: str) -> Iterator[Finding]:
    tokens = _texts(header.metadata.get("tokenizer.ggml.tokens"))
    if not tokens:
        return
    table = shapes.get("token_embd.weight")
    rows = table.dims[1] if table is not None and len(table.dims) == 2 else None
    if rows is not None and len(tokens) > rows:
        detail = f"the tokenizer has {len(tokens):,} tokens, the embedding {rows:,} rows: some tokens read beyond it"
        yield finding("gguf-lies", "high", where, detail, "CVE-2025-49847")
    if len(set(tokens)) != len(tokens):
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        yield finding(
            "tokenizer-numbers", "medium", where, f"tokens that stand twice: {', '.join(map(shown, twice[:SAID]))}"
        )
    yield from _special(header, tokens, where)
    broken = [token for token in tokens if _LIKE_BYTE.fullmatch(token) and not _BYTE.fullmatch(token)]
    if broken:
        detail = f"tokens that look like a byte and are none: {', '.join(map(shown, broken[:SAID]))}"
        yield finding("gguf-byte-token", "high", where, detail, "llama.cpp issues 26511, 27166")
    merges = _texts(header.metadata.get("tokenizer.ggml.merges"))
    if merges and header.text("tokenizer.ggml.model") == "gpt2":
        numbers = {token: number for number, token in enumerate(tokens)}
        pairs = (tuple(merge.split(" ")) for merge in merges)
        yield from merge_findings(((pair[0], pair[1]) for pair in pairs if len(pair) == 2), numbers, where)


def _special(header: GgufHeader, tokens: list[str], where: str) -> Iterator[Finding]:
    """What begins and ends a text, and what is hidden from it, must be no word that people write."""
    listed = header.metadata.get("tokenizer.ggml.token_type")
    kinds = list(listed) if isinstance(listed, GgufArray | tuple) else []
    hidden = [
        token for token, kind in zip(tokens, kinds, strict=False) if kind == _CONTROL and not looks_special(token)
    ]
    if hidden:
        detail = f"ordinary texts that are control tokens: {', '.join(map(shown, hidden[:SAID]))}"
        yield finding("tokenizer-special-word", "high", where, detail)
    for key in ("bos_token_id", "eos_token_id", "eot_token_id", "padding_token_id", "unknown_token_id"):
        number = header.number(f"tokenizer.ggml.{key}")
        if number is None:
            continue
        if not 0 <= number < len(tokens):
            yield finding("gguf-lies", "high", where, f"{key} is {number}, and there are {len(tokens):,} tokens")
        elif not looks_special(tokens[number]):
            yield finding(
                "tokenizer-special-word", "high", where, f"{key} is the ordinary text {shown(tokens[number])}"
            )


def _texts(value: object) -> list[str]:
    if not isinstance(value, GgufArray | tuple):
        return []
    items: Iterable[object] = value
    return [item for item, _ in zip(items, range(MOST_TOKENS), strict=False) if isinstance(item, str)]
