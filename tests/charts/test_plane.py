"""A plane of points and lines: drawn whole, inside its frame, whatever the figures and the names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.charts.plane import Axis, Plane, Series, around, draw, plot, short
from weighbridge.charts.png import SCALE, to_png
from weighbridge.charts.sheet import Dot, Label, Line, Sheet
from weighbridge.charts.svg import to_svg

figures = st.floats(1e-3, 1e12)


def make_plane(points: list[tuple[float, float]], *, joined: bool = True, name: str = "a line") -> Plane:
    x, y = zip(*points, strict=True)
    axes = Axis("x", *around(x, is_log=True), is_log=True), Axis("y", *around(y, is_log=True), is_log=True, prefix="$")
    return Plane("title", "below", *axes, (Series(name, "A", tuple(sorted(points)), joined),), (min(x), "here"))


def test_a_line_and_a_dot_are_painted_where_they_are() -> None:
    """Read back from the file: two horizontal thirds, and a dot of four units in the corner."""
    import zlib

    sheet = Sheet("t", "d", (Line(2, 10, 18, 10, 2, "#ff0000"), Dot(4, 4, 2, "#0000ff")), 20, 20)

    body = to_png(sheet)
    at = body.index(b"IDAT")
    length = int.from_bytes(body[at - 4 : at], "big")
    rows = np.frombuffer(zlib.decompress(body[at + 4 : at + 4 + length]), np.uint8).reshape(20 * SCALE, -1)
    pixels = rows[:, 1:].reshape(20 * SCALE, 20 * SCALE, 3)

    assert tuple(pixels[10 * SCALE, 10 * SCALE]) == (255, 0, 0)
    assert tuple(pixels[10 * SCALE, 0]) == (255, 255, 255)
    assert tuple(pixels[4 * SCALE, 4 * SCALE]) == (0, 0, 255)
    blue = (pixels == (0, 0, 255)).all(axis=2).sum()
    assert blue == pytest.approx(np.pi * (2 * SCALE) ** 2, rel=0.2)


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=12), st.booleans(), st.text(max_size=30))
def test_every_plane_is_drawn_inside_its_frame_in_every_form(
    points: list[tuple[float, float]], joined: bool, name: str
) -> None:
    plane = make_plane(points, joined=joined, name=name)

    sheet = draw(plane)
    text = plot(plane, 90)

    root = ET.fromstring(to_svg(sheet))
    assert root.get("role") == "img"
    for shape in sheet.shapes:
        if isinstance(shape, Line):
            assert all(0 <= each <= sheet.width for each in (shape.x1, shape.x2))
            assert all(0 <= each <= sheet.height for each in (shape.y1, shape.y2))
        if isinstance(shape, Dot):
            assert 0 <= shape.x <= sheet.width
            assert 0 <= shape.y <= sheet.height
    lines = text.splitlines()
    assert all(len(line) <= 90 for line in lines if "|" in line)
    assert "A" in text


def test_a_picture_of_the_drawn_plane_is_a_png() -> None:
    assert to_png(draw(make_plane([(1, 2), (10, 200), (1e6, 3)]))).startswith(b"\x89PNG")


def test_names_at_the_right_end_do_not_touch() -> None:
    plane = Plane(
        "t",
        "b",
        Axis("x", 1, 10, is_log=True),
        Axis("y", 1, 10, is_log=True),
        tuple(Series(f"s{n}", "ABCDEFGH"[n], ((1, 5), (10, 5))) for n in range(8)),
    )

    heights = sorted(each.y for each in draw(plane).shapes if isinstance(each, Label) and each.text.startswith("s"))

    assert all(later - before >= 12 for before, later in pairwise(heights))


@pytest.mark.parametrize(("value", "text"), [(1500, "1.5k"), (2e9, "2B"), (0.5, "0.5"), (999_999.9, "1M"), (12, "12")])
def test_numbers_of_a_scale_are_short(value: float, text: str) -> None:
    assert short(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.booleans())
def test_what_lies_beyond_an_axis_is_drawn_at_its_end(value: float, is_log: bool) -> None:
    axis = Axis("x", 1, 100, is_log=is_log)

    assert 0 <= axis.share(value) <= 1
    assert axis.share(1000) == 1
    assert axis.share(0.1) == 0
