"""Graphs in protocol buffers: ONNX models and TensorFlow's SavedModel. Walked as fields, with no schema compiled.

What is looked for: ONNX tensors whose data lies in another file (`external_data`, whose `location` may leave the
folder), operators from unknown domains (their code is a native library that must be loaded), and TensorFlow operators
that run Python or touch files.
Source: onnx/onnx.proto3 (ModelProto 7 graph, GraphProto 1 node, 5 initializer, TensorProto 13 external_data,
StringStringEntryProto 1 key, 2 value, NodeProto 4 op_type, 7 domain); tensorflow/core/protobuf/saved_model.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding

from .containers.member import finding, leaves, shown

MOST_FIELDS = 2_000_000
LONGEST_TEXT = 1 << 16
SEARCHED_BYTES = 256 << 20
PIECE = 4 << 20

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER = 7, 1, 5
_EXTERNAL_DATA, _NODE_OP, _NODE_DOMAIN, _NODE_ATTRIBUTE = 13, 4, 7, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 5, 6
_KNOWN_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"}
)
_RUNS_PYTHON = re.compile(rb"\b(PyFunc|PyFuncStateless|EagerPyFunc|PyCall)\b")
_TOUCHES_FILES = re.compile(rb"\b(ReadFile|WriteFile|MatchingFiles|SaveV2Files|ShardedFilename|PrintV2Redirect)\b")


class _Field(NamedTuple):
    number: int
    at: int
    size: int


class _Onnx:
    """One walk; counts its fields so that a hostile file ends."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._left = MOST_FIELDS
        self.locations: set[str] = set()
        self.domains: set[str] = set()

    def fields(self, at: int, end: int) -> Iterator[_Field]:
        """Length-delimited fields between two bytes; ends where the bytes are no message."""
        while at < end and self._left > 0:
            self._left -= 1
            head = self._blob.read(at, 20)
            key, used = _varint(head, 0)
            if key is None:
                return
            wire = key & 7
            if wire == 2:
                size, used = _varint(head, used)
                if size is None or at + used + size > end:
                    return
                yield _Field(key >> 3, at + used, size)
                at += used + size
            elif wire == 0:
                value, used = _varint(head, used)
                if value is None:
                    return
                at += used
            elif wire in (1, 5):
                at += used + (8 if wire == 1 else 4)
            else:
                return

    def model(self) -> None:
        for field in self.fields(0, self._blob.size):
            if field.number == _MODEL_GRAPH:
                self.graph(field, 0)

    def graph(self, graph: _Field, depth: int) -> None:
        for field in self.fields(graph.at, graph.at + graph.size):
            if field.number == _GRAPH_INITIALIZER:
                self.tensor(field)
            elif field.number == _GRAPH_NODE:
                self.node(field, depth)

    def node(self, node: _Field, depth: int) -> None:
        for field in self.fields(node.at, node.at + node.size):
            if field.number == _NODE_DOMAIN:
                self.domains.add(self._text(field))
            elif field.number == _NODE_ATTRIBUTE and depth < 8:
                for inner in self.fields(field.at, field.at + field.size):
                    if inner.number == _ATTRIBUTE_TENSOR:
                        self.tensor(inner)
                    elif inner.number == _ATTRIBUTE_GRAPH:
                        self.graph(inner, depth + 1)

    def tensor(self, tensor: _Field) -> None:
        for field in self.fields(tensor.at, tensor.at + tensor.size):
            if field.number == _EXTERNAL_DATA:
                pair = {each.number: self._text(each) for each in self.fields(field.at, field.at + field.size)}
                if pair.get(1) == "location":
                    self.locations.add(pair.get(2, ""))

    def _text(self, field: _Field) -> str:
        return self._blob.read(field.at, min(field.size, LONGEST_TEXT)).decode("utf-8", "replace")


def _varint(raw: bytes, at: int) -> tuple[int | None, int]:
    value = 0
    for used, byte in enumerate(raw[at : at + 10]):
        value |= (byte & 0x7F) << (7 * used)
        if not byte & 0x80:
            return value, at + used + 1
    return None, at


def onnx_findings(blob: Blob) -> Iterator[Finding]:
    """Outside data that leaves the folder, and operators that need foreign code."""
    walked = _Onnx(blob)
    walked.model()
    for location in sorted(walked.locations):
        if leaves(location):
            detail = f"a tensor's data is taken from {shown(location)}, outside the model's folder"
            yield finding("onnx-external-data", "high", blob.name, detail, "CVE-2022-25882, CVE-2024-27318")
    for domain in sorted(walked.domains - _KNOWN_DOMAINS):
        if not domain.startswith(("com.microsoft", "ai.onnx", "org.pytorch", "pkg.onnxscript")):
            detail = f"it has operators of the domain {shown(domain)}, whose code is a library that must be loaded"
            yield finding("onnx-custom-operator", "medium", blob.name, detail)


def tensorflow_findings(blob: Blob) -> Iterator[Finding]:
    """Operators of a SavedModel that run Python or touch files."""
    python: set[str] = set()
    files: set[str] = set()
    at = 0
    while at < min(blob.size, SEARCHED_BYTES):
        piece = blob.read(max(0, at - 64), PIECE + 64)
        python |= {hit.decode() for hit in _RUNS_PYTHON.findall(piece)}
        files |= {hit.decode() for hit in _TOUCHES_FILES.findall(piece)}
        at += PIECE
    if python:
        yield finding("tensorflow-python", "high", blob.name, f"the graph calls Python ({', '.join(sorted(python))})")
    if files - {"ShardedFilename"}:
        detail = f"the graph reads or writes files when it runs ({', '.join(sorted(files - {'ShardedFilename'}))})"
        yield finding("tensorflow-files", "high", blob.name, detail)
