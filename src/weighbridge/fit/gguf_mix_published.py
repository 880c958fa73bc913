"""The mixtures of the most used publisher of GGUF files, who builds llama-quantize with rules of his own.

Compared with llama.cpp's: experts follow the same pattern of layers as dense networks did, shared experts and attention
get more where there are many experts, queries and the linear attention's output get more in every third layer.
Source: llama.cpp/llama-quant.cpp in github.com/bartowski1182/quantization-config, commit 18f1157d (2026), which its
author publishes so that releases can be reproduced; the rules were written down here from what it does.
"""

from __future__ import annotations

from collections import Counter

from .gguf_mix import _LOW, Chooser, Shape, _more_bits

_THREE_I = frozenset(("IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS"))
_TWO_THREE_K = frozenset(("Q2_K", "Q2_K_S", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S"))
_LIFTED_LOW = {"IQ2_M": "IQ3_S", "IQ2_S": "IQ3_XXS", "IQ2_XS": "IQ2_S", "IQ2_XXS": "IQ2_XS", "IQ1_M": "IQ2_XXS",
               "IQ1_S": "IQ1_M"}  # fmt: skip
_SQUASHED = {"IQ2_M": "IQ2_XS", "IQ2_S": "IQ2_XXS", "IQ2_XS": "IQ2_XXS", "IQ2_XXS": "IQ1_M", "IQ1_M": "IQ1_S",
             "IQ1_S": "IQ1_S"}  # fmt: skip
_LIFTED = {
    "Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "Q4_K_S": "Q5_K", "Q4_K_M": "Q6_K", "Q5_K_M": "Q6_K",
    "Q6_K": "Q8_0", "IQ3_S": "Q5_K", "IQ3_M": "Q5_K", "IQ3_XS": "Q4_K", "IQ3_XXS": "Q4_K",
}  # fmt: skip
_SHARED = {
    "IQ3_M": "Q4_K", "IQ3_S": "Q4_K", "IQ3_XS": "Q4_K", "IQ3_XXS": "Q4_K", "Q2_K": "Q4_K", "Q2_K_S": "Q4_K",
    "Q4_0": "Q5_0", "Q4_1": "Q5_1", "Q4_K_S": "Q5_K", "Q3_K_L": "Q5_K", "Q3_K_M": "Q5_K", "Q3_K_S": "Q5_K",
    "Q4_K_M": "Q6_K", "Q5_K_S": "Q6_K", "Q5_K_M": "Q8_0", "Q6_K": "Q8_0", "Q8_0": "Q8_0",
}  # fmt: skip
_MANY_OUTPUT = {
    "Q2_K": "Q4_K", "IQ3_XS": "Q4_K", "IQ3_XXS": "Q4_K", "Q4_K_S": "Q4_K", "Q3_K_S": "Q4_K", "Q3_K_M": "Q4_K",
    "IQ4_NL": "Q5_K", "Q4_K_M": "Q5_K", "IQ3_S": "Q5_K", "IQ3_M": "Q5_K", "IQ4_XS": "Q5_K", "Q5_K_S": "Q5_K",
    "Q5_K_M": "Q6_K", "Q6_K": "Q8_0",
}  # fmt: skip
_OUTPUT = {
    "Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "IQ3_XS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q4_K", "IQ3_M": "Q4_K",
    "Q4_K_M": "Q5_K", "Q4_K_S": "Q4_K", "Q5_K_M": "Q6_K", "Q5_K_S": "Q5_K", "Q6_K": "Q8_0",
}  # fmt: skip
_FUSED = {
    "Q2_K": "Q4_K", "Q3_K_M": "Q5_K", "IQ3_XS": "Q5_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q5_K", "Q3_K_S": "Q5_K",
    "IQ3_S": "Q5_K", "IQ3_XXS": "Q5_K", "Q4_K_S": "Q5_K", "Q4_K_M": "Q6_K", "Q5_K_S": "Q6_K", "Q5_K_M": "Q8_0",
    "Q6_K": "Q8_0",
}  # fmt: skip
_LATENT = dict.fromkeys(_TWO_THREE_K, "Q5_K") | dict.fromkeys(_THREE_I, "IQ4_XS") | {
    "Q4_K_M": "Q6_K", "Q5_K_S": "Q6_K", "Q5_K_M": "Q8_0", "Q6_K": "Q8_0",
}  # fmt: skip
_LATENT_QUERY = dict.fromkeys(_TWO_THREE_K, "Q4_K") | dict.fromkeys(_THREE_I, "IQ4_XS") | {
    "Q4_K_M": "Q5_K", "Q5_K_S": "Q5_K", "Q5_K_M": "Q6_K", "Q6_K": "Q8_0",
}  # fmt: skip
_ATTENTION = {
    "attn_k": {"Q6_K": "Q8_0", "Q5_K_M": "Q6_K", "Q4_K_M": "Q5_K"}, "attn_output": _OUTPUT, "attn_qkv": _FUSED,
    "attn_k_b": _LATENT, "attn_v_b": _LATENT, "attn_q_a": _LATENT, "attn_q_b": _LATENT_QUERY,
}  # fmt: skip
"""Role to its types by rule, where the layer does not matter."""
_GROUPED_VALUE = {
    "Q2_K": "Q4_K", "Q2_K_S": "Q4_K", "IQ3_XXS": "Q4_K", "IQ3_XS": "Q4_K", "IQ3_S": "Q4_K", "IQ4_NL": "Q6_K",
    "IQ4_XS": "Q6_K",
}  # fmt: skip
_VALUE = {"Q2_K": "Q3_K", "Q2_K_S": "Q3_K", "IQ3_M": "Q5_K", "Q3_K_L": "Q5_K"}
_LOW_PLACED = ("attn_v", "attn_kv_b", "attn_qkv", "ssm_out", "ffn_down_exps")
"""Below three bits: what gets more bits in some layers."""
_RATES = ("ssm_ba", "ssm_alpha", "ssm_beta")
_EARLIER_FUSED = {
    "Q3_K_M": "Q4_K",
    "Q3_K_L": "Q4_K",
    "IQ3_M": "Q4_K",
    "Q4_K_M": "Q5_K",
    "Q5_K_M": "Q6_K",
    "Q6_K": "Q8_0",
}
_EARLIER_LIFTED = _LIFTED | {"IQ3_M": "Q4_K", "IQ3_S": "Q4_K", "IQ3_XS": "IQ3_S", "IQ3_XXS": "IQ3_S"}
_EARLIER_QUERY = {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S", "Q4_K_M": "Q6_K", "Q5_K_M": "Q6_K"}


class PublishedChooser(Chooser):
    """As Chooser, by this publisher's rules."""

    __slots__ = ("many", "seen")

    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__(name, shape)
        self.many = shape.experts >= 8
        self.seen: Counter[str] = Counter()

    def moving(self) -> tuple[str, ...]:
        """Nearly all roles."""
        return ("attn_v", "attn_q", "attn_kv_b", "ssm_out", "ffn_") if super().moving() else ()

    def _chosen(self, role: str, columns: int, layer: int, experts: int) -> str:
        if role == "output" or (role == "token_embd" and self.shape.tied):
            return self._output(columns)
        if role in _RATES:
            return "F32"
        if self.rule == "MXFP4_MOE":
            return "MXFP4" if experts > 1 else "Q8_0"
        if role == "token_embd":
            return self._embedding()
        return self._below_three(role) if self.rule in _LOW else self._above(role, layer)

    def _position(self, role: str, *roles: str) -> tuple[int, int]:
        """How many of this role came before, and how many there are."""
        before = self.seen[role]
        self.seen[role] += 1
        return before, self.shape.count(role, *roles)

    def _below_three(self, role: str) -> str:
        """Of attn_q no layer counts as a later one here, so that every query gets what the first does."""
        if role in ("attn_q", "attn_k", "attn_q_a") or role.startswith("hc_"):
            return "Q4_K"
        if role == "attn_kv_a_mqa" and self.many:
            return "Q4_K"
        if role in _LOW_PLACED or role.endswith("_shexp"):
            return self._low_by_place(role)
        if role == "attn_output":
            return self._low_output()
        small = "IQ3_S" if self.rule in ("IQ2_S", "IQ2_M") else "Q2_K"
        return small if role == "attn_q_b" else self._low_sides(role, small)

    def _low_by_place(self, role: str) -> str:
        """What gets more bits in some of the layers."""
        before, count = self._position(role)
        more = _more_bits(before, count)
        if role == "ffn_down_exps":
            return _LIFTED_LOW[self.rule] if before < count // 8 or before > 7 * count // 8 else self.default
        if role.endswith("_shexp"):
            return "Q8_0" if more else "Q4_K"
        if role == "ssm_out" or (role == "attn_qkv" and not self.many):
            return "Q4_K" if more else self.default
        return "Q6_K" if more else "Q4_K"

    def _low_output(self) -> str:
        more = self.rule in ("IQ2_S", "IQ2_M")
        if self.many:
            return "Q5_K" if more else "Q4_K"
        if self.rule in ("IQ1_S", "IQ1_M"):
            return "IQ2_XXS"
        return "IQ3_S" if more else self.default

    def _low_sides(self, role: str, small: str) -> str:
        """Dense networks get more in the first sixteenth, a little more in the second."""
        if role.startswith(("ffn_gate_exps", "ffn_up_exps")) or not role.startswith(("ffn_down", "ffn_gate", "ffn_up")):
            return self.default
        before, _ = self._position(role.split("_")[1])
        if before < self.shape.layers // 16:
            return "Q6_K" if role.startswith("ffn_down") else "Q4_K"
        return small if before < self.shape.layers // 8 else self.default

    def _above(self, role: str, layer: int) -> str:
        if role.startswith("attn_"):
            return self._attention(role)
        if role == "ssm_out":
            return "Q8_0" if _more_bits(*self._position(role)) else self.default
        if role.endswith("_shexp"):
            return "Q8_0" if _more_bits(*self._position(role)) else _SHARED.get(self.rule, self.default)
        if role == "ffn_down_exps":
            return self._down_experts()
        if role in ("ffn_gate_exps", "ffn_up_exps"):
            return self.default
        if role.startswith("ffn_down"):
            return self._dense_down(layer)
        return self._sides(role, layer) if role.startswith(("ffn_gate", "ffn_up")) else self.default

    def _attention(self, role: str) -> str:
        if role in ("attn_v", "attn_kv_b"):
            return self._published_value(role)
        if role == "attn_q":
            return self._query()
        if role == "attn_kv_a_mqa" or (role == "attn_k" and self.many):
            return "Q8_0"
        table = _MANY_OUTPUT if role == "attn_output" and self.many else _ATTENTION.get(role, {})
        return table.get(self.rule, self.default)

    def _query(self) -> str:
        if not _more_bits(*self._position("attn_q")):
            return self.default
        return "Q8_0" if self.rule in ("Q6_K", "Q8_0") else "Q6_K"

    def _published_value(self, role: str) -> str:
        more = _more_bits(*self._position(role))
        if self.many:
            return "Q8_0"
        kind = self._value_kind(more)
        return "Q5_K" if self.shape.seventy and kind in ("Q3_K", "Q4_K") else kind

    def _value_kind(self, more: bool) -> str:
        rule, anywhere = self.rule, self._value_anywhere(_GROUPED_VALUE, _VALUE)
        if anywhere is not None:
            return anywhere
        if rule == "Q3_K_M":
            return "Q5_K" if more else "Q4_K"
        lifted = {"Q4_K_M": "Q6_K", "Q5_K_M": "Q6_K", "Q4_K_S": "Q5_K", "Q6_K": "Q8_0"}
        return lifted.get(rule, self.default) if more else self.default

    def _down_experts(self) -> str:
        before, count = self._position("ffn_down_exps")
        if self.rule in ("Q4_0", "Q5_0"):
            first = self.shape.imatrix and before < count // 8
            return {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}[self.rule] if first else self.default
        if not _more_bits(before, count):
            return self.default
        if self.rule in ("IQ4_NL", "IQ4_XS"):
            return self.default if self.shape.imatrix else "Q6_K"
        return _LIFTED.get(self.rule, self.default)

    def _dense_down(self, layer: int) -> str:
        i = layer if self.shape.experts > 1 else self.down
        self.down += 1
        n = self.shape.layers
        if self.rule == "IQ3_M" and (i < n // 8 or (self.many and _more_bits(i, n))):
            return "Q4_K"
        return self._down_type(i, n, falcon=self.shape.arch == "falcon")


class EarlierChooser(PublishedChooser):
    """As this publisher's files were until the spring of 2026, inferred from the sizes of those files.

    The rules of that time are not public; what differs from today's is fused attention and queries with fewer bits, and
    experts of the three-bit types.
    """

    __slots__ = ()

    def _above(self, role: str, layer: int) -> str:
        if role == "attn_qkv" and not self.many:
            return _EARLIER_FUSED.get(self.rule, self.default)
        if self.rule == "IQ3_XS" and role in ("ffn_gate_exps", "ffn_up_exps"):
            return self._sides(role, layer)
        return super()._above(role, layer)

    def _below_three(self, role: str) -> str:
        return "Q6_K" if role == "attn_qkv" and self.many else super()._below_three(role)

    def _query(self) -> str:
        if self.many and self.rule not in _THREE_I:
            return super()._query()
        return self._few_query()

    def _few_query(self) -> str:
        more = _more_bits(*self._position("attn_q"))
        if self.rule in ("Q4_K_M", "Q5_K_M") and not more:
            return self.default
        return _EARLIER_QUERY.get(self.rule, self.default)

    def _down_experts(self) -> str:
        if self.rule in ("Q4_0", "Q5_0"):
            more = self.shape.imatrix and _more_bits(*self._position("ffn_down_exps"))
            return {"Q4_0": "Q4_1", "Q5_0": "Q5_1"}[self.rule] if more else self.default
        if self.rule not in _THREE_I:
            return super()._down_experts()
        return _EARLIER_LIFTED[self.rule] if _more_bits(*self._position("ffn_down_exps")) else self.default


class FirstChooser(EarlierChooser):
    """As this publisher's files were until February 2026: below three bits, experts' gate and up got a smaller type."""

    __slots__ = ()

    def _query(self) -> str:
        return self._few_query()

    def _below_three(self, role: str) -> str:
        if role in ("ffn_gate_exps", "ffn_up_exps"):
            return _SQUASHED[self.rule]
        if role == "ffn_down_exps":
            more = _more_bits(*self._position(role))
            return _LIFTED_LOW[self.rule] if more and self.rule in ("IQ2_S", "IQ2_M") else self.default
        return PublishedChooser._below_three(self, role)
