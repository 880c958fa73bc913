"""Find the language model in a config, or say what the config is of instead.

Models that see or hear keep the language half's numbers in a table of its own (`text_config`, `llm_config`,
`thinker_config.text_config`); encoders, image models and pipelines are refused by what their configs say.
"""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.errors import InputError

from .facts import HEADS, HIDDEN, LAYERS

NESTED = (
    "text_config",
    "llm_config",
    "language_config",
    "language_model_config",
    "llm",
    "thinker_config",
    "decoder_config",
)

ENCODERS = frozenset((
    "albert", "bert", "camembert", "canine", "clip", "clip_text_model", "clip_vision_model", "convnext",
    "data2vec-text", "deberta", "deberta-v2", "deit", "dinov2", "distilbert", "electra", "ernie", "flaubert", "funnel",
    "layoutlm", "layoutlmv3", "longformer", "modernbert", "mobilebert", "mpnet", "nomic_bert", "roberta", "siglip",
    "siglip2", "siglip_vision_model", "squeezebert", "swin", "vit", "vit_mae", "wav2vec2", "hubert", "wavlm",
    "xlm-roberta", "xlm-roberta-xl", "xmod", "gte", "new", "jina_embeddings", "esm", "chinese_clip", "clap", "beit",
    "segformer", "sam", "sam2", "detr", "yolos",
))  # fmt: skip
SEQUENCE_TO_SEQUENCE = frozenset((
    "t5", "mt5", "umt5", "longt5", "switch_transformers", "bart", "mbart", "pegasus", "pegasus_x", "led", "marian",
    "m2m_100", "nllb-moe", "blenderbot", "blenderbot-small", "prophetnet", "whisper", "speech_to_text", "seamless_m4t",
    "seamless_m4t_v2", "t5gemma", "t5gemma2", "fsmt", "encoder-decoder", "plbart", "bigbird_pegasus", "mvp", "udop",
    "pix2struct",
))  # fmt: skip


def language_config(config: Mapping[str, object], where: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """The table of the language half and the whole config; raises InputError for what is no language model."""
    if not isinstance(config, Mapping):
        raise InputError("the config is not a table of names and values", where=where)
    _refuse(config, where)
    inner = _inner(config, 3)
    if inner is config:
        return config, config
    merged = dict(inner)
    for key in ("vocab_size", "dtype", "torch_dtype", "quantization_config", "num_nextn_predict_layers"):
        if merged.get(key) is None and config.get(key) is not None:
            merged[key] = config[key]
    if not merged.get("model_type"):
        merged["model_type"] = config.get("model_type")
    return merged, config


def _inner(config: Mapping[str, object], deep: int) -> Mapping[str, object]:
    """The innermost table with a language model's numbers; the config itself when it has them."""
    for key in NESTED:
        table = config.get(key)
        if isinstance(table, Mapping) and deep:
            found = _inner(table, deep - 1)
            if any(found.get(name) is not None for name in (*HIDDEN, *LAYERS, "model_type")):
                return found
    return config


def _refuse(config: Mapping[str, object], where: str) -> None:
    name = config.get("model_type")
    if "_class_name" in config or "_diffusers_version" in config:
        raise _other("of an image pipeline (diffusers)", where)
    if "peft_type" in config:
        base = config.get("base_model_name_or_path")
        raise _other(f"of an adapter ({config['peft_type']}{f' of {base}' if isinstance(base, str) else ''})", where)
    if (isinstance(name, str) and name in SEQUENCE_TO_SEQUENCE) or _encodes_first(config):
        raise _other(f"of an encoder-decoder ({name})", where)
    if isinstance(name, str) and name in ENCODERS and config.get("is_decoder") is not True:
        raise _other(f"of an encoder ({name})", where)
    listed = config.get("architectures")
    if isinstance(listed, list) and listed and not any(_speaks(str(one)) for one in listed):
        raise _other(f"of {listed[0]}", where)
    if not any(
        config.get(key) is not None for key in (*HIDDEN, *LAYERS, *HEADS, *NESTED, "model_type", "architectures")
    ):
        raise _other("of something else (no model_type, no architectures, no sizes)", where)


def _encodes_first(config: Mapping[str, object]) -> bool:
    """Whether it says so, or its language half does, or it joins an encoder and a decoder of their own."""
    tables = [table for key in NESTED if isinstance(table := config.get(key), Mapping)]
    if any(table.get("is_encoder_decoder") is True for table in (config, *tables)):
        return True
    halves = [isinstance(config.get(key), Mapping) for key in ("encoder", "text_encoder", "audio_encoder")]
    return isinstance(config.get("decoder"), Mapping) and any(halves)


def _speaks(architecture: str) -> bool:
    """Whether a class of this name can write text; names without a head are not held against a config."""
    silent = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
              "ForImageClassification", "ForObjectDetection", "ForPreTraining", "ForMultipleChoice", "RewardModel",
              "ForSemanticSegmentation", "ForAudioClassification", "ForCTC", "ForReward")  # fmt: skip
    return not architecture.endswith(silent)


def _other(what: str, where: str) -> InputError:
    return InputError(
        f"this config is {what}, not of a model that writes text",
        where=where,
        next_move="Memory and speed are worked out for decoder-only language models.",
    )
