"""Which model a name means. Never a guess: what can mean two is ambiguous, and what is not known is unknown.

    exact id, listed name, moving name (with the day since which it means what it means)
    normalised     case, punctuation, owner, route, address; `5p1` and `5-1` for 5.1; order of words
    set aside      quantisation, format, tier, setting, date of release: behind the name, and not part of it

The fewest suffixes that lead to a model are taken off, so a model that is called `...-thinking` or `...-max` is found
before the word is read as a setting. Base and instruct, other dates, sizes and lines (`-VL`, `-Coder`) stay apart.
docs/names.md shows the rules by example; bench/catalogue.py times them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from weighbridge.catalog.model_names.index import PLAIN_WORDS, Entry, Hit, Index, Meaning, build
from weighbridge.catalog.model_names.judging import why_not
from weighbridge.catalog.model_names.keys import SIZE, fold, words_of
from weighbridge.catalog.model_names.looking import readings
from weighbridge.catalog.model_names.routes import ROUTES
from weighbridge.catalog.model_names.suffixes import Suffix, peel
from weighbridge.catalog.model_names.text import clean
from weighbridge.catalog.model_names.wrappers import Wrapped, squash, unwrap, without_scheme
from weighbridge.catalog.records import Catalogue, Model
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.catalog.view import fact_of

MOST_SUFFIXES = 8
MOST_ALTERNATIVES = 8
_REPOSITORY = re.compile(r"(?:hf|modelscope):([^/@]+/[^/@]+)")
_INTERFACE = re.compile(r"-v\d+$")
"""A version of Bedrock's interface at the end of a name written its way; taken off where the whole is not known."""


@dataclass(frozen=True, slots=True)
class Match:
    name: str
    id: str | None
    """None where unknown or ambiguous."""
    how: str
    alternatives: tuple[str, ...] = ()
    """What it might mean where it is unknown or ambiguous, and what a moving name meant before."""


@dataclass(frozen=True, slots=True)
class _Rejected:
    ids: tuple[str, ...]
    why: str


def resolve_name(index: Index, name: str) -> Match:
    """What a name means. Raises InputError for what cannot be a name (text.py)."""
    text = clean(name)
    whole = _whole(index, name, text)
    if whole is not None:
        return whole
    wrapped = unwrap(text, index.is_owner)
    match = _read(index, name, wrapped)
    if match.id is None and wrapped.is_bedrock and _INTERFACE.search(wrapped.core):
        second = _read(index, name, replace(wrapped, core=_INTERFACE.sub("", wrapped.core)))
        match = second if second.id else match
    bare = without_scheme(text, index.is_owner)
    if match.id is None and bare != text:
        second = _whole(index, name, bare) or _read(index, name, unwrap(bare, index.is_owner))
        return second if second.id or not match.alternatives else match
    return match


def _whole(index: Index, name: str, text: str) -> Match | None:
    """The text as it stands: a moving name, an id, a listed name."""
    moving = index.moving.get(text.casefold())
    if moving is not None:
        return _moved(index, name, moving, ())
    ids = index.whole(text)
    if len(ids) > 1:
        return Match(name, None, f"ambiguous: the listed name of {len(ids)} models", ids[:MOST_ALTERNATIVES])
    if not ids:
        return None
    if text == ids[0]:
        return Match(name, ids[0], "exact id")
    return Match(name, ids[0], "exact id, in another case" if text.casefold() == ids[0].casefold() else "listed name")


def _moved(index: Index, name: str, moving: str, taken: tuple[Suffix, ...]) -> Match:
    """The present meaning of a moving name, with the day it began; earlier meanings are the alternatives."""
    meanings = index.meanings[moving]
    now = next((meaning for meaning in meanings if meaning.until is None), None)
    earlier = tuple(dict.fromkeys(each.model for each in meanings if now is None or each.model != now.model))
    if now is None:
        until = max(meaning.until or "" for meaning in meanings)
        return Match(name, None, f"unknown: the moving name {moving} meant nothing known after {until}", earlier)
    how = f"moving name {moving}: means {now.model} since {now.since}"
    return Match(name, now.model, how + _set_aside(taken), earlier)


def _read(index: Index, name: str, wrapped: Wrapped) -> Match:
    """Look the core up, then again without its last suffix, until it is found or nothing more comes off."""
    core, plain = wrapped.core, wrapped.core
    taken: tuple[Suffix, ...] = ()
    rejected: list[_Rejected] = []
    for _ in range(MOST_SUFFIXES):
        for found in readings(index, wrapped, core):
            judged = _judge(index, name, found, core, taken)
            if isinstance(judged, _Rejected):
                rejected.append(judged)
            elif wrapped.refusal:
                return Match(
                    name, None, f"unknown: {wrapped.refusal}", (judged.id,) if judged.id else judged.alternatives
                )
            else:
                return judged
        peeled = peel(core)
        if peeled is None:
            break
        core, taken = peeled[0], (*peeled[1], *taken)
        plain = core if all(suffix.needs == "nothing" for suffix in taken) else plain
    return _unknown(index, name, plain, rejected)


def _judge(index: Index, name: str, found: Hit | str, core: str, taken: tuple[Suffix, ...]) -> Match | _Rejected:
    """Hold what was taken off against the model that was found."""
    if isinstance(found, str):
        now = _moved(index, name, found, taken)
        why = now.id and why_not(index, now.id, core, taken)
        return _Rejected((now.id,), why) if now.id and why else now
    if len(found.ids) > 1:
        how = f"ambiguous: {len(found.ids)} models go by this name"
        return Match(name, None, how, found.ids[:MOST_ALTERNATIVES])
    why = why_not(index, found.ids[0], core, taken)
    return _Rejected(found.ids, why) if why else Match(name, found.ids[0], found.step + _set_aside(taken))


def _set_aside(taken: tuple[Suffix, ...]) -> str:
    return "; set aside: " + ", ".join(f"{suffix.kind} {suffix.text}" for suffix in taken) if taken else ""


def _unknown(index: Index, name: str, core: str, rejected: list[_Rejected]) -> Match:
    """No model: what was nearly it, and which models carry all the words of the name."""
    if rejected:
        ids = tuple(dict.fromkeys(model for each in rejected for model in each.ids))
        return Match(name, None, f"unknown: {rejected[0].why}", ids[:MOST_ALTERNATIVES])
    near = _carrying(index, words_of(fold(core)))
    if len(near) > 1:
        return Match(name, None, f"ambiguous: {len(near)} models carry these words", near[:MOST_ALTERNATIVES])
    return Match(name, None, "unknown: one model carries these words and more" if near else "unknown", near)


def _carrying(index: Index, words: tuple[str, ...]) -> tuple[str, ...]:
    """Ids whose names hold all the words, the shortest first."""
    said = [word for word in words if not SIZE.fullmatch(word)]
    if not any(len(word) > 1 and word not in PLAIN_WORDS for word in said):
        return ()
    postings = sorted((index.postings.get(word, set()) for word in words), key=len)
    return tuple(sorted(set.intersection(*postings), key=lambda model: (len(model), model)))


@cache
def load_index() -> Index:
    """The index of the shipped catalogue."""
    return index_of(load_catalogue())


def index_of(catalogue: Catalogue) -> Index:
    """Every name in a catalogue, and every lab, hub and provider that may stand before one."""
    meanings = (Meaning(alias.name, alias.model, alias.since, alias.until) for alias in catalogue.aliases)
    entries = (_entry(catalogue, model) for model in catalogue.models.values())
    return build(entries, meanings, _owners(catalogue))


def _entry(catalogue: Catalogue, model: Model) -> Entry:
    stage, reasons = fact_of(catalogue, model, "stage"), fact_of(catalogue, model, "reasoning")
    return Entry(
        id=model.id,
        names=(*model.names, *_repositories(catalogue, model)),
        shown=model.name,
        lab=model.lab,
        stage=stage.value if stage else None,
        reasons=reasons.value if reasons else None,
        dates=tuple(str(value) for value in _said(model, "released", "weights_released")),
        parameters=tuple(float(value) for value in _said(model, "parameters_total", "exact_parameters")),
    )


def _said(model: Model, *fields: str) -> Iterator[Any]:
    """Everything somebody says about some fields, believed or not."""
    return (fact.value for field in fields for fact in model.facts.get(field, ()))


def _repositories(catalogue: Catalogue, model: Model) -> Iterator[str]:
    """Where its weights are kept: the lab's repositories, and those of its variants."""
    for field in ("hf_id", "modelscope_id"):
        fact = fact_of(catalogue, model, field)
        if fact is not None and fact.value != model.id:
            yield str(fact.value)
    for variant in model.variants:
        source = _REPOSITORY.match(variant.source or "")
        if source:
            yield source[1]


def _owners(catalogue: Catalogue) -> dict[str, str]:
    """Squashed names of labs to their ids, of providers and routes to nothing; a family's name is no provider's."""
    families = {re.split(r"[^a-z]", model.rpartition("/")[2].lower())[0] for model in catalogue.models}
    providers = [name for one in catalogue.providers.values() for name in (one.id, one.name, *one.names)]
    owners = {squash(name): "" for name in (*ROUTES, *providers) if squash(name) not in families}
    for lab in catalogue.labs.values():
        owners |= {squash(name): lab.id for name in (lab.id, lab.name, *lab.names, *lab.hub_orgs) if squash(name)}
    return owners
