"""Arrays within JSON: what they hold, bounded and checked before a byte is unpacked.

    i1   whole numbers from -127 to 127 times `scale`      f4   32-bit floats      u4   32-bit whole numbers

`data` is zlib-compressed, little-endian, base64 in JSON. Nothing is executed and nothing is believed: the size follows
from `shape`, and data that unpacks to another size is refused.
"""

from __future__ import annotations

import math
import zlib
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError

from .arrays import Floats

Kind = Literal["i1", "f4", "u4"]
MOST_NUMBERS = 1 << 22
MOST_DATA = 32 << 20
LARGEST = 1e10
"""Of any number; hashes of prompts are the largest."""


class Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    shape: tuple[int, ...]
    data: bytes
    scale: float = 1.0


def pack(values: npt.NDArray[np.generic], kind: Kind) -> Packed:
    """i1 keeps 7 bits of the largest number."""
    array = np.asarray(values)
    scale = 1.0
    if kind == "i1":
        scale = float(np.abs(array).max(initial=0.0)) / 127 or 1.0
        array = np.round(array / scale)
    raw = np.ascontiguousarray(array).astype(f"<{kind}").tobytes()
    return Packed(kind, tuple(map(int, array.shape)), zlib.compress(raw, 9), scale)


def unpack(packed: Packed, name: str, shape: tuple[int | None, ...]) -> Floats:
    """The numbers, if the shape is the one that is wanted (None is any). InputError names the array."""
    wanted = tuple("any" if size is None else str(size) for size in shape)
    fits = len(packed.shape) == len(shape) and all(
        size >= 0 and (want is None or size == want) for size, want in zip(packed.shape, shape, strict=True)
    )
    count = math.prod(packed.shape) if fits else 0
    if not fits or count > MOST_NUMBERS or len(packed.data) > MOST_DATA:
        what = f"`{name}` has the shape {_shown(packed.shape)} where ({', '.join(wanted)}) is wanted"
        raise InputError(what, next_move=REMAKE)
    dtype = np.dtype(f"<{packed.kind}")
    size = count * dtype.itemsize
    unzip = zlib.decompressobj()
    try:
        raw = unzip.decompress(packed.data, size + 1)
    except zlib.error as error:
        raise InputError(f"`{name}` cannot be unpacked: {error}", next_move=REMAKE) from error
    if len(raw) != size or not unzip.eof or unzip.unused_data:
        raise InputError(f"`{name}` does not hold the {size:,} bytes that its shape says", next_move=REMAKE)
    values: Floats = np.frombuffer(raw, dtype).astype(np.float64).reshape(packed.shape) * packed.scale
    if not (np.abs(values) <= LARGEST).all():  # false for NaN, too
        raise InputError(f"`{name}` holds what is no number, or one beyond {LARGEST:g}", next_move=REMAKE)
    return values


REMAKE = "The artefact is damaged or was not made by us: make it again with `weighbridge route train`."


def _shown(shape: tuple[int, ...]) -> str:
    return f"({', '.join(str(size)[:20] for size in shape[:6])})"
