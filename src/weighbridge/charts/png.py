"""A sheet as PNG: boxes and dotted letters on an array, packed with zlib. No imaging library is needed.

Format: W3C PNG, third edition: signature, IHDR (8 bit RGB), IDAT (filter 0 before each row), IEND; each chunk with its
length and CRC.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from weighbridge.charts.letters import WIDE, dots
from weighbridge.charts.sheet import Box, Dot, Label, Line, Shape, Sheet

SCALE = 2
"""Pixels a unit of the sheet, each way."""
Pixels = NDArray[np.uint8]


def to_png(sheet: Sheet) -> bytes:
    """The whole file."""
    pixels = np.full((sheet.height * SCALE, sheet.width * SCALE, 3), 255, np.uint8)
    for shape in sheet.shapes:
        _paint(pixels, shape)
    return pack_png(pixels)


def pack_png(pixels: Pixels) -> bytes:
    """Rows of RGB, (height, width, 3), as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _paint(pixels: Pixels, shape: Shape) -> None:
    if isinstance(shape, Box):
        _fill(pixels, shape)
    elif isinstance(shape, Line):
        _stroke(pixels, shape)
    elif isinstance(shape, Dot):
        _stroke(pixels, Line(shape.x, shape.y, shape.x, shape.y, 2 * shape.radius, shape.colour))
    else:
        _write(pixels, shape)


def _fill(pixels: Pixels, box: Box) -> None:
    """At least one pixel each way; what lies outside is cut off."""
    left, top = (max(0, round(each * SCALE)) for each in (box.x, box.y))
    right = max(left + 1, round((box.x + box.width) * SCALE))
    bottom = max(top + 1, round((box.y + box.height) * SCALE))
    pixels[top:bottom, left:right] = tuple(bytes.fromhex(box.colour[1:]))


def _stroke(pixels: Pixels, line: Line) -> None:
    """Every pixel whose middle lies within half the thickness of the line; its ends are round."""
    reach = max(0.5, line.thick * SCALE / 2)
    x1, y1, x2, y2 = (each * SCALE for each in (line.x1, line.y1, line.x2, line.y2))
    height, width, _ = pixels.shape
    left, right = max(0, int(min(x1, x2) - reach)), min(width, int(max(x1, x2) + reach) + 1)
    top, bottom = max(0, int(min(y1, y2) - reach)), min(height, int(max(y1, y2) + reach) + 1)
    if left >= right or top >= bottom:
        return
    x, y = np.arange(left, right)[None, :] + 0.5, np.arange(top, bottom)[:, None] + 0.5
    length = (x2 - x1) ** 2 + (y2 - y1) ** 2
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length if length else 0 * (x + y)
    along = np.clip(along, 0, 1)
    away = (x - x1 - along * (x2 - x1)) ** 2 + (y - y1 - along * (y2 - y1)) ** 2
    pixels[top:bottom, left:right][away <= reach**2] = tuple(bytes.fromhex(line.colour[1:]))


def _write(pixels: Pixels, label: Label) -> None:
    """Letters of whole pixels a dot, on the baseline of the label."""
    dot = max(1, round(label.size * SCALE / 11))
    step = dot * (WIDE + 1)
    length = step * len(label.text)
    start = round(label.x * SCALE) - {"start": 0, "middle": length // 2, "end": length}[label.anchor]
    top = round(label.y * SCALE) - 7 * dot
    colour = tuple(bytes.fromhex(label.colour[1:]))
    for number, letter in enumerate(label.text):
        for column, row in dots(letter):
            x, y = start + number * step + column * dot, top + row * dot
            if x >= 0 and y >= 0:
                pixels[y : y + dot, x : x + dot] = colour
