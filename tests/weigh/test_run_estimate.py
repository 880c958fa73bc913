"""An estimate says what a run would take before anything runs, and what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from run_factory import EQUAL, run_folder, write_task

from weighbridge.ledger import Ledger
from weighbridge.weigh.plan import Estimate, estimate
from weighbridge.weigh.task import load_task

HOSTED = {
    "kind": "openai",
    "base_url": "https://models.example/v1",
    "price": {"input": 1.0, "output": 4.0},
    "concurrency": 2,
}


def plan(folder: Path, data: Path) -> Estimate:
    task = load_task(folder)
    with Ledger(data) as ledger:
        found = estimate(task, ledger, 0)
    task.close()
    return found


def with_answer(folder: Path, lines: str) -> Path:
    toml = folder / "task.toml"
    toml.write_text(toml.read_text().replace("[[score]]", f"[answer]\n{lines}\n[[score]]", 1))
    return folder


def test_nothing_is_started_asked_or_recorded(tmp_path: Path) -> None:
    """The hosted backend does not exist."""
    found = plan(write_task(tmp_path / "task", {"far": HOSTED, "here": {}}, items=50), tmp_path / "data")

    assert (found.items, found.calls) == (50, 100)
    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "far").answered == 0


def test_hosts_that_items_leave_for_are_announced_by_name(tmp_path: Path) -> None:
    loopback = {**HOSTED, "base_url": "http://127.0.0.1:8000/v1"}
    folder = write_task(tmp_path / "task", {"far": HOSTED, "near": loopback, "here": {}}, items=5)

    found = plan(folder, tmp_path / "data")

    assert found.hosts == {"models.example": ("far",)}
    assert "Items leave this machine for models.example (far)." in str(found)
    assert "No item leaves this machine." in str(plan(write_task(tmp_path / "b", EQUAL, items=5), tmp_path / "data"))


def test_tokens_come_from_the_length_of_the_prompts_with_an_interval(tmp_path: Path) -> None:
    """`xxxx... answer=l0` is 409 bytes: 100 tokens at 4 bytes, 80 at 5.1, 227 at 1.8."""
    folder = write_task(tmp_path / "task", {"far": HOSTED, "here": {}}, items=10, text=lambda number: "x" * 399)

    amount = plan(folder, tmp_path / "data").candidates[0].tokens_in

    assert amount.kind == "estimated"
    assert (amount.value, amount.low, amount.high) == pytest.approx((1022.5, 4090 / 5.1, 4090 / 1.8))


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        ("sampling = { max_tokens = 30 }", 300),
        ('choose = "grammar"\n[[answer.choices]]\nname = "label"\nlabels = ["l0", "longest", "l2"]', 70),
        ("", None),
    ],
)
def test_answers_are_limited_by_max_tokens_or_labels_or_unknown(tmp_path: Path, answer: str, most: int | None) -> None:
    folder = with_answer(write_task(tmp_path / "task", {"far": HOSTED, "here": {}}, items=10), answer)
    if "choices" in answer:
        items = folder / "items.jsonl"
        items.write_text(items.read_text().replace('"l1"', '"l0"').replace('"l3"', '"l0"').replace('"l4"', '"l0"'))

    one = plan(folder, tmp_path / "data").candidates[0]

    assert (one.tokens_out and one.tokens_out.high) == most
    assert (one.usd is None) == (most is None)
    if most is not None and one.usd is not None:
        assert one.usd.high == pytest.approx((one.tokens_in.high + 4.0 * most) / 1e6)


def test_without_a_price_the_cost_is_unknown_and_so_is_the_sum(tmp_path: Path) -> None:
    folder = with_answer(
        write_task(tmp_path / "task", {"far": HOSTED, "here": {}}, items=10), "sampling = { max_tokens = 5 }"
    )

    found = plan(folder, tmp_path / "data")

    assert found.candidates[0].usd is not None
    assert (found.candidates[1].usd, found.usd, found.seconds) == (None, None, None)
    assert "cost        unknown" in str(found)


def test_earlier_answers_replace_guesses(tmp_path: Path) -> None:
    backends: dict[str, dict[str, Any]] = {name: {"price": {"input": 1.0, "output": 4.0}} for name in EQUAL}
    folder = write_task(tmp_path / "task", backends, items=40, weigh={"futility": False, "max_items": 20})
    report = run_folder(folder, tmp_path / "data")
    measured = report.result.candidates[0]

    one = plan(folder, tmp_path / "data").candidates[0]

    assert (one.answered, one.calls) == (20, 20)
    assert one.tokens_in.kind == "measured"
    assert one.tokens_in.value == pytest.approx(measured.tokens_in)
    assert one.usd is not None
    assert one.usd.value == pytest.approx(measured.cost_usd)
    assert one.seconds is not None


def test_an_estimate_is_one_json_object(tmp_path: Path) -> None:
    found = plan(write_task(tmp_path / "task", {"far": HOSTED, "here": {}}, items=5), tmp_path / "data")

    decoded = msgspec.json.decode(msgspec.json.encode(found))

    assert decoded["calls"] == 10
    assert decoded["candidates"][0]["host"] == "models.example"
