"""Which items are learned from, which the promise is tested on, and which stay out: by prompt, so that twins stay
together, and by a hash, so that the same samples are always split alike."""

from __future__ import annotations

import numpy as np

from weighbridge.errors import InputError

from .arrays import Flags, Floats, Whole
from .samples import Samples

CALIBRATION = ("calibrate", "calibration", "cal", "validation", "valid", "val", "dev")
LEFT_OUT = ("test", "holdout", "held-out")


def uniform(groups: Whole, seed: int) -> Floats:
    """(n,) in [0, 1), equal for equal groups: splitmix64's finaliser of group and seed."""
    z = groups.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Floats = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / (1 << 53)
    return mixed


def fold_of(groups: Whole, seed: int, folds: int) -> Whole:
    """(n,) from 0 to folds - 1."""
    numbers: Whole = (uniform(groups, seed) * folds).astype(np.int64)
    return numbers


def split(samples: Samples, share: float, seed: int) -> tuple[Flags, Flags]:
    """(n,) to learn from, and (n,) to test on. What the samples say of themselves (`split`) goes before the share."""
    drawn = uniform(samples.groups, seed) < share
    if not samples.splits:
        return ~drawn, drawn
    said = np.array(samples.splits)
    out, told = np.isin(said, LEFT_OUT), np.isin(said, CALIBRATION)
    if told.any():
        told &= ~np.isin(samples.groups, samples.groups[~told & ~out])  # a twin was learned from
        return ~np.isin(said, (*CALIBRATION, *LEFT_OUT)), told
    return ~drawn & ~out, drawn & ~out


def check_split(learn: Flags, test: Flags, least: int) -> None:
    for flags, what in ((learn, "to learn from"), (test, "to test the promise on")):
        if int(flags.sum()) < least:
            raise InputError(
                f"{int(flags.sum())} items {what}; {least} are the least",
                next_move="Record more samples, or change the share with --calibrate.",
            )
