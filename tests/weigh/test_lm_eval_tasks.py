"""A task of lm-eval becomes one of ours: its documents, prompts and metric, over a local file and without a network.

Run in processes of their own: the library warns and logs as it likes. Skipped where it is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from patience import PATIENCE_S
from weighbridge.cli.main import main
from weighbridge.engines import Ability

needs_lm_eval = pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")

GENERATE = """\
task: wb_gen
dataset_path: json
dataset_kwargs:
  data_files: {{test: {data}}}
output_type: generate_until
test_split: test
fewshot_split: test
num_fewshot: {shots}
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer.split('####')[-1].strip()}}}}"
generation_kwargs:
  until: ["Q:"]
  max_gen_toks: 32
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
filter_list:
  - name: strict-match
    filter:
      - function: regex
        regex_pattern: "#### (\\\\-?[0-9\\\\.\\\\,]+)"
      - function: take_first
  - name: flexible-extract
    filter:
      - function: regex
        group_select: -1
        regex_pattern: "(-?[0-9.,]{{1,}})"
      - function: take_first
"""
CHOICE = """\
task: wb_mc
dataset_path: json
dataset_kwargs:
  data_files: {{test: {data}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: {choices}
doc_to_target: gold
"""


LIKELIHOODS = """\
import json, random, sys
from lm_eval.tasks import TaskManager
from weighbridge.chat import Choice
from weighbridge.engines.labels import likeliest
from weighbridge.weigh.task import load_task
from pathlib import Path

theirs = TaskManager(include_path=sys.argv[1], include_defaults=False).load(["wb_mc"])["tasks"]["wb_mc"]
task = load_task(Path(sys.argv[1]) / "mine")
asked = {item.id: item for item in task.items}
rng, differ, told = random.Random(5), 0, 0
for number, doc in enumerate(theirs.eval_docs):
    choices = theirs.doc_to_choice(doc)
    sums = [-rng.random() * 3 * len(one.encode()) for one in choices]
    arguments = [one.arguments for one in theirs.construct_requests(doc, theirs.fewshot_context(doc, 0))]
    expected = theirs.process_results(doc, [(one, False) for one in sums])
    item = asked.pop(f"wb_mc/{number}", None)
    if item is None:
        differ += expected["acc"] != 0.0
        continue
    told += 1
    request = task.request(task.candidates[0], item, frozenset(sys.argv[2].split(",")))
    spelled = [(request.prompt, request.choices[0].lead + one) for one in choices]
    differ += spelled != arguments
    for per, metric in (("text", "acc"), ("character", "acc_norm")):
        said = likeliest(Choice("c", request.choices[0].labels, per=per), dict(zip(choices, sums)))
        differ += (said == item.fields["answer"]) != expected[metric]
print("differ", differ, "of", told, "left out", len(theirs.eval_docs) - told, "more", len(asked), task.scores[0].name)
"""


def run(folder: Path, *arguments: str, ok: bool = True) -> str:
    environ = {**os.environ, "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def write(folder: Path, config: str, rows: list[dict[str, Any]], **said: Any) -> Path:
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "task.yaml").write_text(config.format(data=data, **said))
    return folder / "task.yaml"


SUMS = [{"question": f"{n} times 2?", "answer": f"so #### {2 * n}", "category": "ab"[n % 2]} for n in range(40)]
PARITY = """\
import json, sys
from pathlib import Path
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager
from weighbridge.weigh.scorers import make_scorer, Setting
from weighbridge.weigh.scorers.lm_eval import LmEvalOptions

include = sys.argv[1]
theirs = TaskManager(include_path=include, include_defaults=False).load(["wb_gen"])["tasks"]["wb_gen"]
differ = 0
for name in ("strict-match", "flexible-extract"):
    ours = make_scorer("lm-eval", LmEvalOptions(metric="exact_match", filter=name, include=include), Setting())
    for number, doc in enumerate(theirs.eval_docs):
        for said in (f"so #### {2 * number}", f"{2 * number}", f"it is {2 * number}, surely 7", "", "#### -3", "####"):
            one = Instance(request_type="generate_until", doc=doc, arguments=("", {}), idx=0)
            one.resps = [said]
            next(f for f in theirs._filters if f.name == name).apply([one])
            expected = theirs.process_results(doc, [one.filtered_resps[name]])["exact_match"]
            differ += ours.mark(said, {"task": "wb_gen", "doc": dict(doc)}).score != expected
print("differ", differ)
"""


@needs_lm_eval
@pytest.mark.lm_eval
@pytest.mark.slow
def test_a_generate_task_is_written_weighed_and_scored_as_lm_eval_scores_it(tmp_path: Path) -> None:
    yaml = write(tmp_path, GENERATE, SUMS, shots=2)
    run(tmp_path, "-m", "weighbridge", "weigh", "--init", "mine", "--from", f"lm-eval:{yaml}")
    items = [json.loads(line) for line in (tmp_path / "mine" / "items.jsonl").read_text().splitlines()]
    task = (tmp_path / "mine" / "task.toml").read_text()

    assert len(items) == 40
    assert items[3]["prompt"].count("Q:") == 3, "two examples stand before the question"
    assert items[3]["prompt"].endswith("Q: 3 times 2?\nA:")
    assert 'metric = "exact_match"' in task
    assert "max_tokens = 32" in task

    echo = '[[backend]]\nname = "{}"\nkind = "echo"\nsettings = {{ skill = {} }}\n'
    told = task.replace('user = "{{prompt}}"', 'user = "{{prompt}} answer=####{{expected}}"').replace(
        '"strict-match"  ', '"flexible-extract"  '
    )
    (tmp_path / "mine" / "task.toml").write_text(told + echo.format("good", 0.95) + echo.format("bad", 0.2))
    found = json.loads(run(tmp_path, "-m", "weighbridge", "weigh", "mine", "--json").splitlines()[0])

    assert found["verdict"]["winner"] == "good"
    assert "differ 0" in run(tmp_path, "-c", PARITY, str(tmp_path))


@needs_lm_eval
@pytest.mark.lm_eval
@pytest.mark.slow
def test_choices_that_all_documents_share_are_the_labels(tmp_path: Path) -> None:
    rows = [{"question": f"Is {n} even?", "gold": n % 2} for n in range(10)]
    yaml = write(tmp_path, CHOICE, rows, choices='["yes", "no"]')

    run(tmp_path, "-m", "weighbridge", "weigh", "--init", "mine", "--from", f"lm-eval:{yaml}", "--as", "letters")

    assert 'labels = ["yes", "no"]' in (tmp_path / "mine" / "task.toml").read_text()
    assert json.loads((tmp_path / "mine" / "items.jsonl").read_text().splitlines()[3])["answer"] == "no"


@needs_lm_eval
@pytest.mark.lm_eval
@pytest.mark.slow
def test_choices_of_each_documents_own_are_lettered(tmp_path: Path) -> None:
    rows = [{"question": f"{n} + 1?", "options": [str(n), str(n + 1)], "gold": 1} for n in range(10)]
    yaml = write(tmp_path, CHOICE, rows, choices="options")

    run(tmp_path, "-m", "weighbridge", "weigh", "--init", "mine", "--from", f"lm-eval:{yaml}", "--max-items", "4",
        "--as", "letters")  # fmt: skip

    items = [json.loads(line) for line in (tmp_path / "mine" / "items.jsonl").read_text().splitlines()]
    assert len(items) == 4
    assert (items[3]["choices"], items[3]["answer"]) == ("A. 3\nB. 4", "B")
    assert 'labels = ["A", "B"]' in (tmp_path / "mine" / "task.toml").read_text()


@needs_lm_eval
@pytest.mark.lm_eval
@pytest.mark.slow
def test_choices_are_ranked_by_what_lm_eval_ranks_them_by(tmp_path: Path) -> None:
    """The same texts after the same prompts, and the same right and wrong from the same sums; a document whose right
    answer is none of its choices, which lm-eval counts as wrong for everybody, is left out."""
    rows = [
        {"question": f"{n} + 1?", "options": [f"{n}", f"{n + 1} it is", "zwölf, ja" + "!" * n], "gold": n % 4}
        for n in range(40)
    ]
    config = CHOICE.replace("doc_to_target: gold", 'doc_to_target: gold\ntarget_delimiter: "\\n"\n') + (
        "metric_list:\n  - metric: acc_norm\n    aggregation: mean\n    higher_is_better: true\n"
        "  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n"
    )
    yaml = write(tmp_path, config, rows, choices="options")

    run(tmp_path, "-m", "weighbridge", "weigh", "--init", "mine", "--from", f"lm-eval:{yaml}")

    task = tmp_path / "mine" / "task.toml"
    assert 'per = "character"' in task.read_text()
    task.write_text(
        task.read_text() + "".join(f'[[backend]]\nname = "{name}"\nkind = "echo"\n' for name in ("one", "two"))
    )
    able = ",".join(one.value for one in Ability)
    assert "differ 0 of 30 left out 10 more 0 acc_norm" in run(tmp_path, "-c", LIKELIHOODS, str(tmp_path), able)


@needs_lm_eval
@pytest.mark.lm_eval
@pytest.mark.slow
def test_a_data_set_that_cannot_be_fetched_is_said_plainly(tmp_path: Path) -> None:
    yaml = write(tmp_path, GENERATE.replace("dataset_path: json", "dataset_path: nobody/nothing"), SUMS, shots=0)

    said = run(tmp_path, "-m", "weighbridge", "weigh", "--init", "mine", "--from", f"lm-eval:{yaml}", ok=False)

    assert "the documents of 'wb_gen' cannot be had" in said
    assert "HF_HOME" in said


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is not None, reason="lm-eval is installed")
def test_without_the_library_the_way_to_it_is_named(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["weigh", "--init", str(tmp_path / "t"), "--from", "lm-eval:gsm8k"])

    assert said.exit_code == 1
    assert "pip install 'weighbridge[lm-eval]'" in said.output


@pytest.mark.parametrize("arguments", [["--from", "gsm8k"], ["--from", "lm-eval:a", "--from", "lm-eval:b"]])
def test_init_from_writes_one_task_of_lm_eval(tmp_path: Path, arguments: list[str]) -> None:
    said = CliRunner().invoke(main, ["weigh", "--init", str(tmp_path / "t"), *arguments])

    assert said.exit_code == 2
    assert "--init my-task --from lm-eval:gsm8k" in said.output


def test_a_yaml_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["weigh", "--init", str(tmp_path / "t"), "--from", "lm-eval:none.yaml"])

    assert said.exit_code == 1
    assert "none.yaml" in said.output
