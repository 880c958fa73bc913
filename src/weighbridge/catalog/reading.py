"""From the catalogue's TOML files to records, each of which remembers where it is written.

    FOLDER/sources.toml    [[source]]      who says something
    FOLDER/licences.toml   [[licence]]     terms
    FOLDER/providers.toml  [[provider]]    who serves models
    FOLDER/devices.toml    [[device]]      hardware
    FOLDER/labs/LAB.toml   [lab], [[model]], [[alias]]

Any of them may hold [[source]] for pages that it alone cites.

Every mistake is named with file, line and field. What a record alone cannot know is looked at in validate.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from weighbridge.catalog.facts import Fact, Source
from weighbridge.catalog.records import Alias, Catalogue, Device, Lab, Licence, Model, Provider
from weighbridge.formats.problems import Problem, Problems, did_you_mean
from weighbridge.formats.toml_lines import Path as Steps
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml

R = TypeVar("R", bound=msgspec.Struct)
MOST_BYTES = 8 << 20
"""A file that people review line by line is never larger."""
PROVIDER_FACTS = ("country", "data_location", "trains_on_inputs", "retention_days")


@dataclass(frozen=True)
class Placed(Generic[R]):
    """A record and the place where it is written."""

    record: R
    file: TomlFile
    path: Steps

    def problem(self, inside: Steps, what: str, next_move: str | None = None) -> Problem:
        """A mistake at a path inside the record."""
        return self.file.problem((*self.path, *inside), what, next_move)


@dataclass(frozen=True)
class Said:
    """A fact, the record it belongs to and its path inside that."""

    owner: Placed[Any]
    path: Steps
    fact: Fact

    @property
    def field(self) -> str:
        """Name of the field it is about."""
        return str(self.path[-2])


@dataclass(frozen=True)
class Draft:
    """Everything that could be read, in the order it is written; nothing has been held against anything else yet."""

    sources: list[Placed[Source]] = field(default_factory=list)
    licences: list[Placed[Licence]] = field(default_factory=list)
    providers: list[Placed[Provider]] = field(default_factory=list)
    devices: list[Placed[Device]] = field(default_factory=list)
    labs: list[Placed[Lab]] = field(default_factory=list)
    models: list[Placed[Model]] = field(default_factory=list)
    aliases: list[Placed[Alias]] = field(default_factory=list)

    def catalogue(self) -> Catalogue:
        """All of it as one value; of two records with one id the later one is in it."""
        return Catalogue(
            sources={placed.record.id: placed.record for placed in self.sources},
            labs={placed.record.id: placed.record for placed in self.labs},
            models={placed.record.id: placed.record for placed in self.models},
            licences={placed.record.id: placed.record for placed in self.licences},
            providers={placed.record.id: placed.record for placed in self.providers},
            devices={placed.record.id: placed.record for placed in self.devices},
            aliases=tuple(placed.record for placed in self.aliases),
            built=max((said.fact.date for said in self.facts()), default=""),
        )

    def facts(self) -> Iterator[Said]:
        """Every fact of every record."""
        for lab in self.labs:
            yield from (Said(lab, ("country", place), fact) for place, fact in enumerate(lab.record.country))
        owners: tuple[Placed[Any], ...] = (*self.models, *self.devices)
        for owner in owners:
            for name, facts in owner.record.facts.items():
                yield from (Said(owner, ("facts", name, place), fact) for place, fact in enumerate(facts))
        for provider in self.providers:
            for name in PROVIDER_FACTS:
                facts = getattr(provider.record, name)
                yield from (Said(provider, (name, place), fact) for place, fact in enumerate(facts))


def read_folder(folder: Path, problems: Problems) -> Draft:
    """Read all files of a catalogue; what is wrong with them is added to `problems`, and the rest is in the draft."""
    draft = Draft()
    if not (folder / "labs").is_dir():
        problems.add(Problem(str(folder), None, None, "not a catalogue: it has no folder `labs`", "Name its folder."))
        return draft
    if not (folder / "sources.toml").exists():
        what, hint = "it is not there", "Each fact names a [[source]] that stands in it, or in the lab's own file."
        problems.add(Problem(str(folder / "sources.toml"), None, None, what, hint))
    _read_list(folder / "sources.toml", "source", Source, draft.sources, draft=draft, problems=problems)
    _read_list(folder / "licences.toml", "licence", Licence, draft.licences, draft=draft, problems=problems)
    _read_list(folder / "providers.toml", "provider", Provider, draft.providers, draft=draft, problems=problems)
    _read_list(folder / "devices.toml", "device", Device, draft.devices, draft=draft, problems=problems)
    for path in sorted((folder / "labs").glob("*.toml")):
        _read_lab(path, draft, problems)
    return draft


def _read_list(path: Path, key: str, kind: type[R], into: list[Placed[R]], *, draft: Draft, problems: Problems) -> None:
    """A file that holds one array of tables, and sources; a file that is not there holds none."""
    file = _open(path, problems) if path.exists() else None
    if file is not None:
        _only(file, (key, "source"), problems)
        _records(file, key, kind, into, problems)
        if key != "source":
            _records(file, "source", Source, draft.sources, problems)


def _read_lab(path: Path, draft: Draft, problems: Problems) -> None:
    file = _open(path, problems)
    if file is None:
        return
    _only(file, ("lab", "model", "alias", "source"), problems)
    if "lab" not in file.tables:
        problems.add(file.problem((), "the section [lab] is missing", "Begin the file with [lab]: id, name, country."))
    else:
        lab = read_record(file, ("lab",), file.tables["lab"], Lab, problems)
        if lab is not None:
            draft.labs.append(Placed(lab, file, ("lab",)))
    _records(file, "model", Model, draft.models, problems)
    _records(file, "alias", Alias, draft.aliases, problems)
    _records(file, "source", Source, draft.sources, problems)


def _records(file: TomlFile, key: str, kind: type[R], into: list[Placed[R]], problems: Problems) -> None:
    tables = file.tables.get(key, [])
    if not isinstance(tables, list):
        problems.add(file.problem((key,), f"expected [[{key}]], one for each", f"Write [[{key}]] with two brackets."))
        return
    for place, table in enumerate(tables):
        record = read_record(file, (key, place), table, kind, problems)
        if record is not None:
            into.append(Placed(record, file, (key, place)))


def _only(file: TomlFile, known: tuple[str, ...], problems: Problems) -> None:
    for key in file.tables:
        if key not in known:
            problems.add(file.problem((key,), f"unknown section {key!r}", did_you_mean(key, known)))


def _open(path: Path, problems: Problems) -> TomlFile | None:
    if not path.is_file():  # a pipe would never end
        problems.add(Problem(str(path), None, None, "not a file"))
        return None
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        problems.add(Problem(str(path), None, None, f"cannot be read: {error.strerror or error}"))
        return None
    if len(data) > MOST_BYTES:
        problems.add(Problem(str(path), None, None, f"larger than {MOST_BYTES >> 20} MiB", "Split it."))
        return None
    return read_toml(str(path), data, problems)
