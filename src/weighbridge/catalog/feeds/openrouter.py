"""OpenRouter's /api/v1/models: its own offers, and the repository each model comes from.

    {"data": [{"id", "hugging_face_id", "pricing": {"prompt": "0.00000027", "completion", "input_cache_read",
               "input_cache_write", "internal_reasoning"}, "context_length",
               "top_provider": {"max_completion_tokens"}}]}

Prices are dollars a token, written as texts; a router whose price depends on where it routes to says "-1", and has
none. `created` is when it was listed, not when it was released, and is not taken.
"""

from __future__ import annotations

from weighbridge.catalog.feeds.gather import (
    Gather,
    Table,
    Unusable,
    name,
    need_table,
    price,
    read_json,
    shown,
    table,
    text,
    whole,
)
from weighbridge.errors import PullError

_PRICES = {
    "input": "prompt",
    "output": "completion",
    "cached": "input_cache_read",
    "cache_write": "input_cache_write",
    "reasoning": "internal_reasoning",
}


def read_openrouter(body: bytes, gather: Gather) -> None:
    """Every model it lists."""
    listing = need_table(read_json(body), "the answer").get("data")
    if not isinstance(listing, list):
        raise PullError(
            f"`data` is no array but {shown(listing)[:80]}",
            next_move="Nothing was changed. The feed's form may have changed.",
        )
    for number, listed in enumerate(listing):
        written = listed.get("id") if isinstance(listed, Table) else None
        with gather.record(written if isinstance(written, str) else f"data[{number}]"):
            _read_offer(listed, gather)


def _read_offer(listed: object, gather: Gather) -> None:
    if not isinstance(listed, Table):
        raise Unusable("expected an object")
    if listed.twice:
        raise Unusable(f"{min(listed.twice)!r} is there twice")
    model_id = name(listed.get("id"), "id")
    pricing, top = table(listed.get("pricing"), "pricing"), table(listed.get("top_provider"), "top_provider")
    gather.offer(
        provider="openrouter",
        model_id=model_id,
        **{ours: price(pricing.get(theirs), f"pricing.{theirs}", a_token=True) for ours, theirs in _PRICES.items()},
        tiered=bool(pricing.get("overrides")),
        context_tokens=whole(listed.get("context_length"), "context_length"),
        output_limit=whole(top.get("max_completion_tokens"), "top_provider.max_completion_tokens"),
        model=gather.model(text(listed.get("hugging_face_id"), "hugging_face_id"), model_id),
    )
