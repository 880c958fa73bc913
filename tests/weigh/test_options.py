"""Items with options of their own, ranked by likelihood: from task.toml to the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from run_factory import run_folder, toml

from weighbridge.chat import Choice
from weighbridge.cli.main import main
from weighbridge.engines import Ability
from weighbridge.errors import CannotAsk
from weighbridge.weigh.task import load_task

CITIES = ("Paris", "Rome", "New York City", "Lima", "Oslo")
ALL_BUT = [one.value for one in Ability if one not in (Ability.LIKELIHOOD, Ability.EMBEDDINGS)]


def write_options(
    folder: Path,
    *,
    backends: dict[str, dict[str, Any]] | None = None,
    answer: str = '[answer.options]\nfield = "options"',
    rows: list[dict[str, Any]] | None = None,
) -> Path:
    """Questions whose right answer stands in them, where echo finds it; each has four options in its own order."""
    folder.mkdir(parents=True, exist_ok=True)
    options = [[CITIES[n * k % 5] for k in (1, 2, 3, 4)] for n in range(1, 300) if n % 5]
    usual = [
        {"id": f"i{n}", "text": f"question {n}", "right": one[0], "options": one} for n, one in enumerate(options, 1)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or usual))
    lines = ["[task]", 'items = "items.jsonl"', "[prompt]", 'user = "{{text}} answer={{right}}"', answer]
    lines += ["[[score]]", 'kind = "exact"', 'reference = "right"']
    for name, own in (backends or {"good": {"skill": 0.9}, "bad": {"skill": 0.5}}).items():
        lines += ["[[backend]]", f'name = "{name}"', 'kind = "echo"', f"settings = {toml(own)}"]
    (folder / "task.toml").write_text("\n".join(lines) + "\n")
    return folder


def test_options_of_each_item_are_ranked_and_the_better_candidate_wins(tmp_path: Path) -> None:
    report = run_folder(write_options(tmp_path / "task"), tmp_path / "data")

    assert report.result.verdict.winner == "good"
    shown = report.items[0].samples[0].label_logprobs
    assert shown is not None
    assert set(shown["option"]) <= set(CITIES)


def test_a_model_continues_the_prompt_unless_a_conversation_is_asked_for(tmp_path: Path) -> None:
    """What lm-eval does without `--apply_chat_template`, and with it."""
    folder = write_options(tmp_path / "task", answer='[answer.options]\nfield = "options"\nbefore = ""\nper = "byte"')
    task = load_task(folder)

    request = task.request(task.candidates[0], task.items[0], frozenset(Ability))

    assert request.choose == "likelihood"
    assert request.prompt == f"question 1 answer={task.items[0].fields['right']}"
    assert request.choices == (Choice("option", tuple(task.items[0].fields["options"]), "", "byte"),)
    task.close()
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(
        text + '[[candidate]]\nname = "a"\nbackend = "good"\nendpoint = "chat"\n'
        '[[candidate]]\nname = "b"\nbackend = "bad"\n'
    )
    talked = load_task(folder)
    assert talked.request(talked.candidates[0], talked.items[0], frozenset(Ability)).messages
    talked.close()


def test_a_fixed_choice_may_be_ranked_by_likelihood(tmp_path: Path) -> None:
    answer = '[answer]\nchoose = "likelihood"\n[[answer.choices]]\nname = "right"\nlabels = ["Paris", "Rome", "Lima"]'
    task = load_task(write_options(tmp_path / "task", answer=answer, rows=[{"text": "q", "right": "Rome"}]))

    request = task.request(task.candidates[0], task.items[0], frozenset(Ability))

    assert (request.choose, request.choices[0].lead) == ("likelihood", " ")
    task.close()


def test_a_backend_that_cannot_tell_likelihoods_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    backends = {"good": {}, "talker": {"abilities": ALL_BUT}}

    with pytest.raises(CannotAsk, match="'talker' cannot do 'likelihood'") as caught:
        run_folder(write_options(tmp_path / "task", backends=backends), tmp_path / "data")

    assert "--as letters" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"options": ["a", "b"], "right": "c"}, "the reference 'right' is \"c\", which is none of the options"),
        ({"options": ["a"], "right": "a"}, "no list of two texts or more"),
        ({"options": ["a", ""], "right": "a"}, "no list of two texts or more"),
        ({"options": "a or b", "right": "a"}, "no list of two texts or more"),
        ({"right": "a"}, "the field 'options' is missing or null, and answer.options names it"),
        ({"options": [1, 2], "right": "1"}, "no list of two texts or more"),
    ],
)
def test_an_item_that_cannot_be_ranked_is_named_with_its_line(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    good = {"text": "q", "options": ["a", "b"], "right": ["b"]}
    folder = write_options(tmp_path / "task", rows=[good, {"text": "q", **row}])

    found = CliRunner().invoke(main, ["weigh", str(folder), "--check"])

    assert found.exit_code == 1
    assert found.output.count("items.jsonl:") == 1
    assert "items.jsonl:2" in found.output
    assert said in found.output


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('[answer]\nchoose = "grammar"\n[answer.options]\nfield = "options"', "`options` are ranked"),
        ('[answer]\nchoose = "likelihood"', "`choose` is about labels"),
        ('[answer.options]\nfield = "options"\nper = "word"', "per"),
        (
            '[answer]\nchoose = "likelihood"\n[[answer.choices]]\nname = "right"\nlabels = ["a", "b"]\n'
            '[[answer.choices]]\nname = "other"\nlabels = ["a", "b"]',
            "only one choice can be ranked",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_named(tmp_path: Path, answer: str, said: str) -> None:
    row = {"text": "q", "options": ["a", "b"], "right": "a", "other": "a"}

    found = CliRunner().invoke(
        main, ["weigh", str(write_options(tmp_path / "t", answer=answer, rows=[row])), "--check"]
    )

    assert found.exit_code == 1
    assert said in found.output


def test_an_estimate_counts_every_reading_of_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server asked over HTTP reads it once, and once more for each option."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = write_options(tmp_path / "task", rows=[{"text": "x" * 400, "options": ["a", "b", "c"], "right": "a"}])
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(
        text.replace('name = "bad"\nkind = "echo"\nsettings = {"skill": 0.5}', 'name = "bad"').replace(
            'name = "bad"\nkind = "echo"\nsettings = { skill = 0.5 }',
            'name = "bad"\nkind = "vllm"\nbase_url = "http://localhost:9/v1"\nmodel = "m"',
        )
    )

    said = CliRunner().invoke(main, ["weigh", str(folder), "--estimate", "--json"])

    assert said.exit_code == 0, said.output
    here, there = json.loads(said.stdout)["candidates"]
    assert there["tokens_in"]["value"] == pytest.approx(4 * here["tokens_in"]["value"])
