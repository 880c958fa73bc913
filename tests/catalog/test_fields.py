"""What people write is compared with what we keep at the precision they give, and not read where it is unclear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog import FIELDS, find_field, read_value, same
from weighbridge.catalog.quantities import Quantity, read_date, read_quantity

AGREE = [
    ("parameters_total", 671_000_000_000, "671B (MoE)"),
    ("parameters_total", 671_000_000_000, "671B total / 37B active"),
    ("parameters_total", 671_000_000_000, "DeepSeek-V3, 671 billion"),
    ("parameters_total", 684_489_845_504, "684.531B"),
    ("parameters_total", 70_000_000_000, "70.6B"),
    ("parameters_total", 1_040_000_000_000, "1T"),
    ("parameters_total", 671_000_000_000, "6710亿"),
    ("exact_parameters", 1_234_567_800, "1,234,567,000"),
    ("parameters_active", 37_000_000_000, "671B total, 37B active"),
    ("parameters_active", 37_000_000_000, "671B-A37B"),
    ("training_cost_usd", 5_576_000, "$5.6M"),
    ("training_cost_usd", 5_576_000, "$6M"),
    ("training_cost_usd", 5_576_000, "$5.576 million"),
    ("training_cost_usd", 5_576_000, "5,576,000 USD"),
    ("training_cost_usd", 5_576_000, "5,6 million USD"),
    ("training_hours", 2_788_000, "2.788M H800 GPU-hours"),
    ("training_tokens", 14_800_000_000_000, "14.8T"),
    ("training_flop", 3.3e24, "3.3 × 10^24 FLOP"),
    ("context_tokens", 131_072, "128K"),
    ("context_tokens", 128_000, "128k tokens"),
    ("context_tokens", 128_000, "131,072"),
    ("context_tokens", 1_048_576, "1M"),
    ("context_tokens", 1_048_576, "1.00M"),
    ("context_tokens", 262_144, "256K"),
    ("released", "2026-02-11", "February 2026"),
    ("released", "2026-02-11", "Feb 11, 2026"),
    ("released", "2026-02-11", "11 Feb 2026"),
    ("released", "2026-02-11", "2026"),
    ("released", "2026-02", "2026-02-11"),
    ("country", "AE", "UAE"),
    ("country", "CN", "Hangzhou, China"),
    ("country", "US", "🇺🇸 U.S."),
    ("architecture", "moe", "Mixture of Experts"),
    ("architecture", "moe", "hybrid MoE (Mamba-Transformer)"),
    ("architecture", "dense", "Dense transformer"),
    ("architecture", "dense", "dense, with sparse attention"),
    ("architecture", "dense", "dense, not a mixture of experts"),
    ("commercial_use", "conditional", "Yes (<700M MAU)"),
    ("commercial_use", "yes", "✅"),
    ("commercial_use", "no", "Non-commercial"),
    ("open_weights", True, "Yes (MIT)"),
    ("open_weights", False, "API only"),
    ("modalities", ["text", "image"], "Text + Vision"),
    ("modalities", ["text"], "text-only"),
    ("training_hardware", "2048 H800", "NVIDIA H800 GPUs"),
    ("training_hardware", "TPU v5p", "TPUv5p"),
]
DIFFER = [
    ("parameters_total", 671_000_000_000, "685B"),
    ("parameters_total", 7_610_000_000, "7B"),
    ("parameters_active", 37_000_000_000, "671B"),
    ("training_cost_usd", 5_576_000, "$100M"),
    ("training_cost_usd", 5_576_000, "$5.5M"),
    ("context_tokens", 524_288, "1M"),
    ("context_tokens", 202_752, "204800"),
    ("released", "2026-02-11", "March 2026"),
    ("country", "AE", "Saudi Arabia"),
    ("architecture", "dense", "MoE"),
    ("commercial_use", "conditional", "yes"),
    ("open_weights", True, "closed"),
    ("modalities", ["text"], "text, image"),
    ("training_hardware", "2048 H800", "H100"),
]
UNREADABLE = [
    ("parameters_total", "8x7B"),
    ("parameters_total", "7B-70B"),
    ("parameters_total", "undisclosed"),
    ("training_cost_usd", "$2-3M"),
    ("released", "03/04/2026"),
    ("released", "2026-02-31"),
    ("released", "soon"),
    ("country", "China and the US"),
    ("country", "Atlantis"),
    ("architecture", "decoder-only transformer"),
    ("commercial_use", "see licence"),
    ("modalities", "multimodal"),
    ("open_weights", "mostly"),
]


@pytest.mark.parametrize(("name", "kept", "written"), AGREE)
def test_what_says_the_same_agrees(name: str, kept: Any, written: str) -> None:
    assert same(FIELDS[name], kept, written)


@pytest.mark.parametrize(("name", "kept", "written"), DIFFER)
def test_what_says_something_else_differs(name: str, kept: Any, written: str) -> None:
    assert read_value(FIELDS[name], written) is not None
    assert not same(FIELDS[name], kept, written)


@pytest.mark.parametrize(("name", "written"), UNREADABLE)
def test_what_could_mean_several_things_is_not_read(name: str, written: str) -> None:
    """Unknown is an answer; a guess would contradict, or confirm, what nobody wrote."""
    assert read_value(FIELDS[name], written) is None


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("parameters_total", "parameters_total"),
        ("Params (B)", "parameters_total"),
        ("**License**", "licence"),
        ("Context window", "context_tokens"),
        ("Training Cost ($)", "training_cost_usd"),
        ("commercial-use", "commercial_use"),
    ],
)
def test_a_column_is_found_by_the_title_people_give_it(title: str, name: str) -> None:
    field = find_field(title)

    assert field is not None
    assert field.name == name


def test_the_page_explains_every_field_as_the_code_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]

    assert {row[0].strip("`"): row[-1] for row in rows} == {field.name: field.sentence for field in FIELDS.values()}


def test_a_title_nobody_uses_is_no_field() -> None:
    assert find_field("vibes") is None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 10**400, "9" * 400, "1e999", True])
def test_what_is_no_figure_is_not_read(number: Any) -> None:
    assert read_quantity(number) is None


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=80) | st.integers() | st.floats() | st.booleans())
def test_reading_never_fails_whatever_is_written(name: str, text: Any) -> None:
    read_value(FIELDS[name], text)


@given(st.floats(1e3, 1e14))
def test_a_number_agrees_with_itself_rounded_to_three_digits(value: float) -> None:
    """Somebody who rounds properly is never told that the figure is wrong."""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            written = read_quantity(f"{value / scale:.2f}{letter}")
            break

    assert written is not None
    assert written.agrees(Quantity(float(round(value)), 1.0, True))


@given(st.dates())
def test_a_date_is_read_as_it_is_written(day: Any) -> None:
    if day.year >= 1900 and day.year < 2100:
        assert read_date(day.strftime("%B %d, %Y")) == day.isoformat()
        assert read_date(day.isoformat()) == day.isoformat()
