"""Whether a model that was found is meant: what was taken off the name, and what else may go by it."""

from __future__ import annotations

import re

from weighbridge.catalog.model_names.index import SHOWN, Entry, Hit, Index
from weighbridge.catalog.model_names.keys import fold, words_of
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
        if suffix.needs == "release date" and not any(is_release(suffix.text, date) for date in entry.dates):
            return f"{suffix.text} is not known to be a date of {model}"
    return ""


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


def _is_release_of(other: str, words: tuple[str, ...]) -> bool:
    """Whether a model is called the same with nothing but numbers and the word for chats behind."""
    more = set(words_of(fold(other.rpartition("/")[2]))) - set(words) - _FOR_CHATS
    return all(word[0].isdigit() for word in more)
