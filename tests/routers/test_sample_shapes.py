"""Samples in the shapes that people have: one and the same table, however it was written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routed_samples import rows, write
from weighbridge.cli.main import main
from weighbridge.errors import InputError, UsageError, WeighbridgeError
from weighbridge.routers import Places, Samples, read_samples

Items = list[dict[str, Any]]


def items() -> Items:
    found = rows(80)
    for number, item in enumerate(found):
        item |= {"small.usd": 0.001, "small.input_tokens": 10 + number, "small.output_tokens": 5}
    return found


def read(path: Path, **places: Any) -> Samples:
    return read_samples(Places(path, **places), ("small",), "big")


def as_json_lines(path: Path, found: Items) -> Path:
    target = path / "s.jsonl"
    target.write_text("".join(json.dumps(item) + "\n" for item in found))
    return target


def as_nested_json(path: Path, found: Items) -> Path:
    """One object for each model."""
    target = path / "nested.jsonl"
    with target.open("w") as file:
        for item in found:
            small = {name.removeprefix("small."): item[name] for name in item if name.startswith("small.")}
            nested = {"prompt": item["prompt"], "big": item["big"], "small": {**small, "score": bool(item["small"])}}
            file.write(json.dumps(nested) + "\n")
    return target


def as_parquet(path: Path, found: Items) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(found), path / "s.parquet")
    return path / "s.parquet"


def as_tabs(path: Path, found: Items) -> Path:
    with (path / "s.tsv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(found[0]), delimiter="\t")
        table.writeheader()
        table.writerows(found)
    return path / "s.tsv"


def as_router_bench(path: Path, found: Items) -> Path:
    """As RouterBench's wide tables name their columns."""
    names = {"small.answer": "small|model_response", "small.usd": "small|total_cost", "item": "sample_id"}
    return write(path / "bench.csv", [{names.get(name, name): item[name] for name in item} for item in found])


def as_long(path: Path, found: Items) -> Path:
    """A row for each item and model, in no order; one model nobody asks for."""
    lines = []
    for item in found:
        said = {"answer": item["small.answer"], "cost": 0.001, "chars": item["small.chars"]}
        said |= {"prompt_tokens": item["small.input_tokens"], "completion_tokens": 5}
        about = {"id": item["item"], "query": item["prompt"]}
        lines.append({**about, "model_name": "big", "correct": item["big"]})
        lines.append({**about, "model_name": "small", "correct": item["small"], **said})
        lines.append({**about, "model_name": "other", "correct": 7})
    path = path / "long.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    "shape",
    [as_json_lines, as_nested_json, as_parquet, as_tabs, as_router_bench, as_long],
    ids=lambda made: made.__name__,
)
def test_every_shape_says_the_same(tmp_path: Path, shape: Callable[[Path, Items], Path]) -> None:
    found = items()
    wanted = read(write(tmp_path / "s.csv", found))

    got = read(shape(tmp_path, found))

    assert got.prompts == wanted.prompts
    assert got.answers == wanted.answers
    for name in ("small", "big"):
        assert got.scores[name].tolist() == wanted.scores[name].tolist()
    assert got.usd["small"].tolist() == [0.001] * 80
    if shape is not as_router_bench:
        assert got.chars["small"].tolist() == wanted.chars["small"].tolist()
    assert got.input_tokens["small"].tolist() == list(range(10, 90))


def test_further_rows_of_a_model_are_further_answers(tmp_path: Path) -> None:
    lines = [
        {"item": n, "prompt": f"p{n}", "model": model, "score": 1, "answer": f"{model}{k}"}
        for n in range(3)
        for model in ("small", "big")
        for k in range(3)
    ]

    found = read_samples(Places(write(tmp_path / "l.csv", lines)), ("small", "small#2", "small#3"), "big")

    assert found.rows == 3
    assert [found.answers[name][1] for name in ("small", "small#2", "small#3")] == ["small0", "small1", "small2"]


def test_a_model_that_a_long_table_does_not_speak_of_is_told(tmp_path: Path) -> None:
    lines = [{"prompt": "p", "model": model, "score": 1} for model in ("smal", "big")]

    with pytest.raises(UsageError, match="no row is about the model 'small'") as caught:
        read(write(tmp_path / "l.csv", lines))
    assert "Did you mean 'smal'?" in str(caught.value)
    nameless = [{"text": "p", "model": "small", "score": 1}]
    with pytest.raises(UsageError, match="no column says which item"):
        read(write(tmp_path / "n.csv", nameless))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[1]\n", "no JSON object"),
        ('{"prompt": "a"\n', "not readable as JSON"),
        ("", "the table is empty"),
        ('{"prompt": "a", "small": 2, "big": 1}\n', "not a score from 0 to 1"),
        ('{"prompt": "a", "small": [1], "big": 1}\n', "not a score from 0 to 1"),
    ],
)
def test_json_lines_that_are_wrong_are_told_with_their_place(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(text)

    with pytest.raises(InputError, match=what) as caught:
        read(path)
    assert str(caught.value.where).startswith("s.jsonl")


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["prompt", "small", "big", "model", "score"])
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner)


PLAIN = st.none() | st.booleans() | st.floats() | st.text(max_size=9)
LINES = st.recursive(PLAIN, nested, max_leaves=12).map(lambda value: json.dumps(value).encode())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | LINES)
def test_whatever_json_lines_hold_they_are_read_or_explained(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(b'{"prompt": "a", "small": 1, "big": 1}\n' + data)

    try:
        found = read(path)
    except WeighbridgeError:
        return
    assert len(found) + found.left_out == found.rows


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_parquet_file_that_is_none_is_told(tmp_path: Path, data: bytes) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "s.parquet"
    path.write_bytes(data)

    with pytest.raises(InputError, match="not readable as Parquet"):
        read(path)


def route(*args: object) -> Result:
    return CliRunner().invoke(main, ["route", *map(str, args)])


def counted(tmp_path: Path, **changed: Any) -> Path:
    found = rows(400)
    for item in found:
        item |= {"small.input_tokens": 1000, "small.output_tokens": 200, "big.input_tokens": 1000}
        item |= {"big.output_tokens": 500, **changed}
    return write(tmp_path / "s.csv", found)


def test_tokens_and_prices_make_dollars(tmp_path: Path) -> None:
    common = ("train", counted(tmp_path), "--weak", "small", "--strong", "big", "--keep", 0.8, "--json")
    common = (*common, "--method", "ridge", "--out", tmp_path / "r.json")

    both = json.loads(route(*common, "--price", "small=0.1/0.4", "--price", "big=2.5/10").output)
    assert json.loads(route(*common, "--price", "small=0.1/0.4,big=2.5/10").output) == both
    one = json.loads(route(*common, "--price", "big=2.5/10").output)

    saved = both["promise"]["saved"]
    assert both["spending"]["always_strong"] == pytest.approx(0.0025 + 0.005)
    assert both["spending"]["routed"] == pytest.approx(saved * (0.0001 + 0.00008) + (1 - saved) * 0.0075)
    assert (both["spending"]["unpriced"], one["spending"]["unpriced"]) == ([], ["small"])
    assert one["spending"]["routed"] is None
    made = json.loads((tmp_path / "r.json").read_text())
    assert made["costs"] == {"small": None, "big": pytest.approx(0.0075)}
    assert made["provenance"]["prices"] == {"big": "$2.5 and $10 a million tokens"}

    page = route(*(part for part in common if part != "--json"), "--price", "big=2.5/10").output
    assert "Money: unknown, for the cost of small is" in page


def test_an_offer_of_the_catalogue_prices_tokens_and_is_written_down(tmp_path: Path) -> None:
    said = route(
        *("train", counted(tmp_path), "--weak", "small", "--strong", "big", "--keep", 0.8, "--method", "ridge"),
        *("--price", "small=Qwen/Qwen2.5-72B-Instruct@siliconflow", "--price", "big=2.5/10"),
        *("--out", tmp_path / "r.json", "--json"),
    )

    assert said.exit_code == 0, said.output
    made = json.loads((tmp_path / "r.json").read_text())
    assert made["costs"]["small"] > 0
    assert made["provenance"]["prices"]["small"].startswith("Qwen/Qwen2.5-72B-Instruct at siliconflow: $")


@pytest.mark.parametrize(
    ("price", "what"),
    [
        ("small=Qwen/Qwen2.5-72B-Instruct", "whose price"),
        ("small=Qwen/Qwen2.5-72B-Instruct@siliconflo", "Did you mean 'siliconflow'?"),
        ("small=no such model at all@openai", "no such model"),
        ("smal=1/2", "Did you mean 'small'?"),
        ("small=-1/2", "no price"),
        ("small=$0.1/0.4", "no price"),
        ("small=01-ai/Yi-nowhere@siliconflow", "no one model is called"),
        ("small", "no price"),
    ],
)
def test_a_price_that_is_none_is_told(tmp_path: Path, price: str, what: str) -> None:
    said = route(
        *("train", counted(tmp_path), "--weak", "small", "--strong", "big", "--keep", 0.8, "--price", price),
        *("--out", tmp_path / "r.json"),
    )

    assert said.exit_code == 2
    assert what in said.output


def test_a_price_without_counted_tokens_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(100))

    said = route("train", path, "--weak", "small", "--strong", "big", "--keep", 0.8, "--price", "small=1/2")

    assert said.exit_code == 2
    assert "small.input_tokens" in said.output


def test_a_call_whose_tokens_were_not_counted_has_no_known_cost(tmp_path: Path) -> None:
    path = counted(tmp_path)
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace(",1000,500", ",,500")
    path.write_text("\n".join(lines))

    found = json.loads(
        route(
            *("train", path, "--weak", "small", "--strong", "big", "--keep", 0.8, "--method", "ridge", "--json"),
            *("--price", "small=0.1/0.4", "--price", "big=2.5/10", "--out", tmp_path / "r.json"),
        ).output
    )

    assert found["spending"]["saved"] is None or np.isfinite(found["spending"]["saved"])
    assert json.loads((tmp_path / "r.json").read_text())["costs"]["big"] is None
