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
from dataclasses import dataclass, replace

from weighbridge.catalog.model_names.entries import Hit
from weighbridge.catalog.model_names.from_catalogue import index_of, load_index
from weighbridge.catalog.model_names.index import Index
from weighbridge.catalog.model_names.judging import is_only_release, newer_of_line, others, why_not
from weighbridge.catalog.model_names.keys import fold, words_of
from weighbridge.catalog.model_names.looking import readings
from weighbridge.catalog.model_names.suffixes import Suffix, peel
from weighbridge.catalog.model_names.text import clean
from weighbridge.catalog.model_names.wrappers import Wrapped, unwrap, without_scheme

__all__ = ["Match", "index_of", "load_index", "resolve_name"]

MOST_SUFFIXES = 8
MOST_ALTERNATIVES = 8
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
class _Meant:
    """A match before it is put beside the name that was asked for."""

    id: str | None
    how: str
    alternatives: tuple[str, ...] = ()
    is_final: bool = True
    """False where a reading was rejected and another may follow."""


def resolve_name(index: Index, name: str) -> Match:
    """What a name means. Raises InputError for what cannot be a name (text.py)."""
    text = clean(name)
    meant = _resolve(index, text)
    if meant.id is None:
        bare = without_scheme(text, index.is_owner)
        second = _resolve(index, bare) if bare != text else meant
        meant = second if second.id or not meant.alternatives else meant
    return Match(name, meant.id, meant.how, meant.alternatives[:MOST_ALTERNATIVES])


def _resolve(index: Index, text: str) -> _Meant:
    whole = _whole(index, text)
    if whole is not None:
        return whole
    wrapped = unwrap(text, index.is_owner)
    listed = index.whole(wrapped.bedrock_name) if wrapped.bedrock_name else ()
    if len(listed) == 1:
        return _Meant(listed[0], "listed name")
    meant = _read(index, wrapped)
    if meant.id is None and wrapped.bedrock_name and _INTERFACE.search(wrapped.core):
        second = _read(index, replace(wrapped, core=_INTERFACE.sub("", wrapped.core)))
        return second if second.id else meant
    return meant


def _whole(index: Index, text: str) -> _Meant | None:
    """The text as it stands: a moving name, an id, a listed name."""
    moving = index.moving.get(text.casefold())
    if moving is not None:
        return _moved(index, moving, ())
    ids = index.whole(text)
    if not ids and len(own := index.verbatim(text)) == 1:
        return _Meant(own[0], "exact name of its repository")
    if len(ids) > 1:
        return _Meant(None, f"ambiguous: the listed name of {len(ids)} models", ids)
    if not ids:
        return None
    if text == ids[0]:
        return _Meant(ids[0], "exact id")
    return _Meant(ids[0], "exact id, in another case" if text.casefold() == ids[0].casefold() else "listed name")


def _moved(index: Index, moving: str, taken: tuple[Suffix, ...]) -> _Meant:
    """The present meaning of a moving name, with the day it began; earlier meanings are the alternatives."""
    meanings = index.meanings[moving]
    now = next((meaning for meaning in meanings if meaning.until is None), None)
    earlier = tuple(dict.fromkeys(each.model for each in meanings if now is None or each.model != now.model))
    if now is None:
        last = max(meanings, key=lambda meaning: meaning.until or "")
        what = f"it meant {last.model} from {last.since} to {last.until}, and nothing known since"
        return _Meant(None, f"unknown: {moving} is a moving name; {what}", earlier)
    newer = newer_of_line(index, moving, now)
    if newer:
        what = f"it meant {now.model} since {now.since}, and newer ones have come out"
        return _Meant(None, f"unknown: {moving} is a moving name; {what}", (*newer, now.model, *earlier))
    return _Meant(now.model, f"moving name {moving}: means {now.model} since {now.since}{_set_aside(taken)}", earlier)


def _read(index: Index, wrapped: Wrapped) -> _Meant:
    """Look the core up, then again without its last suffix, until it is found or nothing more comes off."""
    here, plain = wrapped, wrapped.core
    taken: tuple[Suffix, ...] = ()
    rejected: list[_Meant] = []
    for _ in range(MOST_SUFFIXES):
        for found in readings(index, here):
            meant = _judge(index, found, here, taken)
            if meant.is_final:
                return _refused(meant, here.refusal) if here.refusal else meant
            rejected.append(meant)
        peeled = peel(here.core)
        if peeled is None:
            break
        here, taken = replace(here, core=peeled[0]), (*peeled[1], *taken)
        plain = here.core if all(suffix.needs == "nothing" for suffix in taken) else plain
    return _unknown(index, plain, rejected)


def _judge(index: Index, found: Hit | str, here: Wrapped, taken: tuple[Suffix, ...]) -> _Meant:
    """Hold what was taken off, and what else may go by the name, against the model that was found."""
    if isinstance(found, str):
        meant = _moved(index, found, taken)
    else:
        ids = found.ids if len(found.ids) > 1 else (*found.ids, *others(index, found, here))
        if len(ids) > 1:
            return _Meant(None, f"ambiguous: {len(ids)} models go by this name", ids)
        meant = _Meant(found.ids[0], found.step + _set_aside(taken))
    why = why_not(index, meant.id, here.core, taken) if meant.id else ""
    return _Meant(None, f"unknown: {why}", (meant.id,), is_final=False) if meant.id and why else meant


def _refused(meant: _Meant, why: str) -> _Meant:
    return _Meant(None, f"unknown: {why}", (meant.id,) if meant.id else meant.alternatives)


def _set_aside(taken: tuple[Suffix, ...]) -> str:
    return "; set aside: " + ", ".join(f"{suffix.kind} {suffix.text}" for suffix in taken) if taken else ""


def _unknown(index: Index, core: str, rejected: list[_Meant]) -> _Meant:
    """No model: what was nearly it, and which models carry all the words of the name."""
    if rejected:
        ids = (model for each in rejected for model in each.alternatives)
        return _Meant(None, rejected[0].how, tuple(dict.fromkeys(ids)))
    asked = words_of(fold(core))
    near = index.carrying(asked)
    if len(near) == 1 and is_only_release(near[0], asked):
        return _Meant(near[0], "normalised, without its date: the only release of that name and size")
    if len(near) > 1:
        return _Meant(None, f"ambiguous: {len(near)} models carry these words", near)
    return _Meant(None, "unknown: one model carries these words and more" if near else "unknown", near)
