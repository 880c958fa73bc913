"""What a brief says of engines, of safety, of hardware, and of names that moved: from records, each with its source."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from field_catalogue import build_field

from weighbridge.catalog import EngineSupport, SafetyEvaluation, load_catalogue, load_engines, load_safety
from weighbridge.catalog.brief import brief
from weighbridge.catalog.compare import Shelf
from weighbridge.catalog.page import Page, Point, Section
from weighbridge.catalog.records import Model
from weighbridge.cli.main import main

R1 = "deepseek-ai/DeepSeek-R1-0528"
CATALOGUE = load_catalogue()


def page(model: str = R1, **shelf: object) -> Page:
    return brief(Shelf(CATALOGUE, **shelf), CATALOGUE.models[model])  # type: ignore[arg-type]


def section(page: Page, title: str) -> Section:
    return next(each for each in page.sections if each.title == title)


def points(page: Page, title: str, label: str) -> list[str]:
    return [point.text for point in section(page, title).points if point.label == label]


def test_engines_are_those_whose_list_names_the_kind_of_network() -> None:
    lists = (
        EngineSupport("swift", "1.2", "deepseek_v3", "vllm-registry", "2026-11-22"),
        EngineSupport("other", "3", "llama", "vllm-registry", "2026-11-22"),
    )

    found = points(page(engines=lists), "Support and likely life", "Engine that knows it")

    assert found == ["swift 1.2 (2026-11-22), as deepseek_v3"]


def test_a_network_on_no_list_is_said_to_be_on_none() -> None:
    assert points(page(), "Support and likely life", "Engines that run it") == [
        "its kind of network, deepseek_v3, is on no list that was read"
    ]


def test_weights_that_cannot_be_had_run_on_no_engine_of_ones_own() -> None:
    (said,) = points(page("openai/gpt-4o", engines=load_engines()), "Support and likely life", "Engines that run it")

    assert said == "none of one's own: the weights cannot be had"


def test_safety_evaluations_come_with_who_ran_them_the_disinterested_first() -> None:
    ran = [("self-reported", "its maker"), ("third-party", "a seller of guards"), ("independent", "an institute")]
    found = tuple(
        SafetyEvaluation(R1, "jailbreaks", by, standing, "94%", "caisi-deepseek", "2025-09-30")  # type: ignore[arg-type]
        for standing, by in ran
    )

    table = section(page(safety=found), "Safety evaluations").table

    assert table is not None
    assert [row[2] for row in table.rows] == ["an institute", "a seller of guards", "its maker"]
    assert table.sources == ("caisi-deepseek",)


def test_without_an_evaluation_nobody_is_called_safe() -> None:
    (said,) = points(page(), "Safety evaluations", "Recorded")

    assert said.startswith("none that is recorded here")


def test_the_shipped_evaluations_and_engines_are_about_models_that_are_known() -> None:
    kinds = {
        fact.value.get("model_type") for model in CATALOGUE.models.values() for fact in model.facts.get("config", ())
    }

    assert {row.model for row in load_safety()} <= CATALOGUE.models.keys()
    assert {row.model_type for row in load_engines()} <= kinds
    assert {row.engine for row in load_engines()} >= {"vLLM", "SGLang", "llama.cpp"}


@pytest.mark.parametrize("judged", [(), (Point("Hardware", "one H200, 141 GB"),)])
def test_the_smallest_hardware_is_what_somebody_who_can_judge_it_says(judged: Sequence[Point]) -> None:
    def smallest(model: Model) -> Sequence[Point]:
        assert model.id == R1
        return judged

    told = brief(Shelf(CATALOGUE), CATALOGUE.models[R1], smallest)

    assert points(told, "Smallest hardware", "Hardware") == ["one H200, 141 GB" if judged else "not yet known"]


def test_a_name_that_was_taken_back_became_nobodys() -> None:
    said = points(page("deepseek-ai/DeepSeek-V4-Flash"), "Support and likely life", "Moving name")

    assert "deepseek-chat meant it from 2026-04-24 to 2026-07-24, when it was taken back" in said
    assert points(page(), "Support and likely life", "Moving name") == [
        "deepseek-reasoner meant it from 2025-05-28 to 2025-08-21, when it became another model's"
    ]


@pytest.mark.parametrize("name", ["Qwen2.5-7B-Instruct", "gpt-oss-120b", "DeepSeek-V3"])
def test_the_command_names_hardware_for_one_user_in_one_machine(name: str) -> None:
    """As `weighbridge fit` judges it: a small model needs one small device, a large one several large ones."""
    page = json.loads(CliRunner().invoke(main, ["brief", name, "--json"]).output)
    hardware = next(each for each in page["sections"] if each["title"] == "Smallest hardware")
    said = {point["label"]: point["text"] for point in hardware["points"]}

    assert re.fullmatch(r"1 x .* with llama\.cpp: [\d.]+ GiB for one user .*", said["Locally, in 4 bits"])
    assert re.fullmatch(r"[1248] x .* with vLLM: [\d.]+ GiB for one user .*", said["As it is stored"])


CONFIG = """
[[model.facts.config]]
source = "paper"
date = "2023-11-29"
[model.facts.config.value]
model_type = "falcon"
num_hidden_layers = 80
hidden_size = 14_848
intermediate_size = 59_392
num_attention_heads = 232
num_key_value_heads = 8
vocab_size = 65_024
"""


def test_where_no_machine_is_known_that_holds_it_the_page_says_so(tmp_path: Path) -> None:
    field = build_field(tmp_path / "c")
    lab = field / "labs" / "tii.toml"
    lab.write_text(lab.read_text().rstrip() + "\n" + CONFIG)

    assert CliRunner().invoke(main, ["catalog", "build", str(field)]).exit_code == 0
    shown = (
        CliRunner(env={"COLUMNS": "200"}).invoke(main, ["brief", "falcon-180B-chat", "--catalog", str(field)]).output
    )

    assert "no machine that is known here holds it with vLLM, up to 8 devices" in shown
