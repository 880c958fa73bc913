"""What arrays of this package hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def sums(places: Whole, values: Floats, width: int) -> Floats:
    """(width,) sum of the values at each place."""
    summed: Floats = np.bincount(places, values, minlength=width).astype(np.float64, copy=False)
    return summed
