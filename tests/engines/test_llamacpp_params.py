"""What llama.cpp is told: threads that this process may use, a context that fits, slots."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tiny_gguf import write_tiny_gguf

from weighbridge.engines.llamacpp import machine_threads, share_threads
from weighbridge.engines.llamacpp.params import available_memory, bytes_per_token, plan
from weighbridge.engines.llamacpp.settings import LlamaCppSettings
from weighbridge.engines.llamacpp.slots import shared_beginning
from weighbridge.formats.gguf import GgufHeader, read_gguf


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> GgufHeader:
    return read_gguf(write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf"))


def planned(header: GgufHeader, *, threads: int = 2, memory: int | None = None, **settings: Any) -> Any:
    return plan(header, LlamaCppSettings(**settings), threads=threads, memory=memory, where="backend tiny")


@pytest.mark.parametrize(
    ("total", "engines", "shares"),
    [(2, 2, (1, 1)), (8, 3, (3, 3, 2)), (1, 3, (1, 1, 1)), (4, 1, (4,))],
    ids=["one each", "the first get more", "nobody gets none", "alone"],
)
def test_threads_are_dealt_evenly(total: int, engines: int, shares: tuple[int, ...]) -> None:
    assert share_threads(total, engines) == shares


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_pinned_to_one_core_there_is_one_thread(tmp_path: Path) -> None:
    """What the machine has is not what we may use."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine_threads(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.skipif(sys.platform != "linux", reason="control groups")
@pytest.mark.parametrize(
    ("files", "most"),
    [
        pytest.param({"cpu.max": "150000 100000"}, 2, id="one and a half cores are two threads"),
        pytest.param({"cpu.max": "50000 100000"}, 1, id="half a core is one"),
        pytest.param({"cpu.max": "max 100000"}, None, id="no limit"),
        pytest.param({"cpu.max": "nonsense"}, None, id="nonsense"),
        pytest.param({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1, id="version 1"),
        pytest.param({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None, id="version 1, no limit"),
    ],
)
def test_a_containers_quota_counts(tmp_path: Path, files: dict[str, str], most: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    allowed = len(os.sched_getaffinity(0))

    assert machine_threads(tmp_path) == (allowed if most is None else min(allowed, most))


def test_memory_of_a_token_is_the_sum_done_by_hand(header: GgufHeader) -> None:
    """2 layers, 2 heads of 16: 2 x 2 x (16 + 16) numbers."""
    assert bytes_per_token(header, LlamaCppSettings()) == 128 * 2
    assert bytes_per_token(header, LlamaCppSettings(kv_type_k="q8_0", kv_type_v="f32")) == 64 * 34 / 32 + 64 * 4


def test_the_context_is_at_most_a_quarter_of_the_free_memory_shared_by_the_slots(header: GgufHeader) -> None:
    roomy = planned(header, slots=2)
    tight = planned(header, slots=2, memory=header.file_bytes + 8 * 1000 * 256)

    assert (roomy.context_tokens, roomy.params["n_ctx"]) == (8192, 16384)
    assert (tight.context_tokens, tight.params["n_ctx"]) == (1000, 2000)


def test_without_memory_there_is_still_a_small_context(header: GgufHeader) -> None:
    """Then llama.cpp says what it could not have, by its own name."""
    assert planned(header, memory=0).context_tokens == 512


def test_settings_win_over_the_share_of_threads(header: GgufHeader) -> None:
    assert planned(header, threads=8).params["cpuparams.n_threads"] == 8
    own = plan(header, LlamaCppSettings(threads=3), threads=8, memory=None, where="")
    assert own.params["cpuparams.n_threads"] == 3


def test_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert available_memory(meminfo, tmp_path) == 8000 * 1024

    (tmp_path / "memory.max").write_text("5000000")
    (tmp_path / "memory.current").write_text("1000000")
    assert available_memory(meminfo, tmp_path) == 4_000_000

    (tmp_path / "memory.max").write_text("max")
    assert available_memory(meminfo, tmp_path) == 8000 * 1024
    assert available_memory(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("", "", 0), ("abc", "abd", 2), ("abc", "abc", 3), ("abc", "abcdef", 3), ("x", "y", 0)],
)
def test_the_shared_beginning_is_counted(one: str, other: str, count: int) -> None:
    assert shared_beginning(one, other) == shared_beginning(other, one) == count


def test_every_setting_stands_on_its_page_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "llamacpp.md").read_text()
    rows = {name: line for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}

    for field in msgspec.structs.fields(LlamaCppSettings):
        assert field.name in rows, f"docs/llamacpp.md does not name {field.name}"
        if isinstance(field.default, (int, str)):
            shown = f'"{field.default}"' if isinstance(field.default, str) else f"{field.default:g}"
            shown = str(field.default).lower() if isinstance(field.default, bool) else shown
            assert f"| `{shown}` |" in rows[field.name] or f"| {shown} |" in rows[field.name], field.name
