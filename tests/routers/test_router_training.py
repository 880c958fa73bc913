"""What is learned from recorded samples, what is promised of it, and when nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from routed_samples import EASY, HARD, rows, write
from weighbridge.cli.main import main
from weighbridge.errors import InputError, UsageError
from weighbridge.routers import Goal, Places, Trained, encode_artefact, evaluate, read_router, read_samples, train
from weighbridge.routers.splits import split

KINDS = (EASY, HARD)


def learn(path: Path, voters: tuple[str, ...], goal: Goal, **places: Any) -> Trained:
    samples = read_samples(Places(path, **places), voters, "big")
    return train(samples, voters, "big", goal, made="2027-01-01", versions={}, costs=dict.fromkeys((*voters, "big")))


def route(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["route", *map(str, arguments)])


@pytest.mark.parametrize("method", ["ridge", "knn"])
def test_a_router_tells_easy_prompts_from_hard_ones_and_keeps_its_promise_on_new_ones(
    tmp_path: Path, method: Any
) -> None:
    trained = learn(write(tmp_path / "old.csv", rows(1500)), ("small",), Goal(0.9, method=method))

    assert trained.artefact is not None
    router = read_router(encode_artefact(trained.artefact), "router.json")
    asked = [
        [router.wants_strong(f"{each} for case {n}, part 1") for n in range(50) for each in kind] for kind in KINDS
    ]
    easy, hard = map(np.mean, asked)
    assert hard - easy > 0.4, "how far apart they are goes by the setting, and that by the labels drawn"
    new = read_samples(Places(write(tmp_path / "new.csv", rows(1500, seed=1))), ("small",), "big")
    found = evaluate(router, new, {}, np.random.default_rng(0))
    assert found.standing != "broken"
    assert found.kept > 0.89
    assert found.saved > 1.5 * found.chance


def test_a_cascade_asks_the_strong_model_where_cheap_ones_disagree(tmp_path: Path) -> None:
    voters = ("small-0", "small-1")
    trained = learn(write(tmp_path / "old.csv", rows(1200, cheap=2)), voters, Goal(0.98))

    assert trained.artefact is not None
    assert trained.artefact.kind == "cascade"
    router = read_router(encode_artefact(trained.artefact), "router.json")
    items = rows(1200, seed=1, cheap=2)
    new = read_samples(Places(write(tmp_path / "new.csv", items)), voters, "big")
    found = evaluate(router, new, {"small-0": 1, "small-1": 1, "big": 10}, np.random.default_rng(0))
    agree = np.mean([one["small-0.answer"] == one["small-1.answer"] for one in items])
    assert found.saved >= agree - 0.05
    assert found.kept > 0.98
    assert found.saved > 2 * found.chance
    assert found.spending.routed == pytest.approx(2 + 10 * (1 - found.saved))


def test_without_a_margin_nothing_is_written_and_the_distance_is_said(tmp_path: Path) -> None:
    samples = write(tmp_path / "s.csv", rows(150))

    said = route("train", samples, "--weak", "small", "--strong", "big", "--keep", 0.999, "--out", tmp_path / "r.json")

    assert said.exit_code == 1
    assert "REFUSED" in said.output
    assert "below the promise" in said.output
    assert not (tmp_path / "r.json").exists()
    as_json = route(
        *("train", samples, "--weak", "small", "--strong", "big", "--keep", 0.999, "--out", tmp_path / "r.json"),
        "--json",
    )
    found = json.loads(as_json.output)
    assert found["refused"] is True
    assert found["missing"] == pytest.approx(0.999 - found["promise"]["bound"])


def test_the_same_samples_and_seed_make_the_same_file(tmp_path: Path) -> None:
    samples = write(tmp_path / "s.csv", rows(400, cheap=2))
    made = []
    for name in ("a.json", "b.json"):
        said = route(
            *("train", samples, "--weak", "small-0", "--weak", "small-1", "--strong", "big", "--keep", 0.9),
            *("--date", "2027-01-01", "--out", tmp_path / name),
        )
        assert said.exit_code == 0, said.output
        made.append((tmp_path / name).read_bytes())

    assert made[0] == made[1]
    assert len(made[0]) < 16_000


def test_a_router_holds_no_word_of_its_samples(tmp_path: Path) -> None:
    """Prompts may be secret; the file is passed around."""
    trained = learn(write(tmp_path / "s.csv", rows(400)), ("small",), Goal(0.8))

    assert trained.artefact is not None
    data = encode_artefact(trained.artefact)
    assert not any(word.encode() in data for word in ("apples", "theorem", "eigenvalues", "case"))
    assert len(data) < 1 << 20


def test_equal_prompts_stand_on_one_side_of_every_split(tmp_path: Path) -> None:
    """A twin on the other side would be known by heart."""
    items = rows(300)
    for number, item in enumerate(items):
        item["prompt"] = f"  Question {number % 60}  " if number % 2 else f"question {number % 60}"
    samples = read_samples(Places(write(tmp_path / "s.csv", items)), ("small",), "big")

    taught, held = split(samples, 0.5, 0)

    assert taught.sum() + held.sum() == 300
    assert not set(samples.groups[taught]) & set(samples.groups[held])


def test_items_that_are_called_test_teach_nothing(tmp_path: Path) -> None:
    items = rows(600)
    for number, item in enumerate(items):
        item["split"] = ("train", "validation", "test")[number % 3]
    trained = learn(write(tmp_path / "s.csv", items), ("small",), Goal(0.8))

    assert trained.promise.items == 200
    assert trained.artefact is not None
    assert trained.artefact.provenance.trained_on == 200


def test_an_evaluation_leaves_out_what_the_router_was_made_from(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(400))
    trained = learn(path, ("small",), Goal(0.8))
    assert trained.artefact is not None
    router = read_router(encode_artefact(trained.artefact), "router.json")
    samples = read_samples(Places(path), ("small",), "big")

    with pytest.raises(InputError, match="0 of 400 items are new"):
        evaluate(router, samples, {}, np.random.default_rng(0))
    assert evaluate(router, samples, {}, np.random.default_rng(0), include_seen=True).items == 400
    mixed = read_samples(Places(write(tmp_path / "m.csv", rows(400) + rows(100, seed=1))), ("small",), "big")
    found = evaluate(router, mixed, {}, np.random.default_rng(0))
    assert (found.items, found.seen) == (100, 400)


def test_a_broken_promise_is_a_failed_check(tmp_path: Path) -> None:
    """The cheap model was changed behind its name: it fails at everything now."""
    samples = write(tmp_path / "s.csv", rows(600))
    out = tmp_path / "r.json"
    assert route("train", samples, "--weak", "small", "--strong", "big", "--keep", 0.9, "--out", out).exit_code == 0
    worse = rows(600, seed=1)
    for item in worse[10:]:
        item["small"] = 0

    said = route("eval", out, write(tmp_path / "w.csv", worse), "--json")

    assert said.exit_code == 1
    assert json.loads(said.output)["standing"] == "broken"


def test_costs_that_are_not_known_stay_unknown(tmp_path: Path) -> None:
    samples = write(tmp_path / "s.csv", rows(600))
    common = ("train", samples, "--weak", "small", "--strong", "big", "--keep", 0.9, "--out", tmp_path / "r.json")

    half = json.loads(route(*common, "--cost", "big=20", "--json").output)
    whole = json.loads(route(*common, "--cost", "small=1,big=20", "--json").output)

    assert half["spending"]["saved"] is None
    saved = whole["promise"]["saved"]
    assert whole["spending"]["routed"] == pytest.approx(saved * 1 + (1 - saved) * 20)
    assert route(*common, "--cost", "bigg=20").exit_code == 2


def test_self_consistency_counts_further_answers_of_one_model_as_votes(tmp_path: Path) -> None:
    items = rows(800, cheap=2)
    for item in items:
        item["small-0#2.answer"] = item.pop("small-1.answer")

    trained = learn(write(tmp_path / "s.csv", items), ("small-0", "small-0#2"), Goal(0.95))

    assert trained.artefact is not None
    assert trained.artefact.voters == ("small-0", "small-0#2")
    assert trained.promise.saved > 0.3


def test_a_judge_alone_makes_a_cascade(tmp_path: Path) -> None:
    items = rows(800)
    rng = np.random.default_rng(0)
    for item in items:
        item["small.judge"] = round(float(np.clip(0.7 * item["small"] + rng.normal(0.15, 0.1), 0, 1)), 3)

    path = write(tmp_path / "s.csv", items, only=("item", "prompt", "small", "small.judge", "big"))
    trained = learn(path, ("small",), Goal(0.97))

    assert trained.artefact is not None
    assert trained.artefact.kind == "cascade"
    assert trained.promise.saved > 0.5


def test_several_cheap_models_need_answers(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows(200, cheap=2), only=("prompt", "small-0", "small-1", "big"))

    with pytest.raises(UsageError, match="no answers of theirs"):
        learn(path, ("small-0", "small-1"), Goal(0.9))


def test_rows_that_stand_there_thrice_show_no_more_than_once(tmp_path: Path) -> None:
    """Twins counted as witnesses of their own would narrow the margin of a promise by nothing but copying."""
    items = rows(400)
    goal = Goal(0.8, method="ridge")
    trained = learn(write(tmp_path / "thrice.csv", items * 3), ("small",), goal)
    assert trained.artefact is not None
    router = read_router(encode_artefact(trained.artefact), "router.json")
    new = rows(300, seed=1)

    once, thrice = (
        evaluate(router, read_samples(Places(write(tmp_path / f"{k}.csv", new * k)), ("small",), "big"), {}, rng)
        for k, rng in ((1, np.random.default_rng(0)), (3, np.random.default_rng(0)))
    )

    assert trained.promise.items == learn(write(tmp_path / "once.csv", items), ("small",), goal).promise.items
    assert (thrice.bound, thrice.interval) == (pytest.approx(once.bound), pytest.approx(once.interval))


def test_rows_without_a_prompt_are_witnesses_of_their_own(tmp_path: Path) -> None:
    """Scores and short answers of two items may be alike by chance."""
    items = [{**item, "small.answer": "A" if item["small"] else "B"} for item in rows(400)]
    path = write(tmp_path / "bare.csv", items, only=("item", "small", "small.answer", "big"))
    samples = read_samples(Places(path), ("small",), "big")

    assert samples.witnesses().tolist() == list(range(400))
