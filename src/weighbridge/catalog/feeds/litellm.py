"""LiteLLM's model_prices_and_context_window.json: prices by LiteLLM's own names.

    {"PROVIDER/ID": {"litellm_provider", "mode", "input_cost_per_token", "output_cost_per_token",
                     "cache_read_input_token_cost", "max_input_tokens", "max_output_tokens", ...}}

Prices are dollars a token. Only what answers in text by the token is taken (modes chat, completion, responses);
`sample_spec` explains the others and is none. One offer may be listed with and without its provider before it.
"""

from __future__ import annotations

from weighbridge.catalog.feeds.gather import (
    Gather,
    Table,
    Unusable,
    entries,
    name,
    need_table,
    price,
    read_json,
    text,
    whole,
)

TAKEN = frozenset({"chat", "completion", "responses"})
PROVIDERS = {
    "azure_ai": "azure",
    "bedrock": "amazon-bedrock",
    "bedrock_converse": "amazon-bedrock",
    "cloudflare": "cloudflare-workers-ai",
    "dashscope": "alibaba",
    "fireworks_ai": "fireworks-ai",
    "gemini": "google",
    "gmi": "gmicloud",
    "moonshot": "moonshotai",
    "novita": "novita-ai",
    "snowflake": "snowflake-cortex",
    "text-completion-openai": "openai",
    "together_ai": "togetherai",
    "vercel_ai_gateway": "vercel",
    "vertex_ai": "google-vertex",
}
"""LiteLLM's name of a provider to the one the offers table uses, where they are not the same."""
_PRICES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}


def read_litellm(body: bytes, gather: Gather) -> None:
    """Every offer of text by the token."""
    for key, listed in entries(need_table(read_json(body), "the answer"), gather):
        if key == "sample_spec" or (isinstance(listed, Table) and listed.get("mode", "chat") not in TAKEN):
            continue
        with gather.record(key):
            _read_offer(key, listed, gather)


def _read_offer(key: str, listed: object, gather: Gather) -> None:
    if not isinstance(listed, Table):
        raise Unusable("expected an object")
    theirs = name(listed.get("litellm_provider"), "litellm_provider")
    stem = "vertex_ai" if theirs.startswith("vertex_ai") else theirs
    provider, model_id = PROVIDERS.get(stem, stem.replace("_", "-")), name(key, "id").removeprefix(f"{stem}/")
    prices = {ours: price(listed.get(field), field, a_token=True) for ours, field in _PRICES.items()}
    twin = gather.offers.get((provider, model_id))
    if twin is not None and all(getattr(twin, field) == value for field, value in prices.items()):
        return
    gather.offer(
        provider=provider,
        model_id=model_id,
        **prices,
        tiered=any("_above_" in field for field in listed),
        context_tokens=_tokens(listed, "max_input_tokens") or _tokens(listed, "max_tokens"),
        output_limit=_tokens(listed, "max_output_tokens"),
        model=gather.model(model_id, text(key, "id")),
    )


def _tokens(listed: Table, field: str) -> int | None:
    """A number of tokens; some are written as texts."""
    value = listed.get(field)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else whole(value, field)
