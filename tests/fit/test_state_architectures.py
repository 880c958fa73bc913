"""What well-known models keep for each token and each sequence, worked out by hand from their papers and configs.

The sums are written out: layers x heads x (key + value) x 2 bytes, and what a sequence keeps however long it is.
Where a paper or an engine's log says the total, the row says so.
"""

from __future__ import annotations

import pytest

from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.cli.compose_fit import source_of_model
from weighbridge.fit.state import state_of

LONG = 1 << 24
"""A length at which every window is full."""

BY_HAND = [
    # grouped-query, multi-head and multi-query attention
    ("meta-llama/Llama-2-7b-hf", 32 * 32 * (128 + 128) * 2, 0),
    ("meta-llama/Llama-2-70b-hf", 80 * 8 * (128 + 128) * 2, 0),
    ("meta-llama/Llama-3.1-8B", 32 * 8 * (128 + 128) * 2, 0),
    ("meta-llama/Llama-3.1-70B", 80 * 8 * (128 + 128) * 2, 0),
    ("meta-llama/Llama-3.1-405B", 516_096, 0),  # arXiv:2505.09343, table 1: 516.096 KB
    ("meta-llama/Llama-3.2-1B", 16 * 8 * (64 + 64) * 2, 0),
    ("Qwen/Qwen2.5-7B-Instruct", 28 * 4 * (128 + 128) * 2, 0),
    ("Qwen/Qwen2.5-72B-Instruct", 327_680, 0),  # arXiv:2505.09343, table 1: 327.680 KB
    ("Qwen/Qwen3-0.6B", 28 * 8 * (128 + 128) * 2, 0),
    ("Qwen/Qwen3-8B", 36 * 8 * (128 + 128) * 2, 0),
    ("Qwen/Qwen3-32B", 64 * 8 * (128 + 128) * 2, 0),
    ("Qwen/Qwen3-30B-A3B", 48 * 4 * (128 + 128) * 2, 0),
    ("Qwen/Qwen3-235B-A22B", 94 * 4 * (128 + 128) * 2, 0),
    ("mistralai/Mixtral-8x7B-v0.1", 32 * 8 * (128 + 128) * 2, 0),
    ("mistralai/Mixtral-8x22B-v0.1", 56 * 8 * (128 + 128) * 2, 0),
    ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", 40 * 8 * (128 + 128) * 2, 0),
    ("microsoft/phi-4", 40 * 10 * (128 + 128) * 2, 0),
    ("microsoft/Phi-3-mini-4k-instruct", 32 * 32 * (96 + 96) * 2, 0),
    ("tiiuae/falcon-7b", 32 * 1 * (64 + 64) * 2, 0),
    ("tiiuae/falcon-40b", 60 * 8 * (64 + 64) * 2, 0),
    ("01-ai/Yi-34B", 60 * 8 * (128 + 128) * 2, 0),
    ("internlm/internlm2_5-7b-chat", 32 * 8 * (128 + 128) * 2, 0),
    ("baichuan-inc/Baichuan2-13B-Chat", 40 * 40 * (128 + 128) * 2, 0),
    ("HuggingFaceTB/SmolLM2-135M-Instruct", 23_040, 0),  # llama.cpp's log: 180 MiB for 8,192 cells
    ("HuggingFaceTB/SmolLM3-3B", 36 * 4 * (128 + 128) * 2, 0),
    ("tencent/Hunyuan-A13B-Instruct", 32 * 8 * (128 + 128) * 2, 0),
    ("zai-org/GLM-4.5", 92 * 8 * (128 + 128) * 2, 0),
    ("zai-org/GLM-4.5-Air", 46 * 8 * (128 + 128) * 2, 0),
    ("MiniMaxAI/MiniMax-M2", 62 * 8 * (128 + 128) * 2, 0),
    ("NousResearch/Hermes-4-405B", 126 * 8 * (128 + 128) * 2, 0),
    ("upstage/SOLAR-10.7B-v1.0", 48 * 8 * (128 + 128) * 2, 0),
    ("databricks/dbrx-instruct", 40 * 8 * (128 + 128) * 2, 0),
    ("ByteDance-Seed/Seed-OSS-36B-Instruct", 64 * 8 * (128 + 128) * 2, 0),
    # latents: one vector of kv_lora_rank + rope for all heads, keys and values
    ("deepseek-ai/DeepSeek-V3", 70_272, 0),  # arXiv:2505.09343, table 1: 70.272 KB
    ("deepseek-ai/DeepSeek-V2-Lite", 27 * (512 + 64) * 2, 0),
    ("moonshotai/Kimi-K2-Instruct", 61 * (512 + 64) * 2, 0),
    ("zai-org/GLM-4.7-Flash", 47 * (512 + 64) * 2, 0),
    ("mistralai/Mistral-Small-4-119B-2603", 36 * (256 + 64) * 2, 0),
    # sparse: the whole latent, and 128 fp8 numbers with their scale for the indexer
    ("deepseek-ai/DeepSeek-V3.2", 61 * ((512 + 64) * 2 + 128 + 4), 0),
    ("zai-org/GLM-5", 78 * ((512 + 64) * 2 + 128 + 4), 0),
    # sliding windows and chunks: full layers grow, the others keep their window
    ("openai/gpt-oss-120b", 18 * 8 * (64 + 64) * 2, 18 * 128 * 8 * (64 + 64) * 2),
    ("openai/gpt-oss-20b", 12 * 8 * (64 + 64) * 2, 12 * 128 * 8 * (64 + 64) * 2),
    ("google/gemma-3-27b-it", 10 * 16 * (128 + 128) * 2, 52 * 1024 * 16 * (128 + 128) * 2),
    ("google/gemma-3-12b-it", 8 * 8 * (256 + 256) * 2, 40 * 1024 * 8 * (256 + 256) * 2),
    ("google/gemma-2-9b-it", 21 * 8 * (256 + 256) * 2, 21 * 4096 * 8 * (256 + 256) * 2),
    ("google/gemma-4-26B-A4B", 5 * 2 * (512 + 512) * 2, 25 * 1024 * 8 * (256 + 256) * 2),
    ("XiaomiMiMo/MiMo-V2-Flash", 9 * 4 * (192 + 128) * 2, 39 * 128 * 8 * (192 + 128) * 2),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 12 * 8 * (128 + 128) * 2, 36 * 8192 * 8 * (128 + 128) * 2),
    # gated delta nets: a float32 matrix for each value head, and three columns of the convolution in 16 bit
    (
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        12 * 2 * (256 + 256) * 2,
        36 * (32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2),
    ),
    (
        "Qwen/Qwen3.6-27B",
        16 * 4 * (256 + 256) * 2,
        48 * (48 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 48 * 128) * 2),
    ),
    (
        "Qwen/Qwen3.5-35B-A3B",
        10 * 2 * (256 + 256) * 2,
        30 * (32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2),
    ),
    # delta attention beside latents: 7 of 27 layers keep tokens
    (
        "moonshotai/Kimi-Linear-48B-A3B-Instruct",
        7 * (512 + 64) * 2,
        20 * (32 * 128 * 128 * 4 + 3 * (3 * 32 * 128) * 2),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "per_token", "fixed"), BY_HAND, ids=[row[0].rsplit("/", 1)[-1] for row in BY_HAND])
def test_a_model_keeps_what_its_paper_and_config_say(model: str, per_token: int, fixed: int) -> None:
    catalogue = load_catalogue()
    source = source_of_model(catalogue.models[model], catalogue)
    assert source is not None, "the catalogue has its config"

    state = state_of(source.architecture)

    assert (state.per_token_bytes(LONG), state.fixed_bytes()) == (per_token, fixed)


def test_llama_cpp_keeps_convolutions_in_32_bit() -> None:
    """A log of Qwen3.6-27B with three sequences: R 16.88 MiB, S 432.00 MiB."""
    catalogue = load_catalogue()
    source = source_of_model(catalogue.models["Qwen/Qwen3.6-27B"], catalogue)
    assert source is not None

    state = state_of(source.architecture, float32_convolutions=True)

    assert 3 * state.recurrent_bytes() == pytest.approx((16.88 + 432.00) * 2**20, rel=2e-5)
