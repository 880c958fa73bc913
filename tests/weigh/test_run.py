"""A run draws, asks, scores and decides, and counts what it did honestly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from run_factory import EQUAL, GOOD_AND_BAD, run_folder, run_task, write_task

from weighbridge.chat import ChatRequest, Piece
from weighbridge.engines import BackendRecord
from weighbridge.engines.echo import EchoEngine
from weighbridge.errors import InputError, LedgerError
from weighbridge.ledger import CallRow, Ledger
from weighbridge.weigh.progress import Progress
from weighbridge.weigh.records import CandidateResult, Report
from weighbridge.weigh.scorers.scorer import Mark
from weighbridge.weigh.task import load_task

PRICE = {"price": {"input": 1.0, "output": 2.0}}


def calls_of(data: Path, report: Report) -> list[CallRow]:
    with Ledger(data) as ledger:
        return list(ledger.calls(report.provenance["run"]))


def candidate(report: Report, name: str) -> CandidateResult:
    return next(one for one in report.result.candidates if one.name == name)


def test_the_better_of_two_is_named_before_all_items_are_asked(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data")

    result = report.result
    assert (result.verdict.decision, result.verdict.winner, result.verdict.basis) == ("winner", "good", "certified")
    assert result.calls_used < result.calls_full == 600
    assert result.calls_used == sum(one.calls for one in result.candidates) == len(calls_of(tmp_path / "data", report))


def test_calls_beyond_the_verdict_are_few_however_many_a_backend_takes(tmp_path: Path) -> None:
    backends = {name: {**fields, "concurrency": 256} for name, fields in GOOD_AND_BAD.items()}

    report = run_folder(write_task(tmp_path / "task", backends, items=3000), tmp_path / "data")

    assert report.result.calls_used <= 2 * max(report.result.items + 12, math.ceil(1.25 * report.result.items) + 1)


class Shuffled(EchoEngine):
    """Answers after a time that has nothing to do with the order of asking."""

    def __init__(self, record: BackendRecord) -> None:
        super().__init__(record)
        self._delays = Random(record.name)

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        await asyncio.sleep(self._delays.random() * 0.01)
        async for piece in super().answer(request):
            yield piece


def test_the_verdict_does_not_depend_on_which_answer_comes_first(tmp_path: Path) -> None:
    """Otherwise the quick answers would decide, and they are not a random sample of all."""
    task = write_task(tmp_path / "task", items=200)
    slow_and_few = write_task(
        tmp_path / "few", {name: {**fields, "concurrency": 2} for name, fields in GOOD_AND_BAD.items()}, items=200
    )

    plain = run_folder(task, tmp_path / "a")
    shuffled = run_folder(task, tmp_path / "b", make=Shuffled)
    few = run_folder(slow_and_few, tmp_path / "c", make=Shuffled)

    assert plain.result.verdict == shuffled.result.verdict == few.result.verdict
    assert plain.comparisons == shuffled.comparisons == few.comparisons
    assert {(view.order, view.id) for view in plain.items} == {(view.order, view.id) for view in shuffled.items}


def test_the_seed_decides_which_items_are_drawn(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", EQUAL, items=200, weigh={"max_items": 20})

    def drawn(seed: int, data: str) -> list[str]:
        report = run_folder(task, tmp_path / data, seed=seed)
        return [view.id for view in sorted(report.items, key=lambda view: view.order)]

    assert drawn(1, "a") == drawn(1, "b")
    assert drawn(1, "a") != drawn(2, "c")


def test_the_same_command_again_asks_nothing_and_says_the_same(tmp_path: Path) -> None:
    backends = {name: {**fields, **PRICE} for name, fields in GOOD_AND_BAD.items()}
    task = write_task(tmp_path / "task", backends)
    first = run_folder(task, tmp_path / "data")

    class Silent(EchoEngine):
        async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
            raise AssertionError("a paid answer was asked for again")
            yield Piece()

    again = run_folder(task, tmp_path / "data", make=Silent)

    assert again.result.verdict == first.result.verdict
    assert [one.cost_usd for one in again.result.candidates] != [None, None]
    assert again.provenance["calls"]["sent now"] == 0
    assert [view.samples[0].text for view in again.items] == [view.samples[0].text for view in first.items]


def test_an_eliminated_candidate_is_asked_no_more(tmp_path: Path) -> None:
    backends = {"best": {"settings": {"skill": 0.8}}, "near": {"settings": {"skill": 0.8, "seed": 5}}}
    backends["hopeless"] = {"settings": {"skill": 0.05}}

    report = run_folder(write_task(tmp_path / "task", backends, items=600), tmp_path / "data")

    gone = report.eliminated["hopeless"]
    assert gone < report.result.items
    assert candidate(report, "hopeless").calls < candidate(report, "best").calls
    late = [view for view in report.items if view.order > gone]
    assert late
    assert all(sample.candidate != "hopeless" for view in late for sample in view.samples)


def test_a_failed_sample_is_failed_and_never_wrong(tmp_path: Path) -> None:
    """Every answer that comes is right, so the mean is 1 however many fail."""
    backends = {"flaky": {"settings": {"fail_share": 0.15, "fail_reason": "status 404"}}, "sound": {}}

    report = run_folder(write_task(tmp_path / "task", backends, weigh={"futility": False}), tmp_path / "data")

    flaky = candidate(report, "flaky")
    assert (flaky.score, candidate(report, "sound").score) == (1.0, 1.0)
    assert 20 < flaky.failed < 70
    assert report.result.verdict.decision == "undecided"
    (failure,) = report.failures
    assert (failure.candidate, failure.reason, failure.count) == ("flaky", "status 404", flaky.failed)
    assert "flaky" in failure.example
    failed = [sample for view in report.items for sample in view.samples if sample.failed]
    assert len(failed) == flaky.failed
    assert all(sample.score is None and sample.candidate == "flaky" for sample in failed)


def test_too_many_failures_stop_the_run_with_the_commonest_reasons(tmp_path: Path) -> None:
    backends = {"dead": {"settings": {"fail_share": 1.0, "fail_reason": "status 401"}}, "sound": PRICE}
    task = write_task(tmp_path / "task", backends, items=2000)

    report = run_folder(task, tmp_path / "data")

    verdict = report.result.verdict
    assert (verdict.decision, verdict.basis) == ("undecided", "stopped")
    assert "samples of dead failed, and 20% may; most often: status 401 (" in verdict.reason
    assert "Once that is mended the same command goes on" in verdict.reason
    assert report.result.calls_used < 150
    assert candidate(report, "dead").score is None
    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "sound").answered >= 20


def test_few_failures_early_do_not_stop_a_run(tmp_path: Path) -> None:
    """One of the first three is a third, and says nothing yet; a task of three items is another matter."""
    flaky = {"settings": {"fail_share": 0.34, "fail_reason": "status 404", "seed": 3}}
    backends = {"flaky": flaky, "sound": {}}

    short = run_folder(write_task(tmp_path / "short", backends, items=6), tmp_path / "data")
    allowed = run_folder(write_task(tmp_path / "x", backends, weigh={"max_failed": 0.6}), tmp_path / "data")

    assert short.result.verdict.basis == "stopped"
    assert allowed.result.verdict.basis != "stopped"


class Mistaken(EchoEngine):
    """Breaks in a way no engine should, for some items."""

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        if str(request.messages[-1].content).partition(" answer=")[0].endswith("7"):
            raise ZeroDivisionError("a mistake of ours")
        async for piece in super().answer(request):
            yield piece


def test_a_mistake_around_one_sample_does_not_end_the_run(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task", EQUAL, items=100), tmp_path / "data", make=Mistaken)

    assert report.result.verdict.basis != "stopped"
    assert {failure.reason for failure in report.failures} == {"error: ZeroDivisionError"}
    assert candidate(report, "one").score == 1.0


def test_an_answer_that_cannot_be_scored_failed_and_is_not_asked_again(tmp_path: Path) -> None:
    class Broken:
        needs_reference = True

        def fault(self, reference: object) -> None: ...

        def mark(self, said: str, reference: object) -> Mark:
            return Mark(math.nan, "")

    task = load_task(write_task(tmp_path / "task", EQUAL, items=30, weigh={"max_failed": 1.0, "futility": False}))
    grader = task.graders[0]._replace(scorer=Broken())
    report = asyncio.run(run_task(replace(task, graders=(grader,)), tmp_path / "data"))
    task.close()

    assert {failure.reason for failure in report.failures} == {"no score"}
    assert [one.failed for one in report.result.candidates] == [30, 30]
    assert report.result.verdict.winner is None
    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "one").answered == 30


def test_costs_are_null_without_a_price_and_exact_with_one(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", {"priced": PRICE, "free": {}}, items=30, weigh={"futility": False})

    report = run_folder(task, tmp_path / "data")

    priced, free = candidate(report, "priced"), candidate(report, "free")
    assert priced.tokens_in is not None
    assert priced.tokens_out is not None
    assert priced.cost_usd == pytest.approx((priced.tokens_in + 2 * priced.tokens_out) / 1e6)
    assert (free.cost_usd, free.tokens_in) == (None, priced.tokens_in)


def test_costs_and_tokens_are_null_when_a_backend_does_not_count(tmp_path: Path) -> None:
    backends = {"silent": {**PRICE, "settings": {"counts": False}}, "sound": PRICE}

    report = run_folder(write_task(tmp_path / "task", backends, items=30), tmp_path / "data")

    silent = candidate(report, "silent")
    assert (silent.cost_usd, silent.tokens_in, silent.tokens_out) == (None, None, None)
    assert silent.score == 1.0


def test_a_limit_on_dollars_stops_in_time(tmp_path: Path) -> None:
    backends = {name: {**fields, **PRICE} for name, fields in EQUAL.items()}
    task = write_task(tmp_path / "task", backends, items=2000, weigh={"max_usd": 0.009, "futility": False})

    report = run_folder(task, tmp_path / "data")

    with Ledger(tmp_path / "data") as ledger:
        spending = ledger.spending(report.provenance["run"])
    assert report.result.verdict.basis == "stopped"
    assert "the limit of $0.009 would be passed" in report.result.verdict.reason
    assert 0.0005 < spending.paid_usd + spending.held_usd <= 0.009
    assert report.result.items > 30


def test_reused_answers_never_count_against_the_limit(tmp_path: Path) -> None:
    """The first run spends; the same command with a limit below that asks nothing new and comes to the same end."""
    backends = {name: {**fields, **PRICE} for name, fields in EQUAL.items()}
    first = run_folder(write_task(tmp_path / "task", backends, items=50, weigh={"futility": False}), tmp_path / "data")
    task = write_task(tmp_path / "task", backends, items=50, weigh={"futility": False, "max_usd": 0.0})

    again = run_folder(task, tmp_path / "data")

    assert again.result.verdict.basis == "exhausted"
    assert again.result.candidates[0].cost_usd == first.result.candidates[0].cost_usd


def test_a_limit_that_cannot_be_kept_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    hosted = {"kind": "openai", "base_url": "https://models.example/v1"}
    task = write_task(tmp_path / "task", {"hosted": hosted, "here": {}}, weigh={"max_usd": 1.0})

    def nothing(record: BackendRecord) -> EchoEngine:
        return EchoEngine(BackendRecord(name=record.name, kind="echo"))

    with pytest.raises(InputError, match=r"backend 'hosted' has no price(.|\n)*price = \{"):
        run_folder(task, tmp_path / "data", make=nothing)


def test_items_that_change_under_a_run_end_it_and_keep_what_was_paid(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", EQUAL, items=500, weigh={"futility": False})
    items = tmp_path / "task" / "items.jsonl"

    def spoil(progress: Progress) -> None:
        items.write_text(items.read_text() + "\n")

    with pytest.raises(InputError, match=r"items\.jsonl was changed"):
        run_folder(task, tmp_path / "data", progress=spoil)

    with Ledger(tmp_path / "data") as ledger:
        assert ledger.history("test", "one").answered > 0


def test_a_ledger_that_breaks_ends_the_run(tmp_path: Path) -> None:
    """Going on would pay for answers that nobody could find again."""
    task = write_task(tmp_path / "task", EQUAL, items=500, weigh={"futility": False})

    def spoil(progress: Progress) -> None:
        with Ledger(tmp_path / "data") as other:
            other._reader.execute("DROP TABLE IF EXISTS answers")

    with pytest.raises(LedgerError, match="no such table: answers"):
        run_folder(task, tmp_path / "data", progress=spoil)


def test_groups_are_compared_by_tag_and_odd_tags_are_left_out(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", EQUAL, items=150, tags=["lang", "id"], weigh={"futility": False})

    report = run_folder(task, tmp_path / "data")

    assert [(group.tag, group.value, group.items) for group in report.groups] == [
        ("lang", "de", 50),
        ("lang", "en", 50),
        ("lang", "zh", 50),
    ]
    assert all(group.means == {"one": 1.0, "two": 1.0} and group.differs is None for group in report.groups)
    assert report.provenance["tags with too many values to group by"] == ["id"]


def test_the_report_shows_where_candidates_differ_first(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data")

    spreads = [view.spread for view in report.items]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] == 1.0
    first = report.items[0]
    assert set(first.reference) == {"label"}
    assert "label" not in first.fields
    scores = {sample.score for sample in first.samples}
    assert scores == {0.0, 1.0}
    assert len(report.items) == report.result.items


def test_very_long_texts_are_cut_in_the_report(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", EQUAL, items=3, text=lambda number: f"{number}" + "x" * 100_000)

    report = run_folder(task, tmp_path / "data")

    assert len(report.items[0].fields["text"]) < 17_000
    assert "84,001 more characters" in report.items[0].fields["text"]


def test_looks_are_kept_at_growing_distances_and_end_with_the_verdict(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data")

    items = [look.items for look in report.looks]
    assert items == sorted(set(items))
    assert (report.looks[-1].items, report.looks[-1].winner) == (report.result.items, "good")
    assert report.looks[0].winner is None


def test_progress_is_told_from_the_first_item_to_the_verdict(tmp_path: Path) -> None:
    told: list[Progress] = []

    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data", progress=told.append)

    assert told[-1].stage == "done"
    assert told[-1].items == report.result.items
    assert told[-1].state == report.result.verdict.reason
    assert {one.name for one in told[0].candidates} == {"good", "bad"}


def test_two_names_for_the_same_backend_and_question_are_paid_for_once(tmp_path: Path) -> None:
    """The engine is asked once; both candidates have the answer."""
    folder = write_task(tmp_path / "task", {"one": PRICE}, items=40, weigh={"futility": False})
    toml = (folder / "task.toml").read_text()
    for name in ("a", "b"):
        toml += f'[[candidate]]\nname = "{name}"\nbackend = "one"\n'
    (folder / "task.toml").write_text(toml)

    report = run_folder(folder, tmp_path / "data")

    assert [one.calls for one in report.result.candidates] == [40, 40]
    assert report.provenance["calls"]["sent now"] == 40
    assert report.provenance["calls"]["answers reused"] == 40


def test_the_result_is_the_json_that_was_promised(tmp_path: Path) -> None:
    report = run_folder(write_task(tmp_path / "task"), tmp_path / "data")

    result: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report.result))

    promised = ["task", "items", "candidates", "verdict", "calls_used", "calls_full", "report"]
    assert list(result)[: len(promised)] == promised
    assert list(result)[len(promised) :] == ["outcomes"], "what a run has nothing to say about is left out"
    assert list(result["candidates"][0]) == [
        *("name", "model", "score", "interval", "calls", "failed", "cost_usd"),
        *("latency_p50_s", "latency_p95_s", "tokens_in", "tokens_out"),
    ]
    assert list(result["verdict"]) == ["decision", "winner", "alpha", "margin", "basis", "reason"]
    low, high = result["candidates"][0]["interval"]
    assert low <= result["candidates"][0]["score"] <= high
