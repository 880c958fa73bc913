"""The price lists, each in its real shape; and no bytes make a parser fail in a way of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from feed_bench import bring, serves
from hypothesis import given, settings
from hypothesis import strategies as st

from fault_server import serving
from weighbridge.catalog.feeds.gather import Gather, Unusable, price
from weighbridge.catalog.feeds.litellm import read_litellm
from weighbridge.catalog.feeds.models_dev import read_models_dev
from weighbridge.catalog.feeds.openrouter import read_openrouter
from weighbridge.catalog.feeds.records import Harvest
from weighbridge.errors import InputError, PullError

LITELLM = {
    "sample_spec": {"litellm_provider": "one of ...", "input_cost_per_token": 0.0, "max_tokens": "LEGACY"},
    "deepseek/deepseek-chat": {
        "cache_read_input_token_cost": 7e-08,
        "input_cost_per_token": 2.7e-07,
        "litellm_provider": "deepseek",
        "max_input_tokens": 65536,
        "mode": "chat",
        "output_cost_per_token": 1.1e-06,
        "supports_function_calling": True,
    },
    "deepseek-chat": {
        "cache_read_input_token_cost": 7e-08,
        "input_cost_per_token": 2.7e-07,
        "litellm_provider": "deepseek",
        "mode": "chat",
        "output_cost_per_token": 1.1e-06,
    },
    "fireworks_ai/accounts/fireworks/models/glm-5p1": {
        "litellm_provider": "fireworks_ai",
        "max_tokens": "202752",
        "mode": "chat",
        "input_cost_per_token": 1.4e-06,
        "input_cost_per_token_above_200k_tokens": 2.8e-06,
    },
    "1024-x-1024/dall-e-2": {"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_pixel": 0.0},
}
OPENROUTER = {
    "data": [
        {
            "id": "z-ai/glm-5.1",
            "canonical_slug": "z-ai/glm-5.1-20260407",
            "hugging_face_id": "zai-org/GLM-5.1",
            "created": 1775570000,
            "context_length": 202752,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0.0000014", "completion": "0.0000044", "image": "0", "input_cache_read": "2.6e-7"},
            "top_provider": {"context_length": 202752, "max_completion_tokens": None, "is_moderated": False},
        },
        {"id": "deepseek/deepseek-chat:free", "pricing": {"prompt": "0", "completion": "0"}, "hugging_face_id": ""},
        {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}, "context_length": 2000000},
    ]
}


def harvest(feed: str, path: str, page: Any) -> Harvest:
    with serving(serves({path: page})) as server:
        return bring(feed, server.url).overlay.documents[0].harvest


def litellm(page: Any) -> Harvest:
    return harvest("litellm", "/model_prices_and_context_window.json", page)


def openrouter(page: Any) -> Harvest:
    return harvest("openrouter", "/api/v1/models", page)


def test_litellm_prices_a_token_become_prices_a_million_exactly() -> None:
    offers = {offer.model_id: offer for offer in litellm(LITELLM).offers}

    assert (offers["deepseek-chat"].input, offers["deepseek-chat"].cached) == (0.27, 0.07)
    assert offers["deepseek-chat"].output == 1.1


def test_litellm_names_of_providers_become_those_of_the_offers_table() -> None:
    found = litellm(LITELLM)

    assert [(offer.provider, offer.model_id, offer.model) for offer in found.offers] == [
        ("deepseek", "deepseek-chat", found.offers[0].model),
        ("fireworks-ai", "accounts/fireworks/models/glm-5p1", "zai-org/GLM-5.1"),
    ]
    assert found.offers[1].tiered
    assert found.offers[1].context_tokens == 202752
    assert not found.refused


def test_litellm_with_two_prices_for_one_offer_gets_neither() -> None:
    other = {**LITELLM["deepseek-chat"], "input_cost_per_token": 9e-07}
    more = {f"x{number}": LITELLM["deepseek-chat"] for number in range(9)}

    found = litellm({**LITELLM, **more, "deepseek-chat": other})

    assert "deepseek-chat" not in {offer.model_id for offer in found.offers}
    assert [each.what for each in found.refused] == ["two offers have this provider and id; neither is taken"]


def test_openrouter_prices_are_texts_and_models_are_found_by_their_repository() -> None:
    found = openrouter(OPENROUTER)
    glm = next(offer for offer in found.offers if offer.model_id == "z-ai/glm-5.1")

    assert (glm.input, glm.output, glm.cached) == (1.4, 4.4, 0.26)
    assert glm.model == "zai-org/GLM-5.1"
    assert glm.output_limit is None


def test_openrouter_without_a_price_of_its_own_is_named_and_never_below_zero() -> None:
    found = openrouter(OPENROUTER)

    assert [(each.record, each.what) for each in found.refused] == [
        ("openrouter/auto", "pricing.prompt: a price below zero, -1")
    ]


def test_openrouter_listing_one_id_twice_gets_neither() -> None:
    rows = [*OPENROUTER["data"][:2], *({"id": f"a/b{number}"} for number in range(9)), OPENROUTER["data"][0]]

    found = openrouter({"data": rows})

    assert "z-ai/glm-5.1" not in {offer.model_id for offer in found.offers}
    assert found.refused[0].record == "z-ai/glm-5.1"


@pytest.mark.parametrize("value", ["nan", "Infinity", "-1", "1e400", "1e-300", "0x10", "1_000", "", "9" * 50])
def test_a_price_is_a_plausible_number_or_none(value: str) -> None:
    """What Python would read as a number is not always a price."""
    try:
        found = price(value, "input", a_token=True)
    except Unusable:
        return
    assert found is None or value == "1_000"


READERS = [read_models_dev, read_litellm, read_openrouter]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TREES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "models", "id", "cost", "input", "pricing", "prompt", "limit", "litellm_provider"])
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def try_reading(reader: Callable[[bytes, Gather], None], body: bytes) -> Harvest | None:
    gather = Gather("fuzz", "2026-11-22", lambda _: None)
    try:
        reader(body, gather)
        return gather.harvest()
    except (PullError, InputError):
        return None


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(reader: Callable[[bytes, Gather], None], body: bytes) -> None:
    try_reading(reader, body)


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(tree=TREES)
def test_any_json_is_read_or_refused_and_no_price_is_below_zero(
    reader: Callable[[bytes, Gather], None], tree: Any
) -> None:
    found = try_reading(reader, json.dumps(tree).encode())

    for offer in found.offers if found else ():
        prices = [offer.input, offer.output, offer.cached, offer.cache_write, offer.reasoning]
        assert all(one is None or 0 <= one <= 100_000 for one in prices)
        assert offer.model_id.isprintable()
