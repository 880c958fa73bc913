"""No false precision, and unknown is a word."""

from __future__ import annotations

import math

import pytest

from weighbridge.stats import Interval
from weighbridge.weigh.report.numbers import (
    count,
    counted,
    decimals,
    evidence,
    margin_points,
    percent,
    percent_range,
    points,
    points_range,
    seconds,
)
from weighbridge.weigh.report.strips import Axis, around_zero, spanning
from weighbridge.weigh.report.words import chance


@pytest.mark.parametrize(("width", "digits"), [(0.5, 0), (0.15, 0), (0.14, 1), (0.011, 1), (0.009, 2), (math.nan, 0)])
def test_a_percentage_has_the_decimals_that_its_interval_carries(width: float, digits: int) -> None:
    assert decimals([Interval(0.1, 0.1 + width)]) == digits


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.7241), "72%"),
        (percent(0.7241, 1), "72.4%"),
        (percent(-0.0001), "0%"),
        (percent(None), "n/a"),
        (percent(math.nan), "n/a"),
        (points(0.0812, 1), "+8.1 points"),
        (points(-0.0812), "−8 points"),
        (points(0.01), "+1 point"),
        (points(0.0004), "0 points"),
        (points(None), "n/a"),
        (margin_points(0.025), "2.5 points"),
        (margin_points(0.01), "1 point"),
        (percent_range(Interval(0.64, 0.79)), "64–79%"),
        (points_range(Interval(-0.041, 0.12)), "−4 to +12 points"),
        (points_range(Interval(math.nan, 1.0)), "n/a"),
        (seconds(0.0423), "42 ms"),
        (seconds(0.00002), "under 1 ms"),
        (seconds(1.2345), "1.23 s"),
        (seconds(75.2), "75 s"),
        (seconds(None), "n/a"),
        (evidence(0.0), "0"),
        (evidence(0.004), "under 0.01"),
        (evidence(37.4), "37"),
        (evidence(12_345.0), "12,345"),
        (evidence(1e9), "over a million"),
        (evidence(math.inf), "over a million"),
        (count(None), "unknown"),
        (count(12345), "12,345"),
        (counted(1, "item"), "1 item"),
        (chance(0.05), "5 in 100"),
        (chance(0.01), "1 in 100"),
        (chance(0.001), "1 in 1,000"),
        (chance(0.025), "25 in 1,000"),
    ],
)
def test_numbers_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


@pytest.mark.parametrize("ends", [(0.52, 0.78), (0.0, 1.0), (0.499, 0.501), (0.0, 0.01), (0.97, 1.0), ()])
def test_an_axis_holds_its_values_between_round_ticks(ends: tuple[float, ...]) -> None:
    axis = spanning(ends, floor=0.0, ceiling=1.0)

    assert all(axis.low <= end <= axis.high for end in ends)
    assert 0.0 <= axis.low < axis.high <= 1.0
    assert 2 <= len(axis.ticks) <= 8


@pytest.mark.parametrize("ends", [(-0.04, 0.12), (0.0, 0.0), (-1.0, 1.0), (0.3,), ()])
def test_a_difference_axis_has_zero_in_its_middle(ends: tuple[float, ...]) -> None:
    axis = around_zero(ends)

    assert axis.at(0.0) == 0.5
    assert all(axis.low <= end <= axis.high for end in ends)


def test_a_logarithmic_axis_puts_what_it_cannot_place_at_its_foot() -> None:
    axis = Axis(0.1, 1000.0, log=True)

    assert axis.at(10.0) == 0.5
    assert axis.at(0.0) == 0.0
    assert axis.at(math.inf) == 1.0
