"""How long does one fit take, and how long do all models on all devices in six quantisations?

Ceiling: a person who waits sees nothing below 100 ms; `pick` asks for every model and device, so the sum counts.
Method: processor time of this process, so that a busy machine does not count. One fit is the whole answer with launch
commands, median of 200 after 20 that warm up. All fits are `fit_many`, as `pick` asks: for each model and format the
bytes, limits and speeds on every device; reading configs and deriving weights is part of it. A remote header is that of
a repository like DeepSeek-V3's (163 files, 91,991 tensors) on a loopback server that counts what it sends.
Wrong if: one fit takes 2 ms, all take 10 s, or a header costs 8 MiB.

    python bench/fit_speed.py | tail -1
"""

from __future__ import annotations

import json
import statistics
import time

from fit_server import RangeServer, repository

from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.cli.compose_fit import source_of_model
from weighbridge.cli.compose_headers import MOST_TRAFFIC, HeaderReader
from weighbridge.cli.shards import INDEX
from weighbridge.errors import InputError, UsageError
from weighbridge.fit.answer import fit
from weighbridge.fit.devices import find_devices
from weighbridge.fit.hardware import all_hardware
from weighbridge.fit.many import fit_many
from weighbridge.fit.records import Ask, Engine
from weighbridge.settings import read_settings

QUANTS: tuple[tuple[str, Engine], ...] = (
    ("bf16", "vllm"),
    ("fp8", "vllm"),
    ("awq", "vllm"),
    ("Q8_0", "llamacpp"),
    ("Q4_K_M", "llamacpp"),
    ("IQ3_XXS", "llamacpp"),
)
ROUNDS, WARM_UP = 200, 20


def one_fit_ms() -> float:
    """Median of the whole answer for an 8B model on one device."""
    catalogue = load_catalogue()
    source = source_of_model(catalogue.models["Qwen/Qwen3-8B"], catalogue)
    assert source is not None
    devices = find_devices("RTX 4090", all_hardware(catalogue))
    taken = []
    for number in range(ROUNDS + WARM_UP):
        began = time.process_time_ns()
        fit(source.subject("Q4_K_M", "llamacpp"), Ask(engine="llamacpp", concurrency=1 + number % 7), devices)
        taken.append((time.process_time_ns() - began) / 1e6)
    return statistics.median(taken[WARM_UP:])


def all_fits() -> dict[str, float]:
    """Seconds for every model of the catalogue on every device in six quantisations."""
    catalogue = load_catalogue()
    kinds = tuple(hardware for _, hardware in all_hardware(catalogue))
    began = time.process_time()
    models, fits, refused = 0, 0, 0
    for model in catalogue.models.values():
        source = source_of_model(model, catalogue)
        models += source is not None
        for quant, engine in QUANTS if source is not None else ():
            try:
                found = fit_many(source.subject(quant, engine), Ask(engine=engine), kinds)
            except (InputError, UsageError):
                refused += len(kinds)
                continue
            fits += len(found.fits)
    seconds = time.process_time() - began
    return {"models": models, "devices": len(kinds), "fits": fits, "refused": refused, "seconds": round(seconds, 2)}


def remote_header() -> dict[str, int]:
    """Bytes a server sends for the headers of a large repository, and what is learned from them."""
    with RangeServer(repository()) as server:
        remote = HeaderReader(read_settings({"HOME": "/nonexistent"})).read(f"{server.url}/{INDEX}")
        return {"sent": server.sent, "bound": MOST_TRAFFIC, "file_bytes": remote.file_bytes}


def main() -> None:
    one, every, header = one_fit_ms(), all_fits(), remote_header()
    print(f"one fit: {one:.3f} ms of processor time")
    print("all: {fits:,} fits of {models} models on {devices} devices in {seconds} s".format(**every))
    print("remote header: {sent:,} bytes sent of at most {bound:,}".format(**header))
    print(json.dumps({"one_fit_ms": round(one, 3), "all": every, "remote_header": header}))


if __name__ == "__main__":
    main()
