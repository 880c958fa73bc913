"""policy.toml read and checked: every mistake with its line and a suggestion, before anything is decided by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems, did_you_mean, nearest
from weighbridge.formats.toml_records import TomlFile, read_record, read_toml

from .file import Concentration, Policy, PolicyFile, Serving, Test
from .hosts import is_everything, wrong_host
from .names import Names, wrong_country
from .places import countries_in

COUNTRY_LISTS = ("allow_countries", "deny_countries", "allow_jurisdictions", "deny_jurisdictions", "data_in")
LONGEST_FILE = 1 << 20
At = tuple[str | int, ...]


def read_policy(path: Path, names: Names | None = None) -> Policy:
    """Raises InputError with line and suggestion for what is wrong; nothing is ever half read.

    With `names`, labs, providers and licences become ids, and one that nobody knows is a mistake.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the policy cannot be read: {error.strerror}",
            where=str(path),
            next_move="`weighbridge policy init` writes one.",
        ) from error
    return parse_policy(data, str(path), names)


def parse_policy(data: bytes, path: str, names: Names | None = None) -> Policy:
    """The bytes of a policy file; mistakes as `read_policy` tells them, the others below the first."""
    if len(data) > LONGEST_FILE:
        raise InputError(f"the policy is longer than {LONGEST_FILE:,} bytes", where=path)
    problems = Problems()
    file = read_toml(path, data, problems)
    record = None if file is None else read_record(file, (), file.tables, PolicyFile, problems)
    if file is not None and record is not None:
        record = _Checker(file, record, names, problems).checked()
    if problems.found or record is None:
        first, *others = problems.found
        more = [first.next_move, *(str(each) for each in others[:9])]
        raise InputError(first.what, where=first.where, next_move="\n  ".join(filter(None, more)) or None)
    return Policy(record, path, hashlib.sha256(data).hexdigest(), data.decode("utf-8-sig"))


def rules_of(record: PolicyFile) -> frozenset[str]:
    """Every rule that a reason may name under this policy."""
    found = {"use", "origin", "data"}
    for section in ("licence", "origin", "serving", "artefacts", "documents", "hardware"):
        found |= {f"{section}.{field}" for field in getattr(record, section).__struct_fields__}
    found |= {f"data.{name}.{field}" for name in record.data for field in Serving.__struct_fields__}
    found |= {f"concentration.{each.by}" for each in record.concentration}
    return frozenset(found)


class _Checker:
    """Looks for what types cannot say; what it finds goes to `problems`."""

    def __init__(self, file: TomlFile, record: PolicyFile, names: Names | None, problems: Problems) -> None:
        self._file, self._record, self._names, self._problems = file, record, names, problems

    def checked(self) -> PolicyFile:
        """The record with names as ids."""
        self._countries()
        self._contradictions()
        self._empty_lists()
        self._places()
        self._concentrations()
        self._rules()
        self._hosts()
        return self._record if self._names is None else self._renamed(self._names)

    def _add(self, at: At, what: str, hint: str | None = None) -> None:
        self._problems.add(self._file.problem(at, what, hint))

    def _serving(self) -> Iterator[tuple[At, Serving]]:
        yield ("serving",), self._record.serving
        yield from ((("data", name), rules) for name, rules in self._record.data.items())

    def _lists(self) -> Iterator[tuple[At, Any]]:
        """Every section that allows and denies."""
        yield ("licence",), self._record.licence
        yield ("origin",), self._record.origin
        yield from self._serving()

    def _countries(self) -> None:
        for at, rules in self._lists():
            for field in set(COUNTRY_LISTS) & set(rules.__struct_fields__):
                for place, text in enumerate(getattr(rules, field)):
                    hint = wrong_country(text)
                    if hint is not None:
                        self._add((*at, field, place), f"no country is written {text!r}", hint)
        single: list[tuple[At, str | None]] = [(("use", "based_in"), self._record.use.based_in)]
        single += [
            (("contract", name, "jurisdiction"), each.jurisdiction) for name, each in self._record.contract.items()
        ]
        for at, text in single:
            if text is not None and (hint := wrong_country(text)) is not None:
                self._add(at, f"no country is written {text!r}", hint)

    def _contradictions(self) -> None:
        """What is allowed and denied at once, so that the one word takes the other back."""
        for at, rules in self._lists():
            for field in rules.__struct_fields__:
                other = field.replace("allow", "deny", 1)
                if not field.startswith("allow") or other not in rules.__struct_fields__:
                    continue
                allowed, denied = set(getattr(rules, field)), set(getattr(rules, other))
                both = allowed & denied
                if field in COUNTRY_LISTS:
                    both |= {each for each in allowed if countries_in((each,)) <= countries_in(denied)}
                if both:
                    what = f"{', '.join(sorted(both))} is both allowed and denied"
                    self._add((*at, other), what, "Take it out of one of the two lists.")

    def _empty_lists(self) -> None:
        """A list of what is allowed that names nothing: read as it stands it would allow everything."""
        for at, rules in self._lists():
            written: Any = self._file.tables
            for step in at:
                written = written.get(step, {})
            for field in rules.__struct_fields__:
                if (field.startswith("allow") or field == "data_in") and written.get(field) == []:
                    what = "a list of what is allowed that names nothing"
                    self._add((*at, field), what, "Name what is allowed, or leave the line out: then all is.")

    def _places(self) -> None:
        """Classes of data that may go nowhere although somebody wrote down where to."""
        first = self._record.serving
        for name, rules in self._record.data.items():
            wanted = rules.allow_providers or rules.allow_jurisdictions
            if (rules.local_only or first.local_only) and wanted:
                what = f"data of class {name!r} may go nowhere (local_only), and yet providers are allowed"
                at = ("data", name, "local_only") if rules.local_only else ("serving", "local_only")
                self._add(at, what, "Keep one of the two.")
            for field in ("allow_jurisdictions", "allow_providers"):
                one, other = getattr(first, field), getattr(rules, field)
                if one and other and not countries_in(one) & countries_in(other):
                    what = f"nothing that [serving] allows is allowed for data of class {name!r}: it may go nowhere"
                    self._add(("data", name, field), what, f"[serving] {field} is: {', '.join(one)}.")

    def _concentrations(self) -> None:
        seen: dict[tuple[str, int, str], int] = {}
        for place, rule in enumerate(self._record.concentration):
            same = seen.setdefault(_window(rule), place)
            if same != place:
                self._add(("concentration", place), f"says what concentration[{same}] says", "Keep one of the two.")

    def _rules(self) -> None:
        """Rules that [[because]] and [[test]] name, and classes of data that tests ask for."""
        rules = rules_of(self._record)
        sections = {rule.rpartition(".")[0] for rule in rules} - {""}
        for place, because in enumerate(self._record.because):
            if because.rule not in rules | sections:
                hint = nearest(because.rule, rules | sections) or did_you_mean(because.rule, sections)
                self._add(("because", place, "rule"), f"no rule is called {because.rule!r}", hint)
        for place, test in enumerate(self._record.test):
            if test.rule is not None and test.rule not in rules:
                hint = nearest(test.rule, rules)
                self._add(("test", place, "rule"), f"no rule of this policy is called {test.rule!r}", hint)
            if test.data is not None and test.data not in self._record.data:
                known = ", ".join(self._record.data) or "none"
                what = f"the test asks for data of class {test.data!r}, which the policy does not have"
                self._add(("test", place, "data"), what, f"It has: {known}.")

    def _hosts(self) -> None:
        listed: list[tuple[At, tuple[str, ...]]] = [(("own", "hosts"), self._record.own.hosts)]
        listed += [(("contract", name, "hosts"), each.hosts) for name, each in self._record.contract.items()]
        for at, hosts in listed:
            for place, text in enumerate(hosts):
                hint = "Write a name (gpu1.internal), a pattern (*.internal) or a network (10.0.0.0/8)."
                if wrong_host(text):
                    self._add((*at, place), f"no host is written {text!r}", hint)
                elif is_everything(text):
                    self._add((*at, place), f"{text!r} is every host there is", hint)

    def _renamed(self, names: Names) -> PolicyFile:
        record = self._record
        named = {name.casefold(): name for name, each in record.contract.items() if each.hosts}
        providers = {**names.providers, **named}
        for name in record.contract:
            if name.casefold() not in providers:
                hint = nearest(name, providers) or "Say where it is asked: `hosts = [...]`."
                self._add(("contract", name), f"no provider known here is called {name!r}", hint)
        licence = self._ids(("licence",), record.licence, "licence", names.licences)
        origin = self._ids(("origin",), record.origin, "lab", names.labs)
        serving = self._ids(("serving",), record.serving, "provider", providers)
        data = {
            name: self._ids(("data", name), rules, "provider", names.providers) for name, rules in record.data.items()
        }
        hardware = self._ids(("hardware",), record.hardware, "vendor", names.vendors)
        changed = {
            "test": self._tests(names.vendors),
            "licence": licence,
            "origin": origin,
            "serving": serving,
            "hardware": hardware,
            "data": data,
        }
        return msgspec.structs.replace(record, **changed)

    def _tests(self, vendors: Mapping[str, str]) -> tuple[Test, ...]:
        """The tests with vendors as rules name them."""
        for place, test in enumerate(self._record.test):
            if test.vendor is not None and test.vendor.casefold() not in vendors:
                hint = did_you_mean(test.vendor, vendors.values())
                self._add(("test", place, "vendor"), f"no vendor known here is called {test.vendor!r}", hint)
        return tuple(
            test if test.vendor is None else msgspec.structs.replace(test, vendor=vendors.get(test.vendor.casefold()))
            for test in self._record.test
        )

    def _ids(self, at: At, rules: Any, what: str, known: Mapping[str, str]) -> Any:
        """The section with the ids of what its lists name."""
        plural = {
            "licence": ("allow", "deny"),
            "lab": ("allow_labs", "deny_labs"),
            "vendor": ("deny_vendors",),
        }
        changed = {}
        for field in plural.get(what, ("allow_providers", "deny_providers")):
            written = getattr(rules, field)
            for place, name in enumerate(written):
                if name.casefold() not in known:
                    listed = f"`weighbridge policy names {what}s` lists those that are known."
                    if what == "vendor":
                        listed = f"Known: {', '.join(sorted(set(known.values())))}."
                    hint = nearest(name, known) or listed
                    self._add((*at, field, place), f"no {what} known here is called {name!r}", hint)
            changed[field] = tuple(known.get(name.casefold(), name) for name in written)
        return msgspec.structs.replace(rules, **changed)


def _window(rule: Concentration) -> tuple[str, int, str]:
    return rule.by, rule.days, rule.of
