"""Cheap models asked in rounds: when it is enough, when it is worth going on, and that serving does what was tested."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from routed_samples import rows, write
from weighbridge.cli.main import main
from weighbridge.routers import Goal, Places, Reply, Router, read_router, read_samples, train
from weighbridge.routers.rounds import ALL, Prospects, follow, make_settings
from weighbridge.routers.scoring import prospects

COSTS: dict[str, float | None] = {"small-0": 1.0, "small-1": 1.0, "small-2": 5.0, "small-3": 5.0, "big": 60.0}
VOTERS = ("small-0", "small-1", "small-2", "small-3")


def route(*args: object) -> Result:
    return CliRunner().invoke(main, ["route", *map(str, args)])


def test_rounds_ask_fewer_cheap_models_and_save_more_money(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(1500, cheap=4))
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
    items = rows(1500, cheap=5)
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
