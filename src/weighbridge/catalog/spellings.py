"""Words that mean the same: yes and no, countries, kinds of network, modalities, accelerators."""

from __future__ import annotations

import re
from collections.abc import Sequence

COUNTRIES = {
    "AE": ("uae", "united arab emirates", "abu dhabi", "emirates"),
    "AU": ("australia",),
    "BR": ("brazil",),
    "CA": ("canada", "canadian"),
    "CH": ("switzerland", "swiss"),
    "CN": ("china", "prc", "people's republic of china", "chinese", "mainland china"),
    "DE": ("germany", "german"),
    "DK": ("denmark",),
    "ES": ("spain",),
    "EU": ("european union", "europe"),
    "FI": ("finland",),
    "FR": ("france", "french"),
    "GB": ("uk", "united kingdom", "britain", "great britain", "england"),
    "HK": ("hong kong",),
    "ID": ("indonesia",),
    "IE": ("ireland",),
    "IL": ("israel", "israeli"),
    "IN": ("india", "indian"),
    "IT": ("italy",),
    "JP": ("japan", "japanese"),
    "KR": ("south korea", "korea", "republic of korea"),
    "NL": ("netherlands",),
    "NO": ("norway",),
    "PL": ("poland",),
    "RU": ("russia",),
    "SA": ("saudi arabia",),
    "SE": ("sweden", "swedish"),
    "SG": ("singapore",),
    "TW": ("taiwan",),
    "US": ("usa", "united states", "united states of america", "america", "american", "u s", "u s a"),
    "VN": ("vietnam",),
}
"""ISO 3166 alpha-2 to the names people write, lower case and without dots."""

ARCHITECTURES = (
    ("moe", r"\bmoe\b|mixture[\s-]of[\s-]experts|\bsparse\b(?! attention)|\bexperts\b"),
    ("hybrid", r"\bhybrid\b|mamba[\s-]?transformer|transformer[\s-]?mamba|\bjamba\b"),
    ("ssm", r"\bssm\b|\bmamba\b|state[\s-]space|\brwkv\b|\brnn\b"),
    ("dense", r"\bdense\b"),
)
"""Kind of network to how it is written, the most telling first: `hybrid MoE` has experts; `decoder-only` says nothing
of the kind."""

MODALITIES = {
    "vision": "image",
    "images": "image",
    "img": "image",
    "visual": "image",
    "videos": "video",
    "speech": "audio",
    "voice": "audio",
    "sound": "audio",
    "texts": "text",
    "language": "text",
    "documents": "pdf",
}
_YES = {"yes", "y", "true", "1", "✓", "✔", "✅", "open", "allowed", "permitted", "available", "full", "free"}
_NO = {"no", "n", "false", "0", "✗", "✘", "❌", "×", "closed", "proprietary", "prohibited", "none", "never"}
_NO_BEGINS = ("non-commercial", "noncommercial", "not ", "research only", "research-only", "no ", "closed", "api only")
_SOME = re.compile(
    r"condition|partial|limit|restrict|with terms|except|below|under\b|up to|<|≤|\bmau\b|monthly|revenue|depends"
)
_ACCELERATOR = re.compile(
    r"\b(?:ascend[\s-]?\d+\w?|tpu[\s-]?v?\d+\w*|mi\d{3}x?|[abhlv]\d{2,3}s?|trainium\d?|gaudi\d?)\b"
)


def read_flag(text: object) -> bool | None:
    """`Yes (MIT)`, `✅` and `open-weight` are True; what is neither yes nor no is None."""
    if isinstance(text, bool):
        return text
    answer = read_answer(text)
    return None if answer in (None, "some") else answer == "yes"


def read_answer(text: object) -> str | None:
    """`yes`, `no` or `some`, where a text says one of them; a bound or a condition after a yes makes it `some`."""
    if isinstance(text, bool):
        return "yes" if text else "no"
    said = " ".join(str(text).lower().split())
    words = re.split(r"[\s,;:(]+|-", said, maxsplit=1)
    if said.startswith(_NO_BEGINS) or words[0] in _NO:
        return "no"
    if _SOME.search(said):
        return "some"
    return "yes" if words[0] in _YES or said.startswith("✅") else None


def read_word(text: object, words: Sequence[str]) -> str | None:
    """One of a field's words; the words `yes`, `no`, `conditional`, `partial` in all their spellings."""
    said = str(text).strip().lower()
    plain = next((word for word in words if said == word.lower()), None)
    if plain is not None or "yes" not in words:
        return plain
    answer = read_answer(text)
    if answer == "some":
        return next((word for word in ("conditional", "partial") if word in words), None)
    return answer


def read_architecture(text: object) -> str | None:
    """`dense`, `moe`, `hybrid` or `ssm` as prose says it; None where it says none of them."""
    said = str(text).lower()
    if re.search(r"\b(?:non|not)[\s-]+(?:an? )?(?:moe|mixture)", said):
        return "dense"
    return next((word for word, pattern in ARCHITECTURES if re.search(pattern, said)), None)


def read_country(text: object) -> str | None:
    """An ISO code or a country's name, alone or as the only one in a text: `Hangzhou, China`; None if not just one."""
    said = str(text).strip()
    if said.upper() in COUNTRIES:
        return said.upper()
    plain = f" {' '.join(re.split(r'[^a-z]+', said.lower().replace(chr(39) + 's', '')))} "
    found = {
        code
        for code, names in COUNTRIES.items()
        if any(f" {name.replace(chr(39) + 's', '')} " in plain for name in names)
    }
    found |= {code for code in COUNTRIES if re.search(rf"\b{code}\b", said)}
    return found.pop() if len(found) == 1 else None


def read_set(text: object) -> frozenset[str] | None:
    """`text + vision` and `["text", "image"]` as the same names; None for `multimodal`, which says too little."""
    parts = text if isinstance(text, list | tuple | set | frozenset) else re.split(r"[,;+/&|]|\band\b", str(text))
    names = (re.sub(r"[\s-]+only$", "", str(part).strip().lower()) for part in parts)
    found = {MODALITIES.get(name, name) for name in names} - {""}
    return None if not found or found & {"multimodal", "omni"} else frozenset(found)


def read_hardware(text: object) -> frozenset[str] | None:
    """The accelerators a text names: `2,048 NVIDIA H800 GPUs` is {h800}; the number and the maker are left out."""
    found = _ACCELERATOR.findall(str(text).lower())
    return frozenset(re.sub(r"[\s-]", "", name) for name in found) or None


def read_text(text: object) -> str | None:
    return " ".join(str(text).split()).lower() or None
