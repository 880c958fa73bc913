"""Whether what somebody writes about a field says what is kept: names of labs, licences and models, bounds, sets.

Three answers: yes, no, and None where the words cannot be read; a guess would confirm or contradict what nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from weighbridge.catalog.fields import Field, read_value, same
from weighbridge.catalog.names import find_lab, find_licence, licence_key, name_key
from weighbridge.catalog.quantities import Quantity, read_quantity
from weighbridge.catalog.records import Catalogue

_BOUND = re.compile(
    r"^\W{0,3}(?P<most><|≤|<=|under|below|less than|fewer than|at most|no more than)"
    r"|^\W{0,3}(?P<least>>|≥|>=|over|above|more than|at least|exceeding)|(?P<plus>\d\s*[kmbt]?\+)",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"\b(?:a?gpl|lgpl|bsd|mpl|cc[- ]?(?:by|0)|creative commons|mit|apache|(?:open)?rail(?:-?m)?|epl|isc|unlicense)\b",
    re.IGNORECASE,
)
"""Licences that everybody knows by name, whether or not a model here is under one."""
_NO_USE = re.compile(r"\bnon[- ]?commercial\b|\bresearch[- ]only\b", re.IGNORECASE)
_CLOSED = re.compile(r"\bclosed[- ]source\b|\bcommercial api\b|\bproprietary api\b", re.IGNORECASE)
_ALIKE = re.compile(r"modif|style|like|based|deriv|variant|custom|\bplus\b|\bwith\b", re.IGNORECASE)
"""What makes another licence of one that everybody knows."""
_ACTIVE = r"(?:params?\s+|parameters\s+)?activ\w*"
_SIZE = r"\d[\d.,]*\s*[kmbt]\w*"
_ACTIVE_SIZE = re.compile(rf"{_SIZE}\s*{_ACTIVE}|{_ACTIVE}[:\s]+{_SIZE}|\bA\d+(?:\.\d+)?B\b", re.IGNORECASE)
_FIRM = re.compile(r"\b(?:group|holdings?|pbc|platforms|team|labs?)\b", re.IGNORECASE)
"""What firms are called beside their name."""
_QUARTER = re.compile(r"\bQ(?P<quarter>[1-4])[\s/'-]*(?P<year>20\d\d)\b", re.IGNORECASE)
_DOTTED = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b")
"""The day goes first where dots stand between."""
_STAGE = re.compile(r"[-_ ]?(?:base|pt|pretrain(?:ed)?)$", re.IGNORECASE)
LANGUAGES = {
    "arabic": "ar",
    "chinese": "zh",
    "mandarin": "zh",
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "hindi": "hi",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "polish": "pl",
    "portuguese": "pt",
    "russian": "ru",
    "spanish": "es",
    "thai": "th",
    "turkish": "tr",
    "vietnamese": "vi",
}
"""Names that people write to the codes that are kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What names mean where a claim stands."""

    catalogue: Catalogue
    named: Callable[[str], tuple[str, ...]]
    """Name to the ids of the models it can mean; none where it is unknown."""
    model: str
    """Id of the model the claim is about."""
    base: Callable[[str], str | None]
    """Id to the id of the model it was made from."""


def says(reading: Reading, field: Field, text: str, kept: Any) -> bool | None:
    """Whether a text says what is kept of a field."""
    if field.name == "lab":
        return _says_lab(reading.catalogue, text, kept)
    if field.name == "licence":
        return _says_licence(reading.catalogue, text, kept)
    if field.name in ("base_model", "predecessor"):
        return _says_model(reading, text, str(kept), follow=field.name == "base_model")
    if field.holds == "set":
        return _says_set(field, text, kept)
    if field.name in ("parameters_total", "parameters_active"):
        text = _one_size(field, text)
    if field.holds == "date":
        quarter = _QUARTER.search(text)
        if quarter is not None:
            return _in_quarter(str(kept), int(quarter["quarter"]), quarter["year"])
        text = _DOTTED.sub(r"\3-\2-\1", text)
    asked = read_value(field, text)
    if asked is None:
        return None
    if isinstance(asked, Quantity) and field.name != "context_tokens":
        bound = _BOUND.search(text)
        if bound is not None:
            return bool(kept <= asked.value) if bound["most"] else bool(kept >= asked.value - asked.unit / 2)
    return same(field, kept, text)


def _in_quarter(kept: str, quarter: int, year: str) -> bool | None:
    """Whether an ISO date lies in a quarter; None where it is too rough to tell."""
    if not kept.startswith(year):
        return False
    return (int(kept[5:7]) + 2) // 3 == quarter if len(kept) > len(year) else None


def _one_size(field: Field, text: str) -> str:
    """Of `37B active / 671B total` the size that is asked for; of `671B/37B` the larger one is the total."""
    if field.name == "parameters_total" and len(_ACTIVE_SIZE.sub("", text)) < len(text):
        rest = _ACTIVE_SIZE.sub(" ", text)
        return rest if re.search(r"\d", rest) else text
    parts = [part for part in re.split(r"[/();|]|,\s", text) if re.search(rf"^\W*{_SIZE}", part, re.IGNORECASE)]
    sizes = [(size.value, part) for part in parts if (size := read_quantity(part)) is not None]
    if len(sizes) != 2 or re.search(r"activ|total", text, re.IGNORECASE):
        return text
    return (max if field.name == "parameters_total" else min)(sizes)[1]


def _parts(text: str) -> Iterator[str]:
    """The text, then without its brackets, then what stands in them."""
    yield text
    without = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", text).strip()
    if without and without != text:
        yield without
    yield from (inside for inside in re.findall(r"[(\[]([^()\[\]]+)[)\]]", text))


def _says_lab(catalogue: Catalogue, text: str, kept: str) -> bool | None:
    parts = [words for part in _parts(text) for words in (part, _FIRM.sub(" ", part))]
    found = next((lab for part in parts if (lab := find_lab(catalogue, part))), None)
    if found is None:
        several = {find_lab(catalogue, part) for part in re.split(r"[/,&+]|\band\b", text)} - {None}
        found = next(iter(several)) if len(several) == 1 else None
    return None if found is None else found == kept


def _says_licence(catalogue: Catalogue, text: str, kept: str) -> bool | None:
    """A licence by one of its names; of several, the one that is said of the weights or the model."""
    found = find_licence(catalogue, text)
    if found is None:
        parts = re.split(r"[,;/+&]", text)
        ours = [part for part in parts if re.search(r"weight|\bmodel\b", part, re.IGNORECASE)]
        part = ours[0] if len(ours) == 1 else text if len(parts) == 1 else ""
        found = next((each for words in _parts(part) if (each := find_licence(catalogue, words))), None)
        text = part
    if found is not None:
        return True if found == kept else _named_less_exactly(catalogue, text, found, kept)
    if _CLOSED.search(text):
        return kept == "proprietary"
    record = catalogue.licences.get(kept)
    if _NO_USE.search(text):
        return None if record is None or record.commercial_use == "unknown" else record.commercial_use == "no"
    if _ANOTHER.search(text) and len(text.split()) <= 4 and not _ALIKE.search(text):
        return licence_key(text) == licence_key(kept)
    return None


def _named_less_exactly(catalogue: Catalogue, text: str, said: str, kept: str) -> bool | None:
    """`Modified MIT` is said of several labs' licences, `Llama License` of every version: yes where they ask for the
    same kind of thing, None where they do not, no where the names do not fit."""
    one, other = catalogue.licences.get(said), catalogue.licences.get(kept)
    if one is None or other is None or not said.startswith("LicenseRef-"):
        return False
    key, names = licence_key(text), [licence_key(name) for name in (other.name, *other.names)]
    if not any(name.endswith(key) or _begins(name, key) for name in names):
        return False
    both_community = "community" in text.lower() and "community" in other.name.lower()
    return True if both_community or one.commercial_use == other.commercial_use else None


def _begins(name: str, key: str) -> bool:
    """Whether a name begins with a key, and not in the middle of a number: `llama` begins `llama31`, `llama3` not."""
    after = name[len(key) : len(key) + 1]
    return name.startswith(key) and not (key[-1:].isdigit() and after.isdigit())


def _says_model(reading: Reading, text: str, kept: str, *, follow: bool) -> bool | None:
    """A model by any of its names; one further up the chain was a base too. `DeepSeek-V3` for `DeepSeek-V3-Base` is
    as precise as people write."""
    if name_key(_STAGE.sub("", text.strip())) in _short(kept):
        return True
    meant = reading.named(text)
    if not meant:
        return None
    here: str | None = next(iter(reading.named(kept)), kept)
    seen: set[str] = set()
    while here is not None and here not in seen:
        if here in meant:
            return True
        seen.add(here)
        here = reading.base(here) if follow else None
    return False


def _short(model: str) -> set[str]:
    """An id and its name without owner and stage, as they compare."""
    name = _STAGE.sub("", model)
    return {name_key(name), name_key(name.rpartition("/")[2])}


def _says_set(field: Field, text: str, kept: Any) -> bool | None:
    said = read_value(field, text)
    if said is None:
        return None
    if field.name == "languages":
        said = {LANGUAGES.get(name, name) for name in said}
        ours = {LANGUAGES.get(str(name).lower(), str(name).lower()) for name in kept}
        known = ours | set(LANGUAGES.values())
        return None if not said <= known else said <= ours
    if field.words and not said <= set(field.words):
        return None
    ours = {str(name) for name in kept}
    return bool(said == ours or said == ours - {"pdf"})  # who lists what a model takes seldom counts documents
