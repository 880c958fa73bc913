"""What feeds say joins the catalogue by its own rule, and two that disagree make a dispute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from feed_bench import NOW

from weighbridge.catalog import Fact, Offer, fact_of, load_catalogue
from weighbridge.catalog.feeds.joined import join, load_joined, same_prices
from weighbridge.catalog.feeds.records import Document, Harvest, Overlay
from weighbridge.catalog.feeds.registry import FEEDS
from weighbridge.catalog.feeds.store import save_overlay
from weighbridge.cli.main import main

MODEL = "deepseek-ai/DeepSeek-V3"
SHIPPED = Offer("deepseek", "deepseek-chat", MODEL, input=0.14, output=0.28)


def overlay(feed: str, *offers: Offer, facts: dict[str, dict[str, Fact]] | None = None, now: str = NOW) -> Overlay:
    document = Document(f"http://x/{feed}", now, Harvest(offers=offers, facts=facts or {}))
    return Overlay(feed, FEEDS[feed].source, now, (document,))


def offer(source: str, price: float | None, provider: str = "deepseek", name: str = "deepseek-chat") -> Offer:
    return Offer(provider, name, MODEL, input=price, output=1.1, source=source)


def test_the_newer_word_of_a_shipped_source_takes_its_place_and_is_no_dispute() -> None:
    live = offer("models-dev-live", 0.27)

    joined = join(load_catalogue(), [SHIPPED], [], [overlay("models.dev", live)])

    assert joined.offers == (live,)
    assert joined.disputes == ()


def test_two_feeds_that_disagree_make_a_dispute_and_the_newer_is_believed() -> None:
    one, other = offer("models-dev-live", 0.27), offer("litellm-live", 0.3, name="DeepSeek-Chat")

    joined = join(
        load_catalogue(),
        [],
        [],
        [overlay("models.dev", one, now="2026-11-20T00:00:00Z"), overlay("litellm", other, now="2026-11-22T00:00:00Z")],
    )

    (dispute,) = joined.disputes
    assert dispute.value == other
    assert [fact.value for fact in dispute.alternatives] == [one]
    assert joined.offers == (other,)


def test_a_provider_on_its_own_prices_goes_before_those_who_copy_them() -> None:
    own, copied = offer("openrouter-live", 0.2, "openrouter"), offer("litellm-live", 0.3, "openrouter")
    older = overlay("openrouter", own, now="2026-11-01T00:00:00Z")

    joined = join(load_catalogue(), [], [], [overlay("litellm", copied), older])

    assert joined.offers == (own,)
    assert len(joined.disputes) == 1


def test_who_knows_no_price_disputes_none_and_is_not_believed_over_one_who_does() -> None:
    silent = Offer("deepseek", "deepseek-chat", MODEL, source="models-dev-live")
    priced = offer("litellm-live", 0.27)
    older = overlay("litellm", priced, now="2026-01-01T00:00:00Z")

    joined = join(load_catalogue(), [], [], [overlay("models.dev", silent), older])

    assert joined.offers == (priced,)
    assert joined.disputes == ()


@pytest.mark.parametrize(
    ("one", "other", "agree"), [(0.27, 0.27000001, True), (0.27, 0.28, False), (0, 0.1, False), (None, 9.0, True)]
)
def test_prices_agree_but_for_rounding(one: float | None, other: float, agree: bool) -> None:
    assert same_prices(offer("a", one), offer("b", other)) is agree


def test_a_fact_of_a_feed_stands_beside_the_others_with_source_and_date() -> None:
    fact = Fact(700_000_000_000, "models-dev-live", "2026-11-22")

    joined = join(load_catalogue(), [], [], [overlay("models.dev", facts={MODEL: {"parameters_total": fact}})])
    found = fact_of(joined.catalogue, joined.catalogue.models[MODEL], "parameters_total")

    assert found
    assert found.value == 671_000_000_000, "the paper is primary, the feed is not"
    assert found.disputed
    assert fact in found.alternatives
    assert joined.catalogue.sources["models-dev-live"].read == "2026-11-22"


def test_a_model_that_the_catalogue_does_not_know_any_more_is_left_out() -> None:
    fact = Fact(True, "models-dev-live", "2026-11-22")

    joined = join(load_catalogue(), [], [], [overlay("models.dev", facts={"gone/model": {"open_weights": fact}})])

    assert "gone/model" not in joined.catalogue.models


def test_without_feeds_the_catalogue_is_as_it_was_shipped(tmp_path: Path) -> None:
    joined = load_joined(tmp_path)

    assert joined.catalogue == load_catalogue()
    assert joined.updated == {}
    assert len(joined.offers) > 5_000


def test_disputes_are_shown_with_every_source(tmp_path: Path) -> None:
    kept = tmp_path / "weighbridge" / "catalogue"
    save_overlay(kept, overlay("models.dev", offer("models-dev-live", 0.27)))
    save_overlay(kept, overlay("litellm", offer("litellm-live", 0.3)))
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path), "COLUMNS": "200"})

    shown = runner.invoke(main, ["catalog", "disputes", "deepseek"])
    plain = json.loads(runner.invoke(main, ["catalog", "disputes", "--json"]).output)

    assert "0.27" in shown.output
    assert "litellm-live" in shown.output
    assert shown.output.endswith("1 offers are disputed. Feeds held: models.dev, litellm.\n")
    assert {each["source"]: each["input"] for each in plain["disputes"][0]["said"]} == {
        "models-dev-live": 0.27,
        "litellm-live": 0.3,
    }
