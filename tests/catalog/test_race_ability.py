"""The composite finds abilities it was not told, says how sure it is, and is not moved by what saturates."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.catalog import load_catalogue, load_scores
from weighbridge.catalog.racing.ability import Fitted, Observations, fit_abilities, share_to_logit
from weighbridge.catalog.racing.benchmarks import BENCHMARKS, KINDS
from weighbridge.catalog.racing.leaderboard import Z80, _on_one_scale, collect_best, rank_now

MODELS, BENCHES, TASKS = 120, 18, 400


def simulated(seed: int, share: float = 0.5) -> tuple[np.ndarray, Fitted]:
    """Abilities, and what is found from half the cells of a table whose scores are drawn from them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=MODELS)
    slope, offset = rng.uniform(0.8, 1.6, BENCHES), rng.normal(size=BENCHES)
    cells = [(m, b) for m in range(MODELS) for b in range(BENCHES) if rng.random() < share]
    logits = [offset[b] + slope[b] * truth[m] + rng.normal(scale=0.2) for m, b in cells]
    shares = [rng.binomial(TASKS, 1 / (1 + np.exp(-logit))) / TASKS for logit in logits]
    seen = [share_to_logit(100 * value, TASKS) for value in shares]
    observations = Observations(
        np.array([m for m, _ in cells]),
        np.array([b for _, b in cells]),
        np.array([y for y, _ in seen]),
        np.array([variance for _, variance in seen]),
    )
    return truth, fit_abilities(observations, [b % 3 for b in range(BENCHES)], MODELS, 3)


@pytest.mark.parametrize("seed", range(3))
def test_abilities_are_recovered_from_half_a_table(seed: int) -> None:
    truth, fitted = simulated(seed)

    mean, _ = fitted.ability(None)

    assert np.corrcoef(mean, truth)[0, 1] > 0.98


def test_intervals_cover_what_they_say() -> None:
    """Of 80% intervals of 600 models 77% to 90% must cover: lines are taken as known, kinds are given some freedom."""
    covered = []
    for seed in range(5):
        truth, fitted = simulated(seed)
        mean, deviation = fitted.ability(None)
        scale = np.std(truth)
        covered.append(np.abs((truth - truth.mean()) / scale - mean + mean.mean()) <= Z80 * deviation)

    assert 0.77 <= float(np.mean(covered)) <= 0.9


def test_fewer_benchmarks_make_a_wider_interval() -> None:
    _, dense = simulated(1, share=0.8)
    _, sparse = simulated(1, share=0.2)

    assert sparse.ability(None)[1].mean() > 1.5 * dense.ability(None)[1].mean()


def test_a_share_is_never_infinitely_good() -> None:
    """All of 45 tasks says less than half a task is missed; it weighs a tenth of what a middle score does."""
    full, full_variance = share_to_logit(100, 45)
    _, middle_variance = share_to_logit(50, 45)

    assert full == pytest.approx(np.log(44.5 / 0.5))
    assert full_variance > 10 * middle_variance
    assert share_to_logit(0, 45)[0] == pytest.approx(-full)


def test_a_score_left_out_is_foretold_from_the_others() -> None:
    """The shipped scores: a tenth is kept back, and 80% intervals for it must hold between 70% and 92% of it."""
    seen = collect_best(load_catalogue(), load_scores())
    cells = list(seen.best.items())
    hidden = np.random.default_rng(0).random(len(cells)) < 0.1
    place = {model: n for n, model in enumerate(seen.models)}
    column = {each.name: n for n, each in enumerate(seen.benchmarks)}
    values = np.array([_on_one_scale(entry.score, BENCHMARKS[name]) for (_, name), entry in cells])
    whole = Observations(
        np.array([place[model] for (model, _), _ in cells]),
        np.array([column[name] for (_, name), _ in cells]),
        values[:, 0],
        values[:, 1],
    )
    kept = Observations(whole.model[~hidden], whole.benchmark[~hidden], whole.y[~hidden], whole.sampling[~hidden])
    kind_of = np.array([list(KINDS).index(each.kind) for each in seen.benchmarks if each.kind])
    fitted = fit_abilities(kept, kind_of.tolist(), len(seen.models), len(KINDS))

    means, deviations = zip(*(fitted.ability(kind) for kind in range(len(KINDS))), strict=True)
    model, bench, kind = whole.model[hidden], whole.benchmark[hidden], kind_of[whole.benchmark[hidden]]
    mean, deviation = np.array(means)[kind, model], np.array(deviations)[kind, model]
    foretold = fitted.offset[bench] + fitted.slope[bench] * mean
    width = np.sqrt((fitted.slope[bench] * deviation) ** 2 + fitted.error[bench] ** 2 + whole.sampling[hidden])
    inside = float(np.mean(np.abs(whole.y[hidden] - foretold) <= Z80 * width))

    assert hidden.sum() > 100
    assert 0.70 <= inside <= 0.92
    guess = np.array([kept.y[kept.benchmark == each].mean() for each in bench])
    assert np.abs(whole.y[hidden] - foretold).mean() < 0.5 * np.abs(whole.y[hidden] - guess).mean()


def test_the_composite_agrees_with_an_independent_one_it_has_not_seen() -> None:
    board = rank_now(load_catalogue(), load_scores())

    assert board.agreement is not None
    assert board.agreement > 0.95
    assert board.compared > 80


def test_nobody_is_placed_on_too_little_evidence() -> None:
    catalogue, scores = load_catalogue(), load_scores()

    for board in rank_now(catalogue, scores).boards:
        assert all(len(placed.benchmarks) >= board.fewest for placed in board.placed)
        assert board.fewest == (4 if board.kind is None else 1 if board.kind == "chat" else 2)
        assert set(board.benchmarks) >= {name for placed in board.placed for name in placed.benchmarks}
        assert sum(placed.chance_of_lead for placed in board.placed) == pytest.approx(1)
    asked = rank_now(catalogue, scores, fewest=6).boards[0]
    assert asked.fewest == 6
    assert all(len(placed.benchmarks) >= 6 for placed in asked.placed)


def test_the_licence_filter_leaves_closed_models_and_known_licences() -> None:
    board = rank_now(load_catalogue(), load_scores(), licence="commercial").boards[0]
    models = load_catalogue().models

    from weighbridge.catalog import licence_of

    opened = [placed.entry.model for placed in board.placed if placed.entry.is_open]
    assert opened
    for model in opened:
        terms = licence_of(load_catalogue(), models[model or ""])
        assert terms is not None
        assert terms.commercial_use == "yes"
