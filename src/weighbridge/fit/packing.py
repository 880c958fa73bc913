"""Which tensors of a checkpoint are packed, and what each takes.

Packed are linear layers and experts; embeddings, head, routers, norms and towers stay as they were trained. A config
lists what else stays: whole names (`model.layers.0.self_attn*`), parts of names (`self_attn`), or regular expressions
after `re:`. What is listed for some layers only (the first, the last) counts for those.
"""

from __future__ import annotations

import re

from .architecture import Architecture, Moe, Stored, Tensor
from .formats import Format
from .sizes import packed_bytes, plain_bytes

MOST_PATTERN = 200
"""Characters of a pattern that is run."""
MOST_UNBOUNDED = 3
"""Stars and pluses in it: each one more could take another factor of the name's length."""
_NUMBERED = re.compile(r"^(?:.*\.)?(?:layers|blocks|h)\.(\d{1,5})(?=\.|\*|$)")


class Packer:
    """Bytes of each tensor in one format."""

    __slots__ = ("dtype", "everything", "experts_only", "ignored", "stored")

    def __init__(self, arch: Architecture, found: Format) -> None:
        self.stored: Stored | None = found.stored if found.way == "packed" else None
        self.dtype = found.dtype if found.way == "plain" else arch.dtype
        self.everything = self.stored is not None and self.stored.layout == "mlx"
        self.experts_only = (
            self.stored is not None
            and self.stored.layout == "mxfp4"
            and any(isinstance(layer.mlp, Moe) for layer in arch.layers)
        )
        self.ignored = Ignored(self.stored.ignore if self.stored else ())

    def bytes_of(self, tensor: Tensor, part: str, layers: tuple[int, ...]) -> int:
        """Of this tensor in all these layers together."""
        plain = plain_bytes(tensor, self.dtype)
        stored = self.stored
        if stored is None or not self._packs(tensor, part):
            return plain * len(layers)
        if stored.layout == "deepseek-fp4-experts" and tensor.kind == "expert":
            stored = Stored("mxfp4", "mxfp4", 4, (1, 32))
        left = self.ignored.layers(tensor.name, part, layers)
        return left * plain + (len(layers) - left) * packed_bytes(tensor, stored, self.dtype)

    def _packs(self, tensor: Tensor, part: str) -> bool:
        if part in ("vision", "audio", "other"):
            return False
        if self.everything:
            return tensor.kind in ("linear", "expert", "embedding", "head", "router") and len(tensor.shape) > 1
        return tensor.kind == "expert" or (tensor.kind == "linear" and not self.experts_only)


class Ignored:
    """The modules a checkpoint leaves as they were trained."""

    __slots__ = ("numbered", "patterns", "texts")

    def __init__(self, listed: tuple[str, ...]) -> None:
        self.patterns = [compiled for text in listed if (compiled := _pattern(text)) is not None]
        self.texts: list[str] = []
        self.numbered: dict[str, set[int]] = {}
        """What stands behind a layer's number, and the numbers it is listed with."""
        for text in dict.fromkeys(listed):
            if text.startswith("re:"):
                continue
            match = _NUMBERED.match(text)
            if match is None:
                self.texts.append(text.strip("*."))
            else:
                self.numbered.setdefault(text[match.end() :].strip("*."), set()).add(int(match[1]))

    def layers(self, module: str, part: str, numbers: tuple[int, ...]) -> int:
        """In how many of these layers a module of this name is left alone."""
        full = f"mtp.layers.0.{module}" if part == "mtp" else f"model.layers.0.{module}"
        if any(_names(text, full) for text in self.texts) or any(pattern.match(full) for pattern in self.patterns):
            return len(numbers)
        if not self.numbered:
            return 0
        left: set[int] = set()
        for tail, listed in self.numbered.items():
            if not tail or _names(tail, module):
                left |= listed.intersection(numbers)
        return len(left)


def _names(text: str, module: str) -> bool:
    """Whether a text names the module, what it is part of, or a part of its path."""
    return bool(text) and f".{text}." in f".{module}."


def _pattern(text: str) -> re.Pattern[str] | None:
    """A pattern a config brings, when it is short and plain enough to be run safely."""
    if not text.startswith("re:") or len(text) > MOST_PATTERN:
        return None
    unbounded = len(re.findall(r"[*+]|\{", text))
    if unbounded > MOST_UNBOUNDED or re.search(r"[+*}]\)?[+*{]|\(.*[+*{].*\)[+*{]", text):
        return None
    try:
        return re.compile(text[3:])
    except (re.error, OverflowError, RecursionError):
        return None
