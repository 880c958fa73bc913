"""How far is a model that nobody measured from where `pick` expects it, and how often do its intervals hold?

Claim: 80% intervals of models that were left out hold for 75 to 95% of them. Method: general ability by each open
model's own scores (pick/evidence.py), held against the line drawn from the others: leaving one model out at a time; and
the way it is used, forward in time: from models released before a day to those released after it. Proved wrong where
the share lies outside. Reported on the scale of `race` and `pick`: 10 points are one standard deviation of models.

    python bench/pick_prior.py | tail -1
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from weighbridge.catalog.racing.benchmarks import KINDS
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.catalog.tables import load_scores
from weighbridge.pick.evidence import Z80, Traits, draw_line, general_ability
from weighbridge.pick.measured import measured
from weighbridge.pick.subject import subjects_of, traits_of

Numbers = NDArray[np.float64]
DAYS = ("2025-06-01", "2025-10-01", "2026-02-01", "2026-04-01")


def report(name: str, errors: Sequence[float], deviations: Sequence[float]) -> dict[str, float]:
    left, spread = np.array(errors), np.array(deviations)
    found = {
        "n": len(left),
        "bias": round(10 * float(left.mean()), 2),
        "rmse": round(10 * float(np.sqrt((left**2).mean())), 2),
        "coverage80": round(float((np.abs(left) <= Z80 * spread).mean()), 3),
    }
    print(
        f"{name:<28} n {found['n']:>4}  bias {found['bias']:+5.2f}  rmse {found['rmse']:5.2f}"
        f"  cover {found['coverage80']:.2f}"
    )
    return found


def held_out(
    mine: list[Traits], ability: Numbers, variance: Numbers, out: NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    """Errors of those left out, and the deviations that were expected of them."""
    line = draw_line(mine, ability, np.where(out, np.inf, variance))
    assert line is not None
    mean, expected = line.expects(mine)
    return (ability - mean)[out], np.sqrt(expected + variance)[out]


def main() -> None:
    catalogue = load_catalogue()
    traits = {each.id: found for each in subjects_of(catalogue, ()) if (found := traits_of(each)) is not None}
    ability, variance = general_ability(measured(load_scores()))
    names = [name for name in ability if name in traits and traits[name].parameters is not None]
    mine = [traits[name] for name in names]
    y, v = np.array([ability[name] for name in names]), np.array([variance[name] for name in names])
    print(f"{len(names)} open models measured on {len(KINDS)} kinds of work")
    errors, deviations = [], []
    for place in range(len(names)):
        left, spread = held_out(mine, y, v, np.arange(len(names)) == place)
        errors += left.tolist()
        deviations += spread.tolist()
    found = {"leave_one_out": report("one model left out", errors, deviations)}
    for day in DAYS:
        out = np.array([each.released >= date.fromisoformat(day) for each in mine])
        found[f"after {day}"] = report(f"released after {day}", *held_out(mine, y, v, out))  # type: ignore[arg-type]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
