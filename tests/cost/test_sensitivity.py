"""Which assumption moves the answer, and that pictures of it hold every line."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from cost_cases import MODEL, make_hardware, make_offer, make_pace, make_work

from weighbridge.charts.plane import draw, plot
from weighbridge.charts.png import to_png
from weighbridge.charts.svg import to_svg
from weighbridge.cost.chart import plane_of
from weighbridge.cost.comparison import Comparison, Served, compare
from weighbridge.cost.sensitivity import sensitivity

OFFERS = (make_offer("north"), make_offer("south", input=1.0, output=4.0), make_offer("elsewhere", model="acme/other"))


def compared(requests: float = 1e6, **hardware: float) -> Comparison:
    served = Served(make_hardware(**hardware), make_pace(2000, low=1500, high=2500))
    return compare(MODEL, OFFERS, make_work(requests_per_day=requests, cached=0.2), served=served)


def test_the_cheapest_provider_and_own_hardware_are_held_against_each_other() -> None:
    comparison = compared()

    assert [cost.provider for cost in comparison.api] == ["north", "south"]
    assert comparison.cheapest is not None
    assert comparison.cheapest.provider == "north"
    assert comparison.winner == "own"
    assert compared(requests=100).winner == "north"
    assert comparison.meets is not None
    assert comparison.meets_slow is not None
    assert comparison.meets.first is not None
    assert comparison.meets_slow.first is None or comparison.meets_slow.first >= comparison.meets.first


def test_every_assumption_is_moved_and_the_strongest_stands_first() -> None:
    comparison = compared()

    moved = sensitivity(comparison, OFFERS)

    swings = [each.swing for each in moved]
    assert swings == sorted(swings, reverse=True)
    assert {"requests", "prices of providers", "rent of a device", "speed of own hardware"} <= {
        m.assumption for m in moved
    }
    rent = next(each for each in moved if each.assumption == "rent of a device")
    assert comparison.own is not None
    assert rent.usd_more - rent.usd_less == pytest.approx(comparison.own.usd.value)


def test_an_assumption_that_changes_the_winner_is_marked() -> None:
    at_the_edge = compared(requests=60_000.0)
    assert at_the_edge.winner == "north"

    moved = {each.assumption: each for each in sensitivity(at_the_edge, OFFERS)}

    assert moved["rent of a device"].flips
    assert not moved["years of use"].flips if "years of use" in moved else True


def test_without_own_hardware_the_cost_itself_is_what_moves() -> None:
    alone = compare(MODEL, OFFERS, make_work())

    moved = {each.assumption: each for each in sensitivity(alone, OFFERS)}

    assert alone.cheapest is not None
    assert moved["requests"].usd_more == pytest.approx(1.5 * alone.cheapest.usd.value)
    assert "rent of a device" not in moved


def test_the_picture_names_the_provider_and_the_hardware_in_every_form() -> None:
    plane = plane_of([compared()])
    assert plane is not None

    sheet, text = draw(plane), plot(plane, 80)

    words = [each.text for each in ET.fromstring(to_svg(sheet)).iter("{http://www.w3.org/2000/svg}text")]
    assert "north, large-2" in words
    assert "own H100-SXM x1" in words
    assert "north, large-2" in text
    assert "own H100-SXM x1" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert to_png(sheet).startswith(b"\x89PNG")


def test_nothing_is_drawn_where_no_cost_is_whole() -> None:
    assert plane_of([compare(MODEL, [make_offer(output=None)], make_work())]) is None
