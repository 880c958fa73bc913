"""Every call goes through the door once, is paid once, and leaves one row."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from scripted import DONE, PRICED, ScriptedEngine, make_call, make_record, open_door

from patience import settled, soon
from weighbridge.chat import Message, Piece, Sampling, Usage
from weighbridge.chat.answer import TokenLogprob
from weighbridge.chat.request import Thought
from weighbridge.dispatch import Budget, Outcome
from weighbridge.errors import BackendRefused, BadAnswer, EngineCrashed, LedgerError, StreamCut
from weighbridge.ledger import Ledger, Spending


def test_an_answer_comes_with_its_price_and_leaves_one_row(tmp_path: Path) -> None:
    """100 tokens in at $1 and 10 out at $2 a million are $0.00012."""
    pieces = [0.25, Piece(text="y"), 0.75, Piece(text="es", finish="stop", usage=DONE.usage, model="served-1")]

    with open_door(tmp_path, pieces, record=make_record(price=PRICED)) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))
        (row,) = door.ledger.calls("run-1")

    assert outcome.answer is not None
    assert (outcome.answer.text, outcome.answer.ttft_s, outcome.answer.latency_s) == ("yes", 0.25, 1.0)
    assert (outcome.usd, outcome.cached, outcome.attempts) == (pytest.approx(0.00012), False, 1)
    assert (row.outcome, row.usd, row.input_tokens, row.output_tokens) == ("ok", pytest.approx(0.00012), 100, 10)
    assert (row.item, row.candidate, row.model_served, row.latency_s, row.ttft_s) == (
        "hello",
        "c",
        "served-1",
        1.0,
        0.25,
    )


def test_what_was_paid_for_is_never_asked_again(tmp_path: Path) -> None:
    with open_door(tmp_path, record=make_record(price=PRICED)) as (door, _, _):
        first = asyncio.run(door.ask(make_call()))

    with open_door(tmp_path, record=make_record(price=PRICED)) as (door, engine, _):
        again = asyncio.run(door.ask(make_call(run="run-2")))
        (row,) = door.ledger.calls("run-2")

    assert engine.calls == 0
    assert again == msgspec.structs.replace(first, cached=True, attempts=0)
    assert (row.outcome, row.usd, row.input_tokens) == ("cached", 0.0, None)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"repeat": 1}, id="repeat"),
        pytest.param({"request": msgspec.structs.replace(make_call().request, model="other")}, id="model"),
        pytest.param(
            {"request": msgspec.structs.replace(make_call().request, sampling=Sampling(seed=1))}, id="sampling"
        ),
        pytest.param({"request": msgspec.structs.replace(make_call().request, extra={"a": 1})}, id="extra"),
        pytest.param(
            {"request": msgspec.structs.replace(make_call().request, messages=(Message("system", "hello"),))}, id="role"
        ),
        pytest.param({"reuse": False}, id="told-not-to"),
    ],
)
def test_whatever_can_change_the_answer_is_asked_anew(tmp_path: Path, change: dict[str, object]) -> None:
    with open_door(tmp_path) as (door, engine, _):
        asyncio.run(door.ask(make_call()))
        outcome = asyncio.run(door.ask(make_call(**change)))

    assert (engine.calls, outcome.cached) == (2, False)


@pytest.mark.parametrize("change", ["settings", "model"])
def test_another_backend_configuration_is_asked_anew(tmp_path: Path, change: str) -> None:
    with open_door(tmp_path) as (door, _, _):
        asyncio.run(door.ask(make_call()))

    record = make_record(model="other" if change == "model" else None)
    with open_door(tmp_path, record=record) as (door, engine, _):
        engine.settings = "v2" if change == "settings" else "v1"
        asyncio.run(door.ask(make_call()))

    assert engine.calls == 1


def test_the_order_of_a_schemas_fields_is_part_of_the_key(tmp_path: Path) -> None:
    """A grammar makes the model write them in that order."""
    one = {"properties": {"a": {}, "b": {}}}
    two = {"properties": {"b": {}, "a": {}}}

    with open_door(tmp_path) as (door, _, _):
        keys = {
            door.key(make_call(request=msgspec.structs.replace(make_call().request, schema=schema)))
            for schema in (one, two)
        }

    assert len(keys) == 2


def test_identical_calls_under_way_at_once_are_made_once(tmp_path: Path) -> None:
    async def together(door_ask: object) -> list[Outcome]:
        return await asyncio.gather(*(door_ask(make_call()) for _ in range(5)))  # type: ignore[operator]

    with open_door(tmp_path, record=make_record(price=PRICED)) as (door, engine, _):
        outcomes = asyncio.run(together(door.ask))
        rows = list(door.ledger.calls("run-1"))
        spending = door.ledger.spending("run-1")

    assert engine.calls == 1
    assert sorted(outcome.cached for outcome in outcomes) == [False, True, True, True, True]
    assert sorted(row.outcome for row in rows) == ["cached"] * 4 + ["ok"]
    assert spending == Spending(pytest.approx(0.00012), 0.0, 0, 0)


def test_when_the_first_of_identical_calls_is_given_up_the_next_one_makes_it(tmp_path: Path) -> None:
    async def give_up_the_first() -> Outcome:
        first = asyncio.create_task(door.ask(make_call()))
        await soon(lambda: engine.under_way)
        second = asyncio.create_task(door.ask(make_call()))
        await settled()
        assert engine.calls == 1
        first.cancel()
        return await second

    hang = asyncio.Event()
    with open_door(tmp_path, [hang], [DONE]) as (door, engine, _):
        outcome = asyncio.run(give_up_the_first())
        said = {row.outcome: row.reason for row in door.ledger.calls("run-1")}

    assert (engine.calls, engine.under_way) == (2, 0)
    assert outcome.answer is not None
    assert said == {"failed": "cancelled", "ok": None}


def test_no_more_calls_at_once_than_the_engine_takes(tmp_path: Path) -> None:
    async def many() -> None:
        await asyncio.gather(*(door.ask(make_call(str(number))) for number in range(30)))

    with open_door(tmp_path, concurrency=3) as (door, engine, _):
        asyncio.run(many())

    assert (engine.calls, engine.most_under_way) == (30, 3)


@pytest.mark.parametrize(
    ("error", "reason", "usd"),
    [
        (BackendRefused("no", status=401), "status 401", 0.0),
        (BadAnswer("HTML"), "unreadable answer", None),
        (StreamCut("broke", pieces=("Hel", "lo")), "cut", None),
        (EngineCrashed("signal 11"), "crashed", None),
    ],
)
def test_a_failure_is_an_outcome_with_a_reason_and_a_row(
    tmp_path: Path, error: Exception, reason: str, usd: float | None
) -> None:
    """A refusal costs nothing; what a backend bills for an answer that broke is unknown."""
    with open_door(tmp_path, [error], record=make_record(retries=1, price=PRICED)) as (door, _, _):  # type: ignore[list-item]
        outcome = asyncio.run(door.ask(make_call()))
        (row,) = door.ledger.calls("run-1")
        answer = door.ledger.answer(door.key(make_call()))

    assert (outcome.answer, outcome.reason, outcome.usd) == (None, reason, usd)
    assert (row.outcome, row.reason, row.usd) == ("failed", reason, usd)
    assert str(error).split("\n")[0] in (row.error or "")
    assert answer is None


def test_an_engine_that_says_nothing_at_all_failed(tmp_path: Path) -> None:
    with open_door(tmp_path, []) as (door, engine, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert (outcome.reason, engine.calls) == ("unreadable answer", 5)


def test_a_mistake_of_ours_is_not_taken_for_a_failure_of_the_backend(tmp_path: Path) -> None:
    class Mistaken(ScriptedEngine):
        def answer(self, request: object) -> object:  # type: ignore[override]
            raise ZeroDivisionError

    with open_door(tmp_path, engine=Mistaken) as (door, _, _), pytest.raises(ZeroDivisionError):
        asyncio.run(door.ask(make_call()))


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(input_tokens=None, output_tokens=10), None),
        (Usage(input_tokens=-5, output_tokens=10), None),
        (Usage(input_tokens=10**30, output_tokens=10), None),
        (Usage(input_tokens=0, output_tokens=0), 0.0),
        (Usage(input_tokens=1_000_000, output_tokens=0, cached_tokens=400_000), 0.6 + 0.04),
        (Usage(input_tokens=1_000_000, output_tokens=0, cached_tokens=10**9), 0.1),
    ],
)
def test_what_is_not_counted_is_not_priced(tmp_path: Path, usage: Usage, usd: float | None) -> None:
    price = msgspec.structs.replace(PRICED, cached=0.1)
    piece = msgspec.structs.replace(DONE, usage=usage)

    with open_door(tmp_path, [piece], record=make_record(price=price)) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert outcome.usd == (None if usd is None else pytest.approx(usd))


def test_half_a_price_prices_nothing_that_the_other_half_is_needed_for(tmp_path: Path) -> None:
    price = msgspec.structs.replace(PRICED, output=None)

    with open_door(tmp_path, record=make_record(price=price)) as (door, _, _):
        assert asyncio.run(door.ask(make_call())).usd is None


def test_text_that_came_in_half_characters_is_put_together(tmp_path: Path) -> None:
    """Some servers cut a surrogate pair between two events; a lone half becomes the replacement character."""
    pieces = [Piece(text="a\ud83d"), Piece(text="\ude00 \udfff", finish="stop")]

    with open_door(tmp_path, pieces) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))
        stored = door.ledger.answer(door.key(make_call()))

    assert outcome.answer is not None
    assert outcome.answer.text == "a\U0001f600 \ufffd"
    assert stored == outcome.answer


def test_log_probabilities_can_be_stored_whatever_they_are(tmp_path: Path) -> None:
    pieces = [Piece(text="a", label_logprobs={"x": {"a": -0.1, "b": float("-inf")}}, finish="stop")]

    with open_door(tmp_path, pieces) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))
        again = asyncio.run(door.ask(make_call()))

    assert outcome.answer is not None
    assert outcome.answer.label_logprobs == {"x": {"a": -0.1, "b": -1e9}}
    assert again.answer == outcome.answer


def test_everything_an_answer_says_of_itself_is_kept_and_given_again(tmp_path: Path) -> None:
    """Whoever asked for log-probabilities, or must send signed reasoning back, gets them from a stored answer too."""
    first = Piece(text="a", reasoning="hm", logprobs=(TokenLogprob("a", -0.1, {"a": -0.1, "b": float("-inf")}),))
    last = Piece(
        text="b",
        logprobs=(TokenLogprob("b", -0.2),),
        thoughts=(Thought(signature="s"),),
        stop_sequence="END",
        finish="stop",
        usage=Usage(input_tokens=9, output_tokens=2, cache_write_tokens=4),
    )

    with open_door(tmp_path, [first, last]) as (door, engine, _):
        outcomes = [asyncio.run(door.ask(make_call())) for _ in range(2)]

    assert engine.calls == 1
    for outcome in outcomes:
        assert outcome.answer is not None
        assert outcome.answer.logprobs == (TokenLogprob("a", -0.1, {"a": -0.1, "b": -1e9}), TokenLogprob("b", -0.2))
        assert outcome.answer.thoughts == (Thought("hm", signature="s"),)
        assert outcome.answer.stop_sequence == "END"
        assert outcome.answer.usage.cache_write_tokens == 4


def test_a_log_probability_that_is_no_number_is_no_answer(tmp_path: Path) -> None:
    odd = Piece(text="a", logprobs=(TokenLogprob("a", float("nan")),), finish="stop")

    with open_door(tmp_path, [odd], record=make_record(retries=0)) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert outcome.reason == "unreadable answer"
    assert "is nan" in (outcome.error or "")


def test_a_backend_that_never_stops_writing_is_cut_off(tmp_path: Path) -> None:
    flood = [Piece(text="x" * (1 << 20))] * 40

    with open_door(tmp_path, flood, record=make_record(retries=0)) as (door, engine, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert (outcome.reason, engine.under_way) == ("unreadable answer", 0)
    assert "longer than" in (outcome.error or "")


def test_a_call_that_cannot_be_recorded_is_not_made(tmp_path: Path) -> None:
    """A priced call holds money in the ledger first."""
    with open_door(tmp_path, record=make_record(price=PRICED)) as (door, engine, _):
        asyncio.run(door.ask(make_call("first")))
        with Ledger(tmp_path) as other:
            other._reader.execute("DROP TABLE holds")

        with pytest.raises(LedgerError, match="no such table: holds"):
            asyncio.run(door.ask(make_call("second")))

    assert engine.calls == 1


def test_a_budget_refuses_the_call_that_could_pass_it(tmp_path: Path) -> None:
    """At $2 a million, 50 tokens of output and a few hundred of input are at most some $0.0004."""
    budget = Budget(max_usd=0.0005)

    with open_door(tmp_path, record=make_record(price=PRICED)) as (door, engine, _):
        outcomes = [asyncio.run(door.ask(make_call(str(number)), budget)) for number in range(6)]
        again = asyncio.run(door.ask(make_call("0"), budget))

    refused = [outcome for outcome in outcomes if outcome.reason == "over budget"]
    assert 0 < engine.calls < 6
    assert len(refused) == 6 - engine.calls
    assert budget.spent_usd == pytest.approx(engine.calls * 0.00012)
    assert budget.spent_usd <= 0.0005
    assert budget.held_usd == pytest.approx(0.0)
    assert again.cached


def test_calls_under_way_together_never_pass_the_budget(tmp_path: Path) -> None:
    """Each call costs as much as it possibly can: all 50 tokens, and one token for each byte sent."""
    budget = Budget(max_usd=0.002)
    dear = msgspec.structs.replace(DONE, usage=Usage(input_tokens=150, output_tokens=50))

    async def many() -> None:
        await asyncio.gather(*(door.ask(make_call(str(number)), budget) for number in range(40)))

    with open_door(tmp_path, [dear], record=make_record(price=PRICED), concurrency=16) as (door, engine, _):
        asyncio.run(many())
        spending = door.ledger.spending("run-1")

    assert engine.calls >= 3
    assert spending.paid_usd == pytest.approx(budget.spent_usd)
    assert spending.paid_usd <= 0.002


def test_unknown_costs_count_as_the_most_they_could_be(tmp_path: Path) -> None:
    budget = Budget(max_usd=1.0)
    silent = msgspec.structs.replace(DONE, usage=None)

    with open_door(tmp_path, [silent], record=make_record(price=PRICED)) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call(), budget))
        spending = door.ledger.spending("run-1")

    assert outcome.usd is None
    assert budget.spent_usd == spending.held_usd > 0.0001
    assert (spending.paid_usd, spending.cut_off) == (0.0, 0)


def test_a_call_given_up_keeps_its_hold_and_leaves_a_row(tmp_path: Path) -> None:
    async def give_up() -> None:
        task = asyncio.create_task(door.ask(make_call(), budget))
        await soon(lambda: engine.under_way)
        task.cancel()
        await asyncio.wait([task])

    budget = Budget()
    with open_door(tmp_path, [asyncio.Event()], record=make_record(price=PRICED)) as (door, engine, _):
        asyncio.run(give_up())
        door.ledger.close()

    with Ledger(tmp_path) as ledger:
        (row,) = ledger.calls("run-1")
        spending = ledger.spending("run-1")
    assert (row.outcome, row.reason, engine.under_way) == ("failed", "cancelled", 0)
    assert (spending.cut_off, spending.held_usd) == (0, budget.spent_usd)
    assert budget.sent == {"c": 1}
