"""The policy file as typed records, every mistake with its line; read in full before anything is decided by it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Figure = Annotated[float, msgspec.Meta(ge=0)]
Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
Codes = tuple[Annotated[str, msgspec.Meta(pattern="^(?:[A-Z]{2}|EU|EEA)$")], ...]
"""Countries as two capital letters, or EU, EEA."""


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How models are used; held against the terms of their licences."""

    commercial: bool = True
    monthly_users: Figure | None = None
    annual_revenue_usd: Figure | None = None
    hosting_for_others: bool = False
    training_on_outputs: bool = False


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
    """Base models and quantisers count too."""


class Serving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a backend may sit; engines of one's own always may."""

    allow_jurisdictions: Codes = ()
    deny_jurisdictions: Codes = ()
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
    served_as_asked: bool = False
    """Refuse a backend that answers with another model than was asked for."""


class Concentration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No more than this share of traffic on one lab, provider or country."""

    by: Literal["lab", "provider", "country"]
    most: Share
    days: Days = 30


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the table that `weighbridge policy test` runs."""

    model: str
    allowed: bool
    provider: str | None = None
    data: str | None = None
    rule: str | None = None
    """The rule that must be among the reasons."""


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """policy.toml as it is written."""

    name: str = "policy"
    source: str = ""
    """Where the rules come from, with a date: a regulation, a contract, a meeting."""
    use: Use = Use()
    licence: LicenceRules = LicenceRules()
    origin: Origin = Origin()
    serving: Serving = Serving()
    artefacts: Artefacts = Artefacts()
    data: dict[str, Serving] = {}
    """Class of data (`public`, `internal`, `personal`, `regulated`, your own) to where it may go, besides `serving`."""
    concentration: tuple[Concentration, ...] = ()
    test: tuple[Test, ...] = ()


class Policy(msgspec.Struct, frozen=True):
    """A policy that was read without a mistake."""

    file: PolicyFile
    path: str


def read_policy(path: Path) -> Policy:
    """Raises InputError with line and suggestion for the first mistake; nothing is ever half read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the policy cannot be read: {error.strerror}",
            where=str(path),
            next_move="`weighbridge policy init` writes one.",
        ) from error
    problems = Problems(first_raises=True)
    file = read_toml(str(path), data, problems)
    assert file is not None
    record = read_record(file, (), file.tables, PolicyFile, problems)
    assert record is not None
    _impossible(file, record, problems)
    return Policy(record, str(path))


def _impossible(file: TomlFile, record: PolicyFile, problems: Problems) -> None:
    """Rules that no model can ever meet, or that contradict each other."""
    for section in ("licence", "origin", "serving"):
        rules = getattr(record, section)
        for field in type(rules).__struct_fields__:
            other = field.replace("allow", "deny", 1)
            if field.startswith("allow") and hasattr(rules, other):
                both = set(getattr(rules, field)) & set(getattr(rules, other))
                if both:
                    what = f"{', '.join(sorted(both))} is both allowed and denied"
                    problems.add(file.problem((section, other), what, "Take it out of one of the two lists."))
    for name, rules in record.data.items():
        if rules.local_only and (rules.allow_providers or rules.allow_jurisdictions):
            what = f"data of class {name!r} may go nowhere (local_only), and yet providers are allowed"
            problems.add(file.problem(("data", name, "local_only"), what, "Keep one of the two."))
    for number, test in enumerate(record.test):
        if test.data is not None and test.data not in record.data:
            known = ", ".join(record.data) or "none"
            what = f"the test asks for data of class {test.data!r}, which the policy does not have"
            problems.add(file.problem(("test", number, "data"), what, f"It has: {known}."))
