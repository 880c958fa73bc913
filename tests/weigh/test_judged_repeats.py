"""Several answers to an item, each of them judged: what counts, what is asked for, what people's labels are about."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from run_factory import run_folder
from stub_judges import Bench, sound, write_judged

from weighbridge.chat import ChatRequest, Piece
from weighbridge.cli.main import main
from weighbridge.engines import Engine
from weighbridge.engines.echo import EchoEngine

SAYS = {"moody": "quality 8 of {n}", "steady": "quality 5 of {n}"}
ONE = {"judges": ["judge"], "probes": 0}
ALL = {"min_items": 30, "repeats": 2}


class Moody(EchoEngine):
    """Says `quality 8` to a question first and `quality 4` to it from then on; counts what it is asked."""

    def __init__(self, record: Any) -> None:
        super().__init__(record)
        self.asked: Counter[str] = Counter()

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        said = str(request.messages[-1].content)
        self.asked[said] += 1
        if self.asked[said] > 1:
            other = msgspec.structs.replace(request.messages[-1], content=said.replace("quality 8", "quality 4"))
            request = msgspec.structs.replace(request, messages=(*request.messages[:-1], other))
        async for piece in super().answer(request):
            yield piece


class MoodyBench(Bench):
    """Judges, one moody candidate and steady ones."""

    def __call__(self, record: Any) -> Engine:
        return Moody(record) if record.name == "moody" else super().__call__(record)


def weigh_moody(tmp_path: Path, options: dict[str, Any], bench: Bench | None = None) -> Any:
    folder = tmp_path / "task"
    if not folder.exists():
        write_judged(folder, SAYS, {**ONE, **options}, items=30, weigh=ALL)
    return run_folder(folder, tmp_path / "weighbridge", make=bench or MoodyBench({"judge": sound}))


def test_an_items_score_is_the_mean_of_what_the_judge_gives_each_answer(tmp_path: Path) -> None:
    bench = MoodyBench({"judge": sound})

    report = weigh_moody(tmp_path, {}, bench)

    moody, steady = report.result.candidates
    assert (moody.score, steady.score) == (pytest.approx((7 + 3) / 2 / 9), pytest.approx(4 / 9))
    assert report.result.calls_used == report.result.calls_full == 120
    assert bench.asked == 90, "30 items: two different answers of one candidate, and one that comes twice"
    assert [one.flaky for one in report.result.repeats] == [30, 0]
    assert report.items[0].samples[0].note == "mean of 2 answers; the first is shown. judge: 8 (because)"


def test_of_pairs_each_repeat_is_held_against_the_same_repeat_of_the_other(tmp_path: Path) -> None:
    """8 beats 5, and 4 loses to it: one half each, whichever order the answers came in."""
    bench = MoodyBench({"judge": sound})

    report = weigh_moody(tmp_path, {"mode": "pairwise"}, bench)

    assert [one.score for one in report.result.candidates] == [pytest.approx(0.5), pytest.approx(0.5)]
    assert bench.asked == 120, "two repeats of 30 pairs, both orders"
    assert [one.flaky for one in report.result.repeats] == [30, 30]
    assert report.result.judging[0].judges[0].first_share == pytest.approx(0.5)


@pytest.mark.parametrize("mode", ["graded", "pairwise"])
def test_the_same_command_again_judges_nothing_again(tmp_path: Path, mode: str) -> None:
    one = weigh_moody(tmp_path, {"mode": mode})
    bench = MoodyBench({"judge": sound})

    two = weigh_moody(tmp_path, {"mode": mode}, bench)

    assert bench.asked == 0
    assert two.result.verdict == one.result.verdict
    assert two.result.candidates[0].score == one.result.candidates[0].score


@pytest.mark.parametrize(("mode", "column"), [("graded", "answer"), ("pairwise", "answer_a")])
def test_people_label_first_answers_and_correct_what_judges_say_of_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, column: str
) -> None:
    """A second answer is another text: its score is no judgement of what somebody labelled."""
    weigh_moody(tmp_path, {"mode": mode})
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder, drawn = tmp_path / "task", tmp_path / "task" / "labels.csv"

    said = CliRunner().invoke(main, ["judge", "sample", str(folder), "--count", "30", "--out", str(drawn)])

    assert said.exit_code == 0, said.output
    with drawn.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not [row for row in rows if "quality 4" in row[column]]
    for row in rows:
        row["score" if mode == "graded" else "winner"] = _labelled(row, mode)
    with drawn.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    task = folder / "task.toml"
    task.write_text(task.read_text().replace("options = {", 'options = { labels = "labels.csv",'))
    check = run_folder(folder, tmp_path / "weighbridge", make=MoodyBench({"judge": sound})).result.judging[0].human
    assert check is not None
    assert check.ignored == 0
    assert check.winner == "moody", "first answers of quality 8 are better than those of 5"


def _labelled(row: dict[str, str], mode: str) -> str:
    if mode == "graded":
        return row["answer"].split()[1]
    return "a" if "quality 8" in row["answer_a"] else "b"


def test_an_estimate_counts_the_judgements_of_all_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = write_judged(tmp_path / "task", SAYS, {**ONE, "mode": "pairwise"}, items=30)

    said = CliRunner().invoke(main, ["weigh", str(folder), "--estimate", "--repeats", "3", "--json"])

    found = json.loads(said.stdout)
    assert found["calls"] == 180
    assert found["judges"][0]["judgements"] == 180, "30 pairs, both orders, three times"
