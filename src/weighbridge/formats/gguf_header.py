"""What the header of a GGUF file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from weighbridge.errors import WeightsError
from weighbridge.formats.ggml_types import GGML_TYPES
from weighbridge.formats.gguf_values import Value


class Tensor(NamedTuple):
    name: str
    dims: tuple[int, ...]
    """Elements along each dimension, the row first, as GGML orders them."""
    kind: int
    """GGML's number of the type; see ggml_types."""
    offset: int
    """From the start of the tensor data."""
    elements: int
    bytes: int | None
    """None for a type whose size is not known here."""

    @property
    def type_name(self) -> str:
        return GGML_TYPES[self.kind].name if self.kind in GGML_TYPES else f"type {self.kind}"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """All that stands before the tensor data."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    """Where the tensor data begins, from the start of the file."""
    file_bytes: int

    def text(self, key: str) -> str | None:
        """The value of `key` if it is a string."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """The value of `key` if it is a whole number."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def architecture(self) -> str | None:
        return self.text("general.architecture")

    @property
    def name(self) -> str | None:
        return self.text("general.name")

    @property
    def context_length(self) -> int | None:
        """Tokens the model was trained for."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def chat_template(self) -> str | None:
        """The Jinja template, or None: then the model must not be asked through a chat endpoint."""
        return self.text("tokenizer.chat_template")

    @property
    def license(self) -> str | None:
        return self.text("general.license")

    @property
    def split_count(self) -> int:
        """Files this model is split over, 1 for a whole one."""
        return self.number("split.count") or 1

    @property
    def parameters(self) -> int:
        """Elements of all tensors in this file."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def data_bytes(self) -> int | None:
        """Bytes of all tensors, without padding; None when a type's size is not known."""
        sizes = [tensor.bytes for tensor in self.tensors]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def data_end(self) -> int:
        """Where the last tensor of known size ends, from the start of the file."""
        return self.data_offset + max((t.offset + (t.bytes or 0) for t in self.tensors), default=0)

    def check_whole(self) -> None:
        """Raise WeightsError when the file ends before its tensors do."""
        if self.tensors and self.data_end > self.file_bytes:
            raise WeightsError(
                f"truncated: the tensor data ends at byte {self.data_end} but the file has {self.file_bytes} bytes "
                f"({self.data_end - self.file_bytes} are missing)",
                where=str(self.path),
                next_move="Pull it again; a copy or a download was cut short.",
            )
