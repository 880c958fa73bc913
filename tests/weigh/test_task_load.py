"""A task folder becomes a Task, with the defaults a user would expect."""

from __future__ import annotations

from pathlib import Path

import pytest
from task_folder import FREE, ITEMS, SOUND, make_task

from weighbridge.chat import Answer
from weighbridge.errors import InputError
from weighbridge.weigh.task import load_task


def test_a_sound_task_says_what_is_asked_of_whom(tmp_path: Path) -> None:
    task = load_task(make_task(tmp_path / "triage"))

    assert (task.name, len(task.items)) == ("triage", 2)
    assert [candidate.name for candidate in task.candidates] == ["A", "B"]
    assert [(score.kind, score.reference) for score in task.scores] == [("choice", "category")]
    task.close()


def test_without_candidates_every_backend_is_one(tmp_path: Path) -> None:
    task = load_task(make_task(tmp_path, SOUND[: SOUND.index("[[candidate]]")]))

    assert [(one.name, one.backend.name) for one in task.candidates] == [("one", "one"), ("two", "two")]


def test_sampling_is_greedy_unless_the_task_says_otherwise(tmp_path: Path) -> None:
    """A run that is repeated should say the same; `default` leaves the temperature to the backend."""
    text = SOUND + '[candidate.answer.sampling]\ntemperature = "default"\nmax_tokens = 7\n'

    first, second = load_task(make_task(tmp_path, text)).candidates

    assert (first.answer.sampling.temperature, first.answer.sampling.max_tokens) == (0.0, None)
    assert (second.answer.sampling.temperature, second.answer.sampling.max_tokens) == (None, 7)


def test_a_candidate_overrides_only_the_keys_it_names(tmp_path: Path) -> None:
    text = SOUND.replace("[prompt]", '[answer]\nreasoning_effort = "low"\n[answer.sampling]\nmax_tokens = 9\n[prompt]')
    text += '[candidate.prompt]\nsystem = "Be brief."\n[candidate.answer]\nreasoning_effort = "high"\n'

    first, second = load_task(make_task(tmp_path, text)).candidates

    assert (first.prompt.system, second.prompt.system) == (None, "Be brief.")
    assert second.prompt.user == first.prompt.user
    assert (first.answer.reasoning_effort, second.answer.reasoning_effort) == ("low", "high")
    assert second.answer.sampling.max_tokens == 9


def test_the_score_is_the_weighted_mean_of_all_scorers(tmp_path: Path) -> None:
    scores = """
[[score]]
kind = "exact"
reference = "category"
weight = 3
[[score]]
kind = "contains"
options = { values = ["bill"] }
"""
    task = load_task(make_task(tmp_path, FREE + scores))

    scored = task.score(task.items[0], Answer(text="bill"))

    assert scored.score == pytest.approx(0.25)
    assert scored.parts == {"exact": 0.0, "contains": 1.0}
    assert scored.note == 'exact: read "bill"; expected "billing"'


def test_reasoning_is_kept_apart_and_never_scored(tmp_path: Path) -> None:
    task = load_task(make_task(tmp_path))
    answer = Answer(text="<think>bug? no, account</think>\nbilling", reasoning="from its own field")

    scored = task.score(task.items[0], answer)

    assert (scored.score, scored.text) == (1.0, "billing")
    assert scored.reasoning == "from its own field\nbug? no, account"


def test_an_answer_that_was_cut_while_thinking_scores_nothing(tmp_path: Path) -> None:
    """The right label stands only in the thoughts, so it was never said."""
    task = load_task(make_task(tmp_path))

    scored = task.score(task.items[0], Answer(text="<think>This is billing, so I will answer billing"))

    assert (scored.score, scored.text) == (0.0, "")


@pytest.mark.parametrize("name", ["task.toml", "items.jsonl", "shots.jsonl"])
def test_the_fingerprint_changes_with_every_file_of_the_task(tmp_path: Path, name: str) -> None:
    text = SOUND.replace("[prompt]", '[prompt]\nshots = "shots.jsonl"')
    shots = '{"text": "it crashes", "category": "bug"}\n'
    before = load_task(make_task(tmp_path / "a", text, shots__jsonl=shots)).fingerprint
    same = load_task(make_task(tmp_path / "b", text, shots__jsonl=shots)).fingerprint
    changed = make_task(tmp_path / "c", text, shots__jsonl=shots)
    (changed / name).write_bytes((changed / name).read_bytes().replace(b"\n", b"\n\n", 1))

    after = load_task(changed).fingerprint

    assert before == same
    assert before != after


def test_a_second_start_finds_the_index_of_the_first(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "task")
    first = load_task(folder, cache_dir=tmp_path / "cache")
    kept = list((tmp_path / "cache" / "items").iterdir())

    again = load_task(folder, cache_dir=tmp_path / "cache")

    assert len(kept) == 1
    assert list(first.items) == list(again.items)


def test_old_indexes_are_cleared_away(tmp_path: Path) -> None:
    """Every edit of a task makes a new one, and nobody looks into the cache."""
    for number in range(66):
        load_task(make_task(tmp_path / "task", SOUND + f"# edit {number}\n"), cache_dir=tmp_path / "cache").close()

    assert len(list((tmp_path / "cache" / "items").iterdir())) == 64


def test_a_kept_index_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "task")
    load_task(folder, cache_dir=tmp_path / "cache")
    kept = next((tmp_path / "cache" / "items").iterdir())
    kept.write_bytes(kept.read_bytes()[:-3])

    again = load_task(folder, cache_dir=tmp_path / "cache")

    assert [item.id for item in again.items] == ["a", "b"]


def test_items_that_change_under_a_run_stop_it(tmp_path: Path) -> None:
    """Offsets into a file that was rewritten would quietly read other items."""
    task = load_task(make_task(tmp_path))
    (tmp_path / "items.jsonl").write_text(ITEMS.replace("invoice", "account and my invoice"))

    with pytest.raises(InputError, match="was changed while it was being used"):
        task.items[0]


def test_loading_stops_at_the_first_mistake_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_task(make_task(tmp_path, items=ITEMS.replace('"text": "cannot', '"txt": "cannot')))

    assert caught.value.where == "items.jsonl:2: text"
    assert "prompt.user of candidate 'A' names it" in caught.value.what
    assert "Did you mean 'txt'?" in str(caught.value.next_move)
