"""The tables that are shipped: what may be passed on, with nothing unknown made zero."""

from __future__ import annotations

import re

from weighbridge.catalog import load_adoption, load_catalogue, load_offers, load_scores, load_training

LICENSED = {source.id for source in load_catalogue().sources.values() if source.licence and source.attribution}


def test_offers_and_scores_come_from_sources_that_may_be_passed_on() -> None:
    used = {row.source for row in (*load_offers(), *load_scores())}

    assert used <= LICENSED


def test_what_may_not_be_passed_on_is_not_there() -> None:
    """LiveBench has no licence, Artificial Analysis is proprietary, and some quotes have no named page."""
    scores = load_scores()
    benchmarks = {row.benchmark for row in scores}

    assert not [name for name in benchmarks if re.search("livebench|artificial analysis|bfcl|benchlm", name, re.I)]
    assert not [row for row in scores if "openrouter" in row.measured_by.lower()]


def test_a_price_that_is_unknown_stays_unknown_and_one_of_zero_stays_zero() -> None:
    """Counts of the price list at 2 July 2026: 5,276 offers, 432 free, 382 without a price."""
    offers = load_offers()

    unpriced = [offer for offer in offers if offer.input is None and offer.output is None]
    free = [offer for offer in offers if offer.costs_nothing]

    assert (len(offers), len(free), len(unpriced)) == (5276, 432, 382)
    assert not any(offer.costs_nothing for offer in unpriced)


def test_most_rows_are_tied_to_a_model_and_all_say_what_the_source_wrote() -> None:
    offers, scores = load_offers(), load_scores()

    assert sum(offer.model is not None for offer in offers) / len(offers) > 0.75
    assert sum(score.model is not None for score in scores) / len(scores) > 0.75
    assert all(offer.model_id for offer in offers)
    assert all(score.model_name for score in scores)


def test_the_index_carries_the_intervals_that_were_published_with_it() -> None:
    """All but the two models that define the index's scale: Claude 3.5 Sonnet is 130 and GPT-5 150 by definition."""
    rows = [row for row in load_scores() if row.benchmark == "Epoch Capabilities Index"]
    fixed = {row.model_name: row.score for row in rows if row.low is None}

    assert len(rows) == 222
    assert fixed == {"Claude 3.5 Sonnet": 130, "GPT-5": 150}
    assert all(row.low <= row.score <= row.high for row in rows if row.low is not None and row.high is not None)


def test_tables_are_sorted_so_that_a_change_is_easy_to_read() -> None:
    offers = [(offer.provider, offer.model_id) for offer in load_offers()]

    assert offers == sorted(offers)
    assert len(load_training()) > 30
    assert len(load_adoption()) > 100
