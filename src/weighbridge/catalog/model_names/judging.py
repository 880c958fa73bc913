"""Whether a model that was found is meant: what was taken off the name, and what else may go by it."""

from __future__ import annotations

import re
from collections import Counter

from weighbridge.catalog.model_names.entries import SHOWN, Entry, Hit, Meaning
from weighbridge.catalog.model_names.index import Index
from weighbridge.catalog.model_names.keys import OPTIONAL, SIZE, fold, words_of
from weighbridge.catalog.model_names.suffixes import Suffix, is_release
from weighbridge.catalog.model_names.wrappers import Wrapped, squash

FAMILIES_WITH = {
    "fast": ("grok", "sonar", "morph"),
    "turbo": ("gpt", "glm", "qwen", "ernie", "hunyuan", "baichuan", "whisper", "sd", "flux", "jamba"),
    "max": ("gpt", "qwen", "qvq", "minimax", "kolors", "sonar"),
    "lightning": ("yi", "sdxl", "granite"),
    "express": ("titan",),
}
"""Words for speed to the families in which they name models of their own, whether the catalogue has these or not."""
_SAME_WINDOW = 1.03
"""128k stands for 131,072 tokens and for 128,000."""
_SAYS_WHICH = re.compile(r"(?:\d[bmt]|instruct|[-_ ]it|chat|fp8)$", re.IGNORECASE)
"""What labs put last in a name; a word for speed behind it is the provider's."""


def why_not(index: Index, model: str, core: str, taken: tuple[Suffix, ...]) -> str:
    """Why the suffixes taken off speak against the model; empty where they do not."""
    entry = index.entries[model]
    for suffix in taken:
        if suffix.kind == "tier" and entry.stage == "base":
            return f"{suffix.text} is a provider's word, and providers serve no base model"
        if suffix.needs == "thinker" and entry.stage in ("base", "instruct") and not entry.reasons:
            return f"{suffix.text} asks for reasoning, which {model} is not known to do"
        if suffix.needs == "hybrid" and not _is_by_choice(index, entry, suffix.text.lower(), core):
            return f"{suffix.text} may be a model of its own: {model} is not known to reason by choice"
        if suffix.needs == "served word" and not _is_served_word(index, entry, suffix.text.lower(), core):
            return f"{suffix.text} may be a model of its own"
        if suffix.needs == "context" and _thousands(suffix.text) > entry.context_tokens * _SAME_WINDOW:
            return f"{model} is not known to read {suffix.text} tokens"
        if suffix.needs == "release date" and not any(is_release(suffix.text, date) for date in entry.dates):
            return f"{suffix.text} is not known to be a date of {model}"
    return ""


def _thousands(text: str) -> int:
    return int(text.rstrip("kK")) * 1_000


def _is_by_choice(index: Index, entry: Entry, word: str, core: str) -> bool:
    """Known to answer with and without reasoning, or able to, of a lab that names no model after it; and no model is
    known that is called the same with this word: Qwen3-235B-A22B has a -Thinking-2507 beside it."""
    if index.carrying(words_of(fold(f"{core} {word}"))):
        return False
    if entry.stage is not None:
        return entry.stage == "hybrid"
    return bool(entry.reasons) and word not in index.own_words[entry.lab]


def _is_served_word(index: Index, entry: Entry, word: str, core: str) -> bool:
    if _SAYS_WHICH.search(core):
        return True
    family = words_of(fold(entry.id.rpartition("/")[2]))
    return word not in index.own_words[entry.lab] and not any(one in FAMILIES_WITH[word] for one in family)


def others(index: Index, found: Hit, wrapped: Wrapped) -> tuple[str, ...]:
    """What else a name may mean that was found loosely.

    `Llama 3.1 8B` is what its maker calls the base model and what providers call the one for chats; only a whole
    repository (`meta-llama/Llama-3.1-8B`) or a word (`-base`) says which. `Mistral Large` is what every Mistral Large
    is called.
    """
    model = found.ids[0]
    entry = index.entries[model]
    if entry.stage == "base" and not found.is_explicit and not _names_base(wrapped, model):
        return _carrying_also(index, entry, _FOR_CHATS)
    bare = words_of(fold(wrapped.core))
    if found.is_loose:
        return _releases_beside(index, entry, bare)
    if found.rank == SHOWN and not any(word[0].isdigit() for word in bare):
        return tuple(other for other in index.carrying(bare) if other != model and _is_release_of(other, bare))
    return ()


_FOR_CHATS = {"instruct", "chat"}
_BASE_WORDS = {"base", "pt", "text", "pretrain", "pretrained"}


def _names_base(wrapped: Wrapped, model: str) -> bool:
    is_repository = " " not in wrapped.core and squash(model.rpartition("/")[0]) in wrapped.owners
    return is_repository or not _BASE_WORDS.isdisjoint(words_of(fold(wrapped.core)))


def _carrying_also(index: Index, entry: Entry, words: set[str]) -> tuple[str, ...]:
    """Models of the lab that are called the same with one of these words and nothing else."""
    own = words_of(fold(entry.id.rpartition("/")[2]))
    found = []
    for other in index.carrying(own):
        more = set(words_of(fold(other.rpartition("/")[2]))) - set(own)
        if index.entries[other].lab == entry.lab and more and more <= words:
            found.append(other)
    return tuple(found)


def _releases_beside(index: Index, entry: Entry, words: tuple[str, ...]) -> tuple[str, ...]:
    """Other releases that a name with a size left out, or put in, may mean as well: `qwen3-235b` is three models."""
    own = _parts(words_of(fold(entry.id.rpartition("/")[2])))
    kept = {word for word in _parts(words) if not SIZE.fullmatch(word)}
    found = []
    for other in index.entries.values():
        if other.lab != entry.lab or other.stage == "base" or other.id == entry.id:
            continue
        theirs = _parts(words_of(fold(other.id.rpartition("/")[2])))
        more = theirs - kept - own - _FOR_CHATS - {"thinking"}
        if kept <= theirs and _sizes(theirs) == _sizes(own) and all(_is_number(word) for word in more):
            found.append(other.id)
    return tuple(found)


def _parts(words: tuple[str, ...]) -> set[str]:
    """Words, with a date that stands right behind a version apart from it: 3 and 0324 of V3-0324."""
    found: set[str] = set()
    for word in words:
        version, dot, date = word.rpartition(".")
        found |= {version, date} if dot and len(date) == 4 and date.isdigit() else {word}
    return found


def _sizes(words: set[str]) -> set[str]:
    return {word for word in words if SIZE.fullmatch(word)}


def _is_number(word: str) -> bool:
    """Versions, sizes and dates; `a22b` too."""
    return word[0].isdigit() or OPTIONAL.fullmatch(word) is not None


def newer_of_line(index: Index, moving: str, now: Meaning) -> tuple[str, ...]:
    """Models that a name ending in `-latest` promises, and that came out after it was last known to move.

    `mistral-large-latest` meant Mistral Large 3 until Mistral Large 4 came out; nobody is known to have said since.
    """
    words = words_of(fold(moving.rpartition("/")[2]))
    if "latest" not in words:
        return ()
    rest = tuple(word for word in words if word != "latest")
    lab = index.entries[now.model].lab
    found = []
    for other in index.carrying(rest):
        entry = index.entries[other]
        more = set(words_of(fold(other.rpartition("/")[2]))) - set(rest) - _FOR_CHATS - {"preview", "exp"}
        is_later = bool(entry.dates) and min(entry.dates) > now.since and other != now.model
        if entry.lab == lab and entry.stage != "base" and is_later and all(_is_number(word) for word in more):
            found.append(other)
    return tuple(sorted(found, key=lambda model: min(index.entries[model].dates), reverse=True))


def is_only_release(model: str, words: tuple[str, ...]) -> bool:
    """Whether a name says everything but the date of a model: `ministral-3-8b-instruct` of `...-2512`.

    Only where it says a size: a name without one (`gemini-2.5-flash-preview`) moves from release to release.
    """
    own = Counter(words_of(fold(model.rpartition("/")[2])))
    more = own - Counter(words)
    is_sized = any(SIZE.fullmatch(word) for word in words)
    return is_sized and own >= Counter(words) and all(_DATE.fullmatch(word) for word in more)


_DATE = re.compile(r"2\d(?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])\.20\d\d")


def _is_release_of(other: str, words: tuple[str, ...]) -> bool:
    """Whether a model is called the same with nothing but numbers and the word for chats behind."""
    more = set(words_of(fold(other.rpartition("/")[2]))) - set(words) - _FOR_CHATS
    return all(word[0].isdigit() for word in more)
