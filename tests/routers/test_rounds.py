"""Cheap models asked in rounds: when it is enough, when it is worth going on, and that serving does what was tested."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from routed_samples import rows, write
from weighbridge.cli.main import main
from weighbridge.routers import (
    Goal,
    Places,
    Reply,
    Router,
    judge_question,
    read_router,
    read_samples,
    read_score,
    train,
)
from weighbridge.routers.rounds import ALL, Prospects, follow, make_settings
from weighbridge.routers.scoring import prospects

COSTS: dict[str, float | None] = {"small-0": 1.0, "small-1": 1.0, "small-2": 5.0, "small-3": 5.0, "big": 60.0}
VOTERS = ("small-0", "small-1", "small-2", "small-3")


def route(*args: object) -> Result:
    return CliRunner().invoke(main, ["route", *map(str, args)])


def test_rounds_ask_fewer_cheap_models_and_save_more_money(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(900, cheap=4))
    common = ("train", path, "--strong", "big", "--keep", 0.97, "--out", tmp_path / "r.json", "--json")
    costs = ("--cost", "small-0=1,small-1=1,small-2=5,small-3=5,big=60")

    at_once = json.loads(route(*common, *(f"--weak={name}" for name in VOTERS), *costs).output)
    in_rounds = json.loads(
        route(*common, "--weak", "small-0", "--weak", "small-1", "--then", "small-2,small-3", *costs).output
    )

    assert at_once["spending"]["asked"]["small-3"] == 1.0
    assert in_rounds["spending"]["asked"]["small-0"] == 1.0
    assert in_rounds["spending"]["asked"]["small-3"] < 0.6
    assert in_rounds["spending"]["saved"] > at_once["spending"]["saved"] + 0.03
    assert in_rounds["promise"]["bound"] >= 0.97


def test_a_round_that_costs_more_than_it_is_worth_is_asked_less() -> None:
    """500 items; the first round is unsure of half of them, and the second knows."""
    rng = np.random.default_rng(0)
    unsure = rng.random(500) < 0.5
    second = np.where(unsure, rng.choice([0.0, 0.8], 500), 0.02)
    gains = np.array([np.where(unsure, 0.4, 0.02), second])

    def asked(cost: float) -> float:
        settings = make_settings(gains, (0.01, cost))
        middle = settings[len(settings) // 2]
        return float((follow(middle, Prospects(gains, gains)).rounds == 2).mean())

    assert asked(0.01) == pytest.approx(unsure.mean(), abs=0.02)
    assert asked(5.0) == 0.0


@given(
    st.integers(1, 3),
    st.integers(2, 40),
    st.integers(0, 1 << 30),
    st.floats(0.0, 2.0),
)
def test_the_dearest_setting_takes_everything_and_each_stop_is_in_order(
    rounds: int, items: int, seed: int, cost: float
) -> None:
    gains = np.random.default_rng(seed).normal(0.1, 0.4, (rounds, items))

    settings = make_settings(gains, (cost,) * rounds)

    assert follow(settings[-1], Prospects(gains, gains)).to_weak.all()
    for setting in settings:
        assert all(stop.accept <= stop.give_up <= ALL for stop in setting)
        assert setting[-1].accept == setting[-1].give_up


def test_serving_decides_as_the_test_of_the_promise_did(tmp_path: Path) -> None:
    """Reply by reply, in rounds, through the file: the same answers are taken as by arithmetic over all items."""
    items = rows(600, cheap=4)
    path = write(tmp_path / "s.csv", items)
    out = tmp_path / "r.json"
    said = route(
        *("train", path, "--weak", "small-0", "--then", "small-1", "--then", "small-2,small-3", "--strong", "big"),
        *(
            "--keep",
            0.95,
            "--out",
            out,
            "--method",
            "cascade",
            "--cost",
            "small-0=1,small-1=1,small-2=1,small-3=1,big=9",
        ),
    )
    assert said.exit_code == 0, said.output
    router = read_router(out.read_bytes(), "r.json")
    samples = read_samples(Places(path), VOTERS, "big")
    wanted = follow(router.setting, prospects(router.model, samples, VOTERS))

    served = [serve(router, item) for item in items]

    assert [rounds for _, rounds in served] == wanted.rounds.tolist()
    assert [taken is not None for taken, _ in served] == wanted.to_weak.tolist()
    scores = [items[n][VOTERS[taken]] for n, (taken, _) in enumerate(served) if taken is not None]
    assert scores == wanted.weak[wanted.to_weak].tolist()
    assert 0.1 < wanted.to_weak.mean() < 1.0


def serve(router: Router, item: dict[str, object]) -> tuple[int | None, int]:
    """Who answers, and after how many rounds. Replies are the recorded answers, as long as they were recorded."""
    for number, size in enumerate(router.rounds):
        replies = [Reply(said(item, voter)) for voter in VOTERS[:size]]
        step = router.step(str(item["prompt"]), replies)
        if not step.goes_on:
            return step.voter, number + 1
    raise AssertionError("the last round goes on")


def said(item: dict[str, object], voter: str) -> str:
    answer, size = str(item[f"{voter}.answer"]), item[f"{voter}.chars"]
    assert isinstance(size, int)
    return answer + " " * (size - len(answer))  # blanks are no part of an answer


def test_one_model_asked_again_and_again_stops_as_soon_as_it_agrees_with_itself(tmp_path: Path) -> None:
    """Self-consistency: two answers, a third where they differ, two more where that does not settle it."""
    items = rows(900, cheap=5)
    for item in items:
        for number in range(1, 5):
            item[f"small-0#{number + 1}.answer"] = item.pop(f"small-{number}.answer")
    path = write(tmp_path / "s.csv", items)

    found = json.loads(
        route(
            *("train", path, "--weak", "small-0", "--weak", "small-0#2", "--then", "small-0#3", "--strong", "big"),
            *("--then", "small-0#4,small-0#5", "--keep", 0.95, "--cost", "small-0=1,big=40", "--json"),
            *("--out", tmp_path / "r.json"),
        ).output
    )

    asked = found["spending"]["asked"]
    assert asked["small-0#2"] == 1.0 > asked["small-0#3"] > asked["small-0#5"]
    assert asked["small-0#3"] < 0.7
    assert found["promise"]["saved"] > 0.4


def test_then_that_names_nobody_or_a_stranger_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(100, cheap=2))
    common = ("train", path, "--weak", "small-0", "--strong", "big", "--keep", 0.9)

    assert route(*common, "--then", ",").exit_code == 2
    stranger = route(*common, "--then", "smal-1")
    assert stranger.exit_code == 2
    assert "Did you mean 'small-1'?" in stranger.output


def test_of_labels_that_were_shuffled_no_router_comes(tmp_path: Path) -> None:
    """Nothing can be learned from them, so what is routed loses a third of its quality, whatever it is."""
    items = rows(1000, cheap=2)
    rng = np.random.default_rng(3)
    for name in ("small-0", "small-1"):
        for item, score in zip(items, rng.permutation([item[name] for item in items]), strict=True):
            item[name] = int(score)
    samples = read_samples(Places(write(tmp_path / "s.csv", items)), ("small-0", "small-1"), "big")

    trained = train(samples, ("small-0", "small-1"), "big", Goal(0.997), made="", versions={}, costs=COSTS)

    assert trained.artefact is None


def judged(tmp_path: Path, seed: int = 0) -> Path:
    items = rows(500, seed=seed)
    for item in items:
        item["small.judge"] = 0.9 if item["small"] else 0.2
    return write(tmp_path / f"j{seed}.csv", items)


def test_a_router_with_a_judge_says_whom_a_route_has_to_ask_and_how(tmp_path: Path) -> None:
    path, out, asked = judged(tmp_path), tmp_path / "r.json", tmp_path / "asked.txt"
    asked.write_text("Task: {{prompt}}\nAnswer: {{answer}}\nScore from 0 to 5:")
    common = ("train", path, "--weak", "small", "--strong", "big", "--keep", 0.9, "--out", out, "--json")

    said = route(*common, "--judge", "referee", "--judge-prompt", asked, "--judge-out-of", 5, "--cost", "referee=2")

    assert said.exit_code == 0, said.output
    found = json.loads(said.output)
    assert found["stages"] == ["small", "big", "referee"]
    assert found["spending"]["asked"]["referee"] == 1.0
    judge = read_router(out.read_bytes(), "r.json").asks_judge
    assert judge is not None
    assert (judge.name, judge.voters, judge.out_of) == ("referee", ("small",), 5.0)
    assert judge.instructions == asked.read_text()


def test_a_judge_that_is_not_shown_what_it_judges_or_has_no_scores_is_told(tmp_path: Path) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("Score {{prompt}} from 0 to 5")
    common = ("train", judged(tmp_path), "--weak", "small", "--strong", "big", "--keep", 0.9)
    plain = ("train", write(tmp_path / "p.csv", rows(100)), "--weak", "small", "--strong", "big", "--keep", 0.9)

    blind = route(*common, "--judge-prompt", asked)
    idle = route(*plain, "--judge", "referee")

    assert (blind.exit_code, idle.exit_code) == (2, 2)
    assert "the judge is not shown {{answer}}" in blind.output
    assert "small.judge" in idle.output


@pytest.mark.parametrize("missing", ["small.judge", "small.answer", "small.chars"])
def test_samples_that_lack_what_the_router_decides_by_do_not_evaluate_it(tmp_path: Path, missing: str) -> None:
    """It would be measured deciding by something else."""
    out = tmp_path / "r.json"
    made = route("train", judged(tmp_path), "--weak", "small", "--strong", "big", "--keep", 0.9, "--out", out)
    assert made.exit_code == 0, made.output
    fresh = judged(tmp_path, seed=1)
    with fresh.open(newline="") as file:
        items = list(csv.DictReader(file))
    kept = tuple(name for name in items[0] if name != missing)
    assert route("eval", out, fresh).exit_code == 0

    said = route("eval", out, write(tmp_path / "less.csv", items, only=kept))

    assert said.exit_code == 1
    assert missing in said.output


@given(
    st.text(max_size=60)
    | st.sampled_from(["9", "9/10", " 9.", "**Score: 9**", '{"score": 9}', "thoughts\nScore: 9 / 10"])
)
def test_a_reply_of_a_judge_is_a_score_or_nothing(text: str) -> None:
    score = read_score(text, 10.0)

    assert np.isnan(score) or 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("9", 0.9),
        ("9/10", 0.9),
        ("I think it is right.\n\nScore: 9", 0.9),
        ('{"reason": "10 out of 10", "score": 9}', 0.9),
        ("**9**", 0.9),
        ("9/5", None),
        ("11", None),
        ("-9", None),
        (".9", None),
        ("9%", None),
        ("Score: -9", None),
        ("9 of the 10 steps are right", None),
        ("", None),
        ("nine", None),
    ],
)
def test_what_is_plainly_a_score_counts_and_nothing_else(reply: str, score: float | None) -> None:
    """A guess about a judge's words would be a guess about quality."""
    found = read_score(reply, 10.0)

    assert np.isnan(found) if score is None else found == pytest.approx(score)


def test_what_an_answer_says_of_places_is_not_filled_in() -> None:
    """An answer could otherwise show the judge something else than itself."""
    asked = judge_question("P {{prompt}} A {{answer}}", "what is {{answer}}?", "{{prompt}} and {{answer}}")

    assert asked == "P what is {{answer}}? A {{prompt}} and {{answer}}"
