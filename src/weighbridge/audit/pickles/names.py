"""Which names a pickle may import, and what to think of the others.

An allow-list: what is not on it is suspect, whoever listed gadgets before. Five answers:

    plain      data only: rebuilding tensors, arrays, containers, dates
    settings   classes of training settings that transformers and its kin save beside a model; no code of their own runs
    part       an estimator of scikit-learn's, whose loading only sets its fields
    library    a class of a well-known library: loading runs that library's code on data of a stranger
    unlisted   everything else, the standard library's functions included

`dangerous` only makes the answer worse and the words plainer; nothing depends on its being complete.
names.toml beside this module holds the lists, with their sources.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from .machine import Name

Standing = Literal["plain", "settings", "part", "library", "unlisted", "dangerous"]

_TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "names.toml").read_text(encoding="utf-8"))
_PLAIN = frozenset((module, name) for module, names in _TABLE["plain"].items() for name in names)
_SETTINGS = frozenset(_TABLE["settings"])
_LIBRARIES = frozenset(_TABLE["libraries"])
_PARTS = frozenset(_TABLE["parts"])
PARTS_WITH_ARGUMENTS = frozenset(_TABLE["parts_with_arguments"])
_REACHING = frozenset((root, name) for root, names in _TABLE["reaching"].items() for name in names)
_DANGEROUS = frozenset(_TABLE["dangerous"])
_HARMLESS_BUILTINS = frozenset({"print", "type", "len", "repr", "hash", "id", "abs", "sum", "min", "max", "sorted"})
_STORAGES = re.compile(
    r"(?:BFloat16|Bool|Byte|Char|Complex(?:Double|Float)|Double|Float|Half|Int|Long|Short|Q\w+|Quint\w+)Storage"
)
_DTYPES = re.compile(r"[A-Z]\w*DType")
_CLASS = re.compile(r"_?[A-Z]\w*")

LOADS = frozenset({("torch.storage", "_load_from_bytes"), ("torch", "load"), ("pickle", "loads"), ("_pickle", "loads")})
"""Names that load a pickle from bytes in their argument: those bytes are looked at too."""

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle", "UserDict": "collections"}
"""Module names of Python 2, which protocols below 3 still carry."""


def standing(name: Name) -> Standing:
    """What to think of a pickle that imports `name`. The name must match whole: `torch` + `serialization.os.system`
    is not `torch`."""
    module = _RENAMED.get(name.module, name.module)
    if (module, name.name) in _PLAIN or _is_plain_type(module, name.name):
        return "plain"
    root = module.partition(".")[0]
    if root == "__torch__":
        return "plain"  # classes of the archive's own program, which TorchScript alone can make
    if "." not in name.name and _CLASS.fullmatch(name.name):
        if root in _SETTINGS:
            return "settings"
        if root in _PARTS:
            return "part"
        if (root, name.name) in _REACHING:
            return "dangerous"
        if root in _LIBRARIES:
            return "library"
    if root in _DANGEROUS or set(name.name.split(".")[:-1]) & _DANGEROUS:
        return "unlisted" if module == "builtins" and name.name in _HARMLESS_BUILTINS else "dangerous"
    return "unlisted"


def _is_plain_type(module: str, name: str) -> bool:
    if module in ("torch", "torch.cuda", "torch.storage"):
        return _STORAGES.fullmatch(name) is not None
    return module == "numpy.dtypes" and _DTYPES.fullmatch(name) is not None
