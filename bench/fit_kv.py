"""How far is the predicted cache from what engines log and from what their sources' formulas give?

Truth: `kv_reference_32k.csv` (bytes of a 16 bit cache by formula from engine sources, with the peers' figures beside)
and `kv_measured.csv` (sizes from logs: a whole cache, a state per sequence, growth per token from two peaks). Rows of
the latter that are weights of a rank are judged apart, as `loading`. `independence` is not used to leave rows out, but
the median of the independent ones is printed.

    error = |ours - truth| / truth

    python bench/fit_kv.py FOLDER [--rows] | tail -1
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
from fit_names import Names, rows_of
from fit_weights import bytes_of, percentile

from weighbridge.errors import InputError
from weighbridge.fit.architecture import Architecture, LatentAttention
from weighbridge.fit.state import state_of
from weighbridge.fit.weights import derive
from weighbridge.units import MIB

PEERS = {"llmfit": "llmfit_bytes", "whichllm": "whichllm_bytes", "llm-cal": "llmcal_bytes"}


@dataclass(frozen=True)
class Judged:
    name: str
    what: str
    """`reference`, `measured` or `loading`."""
    ours: int
    truth: float
    independent: bool
    peers: dict[str, float]
    """Error of each peer that answers."""

    @property
    def error(self) -> float:
        return abs(self.ours - self.truth) / self.truth


def measure(folder: Path) -> dict[str, object]:
    """Figures of all rows of a folder."""
    judged, skipped = place(folder)
    cache = [one.error for one in judged if one.what != "loading"]
    loading = [one.error for one in judged if one.what == "loading"]
    independent = [one.error for one in judged if one.independent and one.what == "measured"]
    peers = {peer: [one.peers[peer] for one in judged if peer in one.peers] for peer in PEERS}
    return {
        "n": len(cache),
        "median": statistics.median(cache) if cache else None,
        "p95": percentile(cache, 0.95),
        "median_measured_independent": statistics.median(independent) if independent else None,
        "loading": {"n": len(loading), "median": statistics.median(loading) if loading else None},
        "peers": {
            name: {"n": len(found), "median": statistics.median(found), "p95": percentile(found, 0.95)}
            for name, found in peers.items()
            if found
        },
        "skipped": dict(skipped),
    }


def place(folder: Path) -> tuple[list[Judged], Counter[str]]:
    """Every row that can be placed, and how many cannot, by reason."""
    names, judged, skipped = Names(folder), [], Counter[str]()
    for row in rows_of(folder / "kv_reference_32k.csv"):
        architecture = names.find("", row["model"])
        if architecture is None:
            skipped["no config for the model"] += 1
            continue
        if not bytes_of(row["kv_bytes_bf16_ref"]) > 0 < bytes_of(row["ctx"]):
            skipped["the row does not say what was measured"] += 1
            continue
        judged.append(_reference(row, architecture))
    for row in rows_of(folder / "kv_measured.csv"):
        architecture = names.find(row["group"], row["model"])
        if architecture is None:
            skipped["no config for the model"] += 1
            continue
        ours = _measured(row, architecture)
        if ours is None or not bytes_of(row["measured_bytes"]) > 0:
            skipped["the row does not say what was measured"] += 1
            continue
        what = "loading" if row["kind"].startswith("weights") else "measured"
        independent = row["independence"].startswith("independent")
        judged.append(Judged(row["model"], what, ours, float(row["measured_bytes"]), independent, {}))
    return judged, skipped


def _reference(row: dict[str, str], architecture: Architecture) -> Judged:
    truth = float(row["kv_bytes_bf16_ref"])
    ours = state_of(architecture, "bf16").sequence_bytes(bytes_of(row["ctx"]))
    said = {peer: float(row[column]) for peer, column in PEERS.items() if float(row.get(column) or 0) > 0}
    return Judged(
        row["model"], "reference", ours, truth, False, {peer: abs(value / truth - 1) for peer, value in said.items()}
    )


def _measured(row: dict[str, str], architecture: Architecture) -> int | None:
    """Ours for what a log shows; None where the row does not say enough."""
    kind, said = row["kind"], row["cond"]
    kept = next((name for name in ("q8_0", "q4_0", "fp8", "f16", "bf16") if name in said.lower()), "bf16")
    local = row["engine"].startswith("llama")
    state = state_of(architecture, kept, float32_convolutions=local)
    if kind.startswith("recurrent state"):
        sequences = re.search(r"(\d+) seqs?", said)
        return state.recurrent_bytes() * (int(sequences[1]) if sequences else 1)
    if kind.startswith("KV total"):
        context = re.search(r"n_ctx\D*(\d+)", said)
        return state.sequence_bytes(int(context[1])) - state.recurrent_bytes() if context else None
    if kind.startswith("KV bytes per token"):
        return state.per_token_bytes(1 << 16)
    if kind.startswith("KV per token per layer"):
        return _one_latent(architecture, kept)
    if kind.startswith("weights per rank"):
        ranks = re.search(r"TP ?(\d+)", said)
        return _held(architecture) // int(ranks[1]) if ranks else None
    return None


def _one_latent(architecture: Architecture, kept: str) -> int | None:
    """Bytes a token takes in one latent layer, in the layout of fp8 with scales."""
    layers = [layer for layer in architecture.layers if isinstance(layer.mixers[0], LatentAttention)]
    if not layers:
        return None
    one = msgspec.structs.replace(architecture, layers=tuple(layers[:1]))
    return state_of(one, "fp8_ds_mla" if kept == "fp8" else kept).per_token_bytes(1)


def _held(architecture: Architecture) -> int:
    weights = derive(architecture, "native")
    return weights.total_bytes - weights.container_bytes - weights.bytes_of("mtp")


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    if "--rows" in arguments:
        judged, _ = place(folder)
        for one in judged:
            print(f"{one.error:9.4%}  {one.ours / MIB:12.3f} {one.truth / MIB:12.3f} MiB  {one.what:9} {one.name}")
    try:
        print(json.dumps({"kv": measure(folder)}))
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
