"""Samples made up so that what can be learned is known: easy prompts that a cheap model answers as well as a dear one,
and hard ones that only the dear one can.

    prompts   easy ones speak of sums, hard ones of proofs; a tenth is not what it seems
    answers   right ones are "R<item>"; wrong ones are one of eight, so that models may agree on one
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

EASY = ("add the apples", "sum two numbers", "count the pears", "what is one plus one")
HARD = ("prove the theorem", "derive the bound", "show convergence", "find the eigenvalues")


def rows(count: int, seed: int = 0, *, cheap: int = 1, surprise: float = 0.1) -> list[dict[str, Any]]:
    """One dict for each item, with `cheap` cheap models and `big`, their answers and the lengths of their replies."""
    rng = np.random.default_rng(seed)
    found = []
    for item in range(count):
        hard = rng.random() < 0.5
        kind = HARD if hard else EASY
        row: dict[str, Any] = {"item": f"i{item}", "prompt": f"{kind[rng.integers(4)]} for case {item}, part {seed}"}
        is_hard = hard != (rng.random() < surprise)
        for number in range(cheap):
            name = f"small-{number}" if cheap > 1 else "small"
            right = rng.random() < (0.3 if is_hard else 0.97)
            row[name] = int(right)
            row[f"{name}.answer"] = f"R{item}" if right else f"W{item}-{rng.integers(8)}"
            row[f"{name}.chars"] = int(rng.integers(100, 200) * (1 if right else 2))
        row["big"] = int(rng.random() < 0.95)
        found.append(row)
    return found


def write(path: Path, items: list[dict[str, Any]], *, only: tuple[str, ...] | None = None) -> Path:
    """A table; `only` names the columns."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, only or list(items[0]), extrasaction="ignore")
        table.writeheader()
        table.writerows(items)
    return path
