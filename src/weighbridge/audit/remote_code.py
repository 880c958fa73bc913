"""Keys in a model's settings that make a loader run code: from this folder, or from somebody else's repository.

Code that lies beside the weights can be read before it runs (medium); code from elsewhere may be another one tomorrow,
and a flag in a settings file that gives the consent which only the caller may give is an attack (high).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from weighbridge.audit.records import Finding, Severity

from .containers.member import finding, leaves, shown
from .repository import Repository
from .settings_code import target_finding

_LIBRARIES = frozenset({"transformers", "peft", "diffusers", "timm", "torch", "sentence_transformers"})
MOST_KEYS = 100_000
_ATTENTION = re.compile(r"_?(?:attn|attention|experts)_implementation\w*")
_KERNELS = re.compile(
    r"_?kernel_?(?:mapping|layer|repo|config|s)\w*|use_kernels|hub_kernels?|(?:layer|func)_repository"
)
_PLUGIN = re.compile(
    r"(?:python|backend|custom|external|import|quantizer|plugin)_?(?:module|class|package|path|plugin)s?"
    r"|imports?|plugins?|entry_?points?|class_path|module_path"
)
"""Keys whose value is a module to import."""
_MODULE_WORDS = re.compile(r"modules?|class|package|library|backend_module|quantizer|linear_class|layer_class")
"""Keys that mean so within a quantiser's settings."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::\w+)?")
_LAYERS = re.compile(
    r"(?:model|transformer|language_model|lm_head|visual|vision\w*|encoder|decoder|layers|backbone)\b.*"
)
_CONSENT = frozenset({"trust_remote_code", "allow_remote_code", "use_remote_code", "trust_repo", "weights_only"})
_ENTRY_POINTS = {
    "handler.py": "a handler that an inference endpoint runs",
    "pipeline.py": "a pipeline that a loader may run",
    "generate.py": "a generation loop that `custom_generate` runs",
    "setup.py": "an installer that pip runs",
    "conftest.py": "a file that pytest runs",
    "sitecustomize.py": "a file that every Python started here runs",
    "usercustomize.py": "a file that every Python started here runs",
}
_BUILT_IN_ATTENTION = re.compile(
    r"(?:paged\|)?(?:eager|sdpa|sdpa_paged|eager_paged|flash_attention_[234]|flex_attention|flashinfer|xformers)"
)


def remote_code_findings(repository: Repository) -> Iterator[Finding]:
    """All keys and files through which loading or serving could run code."""
    for name in repository.ending(".json"):
        if name.endswith(("tokenizer.json", "vocab.json", ".index.json")):
            continue
        content = repository.json(name)
        if isinstance(content, dict | list):
            yield from _keys(content, name)
    for name in repository.named(*_ENTRY_POINTS):
        base = name.rpartition("/")[2]
        if base != "generate.py" or "custom_generate" in name:
            yield finding("code-entry", "high", name, f"{_ENTRY_POINTS[base]}, unasked")
    yield from _modules(repository)


def _keys(content: Any, where: str) -> Iterator[Finding]:
    """Every key of every nested object; bounded, without recursion."""
    left: list[tuple[str, Any]] = [("", content)]
    seen = 0
    while left and seen < MOST_KEYS:
        path, value = left.pop()
        seen += 1
        if isinstance(value, list):
            left += [(path, each) for each in value[:1000]]
        elif isinstance(value, dict):
            for key, inner in value.items():
                here = f"{path}.{key}" if path else str(key)
                yield from _key(str(key), here, inner, where)
                left.append((here, inner))


def _key(key: str, path: str, value: Any, where: str) -> Iterator[Finding]:
    if key in ("auto_map", "custom_pipelines"):
        yield from _auto_map(path, value, where)
    elif _names_plugin(key, path) and (named := sorted(_imported(value))):
        detail = f"{shown(path)} names {', '.join(map(shown, named[:5]))}: a module that a loader may import"
        yield finding("code-elsewhere", "medium", where, detail)
    elif key in _CONSENT and key != "weights_only" and value not in (False, None):
        detail = f"{shown(path)} is {shown(str(value))}: a settings file must not give the caller's consent to run code"
        yield finding("consent-in-config", "high", where, detail, "CVE-2026-5241, CVE-2026-27893")
    elif key == "weights_only" and value is False:
        detail = f"{shown(path)} is false: it asks loaders to unpickle anything"
        yield finding("consent-in-config", "high", where, detail, "CVE-2026-1839")
    elif _ATTENTION.fullmatch(key) and isinstance(value, str | dict):
        yield from _implementation(path, value, where)
    elif key == "_target_" and isinstance(value, str):
        yield target_finding(value, where)
    elif key == "parent_library" and isinstance(value, str) and value.partition(".")[0] not in _LIBRARIES:
        detail = f"{shown(path)} names {shown(value)}: a module that is imported on load"
        yield finding("code-in-repository", "medium", where, detail)
    elif (
        key in ("vocab_file", "merges_file", "tokenizer_file", "spm_file") and isinstance(value, str) and leaves(value)
    ):
        yield finding("config-outside", "medium", where, f"{shown(path)} takes {shown(value)}, outside the folder")
    elif key == "base_model_name_or_path" and isinstance(value, str) and "://" in value:
        yield finding("base-elsewhere", "medium", where, f"{shown(path)} takes the base model from {shown(value)}")
    elif key == "tokenizer_class" and isinstance(value, str) and re.search(r"[/\\.:]|--", value):
        detail = f"{shown(path)} is {shown(value)}: a plain name is no place to load code from, this is one"
        yield finding("code-in-repository", "medium", where, detail)
    elif key == "_class_name" and isinstance(value, list):
        detail = f"{shown(path)} names {shown(str(value))}: a pipeline that is loaded as code of this folder"
        yield finding("code-in-repository", "medium", where, detail)
    elif key == "digest" and isinstance(value, str) and leaves(value.removeprefix("sha256:")):
        detail = f"{shown(path)} is {shown(value)}: a place outside of the store that a reader writes to"
        yield finding("config-outside", "high", where, detail, "CVE-2024-37032")
    elif key == "custom_generate" and value:
        detail = f"{shown(path)} names {shown(str(value))}: a generation loop that is loaded as code"
        yield finding("custom-generate", "high", where, detail)
    elif _KERNELS.fullmatch(key) and value and value is not True:
        detail = f"{shown(path)} names kernels to fetch ({shown(str(value))}): compiled code from elsewhere"
        yield finding("remote-kernels", "high", where, detail, "CVE-2026-4372")


def _names_plugin(key: str, path: str) -> bool:
    in_quantiser = "quant" in path.rpartition(".")[0]
    return _PLUGIN.fullmatch(key) is not None or (in_quantiser and _MODULE_WORDS.fullmatch(key) is not None)


def _imported(value: Any) -> Iterator[str]:
    """Modules of nobody well known, or of the standard library, among the texts of a value; no layers of the model."""
    for each in _leaves(value):
        if not isinstance(each, str) or _LAYERS.fullmatch(each):
            continue
        root = each.partition(".")[0]
        if (_DOTTED.fullmatch(each) and root not in _LIBRARIES) or root in sys.stdlib_module_names:
            yield each


def _auto_map(path: str, value: Any, where: str) -> Iterator[Finding]:
    """`module.Class` is code of this folder, `owner/repo--module.Class` of another."""
    targets = [str(each) for each in _leaves(value) if isinstance(each, str)]
    outside = sorted({each for each in targets if "--" in each or "/" in each or ":" in each})
    local = sorted({each for each in targets if each not in outside})
    if outside:
        said = ", ".join(shown(each) for each in outside[:5])
        detail = f"{shown(path)} takes code from another repository: {said}; it can change after you looked at it"
        yield finding("code-elsewhere", "high", where, detail, "CVE-2025-66448, CVE-2026-22807")
    if local:
        said = ", ".join(shown(each) for each in local[:5])
        detail = f"{shown(path)} loads code of this folder ({said}): read it, and pin the revision you read"
        yield finding("code-in-repository", "medium", where, detail, "CVE-2026-22807")


def _implementation(path: str, value: str | dict[str, Any], where: str) -> Iterator[Finding]:
    for name in _leaves(value):
        if not isinstance(name, str) or _BUILT_IN_ATTENTION.fullmatch(name):
            continue
        severity: Severity = "high" if re.search(r"[/:@]", name) else "low"
        what = (
            "a kernel that is fetched and run without asking"
            if severity == "high"
            else "an implementation not known here"
        )
        yield finding("attention-code", severity, where, f"{shown(path)} names {shown(name)}: {what}", "CVE-2026-4372")


def _leaves(value: Any) -> Iterator[Any]:
    """Values that are no containers, of a value nested however deep."""
    left = [value]
    for _ in range(MOST_KEYS):
        if not left:
            return
        here = left.pop()
        if isinstance(here, dict):
            left += list(here.values())[:1000]
        elif isinstance(here, list):
            left += here[:1000]
        else:
            yield here


def _modules(repository: Repository) -> Iterator[Finding]:
    """sentence-transformers loads the classes that modules.json names."""
    for name in repository.named("modules.json"):
        content = repository.json(name)
        for each in content if isinstance(content, list) else ():
            type_ = each.get("type") if isinstance(each, dict) else None
            place = each.get("path") if isinstance(each, dict) else None
            if isinstance(place, str) and leaves(place):
                detail = f"a module of the model is taken from {shown(place)}, outside the folder"
                yield finding("config-outside", "medium", name, detail)
            if isinstance(type_, str) and not type_.startswith("sentence_transformers."):
                detail = f"it loads the class {shown(type_)} as a module of the model"
                yield finding("code-in-repository", "medium", name, detail)
