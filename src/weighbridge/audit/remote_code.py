"""Keys in a model's settings that make a loader run code: from this folder, or from somebody else's repository.

Code that lies beside the weights can be read before it runs (medium); code from elsewhere may be another one tomorrow,
and a flag in a settings file that gives the consent which only the caller may give is an attack (high).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from weighbridge.audit.records import Finding, Severity

from .containers.member import finding, leaves, shown
from .repository import Repository
from .settings_code import target_finding

_LIBRARIES = frozenset({"transformers", "peft", "diffusers", "timm", "torch", "sentence_transformers"})
MOST_KEYS = 100_000
_ATTENTION = re.compile(r"_?(?:attn|attention|experts)_implementation\w*")
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


class _Tell(NamedTuple):
    """A key whose value by itself says what a loader would do with it."""

    keys: re.Pattern[str]
    applies: Callable[[Any], bool]
    """Whether this value of the key is the dangerous one."""
    rule: str
    severity: Severity
    says: str
    """What follows the path of the key; `{value}` is the value as text."""
    references: str = ""


_TELLS = (
    _Tell(
        re.compile(r"(?:trust|allow|use)_remote_code|trust_repo"),
        lambda value: value not in (False, None),
        "consent-in-config",
        "high",
        "is {value}: a settings file must not give the caller's consent to run code",
        "CVE-2026-5241, CVE-2026-27893",
    ),
    _Tell(
        re.compile(r"weights_only"),
        lambda value: value is False,
        "consent-in-config",
        "high",
        "is false: it asks loaders to unpickle anything",
        "CVE-2026-1839",
    ),
    _Tell(
        re.compile(r"parent_library"),
        lambda value: isinstance(value, str) and value.partition(".")[0] not in _LIBRARIES,
        "code-in-repository",
        "medium",
        "names {value}: a module that is imported on load",
    ),
    _Tell(
        re.compile(r"(?:vocab|merges|tokenizer|spm)_file"),
        lambda value: isinstance(value, str) and leaves(value),
        "config-outside",
        "medium",
        "takes {value}, outside the folder",
    ),
    _Tell(
        re.compile(r"base_model_name_or_path"),
        lambda value: isinstance(value, str) and "://" in value,
        "base-elsewhere",
        "medium",
        "takes the base model from {value}",
    ),
    _Tell(
        re.compile(r"tokenizer_class"),
        lambda value: isinstance(value, str) and re.search(r"[/\\.:]|--", value) is not None,
        "code-in-repository",
        "medium",
        "is {value}: a plain name is no place to load code from, this is one",
    ),
    _Tell(
        re.compile(r"_class_name"),
        lambda value: isinstance(value, list),
        "code-in-repository",
        "medium",
        "names {value}: a pipeline that is loaded as code of this folder",
    ),
    _Tell(
        re.compile(r"digest"),
        lambda value: isinstance(value, str) and leaves(value.removeprefix("sha256:")),
        "config-outside",
        "high",
        "is {value}: a place outside of the store that a reader writes to",
        "CVE-2024-37032",
    ),
    _Tell(
        re.compile(r"custom_generate"),
        bool,
        "custom-generate",
        "high",
        "names {value}: a generation loop that is loaded as code",
    ),
    _Tell(
        re.compile(r"_?kernel_?(?:mapping|layer|repo|config|s)\w*|use_kernels|hub_kernels?|(?:layer|func)_repository"),
        lambda value: bool(value) and value is not True,
        "remote-kernels",
        "high",
        "names kernels to fetch ({value}): compiled code from elsewhere",
        "CVE-2026-4372",
    ),
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
    """What one key tells; at most one kind of finding, for each key has one meaning."""
    if key in ("auto_map", "custom_pipelines"):
        yield from _auto_map(path, value, where)
    elif _names_plugin(key, path) and (named := sorted(_imported(value))):
        detail = f"{shown(path)} names {', '.join(map(shown, named[:5]))}: a module that a loader may import"
        yield finding("code-elsewhere", "medium", where, detail)
    elif _ATTENTION.fullmatch(key) and isinstance(value, str | dict):
        yield from _implementation(path, value, where)
    elif key == "_target_" and isinstance(value, str):
        yield target_finding(value, where)
    else:
        tell = next((tell for tell in _TELLS if tell.keys.fullmatch(key) and tell.applies(value)), None)
        if tell is not None:
            detail = f"{shown(path)} {tell.says.format(value=shown(str(value)))}"
            yield finding(tell.rule, tell.severity, where, detail, tell.references)


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
