"""Items that belong together are drawn together and counted once, so that a claim about work is not too strong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from run_factory import EQUAL, run_folder, write_task

from weighbridge.cli.main import main
from weighbridge.errors import InputError
from weighbridge.stats import Rule
from weighbridge.weigh.clusters import draw_clusters
from weighbridge.weigh.drawing import Drawing, cluster_scores

NAN = math.nan


def with_clusters(folder: Path, of: int) -> Path:
    """Gives each item of a task's file the number of a document, `of` items each."""
    file = folder / "items.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**row, "document": n // of}) + "\n" for n, row in enumerate(rows)))
    return folder


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 5), st.none() | st.integers(1, 70))
def test_clusters_are_drawn_whole_each_item_once(labels: list[int], seed: int, at_most: int | None) -> None:
    numbers = np.unique(labels, return_inverse=True)[1]

    drawn = draw_clusters(numbers, seed, at_most)

    order = drawn.order.tolist()
    assert len(set(order)) == len(order)
    assert drawn.clusters == len(set(labels))
    ends = np.flatnonzero(drawn.last).tolist()
    assert ends[-1] == len(order) - 1
    begin = 0
    for end in ends:
        [number] = {int(numbers[place]) for place in order[begin : end + 1]}
        assert sorted(order[begin : end + 1]) == np.flatnonzero(numbers == number).tolist()
        begin = end + 1
    if at_most is None:
        assert sorted(order) == list(range(len(labels)))
    else:
        assert len(order) <= max(at_most, ends[0] + 1)


def test_a_cluster_scores_the_mean_of_what_all_have_a_score_for() -> None:
    assert cluster_scores([[1.0, 0.0], [0.0, NAN], [0.0, 1.0]]) == [0.5, 0.5]
    assert cluster_scores([[1.0, NAN, 0.0], [0.0, NAN, 0.0]])[::2] == [0.5, 0.0], "one that is out is not waited for"
    assert all(math.isnan(score) for score in cluster_scores([[NAN, NAN]]))


@pytest.mark.slow
def test_counting_clusters_keeps_the_error_rate_that_counting_items_breaks() -> None:
    """Equal candidates; in each document of ten items one of them gets all ten by luck."""
    rng = np.random.default_rng(4)
    runs, wrong = 120, {"items": 0, "clusters": 0}
    for _ in range(runs):
        lucky = np.repeat(rng.random(60) < 0.5, 10)
        scores = np.column_stack([lucky, ~lucky]).astype(float)
        order, last = np.arange(600, dtype=np.uint32), np.arange(1, 601) % 10 == 0
        for unit in wrong:
            rule = Rule(alpha=0.1, futility=False, cluster="document" if unit == "clusters" else None)
            drawing = Drawing(("a", "b"), rule, order, last=last if unit == "clusters" else None)
            for place in range(600):
                drawing.land(place, scores[place].tolist())
            wrong[unit] += drawing.finish().winner is not None

    assert wrong["clusters"] / runs <= 0.1 + 3 * (0.09 / runs) ** 0.5
    assert wrong["items"] / runs > 0.3, "the example is no example"


def test_a_run_counts_clusters_and_says_so(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "task", items=200, weigh={"cluster": "document"})

    report = run_folder(with_clusters(folder, 4), tmp_path / "data")

    assert report.result.verdict.winner == "good"
    assert report.result.items % 4 == 0
    assert report.comparisons[0].items == report.result.items // 4
    assert report.comparisons[0].items < 50
    assert "clusters." in report.result.verdict.reason


def test_a_limit_on_items_keeps_clusters_whole(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "task", EQUAL, items=60, weigh={"cluster": "document", "max_items": 23})

    report = run_folder(with_clusters(folder, 10), tmp_path / "data")

    assert report.result.items in {10, 20}


def test_an_item_that_belongs_to_nothing_is_named(tmp_path: Path) -> None:
    folder = with_clusters(write_task(tmp_path / "task", items=20, weigh={"cluster": "documnt"}), 4)

    with pytest.raises(InputError) as caught:
        run_folder(folder, tmp_path / "data")

    said = str(caught.value)
    assert "items.jsonl:1" in said or "items.jsonl:1" in (caught.value.where or "")
    assert "documnt" in said
    assert "document" in f"{said} {caught.value.next_move}"


def recorded(path: Path, documents: int = 40, each: int = 10) -> Path:
    """A table in which all items of a document go to one candidate; a is ahead by luck."""
    wins = np.random.default_rng(0).permutation(np.arange(documents) < 0.6 * documents)
    rows = [f"i{n},doc{n // each},{int(wins[n // each])},{int(not wins[n // each])}" for n in range(documents * each)]
    path.write_text("\n".join(["item,document,a,b", *rows]) + "\n")
    return path


def test_recorded_results_are_counted_by_cluster_too(tmp_path: Path) -> None:
    table = recorded(tmp_path / "scores.csv")
    options = ["weigh", "--from", str(table), "--json", "--report", str(tmp_path / "r.html")]

    items = json.loads(CliRunner().invoke(main, options).stdout)
    clusters = json.loads(CliRunner().invoke(main, [*options, "--cluster", "document"]).stdout)

    assert items["verdict"]["decision"] == "winner", "four hundred items look certain"
    assert clusters["verdict"]["decision"] == "undecided", "forty documents are not"
    assert clusters["items"] == 400
    assert not any(group["tag"] == "document" for group in clusters.get("groups", {}).get("groups", []))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "scores.csv", "--cluster", "documnt"], "Did you mean 'document'"),
        (["--replay", "scores.csv", "--candidates", "a,b", "--cluster", "document"], "a table of scores has not"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    recorded(tmp_path / "scores.csv")
    options = [str(tmp_path / one) if one.endswith(".csv") else one for one in options]

    done = CliRunner().invoke(main, ["weigh", *options])

    assert done.exit_code in {1, 2}
    assert said in done.stderr


def test_an_item_of_a_table_without_a_cluster_is_named(tmp_path: Path) -> None:
    table = recorded(tmp_path / "scores.csv")
    table.write_text(table.read_text().replace("i7,doc0", "i7,"))

    done = CliRunner().invoke(main, ["weigh", "--from", str(table), "--cluster", "document"])

    assert done.exit_code == 1
    assert "1 of 400 items have no 'document'" in done.stderr
    assert "'i7'" in done.stderr
