"""models.dev/api.json: who serves what at which price.

    {PROVIDER: {"models": {ID: {"cost": {"input", "output", "cache_read", "cache_write", "reasoning", ...},
                                "limit": {"context", "output"}, "last_updated": "2026-06-16", ...}}}}

Prices are dollars a million tokens. `context_over_200k` or `tiers` in a cost is another price for long contexts.
"""

from __future__ import annotations

from weighbridge.catalog.feeds.gather import (
    Gather,
    Table,
    Unusable,
    day,
    entries,
    name,
    need_table,
    price,
    read_json,
    table,
    whole,
)

_PRICES = {
    "input": "input",
    "output": "output",
    "cached": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
}
"""Our name, theirs."""


def read_models_dev(body: bytes, gather: Gather) -> None:
    """Every offer of every provider."""
    for provider, about in entries(need_table(read_json(body), "the answer"), gather):
        if not isinstance(about, Table) or not isinstance(about.get("models"), Table):
            with gather.record(provider):
                raise Unusable("a provider without a table of models")
            continue
        for model_id, listed in entries(about["models"], gather, f"{provider}/"):
            with gather.record(f"{provider}/{model_id}"):
                _read_offer(provider, model_id, listed, gather)


def _read_offer(provider: str, model_id: str, listed: object, gather: Gather) -> None:
    if not isinstance(listed, Table):
        raise Unusable("expected an object")
    cost, limit = table(listed.get("cost"), "cost"), table(listed.get("limit"), "limit")
    written = name(model_id, "id")
    gather.offer(
        provider=name(provider, "provider"),
        model_id=written,
        **{ours: price(cost.get(theirs), f"cost.{theirs}") for ours, theirs in _PRICES.items()},
        tiered=bool(cost.get("tiers")) or any(key.startswith("context_over") for key in cost),
        context_tokens=whole(limit.get("context"), "limit.context"),
        output_limit=whole(limit.get("output"), "limit.output"),
        updated=day(listed.get("last_updated"), "last_updated"),
        model=gather.model(written),
    )
