"""The towers of the families that have one, tensor by tensor: patches in, a ladder of blocks, a projector out."""

from __future__ import annotations

from collections.abc import Callable

from .facts import Facts
from .plan import Plan

KINDS: tuple[tuple[str, str], ...] = (
    ("qwen3_vl", "qwen3_vl"),
    ("qwen3vl", "qwen3_vl"),
    ("qwen3_omni", "qwen3_vl"),
    ("qwen3_5", "qwen3_5"),
    ("qwen2_5_vl", "qwen2_5_vl"),
    ("qwen2_vl", "qwen2_vl"),
    ("siglip", "siglip"),
    ("gemma3", "siglip"),
    ("paligemma", "siglip"),
    ("gemma4", "gemma4"),
    ("llama4", "llama4"),
    ("pixtral", "pixtral"),
    ("mistral3", "pixtral"),
    ("mistral4", "pixtral"),
    ("kimi_k25", "moonvit"),
    ("kimik25", "moonvit"),
    ("kimik3", "moonvit"),
    ("moonvit", "moonvit"),
    ("glm4v", "glm4v"),
    ("glm46v", "glm4v"),
    ("intern", "internvl"),
    ("clip", "clip"),
    ("step3p", "step"),
)
"""What a model_type or class name begins with, and the way its tower is built."""

DEFAULTS: dict[str, dict[str, object]] = {
    "qwen3_vl": {
        "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "in_channels": 3, "patch_size": 16,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    },
    "qwen3_5": {
        "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "in_channels": 3, "patch_size": 16,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 2304,
    },
    "siglip": {
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "image_size": 896, "patch_size": 14,
        "vision_use_head": False,
    },
    "gemma4": {
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
        "patch_size": 16, "position_embedding_size": 10_240, "head_dim": 72, "standardize": True,
    },
    "pixtral": {
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "patch_size": 14, "image_size": 1540,
    },
    "moonvit": {
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "patch_size": 14,
        "pos_emb_height": 64, "pos_emb_width": 64,
    },
    "llama4": {
        "hidden_size": 1408, "intermediate_size": 5632, "num_hidden_layers": 34, "patch_size": 14, "image_size": 336,
        "projector_input_dim": 4096, "projector_output_dim": 4096, "vision_output_dim": 4096,
    },
    "internvl": {
        "hidden_size": 3200, "intermediate_size": 12_800, "num_hidden_layers": 45, "patch_size": 14, "image_size": 448,
        "use_qk_norm": True,
    },
}  # fmt: skip

WIDTH = ("hidden_size", "embed_dim", "width", "vt_hidden_size", "d_model")
DEPTH = ("num_hidden_layers", "depth", "layers", "vt_num_hidden_layers", "num_layers")
INNER = ("intermediate_size", "vt_intermediate_size", "mlp_dim")
PATCH = ("patch_size",)
CHANNELS = ("in_channels", "num_channels", "in_chans")


class Sizes:
    """The numbers every tower has."""

    __slots__ = ("channels", "depth", "inner", "patch", "width")

    def __init__(self, facts: Facts) -> None:
        self.width = facts.need(WIDTH)
        self.depth = facts.need(DEPTH, "layers")
        ratio = facts.raw("mlp_ratio")
        inner = facts.whole(INNER)
        if inner is None and isinstance(ratio, int | float) and 0 < ratio < 100:
            inner = int(ratio * self.width)
        self.inner = inner or facts.need(INNER)
        patch = facts.listed("patch_size")
        self.patch = facts.checked("patch_size", patch[0], 1, 1024) if patch else facts.default(PATCH, 14)
        self.channels = facts.default(CHANNELS, 3)


def block(plan: Plan, size: Sizes, *, bias: bool, fused: bool = False, gated: bool = False, norm_bias: bool) -> None:
    """One rung: two norms, attention, an MLP."""
    width = size.width
    for role in ("v.ln1", "v.ln2"):
        plan.norm(role, width, bias=norm_bias)
    if fused:
        plan.linear("v.attn_qkv", 3 * width, width, "attn.qkv", bias=bias)
    else:
        for role in ("v.attn_q", "v.attn_k", "v.attn_v"):
            plan.linear(role, width, width, role, bias=bias)
    plan.linear("v.attn_out", width, width, "attn.proj", bias=bias)
    if gated:
        plan.linear("v.ffn_gate", size.inner, width, "mlp.gate_proj", bias=bias)
    plan.linear("v.ffn_up", size.inner, width, "mlp.fc1", bias=bias)
    plan.linear("v.ffn_down", width, size.inner, "mlp.fc2", bias=bias)


def _image_patches(facts: Facts, size: Sizes) -> int:
    image = facts.listed("image_size")
    side = facts.checked("image_size", image[0], 1, 1 << 16) if image else facts.need(("image_size",))
    return (side // size.patch) ** 2


def _qwen3(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    merge = facts.default(("spatial_merge_size",), 2) ** 2
    frames = facts.default(("temporal_patch_size",), 2)
    out = facts.whole(("out_hidden_size",)) or hidden
    plan.kept("v.patch_embd", size.width, size.channels * frames * size.patch**2)
    plan.vector("v.patch_embd.bias", size.width)
    plan.kept("v.position_embd", facts.need(("num_position_embeddings",)), size.width)
    for _ in range(size.depth):
        block(plan, size, bias=True, fused=True, norm_bias=True)
    _qwen_merger(plan, size.width, merge, out, wide_norm=False)
    for _ in facts.listed("deepstack_visual_indexes") or ():
        _qwen_merger(plan, size.width, merge, out, wide_norm=True)


def _qwen_merger(plan: Plan, width: int, merge: int, out: int, *, wide_norm: bool) -> None:
    plan.norm("mm.norm", width * merge if wide_norm else width, bias=True)
    plan.linear("mm.0", width * merge, width * merge, "merger.linear_fc1", bias=True)
    plan.linear("mm.2", out, width * merge, "merger.linear_fc2", bias=True)


def _qwen25(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    merge, frames = facts.default(("spatial_merge_size",), 2) ** 2, facts.default(("temporal_patch_size",), 2)
    out = facts.whole(("out_hidden_size",)) or hidden
    plan.kept("v.patch_embd", size.width, size.channels * frames * size.patch**2)
    for _ in range(size.depth):
        block(plan, size, bias=True, fused=True, gated=True, norm_bias=False)
    plan.norm("mm.norm", size.width)
    plan.linear("mm.0", size.width * merge, size.width * merge, "merger.mlp.0", bias=True)
    plan.linear("mm.2", out, size.width * merge, "merger.mlp.2", bias=True)


def _qwen2(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    out = facts.whole(("hidden_size",)) or hidden
    size = Sizes(facts.with_facts(hidden_size=facts.need(("embed_dim",))))
    merge, frames = facts.default(("spatial_merge_size",), 2) ** 2, facts.default(("temporal_patch_size",), 2)
    plan.kept("v.patch_embd", size.width, size.channels * frames * size.patch**2)
    for _ in range(size.depth):
        block(plan, size, bias=True, fused=True, norm_bias=True)
    plan.norm("mm.norm", size.width, bias=True)
    plan.linear("mm.0", size.width * merge, size.width * merge, "merger.mlp.0", bias=True)
    plan.linear("mm.2", out, size.width * merge, "merger.mlp.2", bias=True)


def _siglip(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.vector("v.patch_embd.bias", size.width)
    plan.kept("v.position_embd", _image_patches(facts, size), size.width)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
    plan.norm("v.post_ln", size.width, bias=True)
    if facts.flag("vision_use_head", True):
        plan.vector("v.head.probe", size.width)
        plan.linear("v.head.attn", 4 * size.width, size.width, "head.attention", bias=True)
        plan.norm("v.head.norm", size.width, bias=True)
        plan.linear("v.head.up", size.inner, size.width, "head.mlp.fc1", bias=True)
        plan.linear("v.head.down", size.width, size.inner, "head.mlp.fc2", bias=True)
    plan.kept("mm.input_projection", size.width, hidden)
    plan.norm("mm.soft_emb_norm", size.width)


def _gemma4(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, 3 * size.patch**2)
    plan.kept("v.position_embd", 2 * facts.default(("position_embedding_size",), 10_240), size.width)
    heads = facts.need(("num_attention_heads",), "heads")
    head_dim = facts.whole(("head_dim",)) or size.width // heads
    for _ in range(size.depth):
        for role in ("v.ln1", "v.ln2", "v.ln3", "v.ln4"):
            plan.norm(role, size.width)
        for role in ("v.attn_q", "v.attn_k", "v.attn_v"):
            plan.linear(role, heads * head_dim, size.width, role)
        plan.linear("v.attn_out", size.width, heads * head_dim, "v.attn_out")
        for role in ("v.attn_q_norm", "v.attn_k_norm"):
            plan.norm(role, head_dim)
        plan.linear("v.ffn_gate", size.inner, size.width, "mlp.gate_proj")
        plan.linear("v.ffn_up", size.inner, size.width, "mlp.up_proj")
        plan.linear("v.ffn_down", size.width, size.inner, "mlp.down_proj")
    if facts.flag("standardize", False):
        plan.vector("v.std_scale", size.width)
        plan.vector("v.std_bias", size.width)
    plan.linear("mm.input_projection", hidden, size.width, "embed_vision.embedding_projection")


def _pixtral(plan: Plan, facts: Facts, hidden: int, model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.norm("v.pre_ln", size.width)
    for _ in range(size.depth):
        block(plan, size, bias=False, gated=True, norm_bias=False)
    if str(model.config.get("model_type")) != "llava":
        merge = model.default(("spatial_merge_size",), 2) ** 2
        plan.norm("mm.norm", size.width)
        plan.linear("mm.patch_merger", size.width, merge * size.width, "patch_merger.merging_layer")
    bias = model.flag("multimodal_projector_bias", str(model.config.get("model_type")) == "llava")
    plan.linear("mm.1", hidden, size.width, "multi_modal_projector.linear_1", bias=bias)
    plan.linear("mm.2", hidden, hidden, "multi_modal_projector.linear_2", bias=bias)


def _moonvit(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.vector("v.patch_embd.bias", size.width)
    rows = facts.default(("pos_emb_height", "init_pos_emb_height"), 64)
    plan.kept("v.position_embd", rows * facts.default(("pos_emb_width", "init_pos_emb_width"), 64), size.width)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
    plan.norm("v.post_ln", size.width, bias=True)
    merged = 4 * size.width
    plan.norm("mm.norm", size.width, bias=True)
    plan.linear("mm.0", merged, merged, "mm_projector.in_proj", bias=True)
    plan.linear("mm.2", hidden, merged, "mm_projector.out_proj", bias=True)


def _llama4(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.vector("v.class_embd", size.width)
    plan.kept("v.position_embd", _image_patches(facts, size) + 1, size.width)
    for role in ("v.pre_ln", "v.post_ln"):
        plan.norm(role, size.width, bias=True)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
    into, out = facts.need(("projector_input_dim",)), facts.need(("projector_output_dim",))
    plan.linear("mm.adapter.1", into, size.inner, "vision_adapter.mlp.fc1")
    plan.linear("mm.adapter.2", out, into, "vision_adapter.mlp.fc2")
    plan.linear("mm.0", hidden, facts.need(("vision_output_dim",)), "multi_modal_projector.linear_1")


def _glm4v(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    out = facts.whole(("out_hidden_size",)) or hidden
    frames, merge = facts.default(("temporal_patch_size",), 2), facts.default(("spatial_merge_size",), 2)
    wide = size.inner
    plan.kept("v.position_embd", _image_patches(facts, size), size.width)
    plan.kept("v.patch_embd", size.width, size.channels * frames * size.patch**2)
    plan.vector("v.patch_embd.bias", size.width)
    size.inner = out
    for _ in range(size.depth):
        block(plan, size, bias=facts.flag("attention_bias", False), fused=True, gated=True, norm_bias=False)
    for role in ("v.norm_embd", "v.post_ln"):
        plan.norm(role, size.width)
    plan.linear("mm.fc", out, out, "merger.proj")
    plan.norm("mm.post_norm", out, bias=True)
    for role, rows, columns in (("mm.gate", wide, out), ("mm.up", wide, out), ("mm.down", out, wide)):
        plan.linear(role, rows, columns, role)
    plan.kept("mm.patch_merger", out, size.width * merge**2)
    plan.vector("mm.patch_merger.bias", out)


def _internvl(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.vector("v.class_embd", size.width)
    plan.kept("v.position_embd", _image_patches(facts, size) + 1, size.width)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.vector("v.patch_embd.bias", size.width)
    for _ in range(size.depth):
        block(plan, size, bias=False, norm_bias=facts.config.get("norm_type", "layer_norm") != "rms_norm")
        for role in ("v.attn_out.bias", "v.ffn_down.bias", "v.ls1", "v.ls2"):
            plan.vector(role, size.width)
        plan.vector("v.ffn_up.bias", size.inner)
        if facts.flag("attention_bias", False):
            plan.vector("v.attn_qkv.bias", 3 * size.width)
        if facts.flag("use_qk_norm", False):
            plan.norm("v.attn_q_norm", size.width)
            plan.norm("v.attn_k_norm", size.width)
    merged = 4 * size.width
    plan.norm("mm.norm", merged, bias=True)
    plan.linear("mm.1", hidden, merged, "multi_modal_projector.linear_1", bias=True)
    plan.linear("mm.2", hidden, hidden, "multi_modal_projector.linear_2", bias=True)


def _clip(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.vector("v.class_embd", size.width)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.kept("v.position_embd", _image_patches(facts, size) + 1, size.width)
    for role in ("v.pre_ln", "v.post_ln"):
        plan.norm(role, size.width, bias=True)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
    plan.linear("mm.0", hidden, size.width, "multi_modal_projector.linear_1", bias=True)
    plan.linear("mm.2", hidden, hidden, "multi_modal_projector.linear_2", bias=True)


def _step(plan: Plan, facts: Facts, hidden: int, _model: Facts) -> None:
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    plan.kept("v.position_embd", _image_patches(facts, size), size.width)
    plan.norm("v.pre_ln", size.width, bias=True)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
        for role in ("v.ls1", "v.ls2"):
            plan.vector(role, size.width)
    for into in (size.width, 2 * size.width):
        plan.kept("v.downsample", 2 * into, 9 * into)
        plan.vector("v.downsample.bias", 2 * into)
    plan.linear("mm.0", hidden, 4 * size.width, "vit_large_projector")


def _unknown(plan: Plan, facts: Facts, hidden: int, model: Facts) -> None:
    """A ladder as most are built, where the config has the numbers for one; nothing where it has not."""
    if not (facts.has(*WIDTH) and facts.has(*DEPTH) and (facts.has(*INNER) or facts.has("mlp_ratio"))):
        model.assume("vision tower", "not counted (its config has no widths)")
        return
    size = Sizes(facts)
    plan.kept("v.patch_embd", size.width, size.channels * size.patch**2)
    for _ in range(size.depth):
        block(plan, size, bias=True, norm_bias=True)
    plan.linear("mm.0", hidden, size.width, "projector.0", bias=True)
    plan.linear("mm.2", hidden, hidden, "projector.2", bias=True)


_BUILD: dict[str, Callable[[Plan, Facts, int, Facts], None]] = {
    "qwen3_vl": _qwen3,
    "qwen3_5": _qwen3,
    "qwen2_5_vl": _qwen25,
    "qwen2_vl": _qwen2,
    "siglip": _siglip,
    "gemma4": _gemma4,
    "pixtral": _pixtral,
    "moonvit": _moonvit,
    "llama4": _llama4,
    "glm4v": _glm4v,
    "internvl": _internvl,
    "clip": _clip,
    "step": _step,
}


def plain_tower(kind: str, plan: Plan, facts: Facts, hidden: int, model: Facts) -> None:
    """Write down a tower of this kind and its projector to the language model's width."""
    _BUILD.get(kind, _unknown)(plan, facts, hidden, model)
