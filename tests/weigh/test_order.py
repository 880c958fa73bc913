"""`--order discordant`, as a user meets it: fewer items on which earlier candidates agreed, every figure weighted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from run_factory import write_task

from weighbridge.cli.main import main
from weighbridge.stats import Rule, compare_groups
from weighbridge.stats.draws import by_weight, thin
from weighbridge.stats.groups import Weighing
from weighbridge.stats.outcomes import PairSums
from weighbridge.weigh.replay import replay

BACKENDS = {name: {"settings": {"skill": skill}} for name, skill in (("good", 0.85), ("bad", 0.6))}
EARLIER = {name: {"settings": {"skill": skill, "seed": 7}} for name, skill in (("old1", 0.7), ("old2", 0.5))}


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weigh", *map(str, arguments)])


def result(*arguments: object) -> dict[str, Any]:
    found = run(*arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def task_with_history(folder: Path) -> Path:
    """A task that two earlier candidates have answered in full."""
    task = write_task(folder, BACKENDS | EARLIER, items=200)
    result(task, "--candidates", "old1,old2", "--min-items", 200)
    return task


def write_results(path: Path, columns: Mapping[str, Sequence[float]], ids: str = "i{}") -> Path:
    """A wide table with a row for each item."""
    rows = zip(*columns.values(), strict=True)
    lines = (f"{ids.format(n)},{','.join(map(str, row))}" for n, row in enumerate(rows))
    path.write_text("\n".join([",".join(["item", *columns]), *lines]) + "\n")
    return path


def hard_table(path: Path) -> tuple[Path, float]:
    """Four candidates in a table; two of them know which items are hard, where `a` is mostly wrong. Its true mean."""
    rng = np.random.default_rng(0)
    hard = np.arange(240) % 3 == 0
    a = rng.random(240) < np.where(hard, 0.2, 0.9)
    b = rng.random(240) < np.where(hard, 0.3, 0.9)
    columns = {"a": a, "b": b, "old1": hard, "old2": np.zeros(240), "old3": ~hard | (np.arange(240) % 2 == 0)}
    return write_results(path, {name: column.astype(int).tolist() for name, column in columns.items()}), float(a.mean())


@pytest.mark.parametrize("scope", ["work", "items"])
def test_the_score_is_of_all_items_though_hard_ones_come_up_more_often(tmp_path: Path, scope: str) -> None:
    """150 orders stopped after 70 items, against the mean over the whole table; tolerance three standard errors."""
    table, truth = hard_table(tmp_path / "t.csv")
    rule = Rule(scope=scope, min_items=240, futility=False)  # type: ignore[arg-type]

    seen = []
    for seed in range(150):
        found = replay(table, ("a", "b"), rule=rule, seed=seed, max_items=70, discordant=True)
        seen.append((found.candidates[0].score or 0.0) - truth)

    assert abs(np.mean(seen)) < 3 * np.std(seen) / 150**0.5


def test_a_replay_says_what_its_order_went_by(tmp_path: Path) -> None:
    table, _ = hard_table(tmp_path / "t.csv")

    order = result("--replay", table, "--candidates", "a,b", "--order", "discordant")["order"]

    assert order["earlier"] == ["old1", "old2", "old3"]
    assert (order["kind"], order["source"], order["predicted_items"]) == ("discordant", "t.csv", 240)
    assert order["drawn"] > order["passed_over"] > 0
    assert 0 < order["effective"] <= order["drawn"] - order["passed_over"]
    assert "order" not in result("--replay", table, "--candidates", "a,b")


def test_earlier_answers_in_the_ledger_tell_where_candidates_differ(tmp_path: Path) -> None:
    task = task_with_history(tmp_path / "task")

    found = result(task, "--candidates", "good,bad", "--order", "discordant")

    assert found["verdict"]["winner"] == "good"
    assert found["order"]["source"] == "ledger"
    assert found["order"]["earlier"] == ["old1", "old2"]
    assert found["calls_full"] == 400
    page = Path(found["report"]).read_text()
    assert "Items on which earlier candidates differed came up more often" in page
    assert "What a thousand items would cost is not told" in page


def test_a_run_goes_on_in_the_order_it_began_with(tmp_path: Path) -> None:
    """What others answer meanwhile would change the predictions, and paid answers would lie elsewhere in the order."""
    task = write_task(tmp_path / "task", BACKENDS | EARLIER | {"old3": {"settings": {"skill": 0.4}}}, items=200)
    result(task, "--candidates", "old1,old2", "--min-items", 200)
    asked = (task, "--candidates", "good,bad", "--order", "discordant", "--scope", "items", "--min-items", 200)
    first = result(*asked, "--max-items", 40)
    result(task, "--candidates", "old3,old1", "--min-items", 200)

    whole = result(*asked)
    other_seed = result(*asked, "--seed", 1)

    assert first["order"]["earlier"] == whole["order"]["earlier"] == ["old1", "old2"]
    assert other_seed["order"]["earlier"] == ["old1", "old2", "old3"]
    assert [one["calls"] for one in whole["candidates"]] == [200, 200]
    assert sent_now(whole) == 2 * (200 - 40)


def sent_now(found: dict[str, Any]) -> int:
    """Calls of this start of the run, as its report says."""
    (shown,) = re.findall(r"sent now&quot;: (\d+)", Path(found["report"]).read_text())
    return int(shown)


def test_recorded_results_can_be_named_and_those_weighed_are_left_out(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", BACKENDS, items=200)
    columns = {name: [(n * step) % 7 < 4 for n in range(200)] for name, step in (("x", 1), ("y", 3), ("good", 2))}
    table = write_results(tmp_path / "old.csv", {name: [int(one) for one in c] for name, c in columns.items()})

    found = result(task, "--order", "discordant", "--earlier", table)

    assert (found["order"]["earlier"], found["order"]["source"]) == (["x", "y"], str(table))


def test_a_path_in_the_task_counts_from_its_folder(tmp_path: Path) -> None:
    weigh = {"order": "discordant", "earlier": "old.csv"}
    task = write_task(tmp_path / "task", BACKENDS, items=200, weigh=weigh)
    write_results(
        task / "old.csv", {name: [int(n % step == 0) for n in range(200)] for name, step in (("x", 2), ("y", 3))}
    )

    assert result(task)["order"]["predicted_items"] == 200


def test_clusters_are_drawn_whole(tmp_path: Path) -> None:
    task = task_with_history(tmp_path / "task")
    rows = [json.loads(line) for line in (task / "items.jsonl").read_text().splitlines()]
    lines = (json.dumps(row | {"doc": n // 4}) for n, row in enumerate(rows))
    (task / "items.jsonl").write_text("\n".join(lines) + "\n")

    found = result(task, "--candidates", "good,bad", "--order", "discordant", "--cluster", "doc")

    assert found["order"]["unit"] == "clusters"
    assert found["items"] == 4 * (found["order"]["drawn"] - found["order"]["passed_over"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(("--order", "discordant"), "only 'old1' has scores", id="one-earlier-candidate-tells-nothing"),
        pytest.param(("--order", "discordant", "--goal", "near-best"), "near-best", id="a-forecast"),
        pytest.param(("--order", "discordant", "--repeats", "2"), "repeats", id="repeats"),
        pytest.param(("--earlier", "x.csv"), "--order discordant", id="earlier-without-order"),
        pytest.param(("--order", "discordant", "--earlier", "no.csv"), "no.csv", id="no-such-file"),
    ],
)
def test_what_cannot_be_weighted_is_refused_before_a_call(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    task = write_task(tmp_path / "task", BACKENDS | EARLIER, items=50)
    result(task, "--candidates", "good,old1", "--max-items", 20)

    found = run(
        task, "--candidates", "good,bad", *(option.replace("no.csv", str(tmp_path / "no.csv")) for option in options)
    )

    assert found.exit_code in (1, 2)
    assert said in found.output


def test_results_on_other_items_predict_nothing_and_say_so(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", BACKENDS, items=50)
    table = write_results(tmp_path / "old.csv", {"x": [1, 0], "y": [0, 1]}, ids="other{}")

    found = run(task, "--order", "discordant", "--earlier", table)

    assert found.exit_code == 1
    assert "other0, other1" in found.output
    assert "i0, i1, i2" in found.output


@pytest.mark.parametrize("mode", ["--from", "--arena"])
def test_it_goes_with_nothing_that_draws_no_items_for_a_verdict(tmp_path: Path, mode: str) -> None:
    table, _ = hard_table(tmp_path / "t.csv")
    task = write_task(tmp_path / "task", BACKENDS, items=20)

    found = run(*((mode, table) if mode == "--from" else (task, mode)), "--order", "discordant")

    assert found.exit_code == 2
    assert "--order" in found.output


def test_a_damaged_order_is_not_replaced_in_silence(tmp_path: Path) -> None:
    task = task_with_history(tmp_path / "task")
    result(task, "--candidates", "good,bad", "--order", "discordant", "--max-items", 20)
    (path,) = (tmp_path / "data" / "weighbridge" / "orders").iterdir()
    path.write_text('{"source": ')

    found = run(task, "--candidates", "good,bad", "--order", "discordant")

    assert found.exit_code == 1
    assert path.name in found.output.replace("\n", "")


def test_groups_and_costs_are_weighted_like_scores() -> None:
    """Sums done by hand: an item that counts twice is there twice."""
    _, draws = thin(np.full(4, 0.2), np.zeros(4))
    draws = type(draws)(np.array([2.0, 1.0, 1.0, 2.0]), np.full(4, 2.0), draws.clock, draws.passed, 6)
    rows = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    places = {"x": np.array([0, 1]), "y": np.array([2, 3])}

    x, y = compare_groups(("a", "b"), {"x": rows[:2], "y": rows[2:]}, 0.05, Weighing(draws, Rule(), places, (4, 4)))
    sums = PairSums(2)
    for usd, weight in (((4.0, 1.0), 2.0), ((1.0, 1.0), 1.0)):
        sums.add(usd, weight)
    (pair,) = sums.differences(("a", "b"), 0, total=2)

    assert x.means == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    assert y.means == pytest.approx({"a": 1 / 3, "b": 1 / 3})
    assert (pair.first_mean, pair.second_mean, pair.difference) == pytest.approx((3.0, 1.0, 2.0))


@pytest.mark.parametrize("leaves", [False, True], ids=["asked-to-the-end", "asked-until-one-is-behind"])
def test_on_a_finite_set_evidence_about_a_group_is_not_expected_to_grow(*, leaves: bool) -> None:
    """Exact, over every order with its probability: three of five items are in the group, and nobody is ahead there.
    A candidate that is asked no more once it lost an item does not score alike on those left."""
    gaps, inside = np.array([1.0, -1.0, 0.0, 1.0, 1.0]), np.array([True, True, True, False, False])
    discordance = np.array([0.5, 0.02, 0.1, 0.3, 0.05])
    expected = 0.0
    for order in permutations(range(5)):
        uniform = np.empty(5)
        uniform[list(order)] = np.exp(-(4.0 ** np.arange(5)))
        drawn, draws = by_weight(discordance, uniform)
        chance = float(np.prod(1.0 / draws.weight / np.arange(5, 0, -1)))
        places = np.flatnonzero(inside[drawn])
        gap = gaps[drawn][places]
        rows = np.column_stack([np.maximum(gap, 0.0), np.maximum(-gap, 0.0)])
        end = int(places[gap > 0][0]) + 1 if leaves else 5
        rows[places >= end, 1] = np.nan
        weighing = Weighing(draws, Rule(scope="items"), {"g": places}, (5, end))
        (one,) = compare_groups(("a", "b"), {"g": rows.tolist()}, 0.05, weighing)
        expected += chance * 2 * one.evidence  # evidence of one of two that could have been picked

    assert expected <= 2.0 + 1e-9


def test_a_check_names_what_does_not_go_with_the_order(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", BACKENDS, items=20, weigh={"order": "discordant", "repeats": 3})
    idle = write_task(tmp_path / "idle", BACKENDS, items=20, weigh={"earlier": "old.csv"})

    first, second = run(task, "--check"), run(idle, "--check")

    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "task.toml: weigh.order" in first.output
    assert "`repeats` is 3" in first.output
    assert "nothing goes by it" in second.output


@pytest.mark.parametrize("mode", ["--check", "--estimate"])
def test_what_is_said_before_a_run_is_of_the_run_that_the_options_ask_for(tmp_path: Path, mode: str) -> None:
    """A check that looks at the file alone finds nothing wrong with a run that is then refused."""
    task = write_task(tmp_path / "task", BACKENDS, items=20)

    found = run(task, "--order", "discordant", "--repeats", "3", mode)
    misspelt = run(task, "--candidates", "god,bad", mode)

    assert found.exit_code == 1
    assert "`repeats` is 3" in found.output
    assert misspelt.exit_code == 2
    assert "Did you mean 'good'?" in misspelt.output
