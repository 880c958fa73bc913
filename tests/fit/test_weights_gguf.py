"""GGUF files: the type of every tensor as llama.cpp itself expects it, and sizes of files people download.

tests/data/llamacpp_mixtures.json holds, for 12 models and 33 file types, how many tensors of each role have which type.
It was written down from tests/snapshots/ of llama.cpp (commit 0c1e57098, 2026-10-01), which its own tests read.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weighbridge.fit.architecture import Architecture, Stored
from weighbridge.fit.gguf_file import Maker, file_tensors
from weighbridge.fit.gguf_mix import row_bytes
from weighbridge.fit.publishers import maker_of
from weighbridge.fit.reading import read_architecture
from weighbridge.fit.weights import derive
from weighbridge.units import GIB

MIXTURES: dict[str, Any] = json.loads((Path(__file__).parent.parent / "data" / "llamacpp_mixtures.json").read_text())
GEMMA_4_26B: dict[str, Any] = {
    "model_type": "gemma4_text", "num_hidden_layers": 30, "hidden_size": 2816, "intermediate_size": 2112,
    "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "num_global_key_value_heads": 2,
    "global_head_dim": 512, "num_experts": 128, "moe_intermediate_size": 704, "vocab_size": 262_144,
    "sliding_window": 1024, "tie_word_embeddings": True,
}  # fmt: skip
LLAMA_3_8B: dict[str, Any] = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "intermediate_size": 14_336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False,
}  # fmt: skip


def plain(config: dict[str, Any]) -> Architecture:
    """The architecture, whatever its checkpoint is packed as: the snapshots start from unquantised files."""
    return msgspec.structs.replace(read_architecture(config), stored=Stored())


@pytest.mark.parametrize("model", sorted(MIXTURES))
def test_every_tensor_gets_the_type_llamacpp_gives_it(model: str) -> None:
    arch = plain(MIXTURES[model]["config"])
    for name, expected in MIXTURES[model]["types"].items():
        found = Counter(
            f"{tensor.role} {kind}"
            for tensor, kind in file_tensors(arch, name, Maker(imatrix=False))
            if not tensor.fixed
        )
        assert dict(found) == expected, name


def test_the_snapshots_are_many() -> None:
    """So that an emptied file cannot pass for agreement."""
    assert sum(len(model["types"]) for model in MIXTURES.values()) == 396


@pytest.mark.parametrize(
    ("fmt", "gib"),
    [
        ("Q4_K_M", 4.58),
        ("Q8_0", 7.95),
        ("Q6_K", 6.14),
        ("Q2_K", 2.95),
        ("IQ2_XS", 2.42),
        ("IQ4_XS", 4.17),
        ("Q5_K_S", 5.21),
    ],
)
def test_llama_3_1_8b_takes_what_llama_quantizes_own_page_says(fmt: str, gib: float) -> None:
    """The table in tools/quantize/README.md of llama.cpp."""
    weights = derive(plain(LLAMA_3_8B), fmt)

    assert (weights.total_bytes - weights.container_bytes) / GIB == pytest.approx(gib, abs=0.006)


def test_rows_that_fill_no_block_fall_back() -> None:
    """Gemma 4's experts are 704 wide: no multiple of 256, so Q4_K and Q6_K become Q5_0 and Q8_0 there."""
    kinds = {kind for tensor, kind in file_tensors(read_architecture(GEMMA_4_26B), "Q4_K_M", Maker())
             if tensor.role == "ffn_down_exps"}  # fmt: skip

    assert kinds == {"Q5_0", "Q8_0"}


def test_experts_that_come_in_mxfp4_stay_so() -> None:
    """gpt-oss is published packed, and llama-quantize does not pack twice."""
    config = {
        "model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880, "intermediate_size": 2880,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "num_local_experts": 32,
        "num_experts_per_tok": 4, "vocab_size": 201_088, "tie_word_embeddings": False,
        "quantization_config": {"quant_method": "mxfp4"},
    }  # fmt: skip
    weights = derive(read_architecture(config), "gguf:f16")

    assert weights.total_bytes - weights.container_bytes == 13_779_630_336  # tensors of gpt-oss-20b-F16.gguf


def test_towers_and_drafts_are_not_in_the_file() -> None:
    seeing = GEMMA_4_26B | {"architectures": ["Gemma4ForConditionalGeneration"]}

    assert derive(read_architecture(seeing), "Q8_0") == derive(
        read_architecture(GEMMA_4_26B | {"architectures": ["Gemma4ForCausalLM"]}), "Q8_0"
    ) or {part.name for part in derive(read_architecture(seeing), "Q8_0").parts}.isdisjoint({"vision", "mtp"})


def test_the_table_of_embeddings_stays_on_the_host() -> None:
    weights = derive(plain(LLAMA_3_8B), "Q4_K_M")

    assert weights.host_bytes == 128_256 * row_bytes("Q4_K", 4096)


@pytest.mark.parametrize(
    ("fmt", "gib"),
    [("Q4_K_M", 15.9), ("Q6_K", 21.3), ("Q3_K_L", 12.3), ("IQ3_XXS", 11.3), ("IQ2_M", 10.0), ("Q4_K_L", 16.0)],
)
def test_a_publishers_own_mixture_is_followed(fmt: str, gib: float) -> None:
    """bartowski/google_gemma-4-26B-A4B-it-GGUF, sizes as its catalogue entries round them."""
    maker = maker_of("hf:bartowski/google_gemma-4-26B-A4B-it-GGUF", "2026-04-02")

    assert derive(read_architecture(GEMMA_4_26B), fmt, maker).total_bytes / GIB == pytest.approx(gib, abs=0.0501)


def test_makers_are_known_by_their_place() -> None:
    assert maker_of("hf:someone/Model-i1-GGUF") == Maker(imatrix=True)
    assert maker_of("bartowski/X-GGUF", "2025-03-24") == Maker(imatrix=True)
    assert maker_of("bartowski/X-GGUF", "2025-08-05").recipe == "bartowski-2025"
    assert maker_of("bartowski/X-GGUF").recipe == "bartowski"
    assert maker_of("someone/else") == Maker()
