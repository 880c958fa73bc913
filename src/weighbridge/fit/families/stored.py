"""How a checkpoint is packed, from its `quantization_config` (or ModelOpt's `hf_quant_config`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Stored

from .facts import Facts


def stored_of(text: Mapping[str, object], outer: Mapping[str, object], where: str) -> Stored:
    """What the config says of its packing; `none` where it says nothing."""
    for table in (outer, text):
        for key in ("quantization_config", "compression_config", "hf_quant_config"):
            value = table.get(key)
            if isinstance(value, str | list):
                raise InputError(f"{key} is {str(value)[:40]!r}, not a table", where=where)
            if isinstance(value, Mapping) and value:
                return msgspec.structs.replace(_stored(value, table, f"{where}: {key}"), cache=_cache(value))
    return Stored()


def _stored(table: Mapping[str, object], config: Mapping[str, object], where: str) -> Stored:
    """By the tool's name, or by ModelOpt's name of the algorithm, or by what tools without a name write."""
    facts = Facts(table, where)
    method = str(table.get("quant_method") or "").lower()
    algorithm = str(table.get("quant_algo") or table.get("quant_algorithm") or "").upper()
    ignore = _ignored(facts)
    if method in ("awq", "gptq", "gptq_marlin", "awq_marlin", "auto-round", "intel/auto-round"):
        return _grouped(facts, "gptq" if "gptq" in method or "round" in method else "awq", ignore)
    if method == "mxfp4":
        return Stored("mxfp4", "mxfp4", 4, (1, 32), True, "U8", ignore)
    if method in ("fp8", "fbgemm_fp8"):
        return _fp8(facts, config, ignore)
    by_algorithm = _modelopt(facts, algorithm, ignore)
    if by_algorithm is not None:
        return by_algorithm
    if method == "quark":
        return _quark(facts, ignore)
    if facts.table("config_groups") is not None or method == "compressed-tensors":
        return _compressed(facts, ignore)
    if method in ("bitsandbytes", "bnb"):
        return _bitsandbytes(facts, ignore)
    bits = facts.whole(("bits", "w_bit", "num_bits"), "heads")
    if not method and bits in (2, 3, 4, 5, 6, 8) and facts.has("group_size"):
        return Stored(f"int{bits}", "mlx", bits, (1, _size(facts, 64)), False, "", ignore)
    return Stored(method or algorithm.lower() or "unknown", method, bits or 16, None, True, "F32", ignore)


def _modelopt(facts: Facts, algorithm: str, ignore: tuple[str, ...]) -> Stored | None:
    """NVIDIA's ModelOpt, which names an algorithm; None for one that is not among these."""
    if "NVFP4" in algorithm:
        return Stored("nvfp4", "modelopt", 4, (1, _size(facts, 16)), True, "F8", ignore)
    if algorithm.startswith("FP8"):
        return Stored("fp8", "modelopt", 8, (128, 128) if "BLOCK" in algorithm else None, True, "F32", ignore)
    if algorithm in ("MIXED_PRECISION", "MIXED"):
        return Stored("mixed", "modelopt", 4, (1, 16), True, "F8", ignore)
    return None


def _bitsandbytes(facts: Facts, ignore: tuple[str, ...]) -> Stored:
    if facts.flag("load_in_4bit", False) or facts.flag("_load_in_4bit", False):
        return Stored("int4", "bitsandbytes", 4, (1, 64), True, "U8", ignore)
    return Stored("int8", "bitsandbytes", 8, (1, 0), True, "F32", ignore)


def _cache(table: Mapping[str, object]) -> str:
    """What the checkpoint brings scales for a cache in, which servers follow unasked: `fp8`, `nvfp4`; or empty."""
    inner = table.get("quantization")
    algorithm = str(table.get("kv_cache_quant_algo") or "").lower()
    if not algorithm and isinstance(inner, Mapping):
        algorithm = str(inner.get("kv_cache_quant_algo") or "").lower()
    if algorithm in ("fp8", "nvfp4"):
        return algorithm
    scheme = table.get("kv_cache_scheme")
    if isinstance(scheme, Mapping) and scheme.get("num_bits") == 8 and scheme.get("type") == "float":
        return "fp8"
    return ""


def _quark(facts: Facts, ignore: tuple[str, ...]) -> Stored:
    """AMD's: one scheme for all layers that are not excluded."""
    scheme = facts.table("global_quant_config") or {}
    weight = scheme.get("weight")
    kind = str(weight.get("dtype") if isinstance(weight, Mapping) else "")
    if kind.startswith("fp8"):
        return Stored("fp8", "quark", 8, None, True, "F32", ignore)
    if kind == "fp4":
        return Stored("mxfp4", "quark", 4, (1, 32), True, "U8", ignore)
    return Stored("quark", "quark", 16, None, True, "F32", ignore)


def _ignored(facts: Facts) -> tuple[str, ...]:
    """Modules that stay as trained, under any of the names tools use; shortened lists give their head."""
    found: list[str] = []
    for key in ("modules_to_not_convert", "ignore", "exclude_modules", "ignored_layers", "ignore_head",
                "exclude", "llm_int8_skip_modules"):  # fmt: skip
        listed = facts.listed(key) if not isinstance(facts.config.get(key), str) else None
        found.extend(str(one) for one in listed or ())
    return tuple(dict.fromkeys(found))


def _size(facts: Facts, otherwise: int) -> int:
    value = facts.raw("group_size", "q_group_size")
    if isinstance(value, int) and value <= 0:
        return 0
    return facts.whole(("group_size", "q_group_size")) or otherwise


def _grouped(facts: Facts, layout: str, ignore: tuple[str, ...]) -> Stored:
    bits = facts.whole(("bits", "w_bit"), "heads") or 4
    symmetric = facts.flag("sym", False) if layout == "gptq" else not facts.flag("zero_point", True)
    return Stored(f"int{bits}", layout, bits, (1, _size(facts, 128)), symmetric, "F16", ignore)


def _fp8(facts: Facts, config: Mapping[str, object], ignore: tuple[str, ...]) -> Stored:
    block = facts.listed("weight_block_size")
    sizes = None
    if block is not None and len(block) == 2:
        sizes = tuple(facts.checked("weight_block_size", one, 1, 1 << 16) for one in block)
    elif facts.config.get("quant_method") == "fbgemm_fp8":
        sizes = (1, 0)
    scale = "U8" if facts.config.get("scale_fmt") == "ue8m0" and config.get("expert_dtype") == "fp4" else "F32"
    experts = str(config.get("expert_dtype") or "")
    layout = "deepseek-fp4-experts" if "4" in experts else "finegrained"
    return Stored("fp8", layout, 8, (sizes[0], sizes[1]) if sizes else None, True, scale, ignore)


def _compressed(facts: Facts, ignore: tuple[str, ...]) -> Stored:
    """compressed-tensors: the first group's weights say how."""
    groups = facts.table("config_groups") or {}
    first = next((one for one in groups.values() if isinstance(one, Mapping)), {})
    inner = first.get("weights")
    weights = Facts(inner if isinstance(inner, Mapping) else {}, facts.where)
    bits = weights.whole(("num_bits",), "heads") or 16
    floating = weights.config.get("type") == "float"
    symmetric = weights.flag("symmetric", True)
    size = _size(weights, 0)
    layout = str(facts.config.get("format") or "compressed-tensors")
    if floating and bits == 4:
        if size == 32 or "mxfp4" in layout:
            return Stored("mxfp4", layout, 4, (1, 32), True, "U8", ignore)
        return Stored("nvfp4", layout, 4, (1, size or 16), True, "F8", ignore)
    block = _block(weights.config.get("strategy"), size)
    method = "fp8" if floating else f"int{bits}"
    return Stored(method, layout, bits, block, symmetric, "BF16" if block else "F32", ignore)


def _block(strategy: object, size: int) -> tuple[int, int] | None:
    """Rows and columns that share a scale (0: all); None where a tensor has one."""
    if strategy in ("group", "tensor_group"):
        return 1, size or 128
    return {"channel": (1, 0), "block": (128, 128)}.get(str(strategy))
