"""Whether the class that a config names is one of the family it names, and whether that family reads these tensors.

Engines differ in which of the two they go by (transformers by `model_type`, vLLM by `architectures`), so a config whose
two names disagree is another model to each. Source: the model classes of transformers 4.57, by their parameters' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weighbridge.audit.records import Finding

from .containers.member import finding, shown

_HEADS = re.compile(r"(?:For[A-Z]\w*|LMHeadModel|Model|PreTrainedModel|TextModel)(?:WithProjection)?$")
_FAMILIES = frozenset((
    "albert", "bamba", "bart", "bert", "bitnet", "bloom", "cohere", "cohere2", "dbrx", "deepseekv2", "deepseekv3",
    "distilbert", "electra", "exaone4", "falcon", "falconh1", "falconmamba", "gemma", "gemma2", "gemma3", "gemma3n",
    "glm", "glm4", "glm4moe", "gpt2", "gptneox", "gptoss", "gptbigcode", "gptj", "granite", "granitemoe", "jamba",
    "lfm2", "llama", "llama4", "mamba", "mamba2", "mistral", "mistral3", "mixtral", "modernbert", "mpt", "nemotron",
    "nemotronh", "olmo", "olmo2", "olmo3", "olmoe", "opt", "persimmon", "phi", "phi3", "phimoe", "qwen2",
    "qwen2moe", "qwen3", "qwen3moe", "qwen3next", "roberta", "rwkv", "smollm3", "stablelm", "starcoder2", "t5",
    "whisper", "xglm", "xlmroberta", "xlnet", "zamba2",
))  # fmt: skip
"""Families whose class and `model_type` are the same word but for marks and case."""
_CLASSIFIES = re.compile(r"For(?:Sequence|Token)Classification$")
_CLASSIFIER = re.compile(
    r"(?:^|[._])(?:scores?|classifiers?|cls|classification_head|head|logits_proj|summary|out_proj|dense)\b"
)
_ATTENTION = r"self_attn\.(?:[qkvo]_proj|qkv_proj|rotary_emb|attn|[qkv]_(?:scale|zero_point|cache)\w*)"
_MLP = r"mlp\.(?:gate_proj|up_proj|down_proj|gate_up_proj|act_fn)"
_NORMS = r"input_layernorm|post_attention_layernorm"
_READS = {
    family: re.compile(
        rf"(?:model\.)?(?:embed_tokens|norm|rotary_emb|layers\.\d+\.(?:{_ATTENTION}|{_MLP}|{_NORMS}{more}))\..*"
        r"|(?:lm_head|scores?|v_head|value_head|classifier|qa_outputs|d2t|t2d)(?:\..*)?|.*[a-z]_scale(?:_inv)?"
    )
    for family, more in {
        "llama": "",
        "mistral": "",
        "qwen2": "",
        "qwen3": r"|self_attn\.[qk]_norm",
    }.items()
}
"""Parameters of the families whose layers are alike; what a quantiser makes of one stands after its name."""
SAID = 3


def family_findings(config: Mapping[str, Any], tensors: Iterable[str], where: str) -> Iterator[Finding]:
    """`config`: the part that speaks of the language model. `tensors`: names of all that are there."""
    names = list(tensors)
    if "auto_map" in config:
        return
    listed = config.get("architectures")
    classes = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    said = config.get("model_type")
    family = said if isinstance(said, str) else ""
    for each in classes:
        yield from _other_family(each, family, where)
        if _CLASSIFIES.search(each) and not any(_CLASSIFIER.search(name) for name in names):
            detail = f"the config says {shown(each)}, and no tensor is a classifier's: loaders fill it with chance"
            yield finding("config-lies", "medium", where, detail)
    if family in _READS and all(each.startswith(_plain(family, classes)) for each in classes):
        yield from _unread(family, names, where)
        yield from _untied(config, classes, names, where)


def _plain(family: str, classes: list[str]) -> str:
    """The start that classes of the family itself have, and multimodal ones on top of it do not."""
    start = next((each for each in classes if _same(each) == family), "")
    return _HEADS.sub("", start) or "\0"


def _same(class_name: str) -> str:
    return _HEADS.sub("", class_name).lower()


def _other_family(class_name: str, family: str, where: str) -> Iterator[Finding]:
    theirs, ours = _same(class_name), re.sub(r"[_-]|_text$", "", family.removesuffix("_text"))
    if theirs in _FAMILIES and ours in _FAMILIES and theirs != ours:
        detail = f"architectures names {shown(class_name)}, model_type {shown(family)}: each engine goes by one of them"
        yield finding("config-lies", "medium", where, detail)


def _unread(family: str, names: list[str], where: str) -> Iterator[Finding]:
    odd = sorted(name for name in names if not _READS[family].fullmatch(name))
    if odd:
        said = ", ".join(shown(name) for name in odd[:SAID])
        detail = f"{len(odd)} tensors that no {family} model has: {said}; what they are for is not said"
        yield finding("config-unread", "medium", where, detail)


def _untied(config: Mapping[str, Any], classes: list[str], names: list[str], where: str) -> Iterator[Finding]:
    is_chat = any(each.endswith("ForCausalLM") for each in classes) and "model.norm.weight" in names
    if (
        is_chat
        and config.get("tie_word_embeddings") is False
        and not any(each.startswith("lm_head.") for each in names)
    ):
        detail = "tie_word_embeddings is false, and there is no lm_head: loaders fill it with chance"
        yield finding("config-lies", "medium", where, detail)
