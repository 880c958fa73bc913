"""Which backends judge, found while the task is loaded; and of which family a model is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.engines import BackendRecord
from weighbridge.formats.problems import Problems, did_you_mean
from weighbridge.formats.toml_records import TomlFile
from weighbridge.weigh.files import TaskFiles
from weighbridge.weigh.grading import Grader
from weighbridge.weigh.records import Candidate
from weighbridge.weigh.scorers.judge import REFERENCE, JudgeScorer
from weighbridge.weigh.spec import TaskFile

ALSO = {
    "chatgpt": "gpt", "o1": "gpt", "o3": "gpt", "o4": "gpt", "davinci": "gpt", "codex": "gpt",
    "mixtral": "mistral", "ministral": "mistral", "magistral": "mistral", "codestral": "mistral", "devstral": "mistral",
    "pixtral": "mistral", "gemma": "google", "gemini": "google", "qwq": "qwen", "qvq": "qwen", "codegemma": "google",
    "codellama": "llama", "vicuna": "llama", "alpaca": "llama", "chatglm": "glm", "kimi": "moonshot",
}  # fmt: skip
"""Names under which models of a family also go: gpt-oss and o3 are one lab's, and so are Gemma and Gemini."""
_WORD = re.compile(r"[a-z]+[0-9]*")
_CLOTHES = frozenset({"meta", "hf", "the", "instruct", "chat", "base", "gguf", "model", "models"})


def find_judges(
    file: TomlFile,
    spec: TaskFile,
    graders: Sequence[Grader],
    candidates: Sequence[Candidate],
    *,
    files: TaskFiles,
    problems: Problems,
) -> tuple[BackendRecord, ...]:
    """The backends that judge; adds what is wrong with their names, their yardstick and their file of labels."""
    backends = {record.name: record for record in spec.backend}
    found: dict[str, BackendRecord] = {}
    by_name = {grader.name: grader for grader in graders}
    for index, score in enumerate(spec.score):
        grader = next((one for one in by_name.values() if (score.name or score.kind) == one.name), None)
        if grader is None or not isinstance(grader.scorer, JudgeScorer):
            continue
        at, options = ("score", index, "options"), grader.scorer.options
        for place, name in enumerate(options.judges):
            if name in backends:
                found[name] = backends[name]
                continue
            hint = did_you_mean(name, backends) or "Add a `[[backend]]` section with that name."
            problems.add(file.problem((*at, "judges", place), f"there is no backend {name!r} to judge", hint))
        names = [candidate.name for candidate in candidates]
        if options.mode == "pairwise" and options.against not in (None, REFERENCE, *names):
            what = f"there is no candidate {options.against!r} to hold answers against"
            problems.add(file.problem((*at, "against"), what, did_you_mean(options.against or "", [*names, REFERENCE])))
        if options.labels is not None:
            files.use_checked(file, (*at, "labels"), options.labels, problems)
    return tuple(found.values())


def family(model: str) -> str | None:
    """The family a model's name speaks of, `qwen` or `gpt`; None where it speaks of none.

    `Qwen/Qwen2.5-7B-Instruct` is qwen, `gpt-4o` and `o3-mini` are gpt, `SmolLM2-135M-Instruct.Q4_1.gguf` is smollm.
    """
    name = model.rstrip("/").rpartition("/")[2].casefold()
    for word in _WORD.findall(name):
        stem = word.rstrip("0123456789")
        if word in ALSO or stem in ALSO:
            return ALSO.get(word, ALSO.get(stem))
        if len(stem) >= 3 and stem not in _CLOTHES:
            return str(stem)
    return None
