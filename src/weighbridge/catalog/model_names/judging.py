"""Whether what was taken off a name may be missing from the model that was found."""

from __future__ import annotations

import re

from weighbridge.catalog.model_names.index import Entry, Index
from weighbridge.catalog.model_names.keys import fold, words_of
from weighbridge.catalog.model_names.suffixes import Suffix, is_release

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
        if suffix.needs == "hybrid" and not _is_by_choice(index, entry, suffix.text.lower()):
            return f"{suffix.text} may be a model of its own: {model} is not known to reason by choice"
        if suffix.needs == "served word" and not _is_served_word(index, entry, suffix.text.lower(), core):
            return f"{suffix.text} may be a model of its own"
        if suffix.needs == "release date" and not any(is_release(suffix.text, date) for date in entry.dates):
            return f"{suffix.text} is not known to be a date of {model}"
    return ""


def _is_by_choice(index: Index, entry: Entry, word: str) -> bool:
    """Known to answer with and without reasoning; or able to, of a lab that names no model after it."""
    if entry.stage is not None:
        return entry.stage == "hybrid"
    return bool(entry.reasons) and word not in index.own_words[entry.lab]


def _is_served_word(index: Index, entry: Entry, word: str, core: str) -> bool:
    if _SAYS_WHICH.search(core):
        return True
    family = words_of(fold(entry.id.rpartition("/")[2]))
    return word not in index.own_words[entry.lab] and not any(one in FAMILIES_WITH[word] for one in family)
