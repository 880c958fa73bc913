"""The policy file as typed records; reading.py reads it and finds its mistakes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .facts import Role
from .use import Use

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
Window = Annotated[int, msgspec.Meta(ge=1, le=3650)]
Codes = tuple[str, ...]
"""Countries as two capital letters (ISO 3166), or EU, EEA."""


class LicenceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Licences by id or usual name."""

    allow: tuple[str, ...] = ()
    """Only these; empty: any that permits the use."""
    deny: tuple[str, ...] = ()
    open_weights: bool = False
    """Only models whose weights are open."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who made a model and what it was made from, apart from where it is served."""

    allow_countries: Codes = ()
    deny_countries: Codes = ()
    deny_labs: tuple[str, ...] = ()
    allow_labs: tuple[str, ...] = ()
    chain: bool = True
    """False: the lab alone counts."""
    roles: tuple[Role, ...] = ("lab", "base model", "quantiser")
    """Hands that count. `server` and `storage` may be added: who serves it, and the hub its files come from."""


class Serving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a backend may sit; engines of one's own always may."""

    allow_jurisdictions: Codes = ()
    """Whose law a provider may be under: its seat."""
    deny_jurisdictions: Codes = ()
    data_in: Codes = ()
    """Where requests may be processed and kept, by what the provider says."""
    allow_providers: tuple[str, ...] = ()
    deny_providers: tuple[str, ...] = ()
    local_only: bool = False
    no_training_on_inputs: bool = False
    most_retention_days: Days | None = None


class Artefacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of weights that run here, and of names that move."""

    audited: bool = False
    """Only weights whose audit did not fail; unaudited ones are refused."""
    clean: bool = False
    """Only weights whose audit passed without a warning."""
    pinned: bool = False
    """Only weights of a fixed revision or hash, of those that run here."""
    no_aliases: bool = False
    """Refuse names at a provider that are known to move: `deepseek-chat`, `mistral-large-latest`."""
    dated_names: bool = False
    """Only names at a provider that say which release they mean: `gpt-4o-2024-08-06`."""
    served_as_asked: bool = False
    """Refuse a backend that answers with another model than was asked for."""
    settled_days: Days | None = None
    """Refuse a name under which another model began to answer less than so many days ago."""


class Documents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model's maker must have published of it."""

    report: bool = False
    """A technical report, in part or whole."""
    training_summary: bool = False
    """A public summary of the content it was trained on (AI Act, Article 53(1)(d))."""
    most_training_flop: Annotated[float, msgspec.Meta(gt=0, le=1e30)] | None = None
    """1e25 is where the AI Act presumes systemic risk (Article 51)."""


class HardwareRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accelerators of engines of one's own."""

    deny_vendors: tuple[str, ...] = ()


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as an engine of one's own beside those on this machine."""

    hosts: tuple[str, ...] = ()
    """Names (`gpu1.internal`, `*.corp.example`) and networks (`10.0.0.0/8`)."""


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was agreed with a provider, in place of what holds for everybody."""

    source: str
    """The contract, with its date: who reads a decision must find it."""
    hosts: tuple[str, ...] = ()
    """Where it is asked, for a provider whose address is not known here."""
    jurisdiction: str | None = None
    data_location: str | None = None
    """In a few words that name the places: `EU`, `Frankfurt, Germany`."""
    trains_on_inputs: Literal["yes", "no", "opt-out", "opt-in"] | None = None
    retention_days: Days | None = None


class Concentration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No more than this share of traffic on one lab, provider or country."""

    by: Literal["lab", "provider", "country"]
    most: Share
    days: Window = 30
    of: Literal["calls", "tokens"] = "calls"
    least_calls: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 100
    """Until so many were answered in the window, shares say nothing: the first call is always all of them."""


class RuleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a rule comes from: a regulation, a contract, a meeting."""

    rule: str
    """`serving.deny_providers`, or a section: `origin`."""
    says: str
    date: str
    url: str = ""


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the table that `weighbridge policy test` runs."""

    model: str
    allowed: bool
    provider: str | None = None
    data: str | None = None
    vendor: str | None = None
    """Of the accelerator it runs on, without a provider; None: some that no rule names."""
    rule: str | None = None
    """The rule that must be among the reasons."""


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """policy.toml as it is written."""

    name: str = "policy"
    source: str = ""
    """Where the rules come from in a sentence, with a date."""
    use: Use = Use()
    licence: LicenceRules = LicenceRules()
    origin: Origin = Origin()
    serving: Serving = Serving()
    artefacts: Artefacts = Artefacts()
    documents: Documents = Documents()
    hardware: HardwareRules = HardwareRules()
    data: dict[str, Serving] = {}
    """Class of data (`public`, `internal`, `personal`, `regulated`, your own) to where it may go, besides `serving`."""
    own: Own = Own()
    contract: dict[str, Contract] = {}
    """Provider to what was agreed with it."""
    concentration: tuple[Concentration, ...] = ()
    because: tuple[RuleSource, ...] = ()
    test: tuple[Test, ...] = ()


class Policy(msgspec.Struct, frozen=True):
    """A policy that was read without a mistake."""

    file: PolicyFile
    path: str
    sha256: str = ""
    """Of the file's bytes, in hex."""
    text: str = ""

    def source_of(self, rule: str) -> RuleSource | None:
        """Where a rule comes from: the entry that names it most exactly."""
        named = [each for each in self.file.because if rule == each.rule or rule.startswith(f"{each.rule}.")]
        return max(named, key=lambda each: len(each.rule), default=None)
