"""Read numbers and flags out of a config.json that nobody checked.

A config spells one thing in many ways (`hidden_size`, `n_embd`, `d_model`); the first spelling that is there counts.
What is missing is collected, so that one error names all of it; what a family's default was taken for is collected
too. Numbers that cannot be (zero layers, minus one head, a billion) are refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.errors import InputError

MOST = {
    "layers": 1 << 12,
    "heads": 1 << 14,
    "experts": 1 << 14,
    "width": 1 << 20,
    "vocab": 1 << 24,
    "context": 1 << 36,
}
"""Nothing ever published comes within a factor of ten of these."""
WORTH_SAYING = 50_000_000
"""Parameters below which a bound says nothing."""
MAX_LISTED = 1 << 16
"""Elements of a list that is read, run lengths included."""

HIDDEN = ("hidden_size", "n_embd", "d_model", "dim", "model_dim")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads")
KV_HEADS = (
    "num_key_value_heads",
    "num_kv_heads",
    "n_head_kv",
    "n_kv_heads",
    "multi_query_group_num",
    "num_query_groups",
    "num_attention_groups",
)
INTERMEDIATE = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "ffn_intermediate_size")
VOCAB = ("vocab_size", "padded_vocab_size", "n_vocab")
CONTEXT = (
    "max_position_embeddings",
    "max_seq_len",
    "model_max_length",
    "n_positions",
    "max_sequence_length",
    "n_ctx",
    "seq_length",
    "max_seq_length",
)
EXPERTS = (
    "num_experts",
    "n_routed_experts",
    "num_local_experts",
    "moe_num_experts",
    "num_routed_experts",
    "n_experts",
    "num_moe_experts",
)
PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "moe_top_k",
    "moe_topk",
    "moe_k",
    "top_k_experts",
    "experts_per_token",
    "num_selected_experts",
    "moe_router_topk",
)
MOE_INTERMEDIATE = (
    "moe_intermediate_size",
    "expert_ffn_hidden_size",
    "moe_ffn_hidden_size",
    "expert_intermediate_size",
)
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert")
SHARED_INTERMEDIATE = (
    "shared_expert_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "shared_intermediate_size",
    "moe_shared_intermediate_size",
)


class Facts:
    """One config, or one table inside it, with `where` it stands for errors."""

    __slots__ = ("assumed", "config", "missing", "where")

    def __init__(self, config: Mapping[str, object], where: str = "config") -> None:
        self.config = config
        self.where = where
        self.missing: list[str] = []
        self.assumed: list[str] = []

    def has(self, *names: str) -> bool:
        """Whether one of the names is there and not null."""
        return any(self.config.get(name) is not None for name in names)

    def raw(self, *names: str) -> object:
        """The value under the first of the names that is there; None: none is."""
        config = self.config
        for name in names:
            value = config.get(name)
            if value is not None:
                return value
        return None

    def whole(self, names: tuple[str, ...], most: str = "width", least: int = 1) -> int | None:
        """A whole number under one of the names, None where none is there; raises InputError for what cannot be."""
        config = self.config
        for name in names:
            value = config.get(name)
            if value is None:
                continue
            if isinstance(value, list | tuple) and value and all(one == value[0] for one in value[:MAX_LISTED]):
                value = value[0]  # written once for each layer, always the same
            return self.checked(name, value, least, MOST[most])
        return None

    def checked(self, name: str, value: object, least: int, most: int) -> int:
        """`value` as a whole number between the two, or InputError that says what stands there."""
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{name} is {_shown(value)}, not a whole number", where=self.where)
        if not least <= value <= most:
            raise InputError(
                f"{name} is {_shown(value)}, which no model has: {least} to {most} is believed",
                where=self.where,
                next_move="Check the config.json; it may be cut off or belong to something else.",
            )
        return value

    def need(self, names: tuple[str, ...], most: str = "width") -> int:
        """As `whole`; what is missing is noted (see `missing`) and counts as 1 until the error is raised."""
        found = self.whole(names, most)
        if found is None:
            if names[0] not in self.missing:
                self.missing.append(names[0])
            return 1
        return found

    def default(self, names: tuple[str, ...], value: int, most: str = "width", least: int = 1) -> int:
        """As `whole`, with what the family's own code takes where the config says nothing."""
        found = self.whole(names, most, least)
        if found is None:
            self.assume(names[0], value)
            return value
        return found

    def flag(self, name: str, otherwise: bool) -> bool:
        """A yes or no; `otherwise` where it is missing or null."""
        value = self.config.get(name)
        if value is None:
            return otherwise
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise InputError(f"{name} is {_shown(value)}, neither true nor false", where=self.where)

    def table(self, *names: str) -> Mapping[str, object] | None:
        """A table under one of the names."""
        for name in names:
            value = self.config.get(name)
            if isinstance(value, Mapping):
                return value
        return None

    def listed(self, name: str) -> tuple[object, ...] | None:
        """A list, also where it is written as run lengths under `name_rle`: [[value, times], ...]."""
        value = self.config.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            if len(value) > MAX_LISTED:
                raise InputError(f"{name} lists {len(value)} values; at most {MAX_LISTED} are read", where=self.where)
            return tuple(value)
        runs = self.config.get(f"{name}_rle")
        if isinstance(runs, Sequence) and not isinstance(runs, str | bytes):
            return self._unrolled(f"{name}_rle", runs)
        return None

    def _unrolled(self, name: str, runs: Sequence[object]) -> tuple[object, ...]:
        values: list[object] = []
        for run in runs:
            if not isinstance(run, Sequence) or isinstance(run, str) or len(run) != 2:
                raise InputError(f"{name} holds {_shown(run)}, not a value and how often", where=self.where)
            times = self.checked(f"a run length in {name}", run[1], 0, MAX_LISTED)
            if len(values) + times > MAX_LISTED:
                raise InputError(f"{name} lists more than {MAX_LISTED} values", where=self.where)
            values.extend([run[0]] * times)
        return tuple(values)

    def per_layer(self, names: tuple[str, ...], layer: int, most: str = "width") -> int | None:
        """A number that may be one for all layers or a list with one for each."""
        for name in names:
            values = self.listed(name)
            if values is None:
                continue
            if layer >= len(values):
                raise InputError(f"{name} has {len(values)} values and no layer {layer}", where=self.where)
            return self.checked(f"{name}[{layer}]", values[layer], 0, MOST[most])
        return self.whole(names, most)

    def assume(self, name: str, value: object) -> None:
        """Note what was taken for a fact that is missing."""
        note = f"{name} = {_shown(value)}"
        if note not in self.assumed:
            self.assumed.append(note)

    def with_facts(self, **more: object) -> Facts:
        """The same config with some facts added; what is missing or assumed is noted in one place."""
        facts = Facts({**self.config, **more}, self.where)
        facts.missing, facts.assumed = self.missing, self.assumed
        return facts

    def lack(self, name: str) -> None:
        """Note a fact that is missing and without which shapes would be guessed."""
        if name not in self.missing:
            self.missing.append(name)

    def refuse_gaps(self, model_type: str, least: int = 0) -> None:
        """Raise the one error that names every fact that was needed and is missing.

        least: parameters that the facts that are there come to; said where it is a bound worth knowing.
        """
        if not self.missing:
            return
        bound = ""
        if least >= WORTH_SAYING:
            bound = (
                f" What it says makes at least {least / 1e9:.1f} billion parameters, {least * 2 / 1e9:.1f} GB in bf16."
            )
        raise InputError(
            f"the config of this {model_type} model does not say: {', '.join(self.missing)}",
            where=self.where,
            next_move=f"Take the config.json of the repository itself; nothing is guessed in their place.{bound}",
        )


def _shown(value: object) -> str:
    """A value for an error: short, whatever it is."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**18 else "a number of more than 18 digits"
    return text if len(text) <= 60 else text[:57] + "..."
