"""Logs in the shapes that lm-eval 0.4.13, Inspect 0.3.285, promptfoo and OpenAI's evals write, cut to what they need.

Written after reading those programs and comparing with logs they made; field names and nesting are theirs.
"""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

Scores = Mapping[str, Sequence[float]]
"""Candidate to the scores of its answers, item by item."""
DATE = "2026-01-05T10-00-00.123456"


def clear_cut(items: int = 120, seed: int = 5) -> dict[str, list[float]]:
    """`good` is right in 9 of 10 items, `bad` in 3 of 10."""
    rng = Random(seed)
    return {name: [float(rng.random() < share) for _ in range(items)] for name, share in (("good", 0.9), ("bad", 0.3))}


def zstd_frame(data: bytes) -> bytes:
    """Zstandard without compression: one raw block after the other, which any reader must take."""
    blocks = [data[place : place + 100_000] for place in range(0, len(data), 100_000)] or [b""]
    body = b"".join(
        ((place == len(blocks) - 1) | (len(block) << 3)).to_bytes(3, "little") + block
        for place, block in enumerate(blocks)
    )
    return b"\x28\xb5\x2f\xfd\xe0" + len(data).to_bytes(8, "little") + body


def write_zip(path: Path, members: Mapping[str, bytes], *, zstd: bool) -> Path:
    """A zip as Inspect writes it. Python's module cannot pack with method 93, so the packed bytes are stored and the
    method is written over in both headers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if zstd else zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, zstd_frame(data) if zstd else data)
    if not zstd:
        return path
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        infos = [(info.header_offset, info.filename, members[info.filename]) for info in file.infolist()]
        place = file.start_dir
    for offset, name, data in infos:
        for at, field in ((offset, 8), (place, 10)):
            raw[at + field : at + field + 2] = (93).to_bytes(2, "little")
            crc_at = at + field + 6
            raw[crc_at : crc_at + 4] = zlib.crc32(data).to_bytes(4, "little")
            raw[crc_at + 8 : crc_at + 12] = len(data).to_bytes(4, "little")
        place += 46 + len(name.encode())
    path.write_bytes(bytes(raw))
    return path


def lm_eval(
    folder: Path,
    scores: Scores,
    task: str = "arith",
    *,
    filters: Sequence[str] = ("none",),
    hashes: bool = True,
    shift: Mapping[str, int] = {},
    results: bool = True,
    date: str = DATE,
    config: Mapping[str, Any] = {},
) -> Path:
    """OUT/MODEL/samples_TASK_DATE.jsonl and results_DATE.json. Later filters have the opposite scores. `shift`: by
    candidate, how far its doc_ids are from those of others, as after another revision of the data set."""
    for name, values in scores.items():
        out = folder / name.replace("/", "__")
        out.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, used in enumerate(filters):
            for item, score in enumerate(values):
                doc = {"question": f"What is {item} + 1?", "subject": ("sum", "carry")[item % 2]}
                row = {
                    "doc_id": item + shift.get(name, 0), "doc": doc, "target": str(item + 1),
                    "arguments": {"gen_args_0": {"arg_0": f"Q: {doc['question']}\nA:", "arg_1": {"until": ["\n"]}}},
                    "resps": [[str(item)]], "filtered_resps": [str(item)], "filter": used,
                    "metrics": ["exact_match", "chars"],
                }  # fmt: skip
                if hashes:
                    row["doc_hash"] = hashlib.sha256(json.dumps(doc).encode()).hexdigest()
                row |= {"exact_match": 1.0 - score if number else score, "chars": 7.0}
                lines.append(json.dumps(row))
        (out / f"samples_{task}_{date}.jsonl").write_text("\n".join(lines) + "\n")
        if results:
            whole = {
                "results": {task: {"alias": task, "exact_match,none": 0.5}}, "n-shot": {task: 0},
                "higher_is_better": {task: {"exact_match": True, "chars": False}},
                "config": {"model": "hf", "model_args": f"pretrained={name}", **config}, "model_name": name,
                "lm_eval_version": "0.4.13",
            }  # fmt: skip
            (out / f"results_{date}.json").write_text(json.dumps(whole, indent=2))
    return folder


def inspect_members(
    name: str,
    values: Sequence[Sequence[Any]],
    *,
    task: str = "sums",
    status: str = "success",
    scorer: str = "match",
    task_id: str = "t1",
    summaries: bool = True,
) -> dict[str, bytes]:
    """What is in an `.eval` zip; values: per item the scores of its epochs, None for a sample that broke."""
    spec = {
        "run_id": "r", "created": "2026-01-05T10:00:00+00:00", "task": task, "task_id": task_id, "model": name,
        "dataset": {"name": "d", "samples": len(values)}, "config": {"epochs": 1}, "model_generate_config": {},
    }  # fmt: skip
    samples = []
    for item, epochs in enumerate(values):
        for epoch, value in enumerate(epochs, 1):
            sample: dict[str, Any] = {
                "id": f"q{item}", "epoch": epoch, "input": f"question {item}", "target": str(item),
                "metadata": {"category": ("a", "b")[item % 2]}, "total_time": 2.0, "working_time": 1.0 + item % 3,
                "model_usage": {name: {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12, "total_cost": 0.01}},
                "scores": {scorer: {"value": value, "answer": "x", "explanation": "said x", "history": []}},
            }  # fmt: skip
            if value is None:
                sample |= {"scores": {}, "error": "ConnectionError: no route"}
            samples.append(sample)
    header = {"version": 2, "status": status, "eval": spec, "plan": {}, "results": {}, "stats": {}}
    members = {"_journal/start.json": {"version": 2, "eval": spec, "plan": {}}, "header.json": header}
    for sample in samples:
        whole = sample | ({"error": {"message": sample["error"], "traceback": "..."}} if "error" in sample else {})
        members[f"samples/{sample['id']}_epoch_{sample['epoch']}.json"] = {**whole, "messages": [], "events": []}
    if summaries:
        members["summaries.json"] = samples  # type: ignore[assignment]
    return {name: json.dumps(value).encode() for name, value in members.items()}


def inspect_log(path: Path, name: str, values: Sequence[Sequence[Any]], *, zstd: bool = True, **said: Any) -> Path:
    return write_zip(path, inspect_members(name, values, **said), zstd=zstd)


def inspect_json(path: Path, name: str, values: Sequence[Sequence[Any]], **said: Any) -> Path:
    """The older log: one JSON document."""
    members = {key: json.loads(value) for key, value in inspect_members(name, values, **said).items()}
    samples = [value for key, value in members.items() if key.startswith("samples/")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**members["header.json"], "samples": samples}, indent=2))
    return path


def promptfoo_rows(scores: Scores, *, repeats: int = 1, prompts: Sequence[str] = ("Answer {{q}}",)) -> list[Any]:
    """Results as promptfoo nests them: every repetition has a testIdx of its own."""
    rows = []
    items = len(next(iter(scores.values())))
    for repeat in range(repeats):
        for item in range(items):
            for index, (provider, prompt) in enumerate((p, q) for p in scores for q in prompts):
                score = scores[provider][item]
                variables = {"q": f"question {item}", "sessionId": f"{repeat}-{item}-{index}"}
                case = {"vars": variables, "assert": [{"type": "equals", "value": str(item)}], "options": {}}
                rows.append({
                    "promptIdx": index, "testIdx": repeat * items + item, "testCase": case, "promptId": "p",
                    "provider": {"id": provider, "label": ""}, "prompt": {"raw": prompt, "label": prompt},
                    "vars": variables, "response": {"output": "x", "tokenUsage": {"prompt": 5, "completion": 2}},
                    "success": score >= 0.5, "failureReason": int(score < 0.5), "score": score,
                    "latencyMs": 100 + index, "cost": 0.001 * (index + 1), "namedScores": {"tone": 1.0},
                    "gradingResult": {"pass": score >= 0.5, "score": score, "reason": "said so", "namedScores": {}},
                })  # fmt: skip
    return rows


def promptfoo(path: Path, scores: Scores, *, version: int = 3, **said: Any) -> Path:
    rows = promptfoo_rows(scores, **said)
    prompts = [
        {"provider": provider, "raw": prompt, "label": prompt}
        for provider in scores
        for prompt in said.get("prompts", ("Answer {{q}}",))
    ]
    summary: dict[str, Any] = {"version": version, "timestamp": "2026-01-05T10:00:00Z"}
    if version >= 3:
        summary |= {"prompts": prompts, "results": rows, "stats": {}}
    else:
        summary |= {"results": rows, "stats": {}, "table": {"head": {"prompts": prompts, "vars": ["q"]}, "body": []}}
    path.write_text(json.dumps({"evalId": "eval-1", "results": summary, "config": {}, "shareableUrl": None}))
    return path


def openai_evals(path: Path, name: str, values: Sequence[Any], *, event: str = "match") -> Path:
    """A spec, events in another order than the samples', and the report among them."""
    rows: list[Any] = [
        {"spec": {"completion_fns": [name], "eval_name": "sums.dev.v0", "base_eval": "sums", "split": "dev",
                  "run_config": {"completion_fns": [name]}, "created_by": "", "run_id": "r", "created_at": "2026"}},
        {"final_report": {"accuracy": 0.5}},
    ]  # fmt: skip
    events: list[Any] = []
    for item, value in enumerate(values):
        sample = {"run_id": "r", "sample_id": f"sums.dev.{item}", "created_by": "", "created_at": "2026"}
        events.append({**sample, "event_id": 2 * item, "type": "sampling", "data": {"prompt": "p", "sampled": "x"}})
        data = {"correct": bool(value), "expected": "1"} if event == "match" else {"score": value}
        events.append({**sample, "event_id": 2 * item + 1, "type": event, "data": data})
    Random(1).shuffle(events)
    path.write_text("\n".join(map(json.dumps, rows + events)) + "\n")
    return path


def table(path: Path, rows: Iterable[Sequence[Any]], header: Sequence[str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def wide(path: Path, scores: Scores) -> Path:
    rows = ([f"i{item}", *values] for item, values in enumerate(zip(*scores.values(), strict=True)))
    return table(path, rows, ["item", *scores])
