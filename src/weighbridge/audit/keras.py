"""Keras models: a Lambda layer carries Python code, as marshalled bytecode in the model's own description.

Source: keras/src/layers/core/lambda_layer.py and keras/src/saving/serialization_lib.py of Keras 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding, Severity

from .containers.member import finding, shown

SEARCHED_BYTES = 256 << 20
PIECE = 4 << 20
OVERLAP = 512
_LAMBDA = re.compile(rb'\\?"class_name\\?"\s*:\s*\\?"(?:\w+>)?(Lambda|TFOpLambda|TorchModuleWrapper|__lambda__)\\?"')
_FOREIGN = re.compile(rb'\\?"module\\?"\s*:\s*\\?"([\w.]+)\\?"\s*,\s*\\?"class_name\\?"')
_FUNCTION = re.compile(
    rb'\\?"module\\?"\s*:\s*\\?"([\w.]+)\\?"\s*,\s*\\?"class_name\\?"\s*:\s*\\?"function\\?"'
    rb'\s*,\s*\\?"config\\?"\s*:\s*\\?"(\w+)'
)
_RUNS = frozenset({b"exec", b"eval", b"compile", b"open", b"getattr", b"__import__", b"breakpoint"})
_OWN_ROOTS = (b"keras", b"tensorflow", b"tf_keras", b"builtins", b"keras_hub", b"keras_nlp", b"keras_cv")
REFERENCE = "CVE-2024-3660"


def keras_findings(blob: Blob) -> tuple[Finding, ...]:
    """Lambda layers and classes from elsewhere in a model's description (HDF5 attribute or config.json)."""
    found: dict[str, Finding] = {}
    for piece in _pieces(blob):
        for hit in _LAMBDA.finditer(piece):
            kind = hit.group(1).decode()
            severity: Severity = "medium" if kind == "TFOpLambda" else "high"
            detail = f"the model has a {kind} layer: Python code that runs when it is loaded or called"
            found.setdefault(kind, finding("keras-lambda", severity, blob.name, detail, REFERENCE))
        for hit in _FOREIGN.finditer(piece):
            module = hit.group(1)
            if module.partition(b".")[0] not in _OWN_ROOTS:
                text = module.decode()
                detail = f"the model takes a class from the module {shown(text)}, which is imported on load"
                found.setdefault(text, finding("keras-foreign-class", "high", blob.name, detail, "CVE-2025-1550"))
        for hit in _FUNCTION.finditer(piece):
            module, name = hit.groups()
            if (module.startswith(b"keras") and b"utils" not in module) or (
                module == b"builtins" and name not in _RUNS
            ):
                continue
            text = (module + b"." + name).decode()
            detail = f"the model takes the function {shown(text)}, which loading finds and the model calls"
            found.setdefault(text, finding("keras-function", "high", blob.name, detail, "CVE-2025-8747"))
    return tuple(found.values())


def _pieces(blob: Blob) -> Iterator[bytes]:
    """The blob's first SEARCHED_BYTES, each piece beginning with the end of the one before."""
    at = 0
    while at < min(blob.size, SEARCHED_BYTES):
        yield blob.read(max(0, at - OVERLAP), PIECE + OVERLAP)
        at += PIECE
