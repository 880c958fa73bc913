"""How fast is an audit? Hashing beside sha256sum, and the structure of a model of 100 shards without reading tensors.

The ceiling of hashing is the processor's SHA-256; sha256sum on the same warm file is the peer. Structure checks read
only headers, so their cost does not grow with the tensors: the shards here are sparse files of 1 GiB each.

    python bench/audit.py [MEBIBYTES]      last line: one JSON object
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from weighbridge.audit.blob import FileBlob
from weighbridge.audit.content import Inside, inspect
from weighbridge.audit.hashing import hash_files
from weighbridge.audit.index_files import index_findings
from weighbridge.audit.repository import Repository
from weighbridge.audit.structure import read_headers
from weighbridge.audit.walk import walk

SHARDS, TENSORS, SHARD_BYTES = 100, 200, 1 << 30


def hashing(folder: Path, mebibytes: int) -> dict[str, float]:
    path = folder / "weights.bin"
    piece = bytes(range(256)) * 4096
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(piece)
    entries = walk(folder).entries
    ours, peers = [], []
    for _ in range(5):
        start = time.perf_counter()
        hash_files(entries, threads=1)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run(["sha256sum", str(path)], check=True, capture_output=True)
        peers.append(time.perf_counter() - start)
    path.unlink()
    mine, peer = sorted(ours)[2], sorted(peers)[2]
    return {"mib_s": mebibytes / mine, "sha256sum_mib_s": mebibytes / peer, "ratio": peer / mine}


def structure(folder: Path) -> dict[str, float]:
    size = (SHARD_BYTES - (1 << 20)) // TENSORS // 4 * 4
    weight_map = {}
    for shard in range(SHARDS):
        name = f"model-{shard:05d}-of-{SHARDS:05d}.safetensors"
        header = {
            f"layers.{shard}.{place}.weight": {
                "dtype": "F32",
                "shape": [size // 4],
                "data_offsets": [place * size, (place + 1) * size],
            }
            for place in range(TENSORS)
        }
        weight_map |= dict.fromkeys(header, name)
        raw = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(struct.pack("<Q", len(raw)) + raw)
            file.truncate(8 + len(raw) + TENSORS * size)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    start = time.perf_counter()
    walked = walk(folder)
    formats = {}
    for entry in walked.entries:
        with FileBlob(entry.path, entry.name) as blob:
            formats[entry.name] = inspect(blob, Inside())
    repository = Repository(walked.entries, formats, is_folder=True)
    headers = read_headers(repository)
    found = [*headers.findings, *index_findings(repository, headers.tensor_names())]
    return {
        "seconds": time.perf_counter() - start,
        "shards": SHARDS,
        "tensors": SHARDS * TENSORS,
        "findings": len(found),
    }


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        result = {"hashing": hashing(Path(one), mebibytes), "structure": structure(Path(two))}
    print(f"hashing    {result['hashing']['ratio']:.0%} of sha256sum   (goal: at least 80%)")
    print(f"structure  {result['structure']['seconds']:.2f} s for {SHARDS} shards   (goal: under 2 s)")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
