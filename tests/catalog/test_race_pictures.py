"""A race as SVG, PNG and text: well-formed, complete, and safe whatever a model is called."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from racers import score
from small_catalogue import write_catalogue

from weighbridge.catalog.racing.chart import COLOURS, draw_race
from weighbridge.catalog.racing.race import Race, run_race
from weighbridge.catalog.racing.terminal import HIGH, plot_race
from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.validate import compile_folder
from weighbridge.charts.letters import COLUMNS, WIDE, dots
from weighbridge.charts.png import SCALE, pack_png, to_png
from weighbridge.charts.sheet import Box, Label, Sheet, round_ticks
from weighbridge.charts.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return compile_folder(write_catalogue(tmp_path_factory.mktemp("c") / "c"))


def small_race(catalogue: Catalogue, name: str = "front runner") -> Race:
    rows = [
        score("old closed", 40, is_open=False, released="2024-02-01", country="US"),
        score(name, 80, is_open=False, released="2025-06-01", country="US"),
        score("opened", 60, released="2025-09-01"),
        score("western", 50, released="2025-03-01", country="FR"),
    ]
    return run_race(catalogue, rows, "Puzzles")


def read_png(content: bytes) -> np.ndarray:
    """Pixels (height, width, 3) of an 8-bit RGB file without filters; fails on a wrong CRC, length or order."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        name, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + body)
        chunks.append((name, body))
        at += 12 + length
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[1][1]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_the_svg_names_the_best_of_each_group_and_describes_itself(catalogue: Catalogue) -> None:
    root = ET.fromstring(to_svg(draw_race(small_race(catalogue))))

    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"closed: 80", "front runner", "China-open: 60", "opened", "West-open: 50", "western"} <= set(texts)
    assert "closed: front runner 80 (2025-06-01)" in (root.findtext(f"{SVG}desc") or "")
    assert root.get("role") == "img"


def test_nothing_in_the_svg_can_run_or_be_fetched(catalogue: Catalogue) -> None:
    hostile = '"><script>alert(1)</script><image href="http://x"/>\x07'

    text = to_svg(draw_race(small_race(catalogue, hostile)))

    root = ET.fromstring(text)
    assert {each.tag for each in root.iter()} == {f"{SVG}{name}" for name in ("svg", "title", "desc", "rect", "text")}
    assert "\x07" not in text


def test_the_png_is_a_whole_file_with_every_groups_line_in_its_colour(catalogue: Catalogue) -> None:
    sheet = draw_race(small_race(catalogue))

    pixels = read_png(to_png(sheet))

    assert pixels.shape == (sheet.height * SCALE, sheet.width * SCALE, 3)
    for name in ("closed", "China-open", "West-open"):
        assert (pixels == tuple(bytes.fromhex(COLOURS[name][1:]))).all(axis=2).sum() > 500
    assert not (pixels == tuple(bytes.fromhex(COLOURS["Other-open"][1:]))).all(axis=2).any()


@given(st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_pixels_come_back_as_they_were_packed(height: int, width: int, random: object) -> None:
    pixels = np.frombuffer(random.randbytes(height * width * 3), np.uint8).reshape(height, width, 3)  # type: ignore[attr-defined]

    assert (read_png(pack_png(pixels)) == pixels).all()


def test_a_box_is_painted_where_it_stands() -> None:
    sheet = Sheet("t", "d", (Box(1, 2, 3, 4, "#ff0000"),), width=10, height=10)

    rows, columns = np.nonzero((read_png(to_png(sheet)) == (255, 0, 0)).all(axis=2))

    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (2, 7, 4, 11)


def test_every_printable_letter_has_its_own_shape_and_others_a_question_mark() -> None:
    letters = [chr(code) for code in range(33, 127)]

    assert len(COLUMNS) == 95 * WIDE
    assert len({tuple(dots(letter)) for letter in letters}) == 94
    assert dots("é") == dots("?")
    assert dots("…") == dots(".")


@given(st.text(max_size=12))
def test_no_name_however_odd_breaks_a_picture(name: str) -> None:
    sheet = Sheet(name, name, (Label(95, 5, name, 12, "#000000", "middle"),), width=100, height=20)

    read_png(to_png(sheet))
    ET.fromstring(to_svg(sheet))


@settings(max_examples=200)
@given(st.floats(-2000, 2000), st.floats(0, 3000))
def test_ticks_are_few_and_hold_the_scores(low: float, span: float) -> None:
    ticks = round_ticks(low, low + span)

    assert 2 <= len(ticks) <= 10
    assert ticks[0] <= low + 1e-6
    assert ticks[-1] >= low + span - 1e-6


def test_the_terminal_plot_has_its_size_and_every_group(catalogue: Catalogue) -> None:
    lines = plot_race(small_race(catalogue), width=60).splitlines()

    assert all(len(line) <= 60 for line in lines[: HIGH + 1])
    plot = "\n".join(lines[:HIGH])
    assert all(letter in plot for letter in "#CW")
    assert "o other" not in plot
    first, last = plot.index("#"), plot.index("W")
    assert first < last  # the closed line stands higher
    assert lines[HIGH + 3].split()[:4] == ["#", "closed", "front", "runner"]
