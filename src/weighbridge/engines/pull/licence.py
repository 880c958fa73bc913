"""Which terms weights come under, from what came with them.

We repeat what is claimed and by whom; claims that differ are a dispute and both are kept. A model's family or lab is
no claim: the same lab has released weights under different terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from weighbridge.engines.pull.records import Claim, Licence

MAX_TEXT_BYTES = 2 << 20
MAX_TEXTS = 20
_TEXT_NAME = re.compile(r"(licen[cs]e|copying|notice|.*[_-]?terms|use[_-]?policy).*", re.IGNORECASE)
_TEXT_ENDINGS = ("", ".txt", ".md", ".rst", ".html", ".htm")
_GEMMA = ("Gemma Terms of Use", "https://ai.google.dev/gemma/terms")

_KNOWN: dict[str, tuple[str, str | None]] = {
    "apache-2.0": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "apache 2.0": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "apache software license": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": ("MIT", "https://opensource.org/license/mit"),
    "mit license": ("MIT", "https://opensource.org/license/mit"),
    "bsd-3-clause": ("BSD-3-Clause", "https://opensource.org/license/bsd-3-clause"),
    "cc-by-4.0": ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0 (no commercial use)", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "cc-by-sa-4.0": ("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "gemma": _GEMMA,
    "gemma terms of use": _GEMMA,
    "llama2": ("Llama 2 Community License", "https://ai.meta.com/llama/license/"),
    "llama3": ("Llama 3 Community License", "https://www.llama.com/llama3/license/"),
    "llama3.1": ("Llama 3.1 Community License", "https://www.llama.com/llama3_1/license/"),
    "llama3.2": ("Llama 3.2 Community License", "https://www.llama.com/llama3_2/license/"),
    "llama3.3": ("Llama 3.3 Community License", "https://www.llama.com/llama3_3/license/"),
    "llama4": ("Llama 4 Community License", "https://www.llama.com/llama4/license/"),
}
_SAID_IN_TEXT: tuple[tuple[bytes, str], ...] = (
    (rb"apache\s+license\s+version\s+2\.0", "apache-2.0"),
    (rb"gemma\s+terms\s+of\s+use", "gemma"),
    (rb"\bmit\s+license\b|permission is hereby granted, free of charge", "mit"),
    (rb"llama\s+3\.1\s+community\s+license", "llama3.1"),
    (rb"llama\s+3\.2\s+community\s+license", "llama3.2"),
    (rb"llama\s+3\.3\s+community\s+license", "llama3.3"),
    (rb"llama\s+4\s+community\s+license", "llama4"),
)


def is_licence_text(name: str) -> bool:
    """Whether a file's name says that it holds terms: LICENSE, NOTICE.md, GEMMA_TERMS.html."""
    base = name.rsplit("/", 1)[-1]
    stem, dot, ending = base.rpartition(".")
    return (
        bool(_TEXT_NAME.fullmatch(stem if dot and stem else base))
        and (f".{ending.lower()}" if dot else "") in _TEXT_ENDINGS
    )


def claim_in_text(name: str, text: bytes) -> Claim | None:
    """The licence a text is: the first that its first 20 kB name in the licence's own words, for texts of one licence
    may mention others further down. Notices only mention, so they make no claim."""
    if name.rsplit("/", 1)[-1].lower().startswith("notice"):
        return None
    start = text[:20_000].lower()
    found = [(match.start(), licence) for pattern, licence in _SAID_IN_TEXT if (match := re.search(pattern, start))]
    return Claim(known(min(found)[1])[0], name) if found else None


def known(says: str) -> tuple[str, str | None]:
    """The licence's usual name and where it can be read, or what was said, as it was said."""
    return _KNOWN.get(says.strip().lower(), (says.strip(), None))


def judge_licence(claims: Iterable[Claim], url: str | None = None) -> Licence:
    """One licence when all claims agree, a dispute when they do not, unknown when there are none."""
    kept = tuple(Claim(known(claim.says)[0], claim.where) for claim in claims if claim.says.strip())
    names = list(dict.fromkeys(claim.says for claim in kept))
    if not names:
        return Licence(url=url)
    if len(names) > 1:
        said = ", ".join(f"{claim.says} ({claim.where})" for claim in kept)
        return Licence(f"disputed: {said}", kept, url)
    return Licence(names[0], kept, url or next((found for name, found in _KNOWN.values() if name == names[0]), None))
