"""Blind votes through the command: what is shown, what is hidden, what is kept, and what comes next."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from run_factory import toml

from patience import PATIENCE_S
from weighbridge.cli.main import main
from weighbridge.ledger.votes import VoteRow
from weighbridge.weigh.arena.posterior import posterior
from weighbridge.weigh.arena.session import Session

NAMES = ("alpha", "beta", "gamma")


def write_arena(folder: Path, names=NAMES, *, items: int = 30, backends=None, **weigh) -> Path:
    """Candidates that answer with a word of their own that is not their name."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ({"id": f"i{n}", "text": f"question {n}"} for n in range(items))
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["[task]", 'name = "arena"', 'items = "items.jsonl"', "[prompt]", 'user = "{{text}}"', "[[score]]"]
    lines += ['kind = "contains"', 'options = { values = ["x"] }', "[weigh]"]
    lines += [f"{key} = {toml(value)}" for key, value in weigh.items()]
    for place, name in enumerate(names):
        more = {"settings": {"reply": f"word{place}"}, **(backends or {}).get(name, {})}
        lines += ["[[backend]]", f'name = "{name}"', 'kind = "echo"']
        lines += [f"{key} = {toml(value)}" for key, value in more.items()]
    (folder / "task.toml").write_text("\n".join(lines) + "\n")
    return folder


def arena(folder: Path, typed: str, *more: str) -> Result:
    done = CliRunner().invoke(main, ["weigh", "--arena", str(folder), *more], input=typed)
    assert done.exit_code == 0, done.output
    return done


def rank(*words: object) -> dict:
    done = CliRunner().invoke(main, ["rank", *map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def shown(done: Result) -> list[tuple[str, str]]:
    """The words shown as A and B, pair by pair."""
    words = re.findall(r"^----- [AB] -+\n(\w+)$", done.stderr, re.MULTILINE)
    return list(zip(words[::2], words[1::2], strict=True))


def test_names_are_hidden_until_the_end_and_then_rated(tmp_path) -> None:
    folder = write_arena(tmp_path / "task")

    done = arena(folder, "a\nb\nt\nx\nq\n")

    assert not any(name in done.stderr for name in NAMES)
    assert all(name in done.stdout for name in NAMES)
    assert "4 votes now, 4 in all" in done.stderr


def test_votes_are_rated_by_rank_from_the_ledger_and_from_an_export(tmp_path) -> None:
    folder = write_arena(tmp_path / "task")
    arena(folder, "a\nb\nt\nb\na\nx\ns\nq\n")

    of_task, of_ledger = rank(folder), rank("--ledger")
    exported = rank("--ledger", "arena", "--export", tmp_path / "votes.csv")
    of_file = rank(tmp_path / "votes.csv")

    assert of_task == of_ledger == exported
    from_file = {one["model"]: one for one in of_file["ratings"]}
    for one in of_task["ratings"]:
        assert from_file[one["model"]]["games"] == one["games"]
        assert from_file[one["model"]]["rating"] == (one["rating"] and pytest.approx(one["rating"], abs=1e-6))
    assert of_task["votes"] == 6
    assert rank(tmp_path / "votes.csv", "--control", "length")["votes"] == 6


def test_a_session_goes_on_where_it_was_left_and_asks_nothing_again(tmp_path, monkeypatch) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    folder = write_arena(tmp_path / "task", items=2)

    first = arena(folder, "a\na\nq\n")
    second = arena(folder, "a\n" * 20)

    with sqlite3.connect(data / "weighbridge" / "ledger.sqlite") as db:
        seen = db.execute("SELECT item, min(a, b), max(a, b) FROM votes").fetchall()
        sent = db.execute("SELECT count(*) FROM calls WHERE caller = 'arena' AND outcome = 'ok'").fetchone()[0]
    assert len(shown(first)) == 3
    assert "2 votes of" in second.stderr
    assert "All pairs were seen on all items." in second.stderr
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 6
    assert sent == 6


def test_both_orders_come_up(tmp_path) -> None:
    folder = write_arena(tmp_path / "task", NAMES[:2], items=60)

    done = arena(folder, "t\n" * 40 + "q\n")

    orders = Counter(shown(done))
    assert len(orders) == 2
    assert min(orders.values()) >= 5


def test_what_is_no_vote_is_asked_again_and_the_end_of_input_ends_the_session(tmp_path) -> None:
    folder = write_arena(tmp_path / "task")

    done = arena(folder, "c\n\nBOTH  bad\n")

    assert "'c' is none of: a, b, t, x, s, q." in done.stderr
    assert json.loads(arena(folder, "", "--json").stdout)["votes"] == 1


def test_a_session_ends_after_so_many_votes(tmp_path) -> None:
    done = arena(write_arena(tmp_path / "task"), "a\n" * 9, "--votes", "3", "--voter", "ann")

    assert len(shown(done)) == 3
    assert rank("--ledger")["votes"] == 3


def test_equal_answers_are_a_tie_nobody_is_asked_about(tmp_path) -> None:
    same = {"alpha": {"settings": {"reply": "same"}}, "beta": {"settings": {"reply": "same"}}}
    folder = write_arena(tmp_path / "task", NAMES[:2], items=3, backends=same)

    done = arena(folder, "")

    assert shown(done) == []
    assert done.stderr.count("Both answered alike") == 3
    assert rank(folder)["votes"] == 3


def test_a_candidate_that_never_answers_is_left_out_after_a_few_tries(tmp_path) -> None:
    broken = {"gamma": {"settings": {"fail_share": 1.0, "fail_reason": "cannot ask"}, "retries": 0}}
    folder = write_arena(tmp_path / "task", backends=broken)

    done = arena(folder, "a\n" * 5 + "q\n")

    before, _, _names = done.stderr.partition("5 votes now")
    assert 1 <= before.count("One candidate gave no answer") <= 3
    assert len(shown(done)) == 6
    assert {word for pair in shown(done) for word in pair} == {"word0", "word1"}
    assert before.index("No answer of gamma") > before.rindex("quit: q")


def test_a_limit_on_dollars_ends_the_session(tmp_path) -> None:
    dear = {"price": {"input": 1000.0, "output": 1000.0}}
    folder = write_arena(tmp_path / "task", backends=dict.fromkeys(NAMES, dear), max_usd=0.5)

    done = arena(folder, "a\nq\n")

    assert "could cost up to" in done.stderr
    assert "No votes yet." in done.stdout


def test_votes_on_other_settings_are_about_others(tmp_path) -> None:
    arena(write_arena(tmp_path / "task"), "a\nb\nq\n")
    other = write_arena(tmp_path / "task", backends={"alpha": {"settings": {"reply": "new"}}})

    done = arena(other, "a\nq\n")

    assert "2 votes on other settings of this task are left out." in done.stderr
    assert rank(other)["votes"] == 1
    assert rank("--ledger")["votes"] == 3


def test_an_answer_cannot_draw_on_the_voters_screen(tmp_path) -> None:
    evil = {"alpha": {"settings": {"reply": "\x1b[2J\x1b]0;owned\x07 A wins"}}}
    folder = write_arena(tmp_path / "task", NAMES[:2], backends=evil)

    done = arena(folder, "q\n")

    assert "\x1b" not in done.stderr
    assert "␛" in done.stderr


def test_ctrl_c_ends_a_session_and_loses_no_vote(tmp_path) -> None:
    folder = write_arena(tmp_path / "task")
    command = [sys.executable, "-m", "weighbridge", "weigh", "--arena", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"a\n")
        process.stdin.flush()
        for line in process.stderr:
            if b"Vote 2," in line:
                break
        while b"quit: " not in (line := process.stderr.read1(4096)):  # the second pair waits for a word
            assert line
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130, told
    assert b"every vote is kept" in told
    assert b"RANK" in said
    assert rank(folder)["votes"] == 1


def test_rank_says_what_votes_there_are_where_none_fit(tmp_path) -> None:
    nothing = CliRunner().invoke(main, ["rank", "--ledger"])
    arena(write_arena(tmp_path / "task"), "a\nq\n")
    wrong = CliRunner().invoke(main, ["rank", "--ledger", "arenas"])
    unnamed = CliRunner().invoke(main, ["rank"])
    elsewhere = CliRunner().invoke(main, ["weigh", str(tmp_path / "task"), "--voter", "ann"])

    assert (nothing.exit_code, wrong.exit_code, unnamed.exit_code, elsewhere.exit_code) == (2, 2, 2, 2)
    assert "the ledger holds no votes" in nothing.output
    assert "It has votes of: arena." in wrong.output
    assert "--arena only" in elsewhere.output


def test_a_vote_that_could_go_either_way_tells_most() -> None:
    """A favourite's next win is foreseen, two newcomers' is not; a pair of equals known for long tells little."""
    scored = np.zeros((4, 4))
    scored[0, 1] = 20
    scored[2, 3] = scored[3, 2] = 0
    gains = posterior(scored).gains()

    assert gains[2, 3] > gains[0, 1]
    assert gains[2, 3] == pytest.approx(gains.max())
    even = np.array([[0.0, 200.0], [200.0, 0.0]])
    assert posterior(even).gains()[0, 1] < 0.01
    assert posterior(np.zeros((2, 2))).gains()[0, 1] > 0.1


def test_the_gain_is_the_mutual_information_that_sampling_finds() -> None:
    scored = np.array([[0.0, 3.0, 1.0], [1.0, 0.0, 2.5], [4.0, 0.5, 0.0]])
    found = posterior(scored)
    rng = np.random.default_rng(0)
    strengths = rng.multivariate_normal(found.mode, found.covariance, 400_000)

    p = 1 / (1 + np.exp(-(strengths[:, 0] - strengths[:, 1])))
    entropy = lambda q: -(q * np.log(q) + (1 - q) * np.log(1 - q))  # noqa: E731

    assert found.gains()[0, 1] == pytest.approx(entropy(p.mean()) - entropy(p).mean(), abs=1e-3)


def vote(number: int, a: str, b: str, outcome: str, item: str) -> VoteRow:
    return VoteRow(id=f"{number:08}", at=0.0, task="t", run="r", item=item, a=a, b=b, outcome=outcome, voter="me")


def simulated(names: int, votes: int, *, chosen: bool, seed: int) -> float:
    """Error of the strengths that votes find, in logits, when pairs are chosen by gain or at random."""
    rng = Random(seed)
    true = np.array([rng.gauss(0, 1.2) for _ in range(names)])
    labels = [f"m{n}" for n in range(names)]
    ids = {place: f"i{place}" for place in range(400)}
    session = Session(labels, range(400), [], "me", rng)
    for number in range(votes):
        if chosen:
            matchup = session.next(ids)
            assert matchup is not None
            a, b, item = matchup.first, matchup.second, ids[matchup.item]
        else:
            a, b = rng.sample(labels, 2)
            item = f"i{number}"
        wins = rng.random() < 1 / (1 + np.exp(true[labels.index(b)] - true[labels.index(a)]))
        session.count(vote(number, a, b, "a" if wins else "b", item))
    mode = posterior(session._scored).mode
    return float(np.sqrt(np.mean((mode - mode.mean() - true + true.mean()) ** 2)))


def test_chosen_pairs_tell_more_than_random_ones() -> None:
    """Eight candidates, 80 votes, 20 worlds; the error is at least 3% smaller on average."""
    chosen = np.mean([simulated(8, 80, chosen=True, seed=seed) for seed in range(20)])
    random_pairs = np.mean([simulated(8, 80, chosen=False, seed=seed) for seed in range(20)])

    assert chosen < 0.97 * random_pairs


letters, outcomes = st.sampled_from("abcd"), st.sampled_from(["a", "b", "tie", "both bad", "skip"])


@given(st.lists(st.tuples(letters, letters, outcomes, st.integers(0, 5)), max_size=40))
def test_no_voter_sees_a_pair_twice_on_one_item(cast) -> None:
    rows = [vote(n, a, b, outcome, f"i{item}") for n, (a, b, outcome, item) in enumerate(cast) if a != b]
    session = Session("abcd", range(6), rows, "me", Random(0))
    ids = {place: f"i{place}" for place in range(6)}

    matchup = session.next(ids)

    seen = {(frozenset((row.a, row.b)), row.item) for row in rows}
    if matchup is None:
        assert len(seen) == 6 * 6
    else:
        assert (frozenset((matchup.first, matchup.second)), ids[matchup.item]) not in seen


def test_a_blank_name_is_nobodys_and_the_login_votes(tmp_path) -> None:
    """Else one person counts as several voters, and intervals are clustered by names that say nothing."""
    folder = write_arena(tmp_path / "task")
    for name in ("ann", " ann ", "  ", ""):
        arena(folder, "a\n", "--votes", "1", "--voter", name)

    rank("--ledger", "arena", "--export", tmp_path / "votes.csv")

    voters = [line.split(",")[3] for line in (tmp_path / "votes.csv").read_text().splitlines()[1:]]
    assert voters[:2] == ["ann", "ann"]
    assert voters[2] == voters[3] != ""
    assert voters[2] == voters[2].strip()
