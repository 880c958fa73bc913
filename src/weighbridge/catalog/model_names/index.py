"""Every name of every model under its keys: what a spelling can mean, before anything is taken off it.

Pure: made from plain entries, so that it can be built from any list of models (match.py takes the catalogue's).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from weighbridge.catalog.model_names.entries import LISTED, OWN, SHORTENED, SHOWN, Entry, Hit, Meaning, Spelling
from weighbridge.catalog.model_names.keys import (
    SIZE,
    Key,
    agree,
    fold,
    has_version_v,
    key_of,
    undotted,
    without_details,
    words_of,
)
from weighbridge.catalog.model_names.suffixes import without_format
from weighbridge.catalog.model_names.wrappers import squash

PLAIN_WORDS = {
    "coder",
    "embed",
    "embedding",
    "flash",
    "guard",
    "highspeed",
    "instruct",
    "large",
    "latest",
    "lightning",
    "medium",
    "preview",
    "prover",
    "reasoning",
    "small",
    "speed",
    "thinking",
    "turbo",
    "vision",
}
"""Words that many families share, and that name nothing alone."""


@dataclass
class Index:
    """`owners` maps squashed owners (labs, hubs, providers) to the id of a lab, or to nothing."""

    entries: dict[str, Entry]
    meanings: dict[str, tuple[Meaning, ...]]
    owners: Mapping[str, str]
    hosts: frozenset[str] = frozenset()
    """Owners, squashed, who serve other labs' models under names that begin with theirs, be they labs or not."""
    exact: dict[str, list[Spelling]] = field(default_factory=lambda: defaultdict(list))
    """Casefolded ids and listed names, whole."""
    flat: dict[str, list[Spelling]] = field(default_factory=lambda: defaultdict(list))
    run_together: dict[str, list[Spelling]] = field(default_factory=lambda: defaultdict(list))
    spellings: list[tuple[str, str, int]] = field(default_factory=list)
    """Every text under which a model is indexed, with its rank."""
    moving: dict[str, str] = field(default_factory=dict)
    """Casefolded and flat spellings of moving names to the name."""

    def is_owner(self, squashed: str) -> bool:
        return squashed in self.owners

    def whole(self, text: str) -> tuple[str, ...]:
        """The ids that a text is, or is listed as, in any case."""
        hit = self._best(self.exact.get(text.casefold(), ()), "", "")
        return hit.ids if hit else ()

    def verbatim(self, text: str) -> tuple[str, ...]:
        """The ids of the models whose repository is called just this, letter by letter, whoever its owner is."""
        return tuple(self._repositories.get(text, ()))

    @cached_property
    def _repositories(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for model in self.entries:
            found[model.rpartition("/")[2]].append(model)
        return found

    def find(self, text: str, lab: str = "") -> Hit | str | None:
        """What a text means as it stands; the name itself where it is a moving one. `lab` decides between two."""
        folded = fold(text)
        key = key_of(folded)
        if key.flat in self.moving:
            return self.moving[key.flat]
        return (
            self._spelled(key, text, lab)
            or self._best(self.run_together.get(key.flat, ()), lab, "normalised, a version without its dot")
            or self._by_words(words_of(folded), lab)
        )

    def spelled(self, text: str, lab: str = "") -> Hit | None:
        """What is spelled like this, but for case and punctuation."""
        return self._spelled(key_of(fold(text)), text, lab)

    def _spelled(self, key: Key, text: str, lab: str) -> Hit | None:
        """Those whose dots stand where the text has them go before those that only agree with it."""
        if key.flat not in self.flat:
            key = key_of(fold(text, keep_v=True))
        known = self.flat.get(key.flat, ())
        same = [each for each in known if each.joints == key.joints]
        found = same or [each for each in known if agree(key, Key(key.flat, each.joints))]
        return self._best(found, lab, "normalised")

    def _best(self, found: Iterable[Spelling], lab: str, step: str) -> Hit | None:
        """The ids of the best rank; of several, those of the lab that is named."""
        ranks: dict[str, int] = {}
        for each in found:
            ranks[each.id] = min(each.rank, ranks.get(each.id, SHORTENED))
        if not ranks:
            return None
        best = min(ranks.values())
        ids = [model for model, rank in ranks.items() if rank == best]
        of_lab = [model for model in ids if lab and self.entries[model].lab == lab]
        return Hit(tuple(sorted(of_lab or ids)), step, best)

    def _by_words(self, words: tuple[str, ...], lab: str) -> Hit | None:
        if len(words) < 3 or not any(word[0].isdigit() for word in words):
            return None
        found = self._best(self._words.get(words, ()), lab, "normalised, words in another order")
        sizes = [word for word in words if SIZE.fullmatch(word)]
        if found or not sizes:
            return found
        found = self._best(self._fewer_words.get(words, ()), lab, "normalised, without its active size")
        found = found or self._by_total(words, sizes, lab)
        return found and replace(found, is_loose=True)

    def _by_total(self, words: tuple[str, ...], sizes: list[str], lab: str) -> Hit | None:
        """A size that the name does not carry, when the model is of that size: `deepseek-r1:671b`."""
        rest = list(words)
        rest.remove(sizes[-1])
        size = SIZE.fullmatch(sizes[-1])
        assert size
        asked = float(size[1]) * {"m": 1e6, "b": 1e9, "t": 1e12}[size[2]]
        named = self._words.get(tuple(rest), ())
        found = (
            each for each in named if any(abs(said / asked - 1) < 0.02 for said in self.entries[each.id].parameters)
        )
        return self._best(found, lab, "normalised, with its total size")

    @property
    def _words(self) -> dict[tuple[str, ...], list[Spelling]]:
        return self._worded[0]

    @property
    def _fewer_words(self) -> dict[tuple[str, ...], list[Spelling]]:
        return self._worded[1]

    @cached_property
    def _worded(self) -> tuple[dict[tuple[str, ...], list[Spelling]], dict[tuple[str, ...], list[Spelling]]]:
        """Spellings by their words, and by these without the details that people leave out."""
        whole: dict[tuple[str, ...], list[Spelling]] = defaultdict(list)
        fewer: dict[tuple[str, ...], list[Spelling]] = defaultdict(list)
        for text, model, rank in self.spellings:
            words = words_of(fold(text))
            less = without_details(words)
            whole[words].append(Spelling("", model, rank))
            if less != words:
                fewer[less].append(Spelling("", model, rank))
        return whole, fewer

    @cached_property
    def own_words(self) -> dict[str, set[str]]:
        """Lab to the words in the ids of its models: there they name a model, and no tier."""
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.entries.values():
            found[entry.lab].update(words_of(fold(entry.id.rpartition("/")[2])))
        return found

    def carrying(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Ids whose names hold all the words, the shortest first; none for words that name nothing alone."""
        if all(len(word) == 1 or word in PLAIN_WORDS or SIZE.fullmatch(word) for word in words):
            return ()
        postings = sorted((self._postings.get(word, set()) for word in words), key=len)
        return tuple(sorted(set.intersection(*postings), key=lambda model: (len(model), model)))

    @cached_property
    def _postings(self) -> dict[str, set[str]]:
        """Word to the ids whose own names hold it."""
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.entries.values():
            for word in words_of(fold(entry.id.rpartition("/")[2])):
                found[word].add(entry.id)
        return found


def build(
    entries: Iterable[Entry],
    meanings: Iterable[Meaning] = (),
    owners: Mapping[str, str] | None = None,
    hosts: frozenset[str] = frozenset(),
) -> Index:
    """Index entries and moving names. Owners are learnt from the ids as well."""
    kept = {entry.id: entry for entry in entries}
    known = (meaning for meaning in meanings if meaning.model in kept)
    index = Index(kept, _grouped(known), {**_owners_of(kept.values()), **(owners or {})}, hosts)
    for entry in kept.values():
        for rank, name in ((OWN, entry.id), *((LISTED, name) for name in entry.names)):
            _put(index.exact[name.casefold()], Spelling("", entry.id, rank))
    index.spellings.extend(_spellings(kept.values(), index.owners))
    for text, model, rank in index.spellings:
        key = key_of(fold(text))
        _put(index.flat[key.flat], Spelling(key.joints, model, rank))
        if has_version_v(text):
            plain = key_of(fold(text, keep_v=True))
            _put(index.flat[plain.flat], Spelling(plain.joints, model, rank))
        together = undotted(key)
        if together:
            _put(index.run_together[together], Spelling("", model, rank))
    for name in index.meanings:
        index.moving[name.casefold()] = index.moving[key_of(fold(name.rpartition("/")[2])).flat] = name
    return index


def _put(spellings: list[Spelling], spelling: Spelling) -> None:
    if spelling not in spellings:
        spellings.append(spelling)


def _grouped(meanings: Iterable[Meaning]) -> dict[str, tuple[Meaning, ...]]:
    """Meanings by name, the newest first."""
    grouped: dict[str, list[Meaning]] = defaultdict(list)
    for meaning in meanings:
        grouped[meaning.name].append(meaning)
    return {name: tuple(sorted(each, key=lambda one: one.since, reverse=True)) for name, each in grouped.items()}


def _owners_of(entries: Iterable[Entry]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for entry in entries:
        for name in (entry.id, *entry.names):
            owner = squash(name.rpartition("/")[0])
            if owner:
                owners.setdefault(owner, entry.lab)
    return owners


def _spellings(entries: Iterable[Entry], owners: Mapping[str, str]) -> Iterable[tuple[str, str, int]]:
    """Every text under which a model is indexed, with its rank."""
    for entry in entries:
        named = [(entry.id, OWN), *((name, LISTED) for name in entry.names), (entry.shown, SHOWN)]
        for name, rank in named:
            bare = name.rpartition("/")[2]
            for text in dict.fromkeys((name, bare)):
                if text:
                    yield text, entry.id, rank
            yield from ((text, entry.id, SHORTENED) for text in _shortened(bare, entry, owners))


def _shortened(bare: str, entry: Entry, owners: Mapping[str, str]) -> Iterable[str]:
    """The name without quantisation or format (`-BF16`), and without its lab where a word of its own follows."""
    shorter = without_format(bare)
    if shorter != bare:
        bare = shorter
        yield bare
    head, _, rest = bare.partition("-")
    words = [word for word in words_of(fold(rest)) if len(word) > 4 and word.isalpha() and word not in PLAIN_WORDS]
    if words and entry.lab and owners.get(squash(head)) == entry.lab:
        yield rest
