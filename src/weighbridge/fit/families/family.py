"""What the families of architectures do differently, as data.

A family is what `model_type` names. A config that names none we know is read as a Llama-like model whose own keys say
the rest (`attention_bias`, `use_qk_norm`, `kv_lora_rank`, ...), and the answer says so.

A flag is True, False, or the config's key that decides, with its default: `attention_bias` is false when missing,
`+qkv_bias` true.
Source: the modelling code of transformers 5.23.0; bench/fit_families.py compares every family with it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Flag = bool | str


class Family(msgspec.Struct, frozen=True, kw_only=True):
    qkv_bias: Flag = "attention_bias"
    o_bias: Flag = "attention_bias"
    mlp_bias: Flag = "mlp_bias"
    norm_bias: Flag = False
    norms: tuple[str, ...] = ("attn_norm", "ffn_norm")
    """Vectors of the model's width in every layer, by llama.cpp's stems."""
    final_norm: bool = True
    qk_norm: Literal["", "head", "full", "per_head", "none"] = ""
    """`head`: one of head_dim for all heads; `full`: over all heads together; `per_head`: one of head_dim each;
    `none`: never, whatever the config says."""
    qk_norm_key: str = ""
    """The config's key that switches it on; empty: always."""
    gate: Literal["", "double_q", "elements", "heads"] = ""
    """A gate on attention's output: in a q_proj of twice the size, a matrix of its own, or one number per head."""
    sinks: Literal["", "all", "sliding"] = ""
    gated: Flag = True
    fused_qkv: bool = False
    fused_gate_up: bool = False
    tied: bool = False
    """Where the config does not say."""
    head_bias: bool = False
    positions: tuple[str, int] | None = None
    """A learned table of positions: the key of its length and what is added to it."""
    intermediate_factor: int | None = None
    """Times the model's width where the config gives no width of the MLP."""
    kv_heads: Literal["", "one", "all"] = ""
    """Where the config does not say: as many as heads ("" and "all"), or one."""
    scalars: int = 0
    """Single numbers in every layer: the activation's, a gate's."""
    gate_bias: bool = False
    """A number per head beside the gate on attention's output."""
    router_bias: bool = False
    expert_bias: bool = False
    correction_bias: bool = False
    """A number per expert that balances the load."""
    shared_gate: bool = False
    """One number per token decides how much of the shared expert counts."""
    shared_always: bool = False
    """Every sparse layer has one shared expert as wide as a routed one (Llama 4)."""
    window_layers: Literal["", "all", "even", "pattern"] = ""
    """Which layers slide where the config lists no layer types."""
    pattern: int = 6
    """With `pattern`: every so-manieth layer is full."""
    mtp: Literal["", "deepseek", "bare", "qwen", "mimo"] = ""
    """`bare`: as deepseek without copies of embedding and head."""
    mtp_count: int = 0
    """Draft layers where the config does not count them."""
    head_copy: Literal["", "output", "output_copy"] = ""
    """Checkpoints hold the tied head a second time; as `output` GGUF files hold it too."""
    linear_every: int | None = None
    """Every so-manieth layer is full attention, the others linear, where the config does not say."""
    latent: bool = False
    """All models of the family have latent attention; a config without its ranks is not whole."""
    sees: str = ""
    """The usual tower where the config says nothing of one, its class included."""
    needs: tuple[str, ...] = ()
    """Facts without which the shapes would be guessed."""
    builder: str = "llama"
    embedding_norm: bool = False
    bias_in_embedding_norm: bool = False


_LAYER_NORM = ("attn_norm", "ffn_norm")
_SANDWICH = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
_POST = ("post_attention_norm", "post_ffw_norm")

GENERIC = Family()
_PLAIN = Family(qkv_bias=False, o_bias=False, mlp_bias=False)
_QWEN2 = Family(qkv_bias=True, o_bias=False, mlp_bias=False)
_QWEN3 = Family(qk_norm="head", mlp_bias=False)
_DEEPSEEK = Family(mtp="deepseek", latent=True)
_DEEPSEEK_BALANCED = Family(
    mlp_bias=False, mtp="deepseek", correction_bias=True, latent=True,
    needs=("first_k_dense_replace", "n_shared_experts", "intermediate_size"),
)  # fmt: skip
_GEMMA = Family(tied=True, mlp_bias=False)
_GEMMA2 = Family(tied=True, mlp_bias=False, norms=_SANDWICH, window_layers="even")
_GEMMA3 = Family(tied=True, mlp_bias=False, norms=_SANDWICH, qk_norm="head", window_layers="pattern")
_GEMMA3_SEES = msgspec.structs.replace(_GEMMA3, sees="siglip")
_GEMMA4 = Family(
    tied=True,
    mlp_bias=False,
    norms=_SANDWICH,
    qk_norm="head",
    window_layers="pattern",
    builder="gemma4",
    head_copy="output_copy",
    sees="gemma4",
)
_GPT2 = Family(
    qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, fused_qkv=True, tied=True,
    positions=("n_positions", 0), intermediate_factor=4,
)  # fmt: skip
_OPT = Family(
    qkv_bias="+enable_bias", o_bias="+enable_bias", mlp_bias="+enable_bias", norm_bias=True, gated=False, tied=True,
    positions=("max_position_embeddings", 2),
)  # fmt: skip
_NEOX = Family(
    qkv_bias="+attention_bias", o_bias="+attention_bias", mlp_bias=True, norm_bias=True, gated=False, fused_qkv=True,
)  # fmt: skip
_QWEN_NEXT = Family(
    qk_norm="head", gate="double_q", mlp_bias=False, shared_gate=True, mtp="qwen", mtp_count=1, linear_every=4,
)  # fmt: skip
_QWEN_35 = msgspec.structs.replace(_QWEN_NEXT, sees="qwen3_5")

FAMILIES: dict[str, Family] = {
    "llama": GENERIC,
    "mistral": _PLAIN,
    "mistral3": msgspec.structs.replace(_PLAIN, sees="pixtral"),
    "ministral": _PLAIN,
    "ministral3": _PLAIN,
    "pixtral": _PLAIN,
    "mixtral": _PLAIN,
    "mistral4": _DEEPSEEK,
    "mistral_large4": _DEEPSEEK,
    "aria_text": GENERIC,
    "arcee": Family(gated=False),
    "apertus": Family(qk_norm="head", gated=False, mlp_bias=False, scalars=2),
    "afmoe": Family(qk_norm="head", gate="elements", norms=_SANDWICH, correction_bias=True, mlp_bias=False),
    "beam": Family(
        qk_norm="head", gate="elements", gate_bias=True, norms=_SANDWICH, correction_bias=True, mlp_bias=False,
    ),
    "flint": Family(qk_norm="head", sinks="all", mlp_bias=False),
    "arctic": _PLAIN,
    "baichuan": _PLAIN,
    "bailing_moe": Family(qkv_bias="use_qkv_bias", o_bias="use_bias", mlp_bias="use_bias"),
    "bailing_moe_v2": Family(
        qkv_bias="use_qkv_bias", o_bias="use_bias", mlp_bias="use_bias", qk_norm="head", qk_norm_key="use_qk_norm",
        correction_bias=True, mtp="deepseek",
    ),
    "bamba": Family(builder="bamba"),
    "bitnet": Family(norms=("attn_norm", "ffn_norm", "attn_sub_norm"), mlp_bias=False, builder="bitnet"),
    "bloom": Family(
        qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, fused_qkv=True, tied=True,
        intermediate_factor=4, embedding_norm=True, bias_in_embedding_norm=True, kv_heads="all",
    ),
    "chatglm": Family(
        qkv_bias="+add_qkv_bias", o_bias="add_bias_linear", mlp_bias="add_bias_linear", fused_qkv=True,
        fused_gate_up=True,
    ),
    "codegen": Family(
        qkv_bias=False, o_bias=False, mlp_bias=True, norm_bias=True, gated=False, fused_qkv=True, head_bias=True,
        norms=("attn_norm",), intermediate_factor=4,
    ),
    "cohere": Family(tied=True, mlp_bias=False, norms=("attn_norm",), qk_norm="per_head", qk_norm_key="use_qk_norm"),
    "cohere2": Family(tied=True, mlp_bias=False, norms=("attn_norm",), window_layers="pattern", pattern=4),
    "cohere2_moe": Family(tied=True, mlp_bias=False, norms=("attn_norm",), window_layers="pattern", pattern=4),
    "cwm": Family(qkv_bias=False, o_bias=False, window_layers="pattern", pattern=4),
    "dbrx": Family(qkv_bias=False, o_bias=False, mlp_bias=False, fused_qkv=True),
    "deepseek": _PLAIN,
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK_BALANCED,
    "deepseek_ref": _DEEPSEEK_BALANCED,
    "deepseek_v32": _DEEPSEEK_BALANCED,
    "deepseek_v4": Family(builder="deepseek_v4", mtp="deepseek"),
    "kimi_k2": _DEEPSEEK_BALANCED,
    "kimi_k25": msgspec.structs.replace(_DEEPSEEK_BALANCED, sees="moonvit"),
    "axk1": Family(mlp_bias=False, correction_bias=True, norms=(*_LAYER_NORM, "post_ffw_norm"), builder="axk1"),
    "glm_moe_dsa": msgspec.structs.replace(_DEEPSEEK_BALANCED, mtp="bare"),
    "glm4_moe_lite": _DEEPSEEK_BALANCED,
    "youtu": Family(mlp_bias="mlp_bias", tied=True),
    "minicpm3": Family(tied=True, latent=True),
    "longcat_flash": Family(builder="longcat", mlp_bias=False, correction_bias=True),
    "diffllama": Family(builder="diffllama", mlp_bias=False),
    "dots1": Family(qk_norm="head", correction_bias=True, mlp_bias=False, o_bias=False),
    "emu3": GENERIC,
    "ernie4_5": Family(qkv_bias="use_bias", o_bias="use_bias", mlp_bias="use_bias", tied=True),
    "ernie4_5_moe": Family(
        qkv_bias="use_bias", o_bias="use_bias", mlp_bias="use_bias", tied=True, correction_bias=True,
    ),
    "exaone": Family(qkv_bias=False, o_bias=False, mlp_bias=False),
    "exaone4": Family(
        qkv_bias=False, o_bias=False, mlp_bias=False, norms=_POST, qk_norm="head", window_layers="pattern", pattern=4,
    ),
    "exaone_moe": Family(
        qkv_bias=False, o_bias=False, mlp_bias=False, qk_norm="head", correction_bias=True, window_layers="pattern",
        pattern=4,
    ),
    "falcon": Family(
        qkv_bias="bias", o_bias="bias", mlp_bias="bias", norm_bias=True, gated=False, fused_qkv=True, tied=True,
        intermediate_factor=4, builder="falcon", head_copy="output",
    ),
    "falcon_h1": Family(builder="falcon_h1"),
    "falcon_mamba": Family(builder="mamba", tied=True),
    "mamba": Family(builder="mamba", tied=True),
    "mamba2": Family(builder="mamba"),
    "flex_olmo": Family(norms=_POST, qk_norm="full", mlp_bias=False),
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3": _GEMMA3_SEES,
    "gemma3_text": _GEMMA3,
    "gemma3n": Family(tied=True, builder="gemma3n"),
    "gemma3n_text": Family(tied=True, builder="gemma3n"),
    "gemma4": _GEMMA4,
    "gemma4_text": _GEMMA4,
    "gemma4_unified": msgspec.structs.replace(_GEMMA4, head_copy="", sees=""),
    "gemma4_unified_text": msgspec.structs.replace(_GEMMA4, head_copy="", sees=""),
    "vaultgemma": Family(tied=True, mlp_bias=False, window_layers="even"),
    "glm": Family(qkv_bias="+attention_bias", o_bias=False, mlp_bias=False, fused_gate_up=True),
    "glm4": Family(
        qkv_bias="+attention_bias", o_bias=False, mlp_bias=False, fused_gate_up=True, norms=_SANDWICH,
    ),
    "glm4_moe": Family(
        o_bias=False, mlp_bias=False, qk_norm="head", qk_norm_key="use_qk_norm", correction_bias=True, mtp="deepseek",
        needs=("first_k_dense_replace", "n_shared_experts", "intermediate_size"),
    ),
    "glm4v_moe_text": Family(
        qkv_bias="+attention_bias", o_bias=False, mlp_bias=False, qk_norm="head", qk_norm_key="use_qk_norm",
        correction_bias=True, mtp="deepseek",
    ),
    "gpt2": _GPT2,
    "gpt-sw3": _GPT2,
    "openai-gpt": msgspec.structs.replace(_GPT2, final_norm=False),
    "gpt_bigcode": msgspec.structs.replace(_GPT2, kv_heads="one", builder="bigcode"),
    "gpt_neo": Family(
        qkv_bias=False, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, tied=True,
        positions=("max_position_embeddings", 0), intermediate_factor=4,
    ),
    "gptj": Family(
        qkv_bias=False, o_bias=False, mlp_bias=True, norm_bias=True, gated=False, head_bias=True,
        norms=("attn_norm",), intermediate_factor=4,
    ),
    "gpt_neox": _NEOX,
    "gpt_oss": Family(
        qkv_bias="+attention_bias", o_bias="+attention_bias", router_bias=True, expert_bias=True, sinks="all",
        window_layers="even",
    ),
    "granite": GENERIC,
    "granite_swa": Family(sinks="all", tied=True),
    "granitemoe": GENERIC,
    "granitemoe_swa": Family(sinks="all"),
    "granitemoeshared": Family(builder="granite"),
    "granitemoehybrid": Family(builder="granite"),
    "helium": Family(o_bias=False),
    "hunyuan": Family(qk_norm="head", qk_norm_key="use_qk_norm"),
    "hunyuan_v1_dense": Family(qk_norm="head", qk_norm_key="+use_qk_norm"),
    "hunyuan_v1_moe": Family(qk_norm="head", qk_norm_key="+use_qk_norm", shared_always=True),
    "hy_v3": Family(qk_norm="head", correction_bias=True),
    "hyperclovax": Family(norms=_SANDWICH),
    "internlm2": Family(qkv_bias="bias", o_bias="bias", mlp_bias=False),
    "internlm3": Family(qkv_bias="qkv_bias", o_bias="bias", mlp_bias="bias"),
    "iquestcoder": GENERIC,
    "jais2": Family(
        qkv_bias="+attention_bias", o_bias="+attention_bias", mlp_bias="+mlp_bias", norm_bias=True, gated=False,
    ),
    "jamba": Family(builder="jamba", mlp_bias=False),
    "kimi_linear": Family(builder="kimi_linear", mlp_bias=False, correction_bias=True),
    "kolibri1": Family(qk_norm="head", norms=_SANDWICH, correction_bias=True, mlp_bias=False),
    "laguna": Family(qk_norm="head", gate="heads", correction_bias=True, mlp_bias=False),
    "lfm2": Family(builder="lfm2", tied=True),
    "lfm2_moe": Family(builder="lfm2", tied=True, correction_bias=True),
    "llama4": Family(shared_always=True, qk_norm="none", sees="llama4"),
    "llama4_text": Family(shared_always=True, qk_norm="none", sees="llama4"),
    "mellum": Family(qk_norm="head", mlp_bias=False),
    "mimo": Family(qkv_bias="+attention_bias", o_bias=False, mlp_bias=False, mtp="mimo"),
    "mimo_v2": Family(o_bias=False, mlp_bias=False, correction_bias=True, sinks="sliding", mtp="mimo"),
    "mimo_v2_flash": Family(
        o_bias=False, mlp_bias=False, correction_bias=True, sinks="sliding", mtp="mimo", mtp_count=3,
    ),
    "minimax": Family(builder="minimax", qkv_bias=False, o_bias=False),
    "minimax_text_01": Family(builder="minimax", qkv_bias=False, o_bias=False),
    "minimax_m1": Family(builder="minimax", qkv_bias=False, o_bias=False),
    "minimax_m2": Family(qk_norm="full", correction_bias=True, qkv_bias=False, o_bias=False, mlp_bias=False),
    "minimax_m3": Family(qk_norm="head", correction_bias=True, qkv_bias=False, o_bias=False, mlp_bias=False),
    "minimax_m3_vl": Family(qk_norm="head", correction_bias=True, qkv_bias=False, o_bias=False, mlp_bias=False),
    "minimax_m3_vl_text": Family(qk_norm="head", correction_bias=True, qkv_bias=False, o_bias=False, mlp_bias=False),
    "mpt": Family(
        qkv_bias=False, o_bias=False, mlp_bias=False, gated=False, fused_qkv=True, tied=True, intermediate_factor=4,
        kv_heads="all",
    ),
    "nanochat": Family(norms=(), final_norm=False, gated=False, mlp_bias=False),
    "nemotron": Family(norm_bias=True, gated=False),
    "nemotron-nas": Family(builder="deci"),
    "nemotron_h": Family(builder="nemotron_h", gated=False),
    "olmo": Family(norms=(), final_norm=False, mlp_bias=False),
    "olmo2": Family(norms=_POST, qk_norm="full", mlp_bias=False),
    "olmo3": Family(norms=_POST, qk_norm="full", mlp_bias=False, window_layers="pattern", pattern=4),
    "olmo_hybrid": Family(norms=_POST, qk_norm="full", mlp_bias=False, builder="olmo_hybrid"),
    "olmoe": Family(qk_norm="full", mlp_bias=False),
    "opt": _OPT,
    "biogpt": Family(
        qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, tied=True,
        positions=("max_position_embeddings", 2),
    ),
    "xglm": msgspec.structs.replace(_OPT, positions=None),
    "persimmon": Family(
        qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, fused_qkv=True, qk_norm="head",
        qk_norm_key="+qk_layernorm",
    ),
    "phi": Family(
        qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True, gated=False, head_bias=True, norms=("attn_norm",),
        qk_norm="head", qk_norm_key="qk_layernorm",
    ),
    "phi3": Family(qkv_bias=False, o_bias=False, mlp_bias=False, fused_qkv=True, fused_gate_up=True),
    "phimoe": Family(mlp_bias=False, norm_bias=True),
    "qwen": Family(qkv_bias=True, o_bias=False, mlp_bias=False, fused_qkv=True, builder="qwen1"),
    "qwen2": _QWEN2,
    "qwen2_vl_text": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen2_5_vl_text": _QWEN2,
    "qwen2_moe": Family(qkv_bias="+qkv_bias", o_bias=False, mlp_bias=False, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "interns1": msgspec.structs.replace(_QWEN3, sees="internvl"),
    "qwen3_vl_text": msgspec.structs.replace(_QWEN3, sees="qwen3_vl"),
    "qwen3_vl_moe_text": msgspec.structs.replace(_QWEN3, sees="qwen3_vl"),
    "qwen3_next": _QWEN_NEXT,
    "qwen3_5": _QWEN_35,
    "qwen3_5_text": _QWEN_35,
    "qwen3_5_moe": _QWEN_35,
    "qwen3_5_moe_text": _QWEN_35,
    "recurrent_gemma": Family(tied=True, builder="recurrent_gemma"),
    "rwkv": Family(builder="rwkv", norm_bias=True),
    "seed_oss": Family(qkv_bias="+attention_bias", o_bias="attention_out_bias", mlp_bias="mlp_bias"),
    "smollm3": Family(tied=True),
    "solar_open": Family(o_bias=False, correction_bias=True, mlp_bias=False, qk_norm="head", qk_norm_key="use_qk_norm"),
    "stablelm": Family(
        qkv_bias="use_qkv_bias", o_bias=False, mlp_bias=False, norm_bias=True, qk_norm="per_head",
        qk_norm_key="qk_layernorm", builder="stablelm",
    ),
    "stablelm_epoch": Family(qkv_bias="use_qkv_bias", o_bias=False, mlp_bias=False, norm_bias=True),
    "starcoder2": Family(
        qkv_bias="+use_bias", o_bias="+use_bias", mlp_bias="+use_bias", norm_bias=True, gated=False, tied=True,
    ),
    "step3p5": Family(qk_norm="head", gate="heads", correction_bias=True, mlp_bias=False, mtp="deepseek"),
    "step3p7": Family(qk_norm="head", gate="heads", correction_bias=True, mlp_bias=False, mtp="deepseek"),
}  # fmt: skip


NOT_WORKED_OUT = frozenset((
    "blt", "ctrl", "cpmant", "doge", "hrm_text", "inkling2_text", "inkling_text", "jetmoe", "longcat_flash_ngram",
    "mllama", "mllama_text_model", "modernbert-decoder", "xlstm", "zamba", "zamba2", "zaya", "reformer", "prophetnet",
))  # fmt: skip
"""Families whose layers follow no rule here; a count by the plain way would be wrong without saying so."""


def family_of(model_type: str) -> Family | None:
    """The family a model_type names; a `_text` at its end names the language half of the same family."""
    return FAMILIES.get(model_type) or FAMILIES.get(model_type.removesuffix("_text"))
