"""The scripts that calibrate speeds: what a row of measurements means, and that known factors are found again."""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from fit_calibrate import main as calibrate_main
from fit_calibrate import written
from fit_calibration import calibrate, samples
from fit_measured import Measured
from fit_row_names import Unplaced, device_of
from fit_rows import read_rows
from fit_runs import ranks
from fit_solver import Prior, Rows, leave_out, solve
from fit_throughput import measure

from weighbridge.fit.efficiencies import TERMS, Cell, load_efficiencies

COLUMNS = (
    *("group", "model", "repo_or_file", "hardware", "n_gpu", "engine", "engine_version", "precision", "kv_dtype"),
    *("batch_or_concurrency", "isl", "osl", "depth", "parallel", "metric", "value", "unit", "weights_gib", "source"),
    *("date", "note"),
)
CONFIG = {
    "model": "acme/Small-7B",
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}


def make_row(**said: str) -> dict[str, str]:
    usual = {"group": "small", "model": "acme/Small-7B", "hardware": "RTX 3090", "n_gpu": "1", "engine": "llama.cpp",
             "precision": "Q4_K_M", "batch_or_concurrency": "1", "osl": "128", "metric": "decode", "value": "100",
             "unit": "tok/s", "source": "here"}  # fmt: skip
    return {name: {**usual, **said}.get(name, "") for name in COLUMNS}


def write_folder(folder: Path, rows: list[dict[str, str]]) -> Path:
    (folder / "configs.jsonl").write_text(json.dumps(CONFIG) + "\n")
    with (folder / "throughput_truth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def one(tmp_path: Path, **said: str) -> Measured:
    (row,) = read_rows(write_folder(tmp_path, [make_row(**said)])).rows
    return row


@pytest.mark.parametrize(
    ("parallel", "batch", "source", "expected"),
    [
        ("tp8pp1dp1mtp8ep1", "16", "x id=a_c16_tp8_ep1_9", (8, 1, 1, 16)),
        pytest.param("tp64pp1dp1mtp8ep8", "4", "x id=a_c4_cfg177", (8, 1, 8, 4), id="columns-multiplied"),
        pytest.param("tp1pp1dp64mtp8ep8", "4", "x id=a_c256_cfg191", (1, 8, 8, 256), id="batch-per-wrong-rank"),
        pytest.param("tp1pp1dp64mtp8ep8", "32", "x id=a_c32_tp8_ep8_1537", (1, 8, 8, 32), id="batch-of-all-ranks"),
        pytest.param("tp4pp1dp4mtp1ep16", "2", "x id=a_c8_tp4_ep4_1383", (4, 1, 4, 8), id="id-says-four-devices"),
        pytest.param("tp2pp1dp2mtp1ep4", "256", "x id=a_c512_cfg707", (2, 2, 4, 512), id="attention-data-parallel"),
        pytest.param("tp72pp1dp1mtp72ep1", "4096", "x id=a_c4096_tp72_ep1_59", (1, 72, 72, 4096), id="wide"),
        ("tp4pp1dpmtp1ep4", "32", "x id=a_c32_tp4_epnone_29", (4, 1, 4, 32)),
        ("tep8", "16", "x", (8, 1, 8, 16)),
        ("dep8", "16", "x", (1, 8, 8, 16)),
    ],
)
def test_ranks_are_what_the_point_was_run_with(
    parallel: str, batch: str, source: str, expected: tuple[int, int, int, int]
) -> None:
    row = make_row(parallel=parallel, batch_or_concurrency=batch, source=source)

    assert ranks(row) == expected


def test_a_large_batch_of_llamacpp_is_its_prompt_batch_and_the_context_was_filled(tmp_path: Path) -> None:
    """512/128 is llama-bench; its --batch-size of 2048 is no concurrency, and ctx is how many tokens lay before."""
    row = one(tmp_path, batch_or_concurrency="2048", isl="512", osl="128", note="self-reported; ctx=16384", value="30")

    assert row.run.sequences == 1
    assert row.run.cached_tokens == 16384
    assert row.run.behind_tokens == 16384 + 64


def test_a_step_of_several_sequences_takes_their_number_over_the_total_rate(tmp_path: Path) -> None:
    row = one(tmp_path, metric="decode_total", batch_or_concurrency="8", value="160")

    assert row.seconds == pytest.approx(8 / 160)


def test_a_file_whose_size_is_said_has_that_size(tmp_path: Path) -> None:
    said = one(tmp_path, weights_gib="4.58")

    assert said.work.dense_bytes + said.work.head_bytes == pytest.approx(4.58 * 2**30, rel=0.03)


def test_a_model_larger_than_its_card_is_partly_the_hosts(tmp_path: Path) -> None:
    fits, spills = (one(tmp_path, hardware=name, precision="F16", value="5") for name in ("RTX 3090", "RTX 3060"))

    assert fits.run.spilled == 0
    assert 0.1 < spills.run.spilled < 0.5


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"hardware": "abacus"}, "device"),
        ({"model": "acme/Unheard-of", "repo_or_file": "x/y"}, "config"),
        ({"engine": "pen and paper"}, "engine"),
        ({"precision": "Q17"}, "format"),
        ({"value": "0"}, "above 0"),
        ({"value": "fast"}, "above 0"),
        ({"weights_gib": "4,58"}, "above 0"),
        ({"metric": "smiles"}, "metric"),
    ],
)
def test_what_cannot_be_placed_is_counted_by_reason(tmp_path: Path, said: dict[str, str], reason: str) -> None:
    placed = read_rows(write_folder(tmp_path, [make_row(**said)]))

    ((why, count),) = placed.skipped.items()
    assert (placed.rows, count) == ((), 1)
    assert reason in why


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param({"note": "experimental WIP folder, not official"}, "unfinished", id="says-so-itself"),
        pytest.param({"n_gpu": "0"}, "no device", id="ran-on-nothing"),
        pytest.param({"value": "230"}, None, id="936-GB-a-second-can-read-4-GB-230-times"),
        pytest.param({"value": "280"}, "bytes", id="but-not-280-times"),
        pytest.param({"precision": "F16", "hardware": "RTX 3060", "value": "40"}, "bytes", id="nor-what-spilled"),
        pytest.param({"metric": "prefill", "isl": "512", "value": "9000"}, None, id="a-prompt-near-the-peak"),
        pytest.param({"metric": "prefill", "isl": "512", "value": "12000"}, "operations", id="a-prompt-above-it"),
        pytest.param({"engine": "vllm", "precision": "fp8", "hardware": "RTX 4090"}, None, id="7-GB-into-24"),
        pytest.param({"engine": "vllm", "precision": "", "hardware": "RTX 3060"}, "no room", id="14-GB-into-12"),
    ],
)
def test_what_cannot_have_been_is_left_out_by_rules_that_see_no_prediction(
    tmp_path: Path, said: dict[str, str], reason: str | None
) -> None:
    """A model of 6.7 billion parameters: 4 GB at Q4_K_M, 13.5 GB at 16 bits; a 3090 states 142e12 operations."""
    placed = read_rows(write_folder(tmp_path, [make_row(**said)]))

    assert len(placed.rows) == (reason is None)
    assert all(reason is not None and reason in why for why in placed.skipped)


def test_a_name_two_kinds_of_files_share_is_the_kind_the_engine_reads(tmp_path: Path) -> None:
    """mxfp4 of a dense checkpoint packs its layers, a GGUF file keeps all but experts in 8 bits, MLX packs all."""
    works = {
        engine: one(tmp_path, engine=engine, precision="MXFP4", hardware=device, value="20").work
        for engine, device in (("vllm", "RTX 3090"), ("llama.cpp", "RTX 3090"), ("mlx", "M3 Max"))
    }

    bits = {engine: 8 * work.dense_bytes / work.dense_parameters for engine, work in works.items()}
    assert 4.2 < bits["vllm"] < 4.3
    assert 8.4 < bits["llama.cpp"] < 8.6
    assert 4.2 < bits["mlx"] < 4.5


def test_a_line_that_ends_early_is_a_row_with_empty_cells(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [make_row()])
    with (folder / "throughput_truth.csv").open("a") as file:
        file.write("small,acme/Small-7B,,RTX 3090\n")

    placed = read_rows(folder)

    assert len(placed.rows) == 1
    assert placed.total == 2


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(("0", "-1", "1e400", "nan", "inf", "1e18", "tp0", "tp9999999", "dep0", "tep8", "tp8pp1dp0mtp0ep0")),
    st.integers(-(10**30), 10**30).map(str),
)


ODD = st.tuples(
    st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=6), st.sampled_from(("llama.cpp", "vllm", "mlx"))
)


@given(st.lists(ODD, min_size=10, max_size=60))
@settings(max_examples=15, deadline=None)
def test_whatever_a_cell_says_the_row_is_placed_or_counted(odd: list[tuple[dict[str, str], str]]) -> None:
    rows = [{**make_row(engine=engine), **said} for said, engine in odd]
    rows = [{name: text.replace("\x00", "") for name, text in row.items()} for row in rows]
    with TemporaryDirectory() as folder:
        placed = read_rows(write_folder(Path(folder), rows))

    terms = [sample.rows.terms for sample in samples(placed.rows).values()]
    assert placed.total == len(rows)
    assert all(np.isfinite(found).all() for found in terms)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("fp8_block", "fp8"), ("FP8-dynamic", "fp8"), ("w4a16", "int4"), ("int4_wo", "int4"), ("AWQ-INT4", "int4"),
        ("gptq-int4", "int4"), ("W8A8", "int8"), ("sq", "int8"), ("NVFP4-W4A4", "nvfp4"), ("fp4", "nvfp4"),
        ("w4a16_mxfp4", "mxfp4"), ("4-bit", "int4"), ("8 bit", "int8"), ("bf16", "16"), ("F16", "16"), ("", "16"),
    ],
)  # fmt: skip
def test_formats_as_engines_and_packers_call_them(tmp_path: Path, said: str, expected: str) -> None:
    assert one(tmp_path, engine="vllm", precision=said, value="20").kind == expected


def test_checkpoints_of_nvidias_packer_keep_their_cache_in_fp8(tmp_path: Path) -> None:
    plain, packed = (
        one(tmp_path, model=name, repo_or_file="acme/Small-7B", engine="vllm", precision="fp8", value="20")
        for name in ("acme/Small-7B", "nvidia/Small-7B-FP8")
    )

    assert packed.work.cache_bytes(1000) == plain.work.cache_bytes(1000) / 2


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("3090 24GB", "RTX 3090"),
        ("h100_sxm", "H100-SXM"),
        ("h20_sxm", "H20"),
        ("M1 7\N{NON-BREAKING HYPHEN}Core GPU 8GB", "Apple M1"),
        ("Apple M4 M4 Max", "Apple M4 Max"),
        ("Ryzen AI Max+ 395 (Strix Halo 128GB)", "Ryzen AI Max+ 395"),
        ("CPU AMD Ryzen 7 8745H w/ Radeon 780M", "Ryzen 7840HS"),
    ],
)
def test_devices_as_people_report_them(text: str, device: str) -> None:
    assert device_of(text).id == device


def test_a_device_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(Unplaced):
        device_of("GeForce 256")


def synthetic(seed: int, rows: int = 240) -> tuple[Rows, dict[str, float]]:
    """Rows of a world where memory is read at 0.7 of its rate and engine `b` is a fifth slower."""
    random, names = np.random.default_rng(seed), TERMS["serving_first"]
    terms = random.lognormal(-4, 1, (rows, len(names)))
    truth = dict(zip(names, (1.7, 1.4, 1.4, 4.0, 2.0, 0.8, 0.8), strict=True))
    engines = random.choice(["a", "b"], rows)
    seconds = (terms * np.array([truth[name] for name in names])).sum(axis=1)
    noise = random.normal(0, 0.05, rows)
    noise[::20] += random.choice([-2.0, 2.0], len(noise[::20]))  # rows that measured something else
    cells = tuple(Cell(engine, "Hopper", "16", "H100-SXM") for engine in engines)
    groups = tuple(str(at % 6) for at in range(rows))
    return Rows(terms, np.log(seconds) + noise, np.ones(rows), cells, groups), truth


def test_known_factors_are_found_again_through_noise_and_nonsense() -> None:
    rows, truth = synthetic(1)
    prior = Prior({name: 1.5 * factor for name, factor in truth.items()}, 0.6, {"engine": 0.3})

    found = solve("serving_first", rows, prior)

    for name, factor in truth.items():
        assert np.exp(found.values["terms", "", name]) == pytest.approx(factor, rel=0.25), name
    assert np.median(np.abs(rows.log_seconds - found.log_seconds(rows))) < 0.05


def test_without_rows_to_say_otherwise_factors_stay_what_was_expected() -> None:
    rows, truth = synthetic(2, rows=2)
    prior = Prior(truth, 0.05, {})

    found = solve("serving_first", rows, prior)

    for name, factor in truth.items():
        assert np.exp(found.values["terms", "", name]) == pytest.approx(factor, rel=0.15)


def test_a_cell_without_rows_keeps_what_is_expected_of_it() -> None:
    """A release known to be slower stays slower for the model that is left out, though no other row is of it."""
    rows, truth = synthetic(4)
    cell = ("engine", "old", "queue")
    prior = Prior(truth, 0.3, {"engine": 0.2}, {}, {cell: 5.0})

    found = solve("serving_first", rows, prior)

    assert np.exp(found.values[cell]) == pytest.approx(5.0)


def test_a_family_left_out_is_predicted_by_the_others_alone() -> None:
    """Spoiling a family's own rows changes their errors by exactly what was spoilt: they taught nothing."""
    rows, truth = synthetic(3)
    prior = Prior(truth, 0.3, {"engine": 0.2})
    own = np.array([group == "0" for group in rows.groups])
    spoilt = Rows(rows.terms, rows.log_seconds + 3.0 * own, rows.weights, rows.cells, rows.groups)

    before, after = (leave_out("serving_first", known, prior, rows.groups) for known in (rows, spoilt))

    assert np.allclose(after[own] - before[own], 3.0)


def many_rows() -> list[dict[str, str]]:
    rows = []
    for at, (device, rate) in enumerate(
        [("RTX 3090", 936), ("RTX 4090", 1008), ("RTX 3060", 360), ("M4 Pro", 273)] * 3
    ):
        group = f"g{at % 3}"
        rows.append(make_row(group=group, hardware=device, value=str(rate / 4.4 * 0.7), osl=str(100 + at)))
        rows.append(
            make_row(group=group, hardware=device, metric="prefill", isl="512", value=str(rate * (0.5 + at % 3)))
        )
    for at in range(8):
        served: dict[str, Any] = {"group": f"g{at % 3}", "hardware": "h100_sxm", "engine": "vllm", "precision": "bf16",
                                  "batch_or_concurrency": str(2**at), "isl": "1000", "osl": "500",
                                  "parallel": "tp1pp1dp1mtp1ep1", "unit": "ms"}  # fmt: skip
        rows.append(make_row(**served, metric="tpot", value=str(8 + 0.3 * 2**at)))
        rows.append(make_row(**served, metric="ttft", value=str(80 + 20 * at)))
    return rows


def test_the_same_rows_give_the_same_file_and_it_can_be_read(tmp_path: Path) -> None:
    placed = read_rows(write_folder(tmp_path, many_rows()))

    texts = [written(calibrate(placed.rows, "2026-01-02", "rows")) for _ in range(2)]

    assert texts[0] == texts[1]
    path = tmp_path / "efficiencies.toml"
    path.write_text(texts[0])
    assert load_efficiencies(path).local_step.rows == 12


def test_calibrating_from_the_command_line_says_what_was_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path, [*many_rows(), make_row(hardware="abacus")])
    out = tmp_path / "found.toml"
    monkeypatch.setattr(sys, "argv", ["fit_calibrate.py", str(tmp_path), "--date", "2026-01-02", "--out", str(out)])

    calibrate_main()

    printed = capsys.readouterr().out
    assert "40 of 41 rows placed" in printed
    assert load_efficiencies(out).date == "2026-01-02"


def test_another_folder_is_judged_by_the_shipped_factors(tmp_path: Path) -> None:
    found = measure(write_folder(tmp_path, [*many_rows(), make_row(hardware="abacus")]))

    decode: Any = found["decode"]
    assert decode["n"] == 20
    assert set(decode) == {"n", "median", "p90", "coverage80"}
    assert found["skipped"] == {"device 'abacus' is not known": 1}
    assert defaultdict(int, found)["placed"] == 40
