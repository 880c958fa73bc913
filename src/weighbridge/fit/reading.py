"""A config.json becomes an Architecture, or an error that says what is missing.

Families that transformers knows are read as its code builds them; a model_type nobody knows is read by its keys as a
Llama-like model, and `assumed` says so. A config of something that is no language model is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.errors import InputError

from .architecture import Architecture, Layer, Tensor
from .families.attention import decide
from .families.builders import BUILDERS, OUTSIDE
from .families.facts import CONTEXT, HIDDEN, LAYERS, VOCAB, Facts
from .families.family import NOT_WORKED_OUT, Family, family_of
from .families.layers import build_layers, plain_layer
from .families.mtp import draft_layers
from .families.nesting import language_config
from .families.plan import Plan
from .families.stored import stored_of
from .families.towers import towers_of
from .families.unknown import family_by_keys

TYPES = {
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
    "float16": "float16",
    "half": "float16",
    "fp16": "float16",
    "float32": "float32",
    "float": "float32",
    "fp32": "float32",
}
USUAL_TYPE = "bfloat16"
"""What most checkpoints are stored as."""


def read_architecture(config: Mapping[str, object], where: str = "config.json") -> Architecture:
    """What the model of this config is made of.

    Raises InputError for what is no language model, for numbers that cannot be, and for a config that lacks what its
    tensors' shapes follow from: the error names every missing field.
    """
    text, outer = language_config(config, where)
    facts = Facts(text, where)
    name = str(text.get("model_type") or config.get("model_type") or "unknown")
    if {name, str(config.get("model_type"))} & NOT_WORKED_OUT:
        raise InputError(
            f"the layers of {name} models follow no rule that is worked out here",
            where=where,
            next_move="Read the header of the weights instead: --file.",
        )
    family = family_of("deepseek_v4" if facts.has("compress_ratios", "compress_ratios_rle") else name)
    if family is None:
        family = family_by_keys(facts)
        facts.assume("family", f"by its keys ({name} is not known)")
    depth = _depth(facts)
    for key in family.needs:
        if not facts.has(key) and not (key == "first_k_dense_replace" and facts.has("mlp_layer_types")):
            facts.lack(key)
    if family.latent and not facts.has("kv_lora_rank") and facts.flag("use_mla", True):
        facts.lack("kv_lora_rank")
    hidden, vocab = facts.need(HIDDEN), facts.need(VOCAB, "vocab")
    if facts.missing:
        facts.refuse_gaps(name, _least(facts, family, depth, hidden * vocab))
    layers = _layers(facts, family, depth)
    tied = _tied(facts, outer, family)
    mtp = draft_layers(facts, family, layers, hidden, vocab)
    facts.refuse_gaps(name, hidden * vocab)
    dtype = _dtype(facts, outer)
    return Architecture(
        model_type=name,
        hidden=hidden,
        vocab=vocab,
        tied=tied,
        layers=layers,
        outside=_outside(facts, family, hidden, vocab, tied),
        mtp=mtp,
        towers=towers_of(outer, facts, hidden, family.sees),
        max_context=facts.whole(CONTEXT, "context"),
        stored=stored_of(text, outer, where),
        dtype=dtype or USUAL_TYPE,
        dtype_said=dtype is not None,
        assumed=tuple(facts.assumed),
    )


def _depth(facts: Facts) -> int:
    """How many layers; a pattern with a letter for each says it too."""
    pattern = facts.raw("hybrid_override_pattern", "layers_block_type")
    if not facts.has(*LAYERS) and isinstance(pattern, str | list | tuple) and pattern:
        return len(pattern)
    return facts.need(LAYERS, "layers")


def _least(facts: Facts, family: Family, depth: int, table: int) -> int:
    """Parameters that follow from what is there, missing sizes taken as one; notes what else is missing on the way."""
    try:
        layers = _layers(facts, family, depth)
    except InputError:
        return table
    return table + sum(tensor.elements for layer in layers for tensor in layer.tensors)


def _layers(facts: Facts, family: Family, depth: int) -> tuple[Layer, ...]:
    builder = BUILDERS.get(family.builder)
    if builder is not None:
        return builder(facts, family, depth)
    return build_layers(facts, family, depth, plain_layer)


def _tied(facts: Facts, outer: Mapping[str, object], family: Family) -> bool:
    """The config's word, the inner one first; a family's habit where it says nothing."""
    for table in (facts.config, outer):
        if isinstance(table.get("tie_word_embeddings"), bool):
            return bool(table["tie_word_embeddings"])
    facts.assume("tie_word_embeddings", family.tied)
    return family.tied


def _outside(facts: Facts, family: Family, hidden: int, vocab: int, tied: bool) -> tuple[Tensor, ...]:
    plan = Plan()
    plan.tensors.append(Tensor("token_embd", (vocab, hidden), "embedding", "embed_tokens"))
    if family.embedding_norm:
        plan.norm("token_embd_norm", hidden, bias=family.bias_in_embedding_norm)
    if family.positions is not None:
        key, more = family.positions
        length = facts.need((key, "max_position_embeddings", "n_positions"), "context")
        plan.kept("position_embd", length + more, hidden, dtype="")
    plan.tensors.extend(_extra_outside(facts, family, hidden, vocab))
    if family.final_norm:
        plan.norm("output_norm", hidden, bias=decide(family.norm_bias, facts))
    if not tied or family.head_copy:
        role = "output" if not tied else family.head_copy
        plan.tensors.append(Tensor(role, (vocab, hidden), "head", "lm_head"))
    if family.head_bias:
        plan.vector("output.bias", vocab)
    return plan.done()


def _extra_outside(facts: Facts, family: Family, hidden: int, vocab: int) -> tuple[Tensor, ...]:
    """What only one family keeps outside its layers."""
    extra = OUTSIDE.get(family.builder)
    return extra(facts, hidden, vocab) if extra is not None else ()


def _dtype(facts: Facts, outer: Mapping[str, object]) -> str | None:
    """What tensors are stored as; None where the config does not say."""
    for table in (facts.config, outer):
        for key in ("dtype", "torch_dtype"):
            value = table.get(key)
            if isinstance(value, str):
                found = TYPES.get(value.removeprefix("torch."))
                if found is None:
                    facts.assume(key, f"{USUAL_TYPE} ({value[:40]} is not known)")
                return found or USUAL_TYPE
    return None
