"""The script that holds fit against measurements works on any folder of the same form, and says what it left out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "fit_accuracy.py"
LLAMA = {
    "model": "some/Plain-8B", "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128_256,
    "intermediate_size": 14_336, "tie_word_embeddings": False,
}  # fmt: skip
PARAMETERS = 8_030_261_248
MIB = 1 << 20


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs.jsonl").write_text(json.dumps(LLAMA) + "\n")
    weight = {
        "group": "plain", "model": "Plain-8B", "repo": "some/Plain-8B", "format": "bf16",
        "total_bytes": 2 * PARAMETERS, "gib": "", "precision": "exact tensor bytes", "source": "", "date": "",
        "note": "",
    }  # fmt: skip
    write(
        tmp_path / "weights_truth.csv", [weight, {**weight, "group": "nobody", "model": "Nobody-1B", "repo": "no/body"}]
    )
    reference = {"model": "some/Plain-8B", "ctx": 32_768, "kv_bytes_bf16_ref": 4 << 30, "llmfit_bytes": 8 << 30}
    write(tmp_path / "kv_reference_32k.csv", [reference])
    tensors = 4_920_000_000
    memory = {
        "group": "plain", "file": "Plain-8B-Q4_K_M", "backend": "ROCm", "build": "", "fa": "True", "n_ubatch": 512,
        "type_k": "f16", "mode": "tg", "tokens": 2048, "model_tensor_bytes": tensors, "n_params": PARAMETERS,
        "gtt_peak_mib": tensors / MIB - 282 + 256 + 259 + 150, "vram_peak_mib": 100, "gtt_start_mib": 0,
        "vram_start_mib": 100,
    }  # fmt: skip
    write(tmp_path / "runtime_mem_truth.csv", [memory, {**memory, "gtt_peak_mib": 900}])
    return tmp_path


@pytest.mark.slow
def test_the_last_line_is_json_and_a_missing_table_is_said(folder: Path) -> None:
    done = run(str(folder))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["weights"]["n"] == found["kv"]["n"] == found["memory_llamacpp"]["n"] == 1
    assert found["weights"]["median"] < 0.001
    assert found["kv"]["median"] == 0
    assert found["memory_llamacpp"]["median"] < 0.01
    assert found["skipped"]["peak below the model's own tensors"] == 1
    assert sum(found["skipped"].values()) == 2
    assert "throughput_truth.csv missing" in done.stdout
    assert "llmfit: n 1, median 100.00%" in done.stdout


@pytest.mark.slow
def test_cells_that_say_nothing_are_counted_by_reason(folder: Path) -> None:
    """Columns that are missing, lines that end early, numbers that are none, backends and devices nobody knows."""
    tables = {
        "weights_truth.csv": (
            "model,repo,format,total_bytes",
            (f"Plain-8B,some/Plain-8B,bf16,{float(2 * PARAMETERS)}", "Plain-8B,some/Plain-8B,bf16,", "Plain-8B"),
        ),
        "kv_reference_32k.csv": ("model,ctx,kv_bytes_bf16_ref", ("Plain-8B,32768,4294967296", "Plain-8B,32k,")),
        "kv_measured.csv": (
            "group,model,kind,engine,cond,measured_bytes",
            ("plain,Plain-8B,KV total,llama.cpp,n_ctx 4096,536870912", "plain,Plain-8B,KV total,llama.cpp,n_ctx 4096"),
        ),
        "runtime_mem_truth.csv": (
            "group,file,backend,type_k,mode,tokens,model_tensor_bytes,vram_peak_mib",
            (
                'plain,Plain-8B-Q4_K_M,"Metal,BLAS",,tg,128,4920000000,4700',
                "plain,Plain-8B-Q4_K_M,Abacus,,tg,128,4920000000,4700",
                "plain,Plain-8B-Q4_K_M,CUDA,f17,tg,128,4920000000,4700",
                "plain,Plain-8B-Q4_K_M,CUDA",
            ),
        ),
        "throughput_truth.csv": (
            "model,hardware,n_gpu,engine,precision,isl,osl,metric,value",
            (
                "some/Plain-8B,RTX 4090,1,llama.cpp,Q4_K_M,512,128,decode,130",
                "some/Plain-8B,Abacus 9,1,llama.cpp,Q4_K_M,512,128,decode,130",
                "some/Plain-8B,RTX 4090,1,llama.cpp,Q4_K_M,512,128,decode,NaN",
                "some/Plain-8B",
            ),
        ),
    }
    for name, (head, rows) in tables.items():
        (folder / name).write_text("\n".join((head, *rows)) + "\n", encoding="utf-8-sig")
    with (folder / "configs.jsonl").open("a") as file:
        file.write('\n{"model_type": "llama"}\n')

    done = run(str(folder))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == ["weights", "kv", "memory_llamacpp", "decode", "prefill", "skipped"]
    assert [found[part]["n"] for part in list(found)[:-1]] == [1, 2, 1, 1, 0]
    assert found["prefill"] == {"n": 0, "median": None, "p90": None, "coverage80": None}
    assert sum(found["skipped"].values()) == 2 + 1 + 1 + 3 + 3
    assert {"backend 'Abacus' is not known", "cache type 'f17' is not known"} < set(found["skipped"])


def test_a_folder_must_be_named() -> None:
    done = run()

    assert done.returncode == 1
    assert "FOLDER" in done.stderr
