"""The catalogue's nouns. A field that can be disputed is a list of facts; what only names or links is plain."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from weighbridge.catalog.facts import Fact, Kind, Source

Price = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
"""Dollars a million tokens. The dearest seen in 2026 is 600; what is above is a mistake of units."""
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e30)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Lab(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who releases models."""

    id: str
    name: str
    country: tuple[Fact, ...]
    """ISO 3166 alpha-2 of the seat that decides: `CN`, `US`, `FR`."""
    names: tuple[str, ...] = ()
    """Other names people write: `Zhipu`, `ZhipuAI`, `Z.ai`."""
    hub_orgs: tuple[str, ...] = ()
    """Organisations it publishes under on hubs: `zai-org`, `THUDM`."""
    url: str | None = None


class Provider(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who serves models, and where what one sends there goes."""

    id: str
    """As the offers table writes it: `deepseek`, `fireworks-ai`."""
    name: str
    country: tuple[Fact, ...] = ()
    """Seat of the company one contracts with."""
    data_location: tuple[Fact, ...] = ()
    """Where requests are processed and kept, in a few words: `China`, `Singapore`, `EU or US by region`."""
    trains_on_inputs: tuple[Fact, ...] = ()
    """`yes`, `no`, `opt-out`, `opt-in`: what happens to inputs where nothing else is agreed."""
    retention_days: tuple[Fact, ...] = ()
    """How long inputs are kept where nothing else is agreed; 0: not at all, but in memory while they are answered."""
    names: tuple[str, ...] = ()
    url: str | None = None


class Device(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Hardware a model may run on. Field names and plausible ranges of its facts: devices.py."""

    id: str
    """`H100-SXM`, `RTX 4090`."""
    name: str
    vendor: str
    kind: Literal["gpu", "unified", "cpu", "npu"]
    names: tuple[str, ...] = ()
    facts: dict[str, tuple[Fact, ...]] = {}


class Variant(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model in one format or quantisation, with a place it can be pulled from."""

    format: str
    """`bf16`, `fp8`, `mxfp4`, `Q4_K_M`."""
    source: str | None = None
    """As `weighbridge pull` takes it."""
    bytes: Annotated[int, msgspec.Meta(gt=0)] | None = None


class Model(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One released set of weights, or one closed model."""

    id: str
    """Hugging Face repository id, exactly as written there; closed models `lab/name`."""
    name: str
    lab: str
    """Id of a lab."""
    names: tuple[str, ...] = ()
    """Other names that mean exactly this model, and nothing else."""
    stub: bool = False
    """True for a model that is only named because somebody serves it."""
    facts: dict[str, tuple[Fact, ...]] = {}
    """Field name (fields.py) to what is said about it. `lab`, `country` and `commercial_use` follow from the lab and
    the licence (view.py), and stand here only where somebody says otherwise."""
    variants: tuple[Variant, ...] = ()


class Alias(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A name that moves: what it meant from a date on. A name has as many of these as it had meanings."""

    name: str
    model: str
    """Id of a model."""
    since: str
    """ISO date of the first day, as exactly as it is known."""
    source: str
    until: str | None = None
    """ISO date of the first day on which it meant something else; None while it still means this."""
    note: str = ""


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When a licence asks for more, in numbers where it gives numbers."""

    kind: Literal[
        "monthly_users",
        "annual_revenue_usd",
        "monthly_revenue_usd",
        "hosting",
        "naming",
        "attribution",
        "use_policy",
        "other",
    ]
    above: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """The condition applies above this; None applies always."""
    then: str = ""
    """What is asked: `separate licence`, `show the model's name`."""


class Licence(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Terms, not labels. Every yes or no is three-valued: `unknown` is neither."""

    id: str
    """SPDX id, or `LicenseRef-...`."""
    name: str
    commercial_use: Literal["yes", "no", "conditional", "unknown"]
    source: str
    """Id in sources.toml: the text itself where that was read."""
    read: str
    """ISO date on which the text, or what is known of it, was last read."""
    names: tuple[str, ...] = ()
    """What people call it: `Apache 2.0`, `Apache License, Version 2.0`."""
    conditions: tuple[Condition, ...] = ()
    attribution: Literal["yes", "no", "unknown"] = "unknown"
    """Whether notices or credit must be kept."""
    naming: str | None = None
    """What derivatives or products must be called."""
    outputs_for_training: Literal["yes", "no", "conditional", "unknown"] = "unknown"
    """Whether outputs may train other models."""
    outputs_note: str = ""
    geography: str | None = None
    """Places where it does not apply or may not be used."""
    use_policy: str | None = None
    """Acceptable-use rules, and whether they may change after release."""
    use_policy_may_change: Literal["yes", "no", "unknown"] = "unknown"
    doubt: str = ""


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model served by a provider at a price. Prices are dollars a million tokens; None is unknown, not free."""

    provider: str
    model_id: str
    """As the provider writes it."""
    model: str | None
    """Catalogue id; None where the name is unknown or ambiguous."""
    name: str = ""
    input: Price | None = None
    output: Price | None = None
    cached: Price | None = None
    cache_write: Price | None = None
    reasoning: Price | None = None
    tiered: bool = False
    """Long contexts or other tiers cost something else; the prices here are the base tier's."""
    context_tokens: Count | None = None
    output_limit: Count | None = None
    updated: str = ""
    """ISO date on which the source last changed it."""
    source: str = "models-dev"
    """Id in sources.toml."""

    @property
    def costs_nothing(self) -> bool:
        """Priced at zero: a free tier, or a provider paid by subscription. An unknown price is not one of zero."""
        return self.input == 0 and self.output == 0


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result on one benchmark."""

    benchmark: str
    metric: str
    model_name: str
    """As the source writes it."""
    model: str | None
    """Catalogue id; None where the name is unknown or ambiguous."""
    score: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
    date: str
    """ISO date of the measurement or of the snapshot; empty where unknown."""
    independence: Literal["independent", "third-party", "submitted", "mixed", "self-reported", "aggregator"]
    measured_by: str
    source: str
    """Id in sources.toml."""
    released: str = ""
    """ISO date of the model's release, as the source has it."""
    lab: str = ""
    """As the source writes it."""
    country: str = ""
    """As the source has it, ISO 3166 alpha-2."""
    open_weights: bool | None = None
    access: str = ""
    """How free the weights are, as the source has it: `unrestricted`, `restricted`, `non-commercial`."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval that the source publishes with the score."""


class Adoption(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much something is used, counted by somebody on a day."""

    subject: str
    """Id of a model, or a group: `family:Qwen`, `country:CN`, `lab:mistral`, `provider:openrouter`."""
    metric: str
    value: Amount
    unit: str
    date: str
    measured_by: str
    source: str
    """Id in sources.toml."""
    quality: str = ""


class TrainingRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """What training took, as somebody reports or estimates it."""

    model: str
    """Id of a model."""
    stage: str
    """What the figures cover: `pre-training`, `final run, all stages`."""
    reported_by: str
    source: str
    """Id in sources.toml."""
    date: str
    kind: Kind
    hardware: str | None = None
    gpu_hours: Amount | None = None
    usd: Amount | None = None
    usd_per_gpu_hour: Amount | None = None
    tokens: Amount | None = None
    flop: Amount | None = None
    note: str = ""
    doubt: str = ""


class EngineSupport(msgspec.Struct, frozen=True, omit_defaults=True):
    """An engine that knows a kind of network, by the list of what it can load."""

    engine: str
    """`vLLM`, `llama.cpp`."""
    version: str
    """The release whose list was read."""
    model_type: str
    """As config.json names the network: `qwen3_moe`."""
    source: str
    """Id in sources.toml."""
    date: str


class SafetyEvaluation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody found who tested how safe a model is."""

    model: str
    """Id of a model."""
    subject: str
    """What was tested: `agent hijacking`, `jailbreaks`."""
    run_by: str
    independence: Literal["independent", "third-party", "submitted", "mixed", "self-reported", "aggregator"]
    result: str
    """In a few words, with the figure and what it is compared with."""
    source: str
    """Id in sources.toml."""
    date: str
    doubt: str = ""


class LabFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """data/labs/LAB.toml: a lab, what it released, the names that move, and the pages that only these facts cite."""

    lab: Lab
    model: tuple[Model, ...] = ()
    alias: tuple[Alias, ...] = ()
    source: tuple[Source, ...] = ()


class Catalogue(msgspec.Struct, frozen=True):
    """What is written in TOML, as one value. Offers, scores, adoption and training runs are tables (tables.py)."""

    sources: dict[str, Source]
    labs: dict[str, Lab]
    models: dict[str, Model]
    licences: dict[str, Licence]
    providers: dict[str, Provider]
    devices: dict[str, Device]
    aliases: tuple[Alias, ...]
    built: str = ""
    """ISO date of the newest statement in it; empty when it holds none."""
