"""Every command of the catalogue reads what feeds brought, at the price of one join."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from feed_bench import NOW

from weighbridge.catalog import Adoption, Fact, Offer, load_catalogue
from weighbridge.catalog.feeds.held import COMPILED, load_held
from weighbridge.catalog.feeds.records import Document, Harvest, Overlay
from weighbridge.catalog.feeds.registry import FEEDS
from weighbridge.catalog.feeds.store import save_overlay
from weighbridge.cli.main import main
from weighbridge.errors import InputError

MODEL = "deepseek-ai/DeepSeek-V3"
PRICE = 0.0731
"""Dollars that no shipped offer asks."""


def bring(kept: Path, context: int = 99_000) -> Path:
    """Keep what a feed said: a context, an offer, a count."""
    facts = {MODEL: {"context_tokens": Fact(context, "models-dev-live", "2026-11-22")}}
    offers = (Offer("nowhere", "deepseek-v3", MODEL, input=PRICE, output=1.0, source="models-dev-live"),)
    counts = (Adoption(MODEL, "hf_likes", 4242, "likes", "2026-11-22", "feed", "models-dev-live"),)
    document = Document("http://x/list", NOW, Harvest(offers=offers, facts=facts, adoption=counts))
    return save_overlay(kept, Overlay("models.dev", FEEDS["models.dev"].source, NOW, (document,)))


def run(home: Path, *words: str) -> str:
    result = CliRunner(env={"XDG_DATA_HOME": str(home), "COLUMNS": "200"}).invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    bring(tmp_path / "weighbridge" / "catalogue")
    return tmp_path


def test_show_knows_what_a_feed_said(home: Path) -> None:
    shown = json.loads(run(home, "show", MODEL, "--json"))["facts"]["context_tokens"]

    assert shown["disputed"]
    assert {"source": "models-dev-live", "value": 99_000}.items() <= shown["alternatives"][-1].items()


def test_search_and_brief_know_its_prices(home: Path) -> None:
    found = json.loads(run(home, "models", "--provider", "nowhere", "--json"))["models"]

    assert [row["id"] for row in found] == [MODEL]
    assert f"{PRICE}" in run(home, "brief", MODEL)


def test_compare_shows_them_too(home: Path) -> None:
    assert f"{PRICE}" in run(home, "compare", MODEL, "zai-org/GLM-4.5")


def test_check_judges_by_them(home: Path, tmp_path: Path) -> None:
    claims = tmp_path / "claims.csv"
    claims.write_text(f"model,field,value\n{MODEL},context_tokens,99000\n")

    assert json.loads(run(home, "check", str(claims), "--json"))[0]["status"] == "disputed"


def test_adoption_shows_its_counts(home: Path) -> None:
    counts = json.loads(run(home, "adoption", MODEL, "--json"))["counts"]

    assert 4242 in [count["value"] for count in counts]


def test_it_is_joined_once_and_again_when_a_file_changes(tmp_path: Path) -> None:
    overlay = bring(tmp_path)
    first = load_held(tmp_path)
    compiled = (tmp_path / COMPILED).read_bytes()

    assert load_held(tmp_path) is first
    bring(tmp_path, context=98_000)
    assert load_held(tmp_path) is not first
    assert (tmp_path / COMPILED).read_bytes() != compiled
    overlay.unlink()
    assert load_held(tmp_path).catalogue == load_catalogue()


def test_what_was_compiled_is_what_is_read(tmp_path: Path) -> None:
    from weighbridge.catalog.feeds import held

    bring(tmp_path)
    joined = load_held(tmp_path)
    held._state.cache_clear()
    again = load_held(tmp_path)

    assert again is not joined
    assert (again.catalogue, again.offers, again.adoption) == (joined.catalogue, joined.offers, joined.adoption)


@pytest.mark.parametrize("keep", [0, 8, 40, 5_000])
def test_a_compiled_file_that_was_damaged_is_made_anew(tmp_path: Path, keep: int) -> None:
    from weighbridge.catalog.feeds import held

    bring(tmp_path)
    whole = load_held(tmp_path).catalogue
    path = tmp_path / COMPILED
    content = path.read_bytes()
    path.write_bytes(content[:keep] + b"\xff" + content[keep + 1 : -1])
    held._state.cache_clear()

    assert load_held(tmp_path).catalogue == whole
    assert path.read_bytes() == content


def test_a_damaged_overlay_is_named_and_says_what_to_do(tmp_path: Path) -> None:
    bring(tmp_path).write_text("{")

    with pytest.raises(InputError, match=r"models\.dev cannot be read") as caught:
        load_held(tmp_path)

    assert "weighbridge catalog update" in str(caught.value.next_move)
