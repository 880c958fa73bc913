"""Do a provider's name and the base model that a price list gives it mean one model?

Question: of the pairs (model_id, base_model) in an offers table, how many resolve to one id, and how many to two?
Asked: at least 97% to one, no more than 0.5% to two. Method: every row with both cells counts once, as it stands;
the same over different pairs. Each pair that resolves to two ids is printed, with how each was found: it is a mistake
of ours, or of the list. The table is the caller's: a CSV, plain or .gz, with
those two columns; none is shipped with base models.

    python bench/name_pairs.py offers.csv.gz | tail -1
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from weighbridge.catalog.match import Match, load_index, resolve_name

ASKED = {"one_id": 0.97, "two_ids": 0.005}


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Every row's two names, where it has both."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(content.decode()))
    return [(row["model_id"], row["base_model"]) for row in rows if row["model_id"] and row["base_model"]]


def verdict(one: Match, other: Match) -> str:
    if one.id and other.id:
        return "one id" if one.id == other.id else "two ids"
    return "one is unknown" if one.id or other.id else "both are unknown"


def rates(verdicts: Iterable[str]) -> dict[str, float]:
    counts = Counter(verdicts)
    total = counts.total()
    shares = {"one_id": counts["one id"] / total, "two_ids": counts["two ids"] / total}
    return {"pairs": total, **{name: round(share, 5) for name, share in shares.items()}}


def run(path: Path) -> dict[str, object]:
    index = load_index()
    pairs = read_pairs(path)
    found = {name: resolve_name(index, name) for name in {name for pair in pairs for name in pair}}
    judged = {pair: verdict(found[pair[0]], found[pair[1]]) for pair in pairs}
    for pair in sorted(pair for pair, said in judged.items() if said == "two ids"):
        print(" | ".join(f"{name}: {found[name].id} ({found[name].how})" for name in pair))
    by_row = rates(judged[pair] for pair in pairs)
    within = by_row["one_id"] >= ASKED["one_id"] and by_row["two_ids"] <= ASKED["two_ids"]
    return {"rows": by_row, "different_pairs": rates(judged.values()), "asked": ASKED, "within": within}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    print(json.dumps({"benchmark": "name_pairs", **run(parser.parse_args().table)}))
