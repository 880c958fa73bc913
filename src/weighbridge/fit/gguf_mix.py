"""Which GGML type each tensor gets in each GGUF file type: llama.cpp's mixtures, as `llama-quantize` chooses them.

A file type names a default type; attention values, output projections, the down projections of some layers, the output
table and the embeddings get another. Rows that are no multiple of 256 (or 32) fall back to a type that fits them.
Source: src/llama-quant.cpp of llama.cpp, commit 0c1e57098 (2026-10-01): `llama_tensor_get_type_impl`,
`tensor_type_fallback`, `tensor_allows_quantization`. tests/fit/test_weights_gguf.py compares 396 whole files, tensor by
tensor, with what llama.cpp's own regression tests expect.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weighbridge.formats.ggml_types import GGML_TYPES

BLOCKS: dict[str, tuple[int, int]] = {kind.name: (kind.block, kind.bytes) for kind in GGML_TYPES.values()}
"""Type to (elements of a block, bytes of a block)."""
BLOCKS["Q2_0"] = BLOCKS.get("Q2_0", (64, 18))


class Mix(msgspec.Struct, frozen=True):
    """One file type."""

    default: str
    large: str = ""
    """Type of the embedding and the output table where the maker asks for one (the _L and _XL files): `Q8_0`."""
    rule: str = ""
    """The file type whose rules apply, where that is not the name."""


MIXES: dict[str, Mix] = {
    "F32": Mix("F32"), "F16": Mix("F16"), "BF16": Mix("BF16"),
    "Q4_0": Mix("Q4_0"), "Q4_1": Mix("Q4_1"), "Q5_0": Mix("Q5_0"), "Q5_1": Mix("Q5_1"), "Q8_0": Mix("Q8_0"),
    "Q2_K": Mix("Q2_K"), "Q2_K_S": Mix("Q2_K"), "Q3_K_S": Mix("Q3_K"), "Q3_K_M": Mix("Q3_K"), "Q3_K_L": Mix("Q3_K"),
    "Q4_K_S": Mix("Q4_K"), "Q4_K_M": Mix("Q4_K"), "Q5_K_S": Mix("Q5_K"), "Q5_K_M": Mix("Q5_K"), "Q6_K": Mix("Q6_K"),
    "IQ1_S": Mix("IQ1_S"), "IQ1_M": Mix("IQ1_M"), "IQ2_XXS": Mix("IQ2_XXS"), "IQ2_XS": Mix("IQ2_XS"),
    "IQ2_S": Mix("IQ2_XS"), "IQ2_M": Mix("IQ2_S"), "IQ3_XXS": Mix("IQ3_XXS"), "IQ3_XS": Mix("IQ3_S"),
    "IQ3_S": Mix("IQ3_S"), "IQ3_M": Mix("IQ3_S"), "IQ4_XS": Mix("IQ4_XS"), "IQ4_NL": Mix("IQ4_NL"),
    "TQ1_0": Mix("TQ1_0"), "TQ2_0": Mix("TQ2_0"), "MXFP4_MOE": Mix("MXFP4"), "MXFP4": Mix("MXFP4", rule="MXFP4_MOE"),
    "Q2_K_L": Mix("Q2_K", "Q8_0", "Q2_K"), "Q3_K_XL": Mix("Q3_K", "Q8_0", "Q3_K_L"),
    "Q4_K_L": Mix("Q4_K", "Q8_0", "Q4_K_M"), "Q5_K_L": Mix("Q5_K", "Q8_0", "Q5_K_M"),
    "Q6_K_L": Mix("Q6_K", "Q8_0", "Q6_K"),
}  # fmt: skip
MIXES["Q4_K"], MIXES["Q5_K"], MIXES["Q3_K"] = (Mix("Q4_K", rule="Q4_K_M"), Mix("Q5_K", rule="Q5_K_M"),
                                               Mix("Q3_K", rule="Q3_K_M"))  # fmt: skip

_LOW = frozenset(("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ2_S", "IQ2_M", "IQ1_M"))
NEEDS_IMATRIX = _LOW | {"Q2_K_S", "IQ3_XXS", "IQ3_XS"}
"""llama-quantize refuses these without an importance matrix: some tensors get a type that needs one."""
FLOATS = frozenset(("F32", "F16", "BF16"))
_FALLBACK = {
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_K": "Q4_0", "Q3_K": "Q4_0", "TQ1_0": "Q4_0",
    "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip


class Shape(msgspec.Struct, frozen=True):
    """What the choice of types depends on beside the tensor."""

    gqa: int
    """Query heads per key-value head of the first layer, as metadata count them (0: none; latent attention: all)."""
    experts: int
    layers: int
    """Layers in the file, draft layers included."""
    values: int
    """Tensors that count as attention values in the whole file."""
    tied: bool
    arch: str = ""
    """llama.cpp's name where a rule asks for it: `falcon`, `llama`."""
    imatrix: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    """How many tensors of each role the file has."""

    def count(self, *roles: str) -> int:
        """Tensors of these roles in the whole file."""
        return sum(times for role, times in self.counts if role in roles)

    @property
    def seventy(self) -> bool:
        """Llama's 80 layers with grouped heads, which llama.cpp calls 70B."""
        return self.arch == "llama" and self.layers == 80 and self.gqa > 1


class Chooser:
    """Walks through the tensors of a file in llama.cpp's order and says each one's type."""

    __slots__ = ("default", "down", "gate", "large", "only_embeddings", "rule", "shape", "up", "value")

    def moving(self) -> tuple[str, ...]:
        """How the roles begin whose type depends on the layer."""
        if self.default in FLOATS:
            return ()
        sides = ("ffn_gate", "ffn_up") if self.rule == "IQ3_XS" else ()
        return ("attn_v", "attn_qkv", "attn_kv_b", "ffn_down", *sides)

    def __init__(self, name: str, shape: Shape) -> None:
        mix = MIXES[name]
        self.default, self.large, self.rule, self.shape = mix.default, mix.large, mix.rule or name, shape
        self.value = self.down = self.gate = self.up = 0
        self.only_embeddings = False

    def type_of(self, role: str, columns: int, layer: int, experts: int = 1) -> str:
        """The type of the tensor with this stem (`attn_v`, `ffn_down_exps`), whose rows have `columns` elements."""
        if self.default in FLOATS:
            return self.default
        if self.large and role in (("token_embd",) if self.only_embeddings else ("token_embd", "output")):
            return self._fitting(self.large, columns)
        return self._fitting(self._chosen(role, columns, layer, experts), columns)

    def _fitting(self, kind: str, columns: int) -> str:
        """The type, or one whose blocks the rows fill."""
        if columns % BLOCKS[kind][0] == 0:
            return kind
        kind = _FALLBACK.get(kind, kind)
        return kind if columns % BLOCKS[kind][0] == 0 else "F16"

    def _chosen(self, role: str, columns: int, layer: int, experts: int) -> str:
        rule = self.rule
        if role == "output" or (role == "token_embd" and self.shape.tied):
            return self._output(columns)
        if rule == "MXFP4_MOE":
            return "MXFP4" if experts > 1 else "Q8_0"
        if role == "token_embd":
            return self._embedding()
        if rule in _LOW:
            return self._low(role)
        if role in _VALUES:
            return self._values(role)
        if role == "attn_k":
            return (
                "Q8_0" if self.shape.experts == 8 else {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(rule, self.default)
            )
        if role == "attn_q":
            return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(rule, self.default)
        if role == "attn_output":
            return self._attention_output()
        if role.startswith("ffn_down"):
            return self._down(layer)
        if role.startswith(("ffn_gate", "ffn_up")):
            return self._sides(role, layer)
        return self.default

    def _output(self, columns: int) -> str:
        if self.rule == "MXFP4_MOE" or self.shape.arch == "falcon" or columns % BLOCKS[self.default][0]:
            return "Q8_0"
        if self.rule in _LOW or self.rule == "IQ3_XXS":
            return "Q5_K"
        return "Q8_0" if self.default == "Q8_0" else "Q6_K"

    def _embedding(self) -> str:
        if self.rule in ("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"):
            return "Q2_K"
        if self.rule in ("IQ2_S", "IQ2_M", "IQ3_XXS"):
            return "IQ3_S"
        return "Q4_K" if self.rule in ("TQ1_0", "TQ2_0") else self.default

    def _low(self, role: str) -> str:
        """Below three bits: values, the first down projections and the output projection get more."""
        more = self.rule in ("IQ2_S", "IQ2_M")
        if role in _VALUES:
            if self.shape.gqa >= 4 or self.shape.experts >= 4:
                return "Q4_K"
            return "IQ3_S" if more else "Q2_K"
        if role == "attn_k" and self.shape.experts == 8:
            return "Q4_K"
        if role.startswith("ffn_down"):
            self.down += 1
            if self.down - 1 < self.shape.layers // 8:
                return "IQ3_S" if more else "Q2_K"
        elif role == "attn_output":
            if self.shape.experts == 8:
                return "Q5_K"
            if self.rule in ("IQ1_S", "IQ1_M"):
                return "IQ2_XXS"
            return "IQ3_S" if more else self.default
        return self.default

    def _values(self, role: str) -> str:
        kind = self._value_type()
        if self.shape.seventy and kind in ("Q3_K", "Q4_K"):
            kind = "Q5_K"
        self.value += 1
        return "Q8_0" if self.shape.experts == 8 else kind

    def _value_type(self) -> str:
        rule, anywhere = self.rule, self._value_anywhere(_GROUPED_VALUE, _VALUE)
        if anywhere is not None:
            return anywhere
        if rule == "Q3_K_M":
            return "Q5_K" if self.value < 2 else "Q4_K"
        if rule in ("Q4_K_M", "Q5_K_M") and _more_bits(self.value, self.shape.values):
            return "Q6_K"
        return "Q5_K" if rule == "Q4_K_S" and self.value < 4 else self.default

    def _value_anywhere(self, grouped: Mapping[str, str], others: Mapping[str, str]) -> str | None:
        """The type of values where the layer does not matter; None where it does."""
        if self.shape.gqa >= 4 and self.rule in grouped:
            return grouped[self.rule]
        if self.rule == "IQ3_XXS":
            return "IQ3_XXS" if self.shape.imatrix else "IQ3_S"
        return others.get(self.rule)

    def _attention_output(self) -> str:
        rule = self.rule
        if self.shape.arch == "falcon":
            return "Q4_K" if rule == "Q3_K_L" else self.default
        if self.shape.experts == 8:
            return "Q5_K" if rule in _EIGHT_OUTPUT else self.default
        return {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}.get(
            rule, self.default
        )

    def _down(self, layer: int) -> str:
        i = layer if self.shape.experts > 1 else self.down
        self.down += 1
        return self._down_type(i, self.shape.layers, falcon=self.shape.arch == "falcon")

    def _down_type(self, i: int, n: int, *, falcon: bool) -> str:
        rule, first = self.rule, i < n // 8
        if rule in ("Q2_K", "Q2_K_S", "IQ3_XXS", "IQ3_M", "Q3_K_M", "Q3_K_L"):
            return self._small_down_type(i, n, falcon=falcon)
        if rule == "Q4_K_M" and falcon:
            return "Q6_K" if i < n // 16 else "Q5_K" if _more_bits(i, n) else "Q4_K"
        if rule in ("Q4_K_M", "Q5_K_M") and _more_bits(i, n):
            return "Q6_K"
        if not first:
            return self.default
        if rule in ("IQ4_NL", "IQ4_XS") and not self.shape.imatrix:
            return "Q5_K"
        if rule == "Q4_K_S" and not falcon:
            return "Q5_K"
        return {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}.get(rule, self.default) if self.shape.imatrix else self.default

    def _small_down_type(self, i: int, n: int, *, falcon: bool) -> str:
        """Of two and three bits."""
        rule, first = self.rule, i < n // 8
        if rule == "Q2_K":
            return "Q3_K"
        if rule == "Q2_K_S":
            return "Q4_K" if first else self.default
        if rule == "Q3_K_L":
            return "Q4_K" if falcon else "Q5_K"
        if rule == "Q3_K_M":
            return "Q5_K" if i < n // 16 else "Q3_K" if falcon and not _more_bits(i, n) else "Q4_K"
        if rule == "IQ3_M":
            return "Q4_K" if first or (self.shape.experts == 8 and _more_bits(i, n)) else self.default
        return self.default if self.shape.imatrix else "Q4_K" if first else "Q3_K"

    def _sides(self, role: str, layer: int) -> str:
        """Gate and up: IQ3_XS saves in the middle layers."""
        if role.startswith("ffn_gate"):
            i, self.gate = (layer if self.shape.experts > 1 else self.gate), self.gate + 1
        else:
            i, self.up = (layer if self.shape.experts > 1 else self.up), self.up + 1
        n = self.shape.layers
        return "IQ3_XXS" if self.rule == "IQ3_XS" and n // 8 <= i < 7 * n // 8 else self.default


class OldChooser(Chooser):
    """As llama.cpp chose before January 2024 (its pull request 4996): Q2_K kept gate and up at Q3_K."""

    __slots__ = ()

    def _sides(self, role: str, layer: int) -> str:
        return "Q3_K" if self.rule == "Q2_K" else super()._sides(role, layer)


_VALUES = ("attn_v", "attn_qkv", "attn_kv_b")
_GROUPED_VALUE = {
    "Q2_K": "Q4_K", "Q2_K_S": "Q4_K", "IQ3_XXS": "Q4_K", "IQ3_XS": "Q4_K", "IQ3_S": "Q4_K", "IQ4_NL": "Q5_K",
    "IQ4_XS": "Q5_K",
}  # fmt: skip
"""Types of values where four query heads or more share them: there are so few that more bits cost little."""
_VALUE = {"Q2_K": "Q3_K", "IQ3_M": "Q4_K", "Q3_K_L": "Q5_K"}
"""Elsewhere, where the layer does not matter."""
_EIGHT_OUTPUT = frozenset(
    ("Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS")
)


def _more_bits(i: int, n: int) -> bool:
    """llama.cpp's `use_more_bits`: the first and last eighth, and every third layer between."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


def row_bytes(kind: str, columns: int) -> int:
    """Bytes of a row of this type."""
    block, size = BLOCKS[kind]
    return columns // block * size
