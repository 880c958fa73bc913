"""`weighbridge cost` as a user runs it, on the shipped catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from weighbridge.catalog.feeds.records import Document, Harvest, Overlay
from weighbridge.catalog.feeds.registry import FEEDS
from weighbridge.catalog.feeds.store import save_overlay
from weighbridge.catalog.tables import load_offers
from weighbridge.cli.environment import settings_from_environment
from weighbridge.cli.main import main

WORK = ("--requests", "50000/day", "--in", "1200", "--out", "300")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["cost", *map(str, words)])


def test_every_provider_stands_once_whole_costs_first_and_residency_beside_them() -> None:
    result = run("deepseek-v3.2", *WORK, "--cached", "60%", "--json")

    (model,) = json.loads(result.stdout)["models"]
    offers = model["offers"]
    providers = [offer["provider"] for offer in offers]
    assert len(providers) == len(set(providers)) > 20
    whole = [offer["usd_per_month"]["value"] for offer in offers if offer["whole"]]
    assert whole == sorted(whole)
    assert model["cheapest"] == offers[0]["provider"]
    for offer in offers:
        assert offer["whole"] == (offer["usd_per_month"] is not None)
        assert offer["whole"] or offer["unknown"] or offer["listed_at_nothing"] or offer["cannot"]
    nebius = next(offer for offer in offers if offer["provider"] == "nebius")
    assert nebius["country"] == "NL"


def test_a_provider_without_prices_is_listed_as_unknown_and_never_wins() -> None:
    result = run("deepseek-v3.2", *WORK, "--json")

    offers = json.loads(result.stdout)["models"][0]["offers"]
    unknown = [offer for offer in offers if offer["provider"] == "ollama-cloud"]
    assert [offer["unknown"] for offer in unknown] == [["input price", "output price"]]
    assert not unknown[0]["whole"]


def test_own_hardware_takes_its_speed_from_fit_with_an_interval() -> None:
    result = run("qwen3-32b", *WORK, "--on", "H100 x2", "--usd-hour", "2.5", "--json")

    answer = json.loads(result.stdout)
    own = answer["models"][0]["own"]
    low, high = own["requests_per_day_a_set"]["interval"]
    assert low < own["requests_per_day_a_set"]["value"] < high
    assert own["devices_a_set"] == 2
    assert own["usd_per_month"]["value"] >= 2 * 2 * 2.5 * 730
    assert any("runs there as" in note for note in answer["notes"])
    assert answer["models"][0]["sensitivity"]


def test_a_model_that_does_not_fit_says_so_instead_of_a_cost() -> None:
    answer = json.loads(run("deepseek-v3.2", *WORK, "--on", "RTX 4090", "--usd-hour", "0.5", "--json").stdout)

    assert answer["models"][0]["own"] is None
    assert "GiB" in answer["notes"][0]


def test_several_models_are_drawn_in_one_picture(tmp_path: Path) -> None:
    result = run("qwen3-32b", "glm-4.6", *WORK, "--on", "H100", "--tps", "2000", "--chart", tmp_path / "c.svg")

    picture = (tmp_path / "c.svg").read_text()
    assert "Qwen3-32B" in picture
    assert "GLM-4.6" in picture
    assert "Drawn:" in result.output


def test_a_file_says_what_options_say_and_options_go_before_it(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    assert run("--init", path).exit_code == 0

    from_file = json.loads(run("qwen3-32b", "--workload", path, "--tps", "900", "--json").stdout)
    changed = json.loads(run("qwen3-32b", "--workload", path, "--tps", "900", "--in", "2400", "--json").stdout)

    assert from_file["workload"]["input_tokens"] == 1200
    assert changed["workload"] == from_file["workload"] | {"input_tokens": 2400.0}
    assert run("--init", path).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("qwen3-32b",), "--requests, --in, --out"),
        (WORK, "name a MODEL"),
        (("qwen3-32b", *WORK, "--cached", "60"), "--cached"),
        (("qwen3-32b", *WORK, "--peak", "0"), "not plausible"),
        (("qwen3-32b", *WORK, "--on", "H100", "--usd-hour", "-1"), "--usd-hour"),
        (("qwen3-32b", *WORK, "--people", "two"), "0.2@150000"),
        (("no such model", *WORK), "no one model"),
        (("qwen3-32b", *WORK, "--on", "H999"), "no device"),
        (("qwen3-32b", *WORK, "--chart", "c.gif"), ".svg or .png"),
        (("qwen3-32b", *WORK, "--usd-hour", "2"), "none is named"),
        (("qwen3-32b", *WORK, "--engine", "vllm"), "none is named"),
        (("qwen3-32b", *WORK, "--mfu", "40%"), "--mfu goes with --train"),
        (("--train", "deepseek-v3", "--cached", "60%"), "--cached goes with no --train"),
        (("--train", "--active", "37B"), "--tokens"),
        (("--train", "deepseek-v3", "--mfu", "140%"), "no share"),
        (("--train", "deepseek-v3", "--tokens", "-5"), "not plausible"),
        (("--tune", "lora", "qwen3-32b"), "--tokens"),
    ],
)
def test_what_cannot_be_is_refused_with_a_next_move(words: tuple[str, ...], said: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert said in result.output


def test_deepseek_v3_is_reckoned_within_a_tenth_and_the_difference_is_printed() -> None:
    text = run("--train", "deepseek-v3", "--on", "H800", "--usd-hour", "2").output
    value = json.loads(run("--train", "deepseek-v3", "--on", "H800", "--usd-hour", "2", "--json").stdout)["runs"][0]

    final = next(each for each in value["reported"] if each["device_hours"] == 2_788_000)
    assert abs(final["reckoned_over_reported"]["device_hours"] - 1) < 0.1
    assert abs(final["reckoned_over_reported"]["usd"] - 1) < 0.1
    assert "2,788,000 hours: reckoned +" in text
    assert value["assumed"]["mfu"] == [0.4, 0.35, 0.45]


def test_every_training_run_is_held_against_its_report_or_named_with_what_it_lacks() -> None:
    from weighbridge.catalog.tables import load_training

    value = json.loads(run("--train", "all", "--json").stdout)

    named = {each["model"] for each in value["runs"]} | {each.split(":")[0] for each in value["left_out"]}
    assert named == {each.model for each in load_training()}
    assert all("not known" in each for each in value["left_out"])


def test_training_of_numbers_alone_needs_no_model() -> None:
    value = json.loads(run("--train", "--active", "37B", "--tokens", "14.8T", "--on", "H800", "--json").stdout)["runs"][
        0
    ]

    assert value["flop_6nd"] == pytest.approx(6 * 37e9 * 14.8e12)
    assert value["flop_attention"] == 0


def test_prices_that_sources_give_differently_are_shown_as_a_range_and_named() -> None:
    """A feed that was fetched stands beside the shipped prices; nothing is averaged, nothing dropped."""
    shipped = next(offer for offer in load_offers() if (offer.provider, offer.model_id) == ("nebius", "Qwen/Qwen3-32B"))
    assert shipped.input is not None
    dearer = msgspec.structs.replace(shipped, input=2 * shipped.input, source=FEEDS["litellm"].source.id)
    document = Document("https://example.com", "2026-11-01T00:00:00Z", Harvest(offers=(dearer,)))
    overlay = Overlay("litellm", FEEDS["litellm"].source, "2026-11-01T00:00:00Z", (document,))
    save_overlay(settings_from_environment().data_dir / "catalogue", overlay)

    offers = json.loads(run("qwen3-32b", *WORK, "--json").stdout)["models"][0]["offers"]

    nebius = next(offer for offer in offers if offer["provider"] == "nebius")
    low, high = nebius["usd_per_month"]["interval"]
    assert low < high
    assert set(nebius["sources"]) == {shipped.source, dearer.source}
    assert any(note.startswith("sources differ") for note in nebius["notes"])


def test_a_workload_file_that_is_not_there_says_what_writes_one(tmp_path: Path) -> None:
    result = run("qwen3-32b", "--workload", tmp_path / "nope.toml")

    assert result.exit_code == 1
    assert "weighbridge cost --init" in result.stderr
