"""The Hugging Face Hub on each model of the catalogue: what its card says, what its files hold, how much it is used.

    GET /api/models/REPO?expand[]=...        {"id", "downloads" (30 days), "downloadsAllTime", "likes", "gated",
                                              "safetensors": {"parameters": {"BF16": N}, "total": N},
                                              "cardData": {"license", "license_name", "base_model"}, "config": {...}}
    GET /REPO/resolve/main/config.json       what the model is built like, where nobody's leave is needed

`createdAt` is the day the repository was made, which can be weeks before the release, and is not taken.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from weighbridge.catalog.feeds.feed import Ask
from weighbridge.catalog.feeds.gather import Gather, Table, Unusable, need_table, read_json, table, text, whole
from weighbridge.catalog.feeds.pages import repositories
from weighbridge.catalog.records import Catalogue

_EXPAND = ("downloads", "downloadsAllTime", "likes", "safetensors", "cardData", "config", "gated")
_QUERY = "&".join(f"expand%5B%5D={name}" for name in _EXPAND)
_PACKED = frozenset({"U8", "I8", "I32", "U32", "F4", "U4", "I4"})
"""Types in which several quantised weights may share one counted element."""
CONFIG_KEYS = frozenset(
    (
        *("model_type", "dtype", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *("num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings", "tie_word_embeddings"),
        *("sliding_window", "attention_bias", "num_experts", "num_local_experts", "n_routed_experts"),
        *("n_shared_experts", "num_experts_per_tok", "moe_intermediate_size", "first_k_dense_replace"),
        *("moe_layer_freq", "decoder_sparse_step", "shared_expert_intermediate_size", "kv_lora_rank", "q_lora_rank"),
        *("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "num_nextn_predict_layers", "index_head_dim"),
        *("index_n_heads", "index_topk", "full_attention_interval", "linear_conv_kernel_dim", "linear_key_head_dim"),
        *("linear_num_key_heads", "linear_num_value_heads", "linear_value_head_dim", "attention_chunk_size"),
    )
)
"""What `fit` reads; everything else in a config.json is left there."""


def huggingface_asks(endpoint: str, catalogue: Catalogue, names: tuple[str, ...]) -> tuple[Ask, ...]:
    """A page for each repository that the catalogue knows, or for those that are named."""
    base = endpoint.rstrip("/")
    return tuple(
        Ask(f"{base}/api/models/{quote(repo)}?{_QUERY}", partial(_read_page, base, repo, model))
        for repo, model in sorted(repositories(catalogue, names, "hf_id").items())
    )


def _read_page(base: str, repo: str, model: str | None, body: bytes, gather: Gather) -> tuple[Ask, ...]:
    page = need_table(read_json(body), "the answer")
    found = model or gather.model(repo)
    with gather.record(repo):
        said = text(page.get("id") or page.get("modelId"), "id")
        if said.casefold() != repo.casefold():
            raise Unusable(f"the answer is about {said or 'nothing'}; it may have been renamed")
        if found is not None:
            _read_model(page, found, gather)
    if found is None or page.get("gated") or not isinstance(page.get("config"), Table):
        return ()
    return (Ask(f"{base}/{quote(repo)}/resolve/main/config.json", partial(_read_config, repo, found)),)


def _read_model(page: Table, model: str, gather: Gather) -> None:
    tensors, card = table(page.get("safetensors"), "safetensors"), table(page.get("cardData"), "cardData")
    total = whole(tensors.get("total"), "safetensors.total")
    if total is not None:
        packed = sorted(_PACKED & table(tensors.get("parameters"), "safetensors.parameters").keys())
        note = f"elements of the files; {', '.join(packed)} may hold several weights each" if packed else ""
        gather.fact(model, "exact_parameters", total, "exact", note)
    licence = _licence(card, gather)
    if licence is not None:
        gather.fact(model, "licence", licence)
    base = _base(card, gather)
    if base is not None and base != model:
        gather.fact(model, "base_model", base)
    gather.count(model, "hf_downloads_30d", page.get("downloads"), "downloads", "HF API")
    gather.count(model, "hf_downloads_cumulative", page.get("downloadsAllTime"), "downloads", "HF API")
    gather.count(model, "hf_likes", page.get("likes"), "likes", "HF API")


def _licence(card: Table, gather: Gather) -> str | None:
    """The id of the licence on the card; None where it names none that is described here, or several."""
    said = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return gather.find_licence(said) if isinstance(said, str) and said else None


def _base(card: Table, gather: Gather) -> str | None:
    """The one model that the card says this was made from."""
    said = card.get("base_model")
    names = said if isinstance(said, list) else [said]
    return gather.find(names[0]) if len(names) == 1 and isinstance(names[0], str) and names[0] else None


def _read_config(repo: str, model: str, body: bytes, gather: Gather) -> tuple[Ask, ...]:
    whole_config = need_table(read_json(body), "config.json")
    inner = whole_config.get("text_config")
    config = inner if isinstance(inner, Table) and "num_hidden_layers" in inner else whole_config
    with gather.record(f"{repo}: config.json"):
        kept = {key: value for key in sorted(CONFIG_KEYS & config.keys()) if _is_plain(value := config[key], key)}
        if "num_hidden_layers" not in kept and "model_type" not in kept:
            raise Unusable("it says neither `model_type` nor `num_hidden_layers`")
        gather.fact(model, "config", kept, "exact")
    return ()


def _is_plain(value: object, key: str) -> bool:
    """Whether a setting is one that is kept: a switch, a short text, a plausible number."""
    if isinstance(value, bool):
        return True
    if isinstance(value, str):
        return bool(text(value, key))
    return isinstance(value, int | float) and bool(whole(value, key) is not None)
