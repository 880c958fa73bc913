"""Items answered several times in one run: what is asked, what counts, what is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from click.testing import CliRunner
from run_factory import GOOD_AND_BAD, run_folder, write_task

from weighbridge.chat import ChatRequest, Piece
from weighbridge.cli.main import main
from weighbridge.engines.echo import EchoEngine
from weighbridge.errors import CallTimedOut
from weighbridge.weigh.again import again
from weighbridge.weigh.records import Report
from weighbridge.weigh.report import render


class Moody(EchoEngine):
    """Answers a third of the questions otherwise every second time it is asked; counts how often it is asked."""

    asked: ClassVar[Counter[str]] = Counter()
    broken = False

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        said = str(request.messages[-1].content)
        Moody.asked[said] += 1
        number = int(said.split()[1])
        if Moody.broken and Moody.asked[said] % 3 == 0:
            raise CallTimedOut("too slow")
        if number % 3 == 0 and Moody.asked[said] % 2 == 0:
            request = msgspec.structs.replace(request, messages=(*request.messages[:-1], _wrong(request.messages[-1])))
        async for piece in super().answer(request):
            yield piece


def _wrong(message: Any) -> Any:
    return msgspec.structs.replace(message, content="question 0 answer=none")


SURE = {"moody": {"settings": {"skill": 1.0}}, "bad": {"settings": {"skill": 0.2}}}


def weigh(tmp_path: Path, *, repeats: int = 4, items: int = 60, **options: Any) -> Report:
    Moody.asked.clear()
    Moody.broken = options.pop("broken", False)
    folder = write_task(
        tmp_path / "task", SURE, items=items, weigh={"repeats": repeats, "min_items": items, "max_failed": 1}
    )
    return run_folder(
        folder,
        tmp_path / "data",
        make=lambda record: (Moody if record.name == "moody" else EchoEngine)(record),
        **options,
    )


def test_every_item_is_asked_so_often_and_its_mean_counts(tmp_path: Path) -> None:
    report = weigh(tmp_path)

    line = {one.name: one for one in report.result.candidates}
    assert set(Moody.asked.values()) == {4}
    assert line["moody"].calls == report.result.calls_full // 2 == 240
    assert line["moody"].score == pytest.approx((40 + 20 * 0.5) / 60)


def test_what_repeats_say_is_told_in_the_json_the_terminal_and_the_page(tmp_path: Path) -> None:
    report = weigh(tmp_path)

    told = report.result.repeats[0]
    assert (told.name, told.items, told.flaky, told.most) == ("moody", 60, 20, 4)
    rates = {rate.k: (rate.any, rate.all) for rate in told.pass_rates}
    assert rates[4] == (1.0, pytest.approx(40 / 60))
    assert rates[2] == (pytest.approx((40 + 20 * 5 / 6) / 60), pytest.approx((40 + 20 * 1 / 6) / 60))
    assert set(told.flaky_items) <= {f"i{n}" for n in range(0, 60, 3)}
    assert report.result.repeats[1].flaky == 0, "echo answers the same every time"
    page = render(report)
    assert "pass^k" in page
    assert "Flaky for" in page
    assert "mean of 4 answers" in page
    assert json.loads(msgspec.json.encode(report.result))["repeats"][0]["flaky"] == 20


def test_a_repeat_that_failed_leaves_the_item_the_others(tmp_path: Path) -> None:
    report = weigh(tmp_path, repeats=3, broken=True)

    line = {one.name: one for one in report.result.candidates}
    assert line["moody"].failed > 0
    assert line["moody"].score is not None
    assert {one.fewest for one in report.result.repeats} <= {2, 3}


def test_the_same_command_asks_no_repeat_again(tmp_path: Path) -> None:
    first = weigh(tmp_path)
    again_asked = weigh(tmp_path)

    assert not Moody.asked
    assert again_asked.result.verdict == first.result.verdict
    assert again_asked.result.repeats == first.result.repeats


def test_a_task_asked_once_says_nothing_about_repeats(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task", GOOD_AND_BAD), tmp_path / "data")

    assert not report.result.repeats
    assert 'id="repeats"' not in render(report)


def test_a_fixed_seed_is_moved_on_with_each_repeat() -> None:
    """Or a backend that keeps its promise would give the same answer each time."""
    request = ChatRequest(model="m", prompt="p")
    seeded = msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, seed=7))

    assert [again(seeded, repeat).sampling.seed for repeat in range(3)] == [7, 8, 9]
    assert again(request, 2) == request


def test_the_command_line_sets_the_repeats_and_an_estimate_counts_them(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "task", GOOD_AND_BAD, items=30)

    run = CliRunner().invoke(main, ["weigh", str(folder), "--repeats", "3", "--json"])
    estimate = CliRunner().invoke(main, ["weigh", str(folder), "--repeats", "3", "--estimate"])

    found = json.loads(run.stdout)
    assert found["calls_full"] == 180
    assert found["repeats"][0]["most"] == 3
    assert "at most 180 calls" in estimate.output


def test_runs_with_and_without_repeats_have_money_of_their_own(tmp_path: Path) -> None:
    from dataclasses import replace

    from weighbridge.weigh.run import name_run
    from weighbridge.weigh.task import load_task

    task = load_task(write_task(tmp_path / "task"))
    more = replace(task, limits=msgspec.structs.replace(task.limits, repeats=2))

    assert name_run(task, 0) != name_run(more, 0)
    task.close()


def test_groups_are_in_the_json_with_their_correction(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "task", {"good": {"settings": {"skill": 0.95}}, "bad": {"settings": {"skill": 0.2}}},
                        tags=["lang"], weigh={"min_items": 200})  # fmt: skip

    found = json.loads(msgspec.json.encode(run_folder(folder, tmp_path / "data").result))

    assert (found["groups"]["method"], found["groups"]["tested"]) == ("holm", 3)
    assert {one["better"] for one in found["groups"]["groups"]} == {"good"}
