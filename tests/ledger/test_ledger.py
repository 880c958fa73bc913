"""What is handed to the ledger and committed is there, whatever happens next."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_rows import make_row, record

from patience import PATIENCE_S
from weighbridge.chat import Answer, ToolCall, Usage
from weighbridge.errors import LedgerError
from weighbridge.ledger import Hold, Ledger, Spending
from weighbridge.ledger.pack import pack, unpack


def test_a_committed_call_and_its_answer_are_there_for_the_next_process(tmp_path: Path) -> None:
    row = make_row(input_tokens=12, output_tokens=3, usd=0.25, latency_s=0.5)
    answer = Answer(text="billing", usage=Usage(input_tokens=12, output_tokens=3), finish="stop")
    with Ledger(tmp_path) as ledger:
        record(ledger, row, answer)

    with Ledger(tmp_path) as again:
        assert list(again.calls("run-1")) == [row]
        assert again.answer("key-1") == answer
        assert again.answer("key-2") is None


def test_closing_commits_what_is_still_queued(tmp_path: Path) -> None:
    """A run that ends hands its last calls over and closes at once."""
    committed: list[LedgerError | None] = []
    ledger = Ledger(tmp_path)

    for number in range(5_000):
        ledger.record(make_row(number), Answer(text=str(number)), committed.append)
    ledger.close()
    ledger.close()

    assert committed == [None] * 5_000
    with Ledger(tmp_path) as again:
        assert sum(1 for _ in again.calls("run-1")) == 5_000


def test_calls_are_read_back_in_order_of_time_over_many_pages(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for number in range(2_500):
            ledger.record(make_row(2_500 - number), None, lambda _: None)
        record(ledger, make_row(2_501))

        ids = [row.id for row in ledger.calls("run-1")]

    assert ids == sorted(ids)
    assert len(ids) == 2_501


def test_the_first_answer_paid_for_stays_unless_told_otherwise(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1, answer_key="k"), Answer(text="first"))
        record(ledger, make_row(2, answer_key="k"), Answer(text="second"))
        kept = ledger.answer("k")
        record(ledger, make_row(3, answer_key="k"), Answer(text="third"), replace=True)

        assert (kept, ledger.answer("k")) == (Answer(text="first"), Answer(text="third"))


def test_a_row_and_its_answer_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    """The second row breaks the primary key: its answer must not be stored without the call that paid for it."""
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1))

        with pytest.raises(LedgerError, match="UNIQUE"):
            record(ledger, make_row(1, answer_key="orphan"), Answer(text="orphan"))

        assert ledger.answer("orphan") is None
        record(ledger, make_row(2))  # and the writer goes on


def test_what_a_backend_says_never_breaks_the_row(tmp_path: Path) -> None:
    """Lone surrogates and counts beyond 64 bits cannot be stored; they must not take their batch down with them."""
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1, model_served="m\ud800", error="x\udfff", input_tokens=10**30))

        (row,) = ledger.calls("run-1")

    assert (row.model_served, row.error, row.input_tokens) == ("m?", "x?", None)


def hold(ledger: Ledger, money: Hold) -> None:
    held = threading.Event()
    ledger.hold(money, lambda _: held.set())
    assert held.wait(PATIENCE_S)


def test_a_hold_is_gone_once_the_cost_of_its_call_is_known(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        hold(ledger, Hold("1", 1.0, "run-1", "hosted", "key-1", 0.02))
        before = ledger.spending("run-1")
        record(ledger, make_row(1, id="1", usd=0.01), settles="1")

        assert before == Spending(paid_usd=0.0, held_usd=0.02, cut_off=1, unpriced=0)
        assert ledger.spending("run-1") == Spending(paid_usd=0.01, held_usd=0.0, cut_off=0, unpriced=0)


def test_a_call_that_broke_keeps_its_hold_but_was_not_cut_off(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        hold(ledger, Hold("1", 1.0, "run-1", "hosted", "key-1", 0.02))
        record(ledger, make_row(1, id="1", outcome="failed", reason="cut"))

        assert ledger.spending("run-1") == Spending(paid_usd=0.0, held_usd=0.02, cut_off=0, unpriced=0)


def test_unknown_costs_and_other_runs_add_nothing_to_what_was_paid(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1, usd=None))
        record(ledger, make_row(2, usd=0.5))
        record(ledger, make_row(3, usd=8.0, run="another"))

        assert ledger.spending("run-1") == Spending(0.5, 0.0, 0, 1)


def test_history_means_the_answered_calls_and_counts_each_item_once(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1, item="a", input_tokens=10, latency_s=1.0))
        record(ledger, make_row(2, item="a", input_tokens=30, latency_s=3.0))
        record(ledger, make_row(3, item="b", outcome="failed", input_tokens=1_000))

        history = ledger.history("triage", "small")
        none = ledger.history("triage", "nobody")

    assert (history.answered, history.input_tokens, history.output_tokens, history.latency_s) == (1, 20.0, None, 2.0)
    assert (none.answered, none.input_tokens) == (0, None)


answers = st.builds(
    Answer,
    text=st.text(st.characters(codec="utf-8"), max_size=3_000),
    reasoning=st.text(st.characters(codec="utf-8")),
    tool_calls=st.lists(st.builds(ToolCall, st.text("ab"), st.text("ab"), st.text("{}"))).map(tuple),
    label_logprobs=st.none() | st.just({"urgency": {"low": -0.5, "high": -1.0}}),
    usage=st.builds(Usage, input_tokens=st.none() | st.integers(0, 2**53)),
    latency_s=st.floats(0, 1e6),
)


@given(answers)
def test_every_answer_survives_being_stored(answer: Answer) -> None:
    assert unpack(pack(answer)) == answer


def test_a_damaged_answer_is_named(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        record(ledger, make_row(1), Answer(text="fine"))
        with sqlite3.connect(ledger.path) as other:
            other.execute("UPDATE answers SET body = x'7800ff'")
        other.close()

        with pytest.raises(LedgerError, match="key-1 cannot be read"):
            ledger.answer("key-1")


WRITE_FOREVER = """
import sys
from pathlib import Path
from weighbridge.chat import Answer
from weighbridge.ledger import Ledger
from ledger_rows import make_row

ledger = Ledger(Path(sys.argv[1]))
first = int(sys.argv[2])
for number in range(first, first + int(sys.argv[3])):
    done = lambda error, number=number: sys.stdout.write(f"{number} {error}\\n")
    ledger.record(make_row(number), Answer(text=str(number) * 50), done)
    if number % 50 == 0:
        sys.stdout.flush()
ledger.close()
"""


def start_writer(folder: Path, first: int, count: int) -> subprocess.Popen[str]:
    root = Path(__file__).parent
    command = [sys.executable, "-c", WRITE_FOREVER, str(folder), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def test_what_was_said_to_be_committed_survives_kill_9(tmp_path: Path) -> None:
    with start_writer(tmp_path, 0, 10_000_000) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(500)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()

    whole = [line.split()[0] for line in said if line.endswith(" None\n")]
    with Ledger(tmp_path) as ledger:
        stored = {row.item for row in ledger.calls("run-1")}
        missing = [
            number for number in whole if f"item-{number}" not in stored or ledger.answer(f"key-{number}") is None
        ]
    assert len(whole) >= 499
    assert not missing


def test_several_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    """They also open a ledger that is not there yet at the same moment."""
    writers = [start_writer(tmp_path, first, 2_000) for first in (0, 10_000, 20_000)]
    said = [writer.communicate(timeout=PATIENCE_S)[0] for writer in writers]

    assert [text.count(" None\n") for text in said] == [2_000] * 3
    with Ledger(tmp_path) as ledger:
        assert sum(1 for _ in ledger.calls("run-1")) == 6_000


def test_one_run_is_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger, Ledger(tmp_path) as other:
        with (
            ledger.sole_run("r"),
            pytest.raises(LedgerError, match="under way in another process"),
            other.sole_run("r"),
        ):
            pass
        with other.sole_run("r"):
            pass
