"""Whether everything that speaks of the weights' licence says the same, and no more than it may.

Heard are: the licence text, the model card's front matter, GGUF metadata, and the terms of the model it was made from.
A code licence is never taken for the weights' licence, and a derivative cannot be freer than its base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding
from weighbridge.audit.repository import Repository
from weighbridge.formats.gguf import GgufHeader

from .texts import identify

SAID = 3
MOST_MISSING = 10
"""Sentences a text may lack and still be whole: appendices, headings."""
_TEXT = re.compile(r"(?i)(?:licen[cs]e|copying|(?:\w+[_-])?terms|use[_-]?policy)[\w.-]*(?:\.(?:txt|md|rst|html?))?")
_CODE_ONLY = re.compile(r"(?i)licen[cs]e[-_.]?code|code[-_.]?licen[cs]e")
_WEIGHTS_ENDINGS = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack", ".npz")
_OTHERS = re.compile(r"(?i)third|3rd|notice|attribution")
_RESTRICTS = re.compile(
    r"(?i)\b(?:may|must|shall|can) not\b|\bnothing else\b|\bonly\b|\bprohibit|\bforbid|\bnon-?commercial|\bpermission"
)
_TAKES_BACK = re.compile(
    r"(?i)\b(?:no|not for|not (?:be )?(?:used|permitted|allowed|licensed) for)\s+(?:any\s+)?commercial\s+"
    r"(?:use|purpose)\w*"
    r"|\bnon-?commercial (?:use )?only\b"
    r"|\b(?:licen[cs]ed|restricted|permitted|allowed|limited|(?:may|can|must) (?:only )?be used)\b"
    r"[^.\n]{0,30}\b(?:research|non-?commercial)\b[^.\n]{0,20}\bonly\b"
)
_FREEDOM = {"no": 0, "conditional": 1, "yes": 2}
_NO_NAME = frozenset({"other", "unknown", "none", ""})


class Terms(Protocol):
    """What the catalogue knows, handed in."""

    def licence_id(self, said: str) -> str | None:
        """The catalogue's id of a licence as people write it; None where it is not known."""
        ...

    def commercial_use(self, licence_id: str) -> str:
        """`yes`, `no`, `conditional` or `unknown`."""
        ...

    def licence_of_model(self, name: str) -> str | None:
        """The licence id of a model by its hub name; None where it is not known."""
        ...


class Claim(NamedTuple):
    """One voice. `id` None: it names something that is not known."""

    id: str | None
    said: str
    where: str


def licence_findings(
    repository: Repository, headers: Mapping[str, GgufHeader], terms: Terms | None
) -> Iterator[Finding]:
    """Missing, changed, contradicted or impossible terms."""
    texts = _texts(repository)
    claims = licence_claims(repository, headers, terms)
    for name in texts:
        yield from _text(repository, name)
    texts = [name for name in texts if (repository.text(name) or "").strip()]
    yield from _absent(repository, texts, claims)
    yield from _restricted(repository, texts, claims, terms)
    yield from _contradictions(claims)
    if terms is not None:
        yield from _freer_than_base(claims, base_models(repository, headers), terms)


def licence_claims(repository: Repository, headers: Mapping[str, GgufHeader], terms: Terms | None) -> list[Claim]:
    """Everything that speaks of the weights' licence: texts, the model card, the metadata of GGUF files."""
    claims: list[Claim] = []
    for name in _texts(repository):
        found = None if _CODE_ONLY.search(PurePosixPath(name).name) else identify(repository.text(name) or "").id
        claims += [Claim(found, found, name)] if found is not None else []
    card = front_matter(repository)
    said = _first(card, "license_name") if _first(card, "license") in _NO_NAME else _first(card, "license")
    if said:
        claims.append(Claim(_id_of(said, terms), said, "README.md"))
    for name, header in headers.items():
        text = header.license if header.license not in (None, "other") else header.text("general.license.name")
        if text:
            claims.append(Claim(_id_of(text, terms), text, f"{name}:general.license"))
    return claims


def base_models(repository: Repository, headers: Mapping[str, GgufHeader]) -> list[str]:
    """The models it says it was made from, by their names on the hub."""
    adapted = (
        repository.object(name).get("base_model_name_or_path") for name in repository.named("adapter_config.json")
    )
    named = [each for each in adapted if isinstance(each, str) and each]
    return list(dict.fromkeys([*front_matter(repository).get("base_model", ()), *named, *_gguf_bases(headers)]))


def _texts(repository: Repository) -> list[str]:
    return [name for name in repository.entries if _TEXT.fullmatch(PurePosixPath(name).name)]


def _text(repository: Repository, name: str) -> Iterator[Finding]:
    """What was changed in a licence text."""
    if _CODE_ONLY.search(PurePosixPath(name).name):
        return
    found = identify(repository.text(name) or "")
    if found.added:
        said = "; ".join(shown(sentence) for sentence in found.added[:SAID])
        detail = f"the text is {found.id} with {len(found.added)} sentences of somebody's own: {said}"
        yield finding("licence-changed", "medium", name, detail)
    elif found.cut and not _OTHERS.search(name):
        detail = f"the text has the title of {found.id}, and {found.missing} of its sentences are missing or changed"
        yield finding("licence-changed", "medium", name, detail)
    elif found.compared and found.missing > MOST_MISSING:
        yield finding(
            "licence-changed",
            "medium",
            name,
            f"the text is {found.id}, and {found.missing} of its sentences are missing",
        )


def _absent(repository: Repository, texts: list[str], claims: list[Claim]) -> Iterator[Finding]:
    holds_weights = any(repository.ending(*_WEIGHTS_ENDINGS))
    if not holds_weights:
        return
    own = [name for name in texts if not _CODE_ONLY.search(PurePosixPath(name).name)]
    if own:
        return
    if not repository.is_folder:
        said = "" if not claims else f"; its metadata says {shown(claims[0].said)}"
        yield finding(
            "licence-missing", "info", next(iter(repository.entries)), f"a lone file without a licence text{said}"
        )
    elif texts:
        detail = "there is a licence for the code and none for the weights: a code licence does not cover them"
        yield finding("licence-missing", "medium", texts[0], detail)
    else:
        yield finding("licence-missing", "medium", ".", "weights without a licence text: nobody may pass them on")


def _restricted(
    repository: Repository, texts: list[str], claims: list[Claim], terms: Terms | None
) -> Iterator[Finding]:
    """A card that names a free licence beside a text nobody knows that restricts, or that takes it back itself."""
    free = [claim for claim in claims if claim.id and terms is not None and terms.commercial_use(claim.id) == "yes"]
    if not free:
        return
    named = {claim.where for claim in claims}
    for name in texts:
        text = repository.text(name) or ""
        is_other = _CODE_ONLY.search(PurePosixPath(name).name) or _OTHERS.search(name)
        if name not in named and not is_other and _RESTRICTS.search(text):
            detail = f"{free[0].where} says {free[0].id}; this text is not known here and restricts what may be done"
            yield finding("licence-contradiction", "medium", name, detail)
    hit = _TAKES_BACK.search((repository.text("README.md") or "").partition("\n---")[2])
    if hit:
        detail = f"{free[0].where} says {free[0].id}, and the card says {shown(' '.join(hit.group().split()))}"
        yield finding("licence-contradiction", "medium", "README.md", detail)


def _contradictions(claims: list[Claim]) -> Iterator[Finding]:
    known = [claim for claim in claims if claim.id is not None]
    for claim in known[1:]:
        first = known[0]
        if claim.id != first.id:
            detail = f"{first.where} is {first.id}, {claim.where} says {claim.id}: one of them was changed or is wrong"
            yield finding("licence-contradiction", "medium", claim.where, detail)


def _freer_than_base(claims: list[Claim], bases: list[str], terms: Terms) -> Iterator[Finding]:
    """A model made from another carries that one's terms."""
    own = next((claim for claim in claims if claim.id is not None), None)
    for base in dict.fromkeys(bases):
        theirs = terms.licence_of_model(base)
        if own is None or own.id is None or theirs is None or theirs == own.id:
            continue
        mine, yours = (_FREEDOM.get(terms.commercial_use(each)) for each in (own.id, theirs))
        if mine is not None and yours is not None and mine > yours:
            detail = (
                f"it is offered under {own.id}, made from {shown(base)} under {theirs}: it cannot be freer than that"
            )
            yield finding("licence-freer-than-base", "medium", own.where, detail)


def _id_of(said: str, terms: Terms | None) -> str | None:
    found = terms.licence_id(said) if terms is not None else None
    return found or identify(said).id


def front_matter(repository: Repository) -> dict[str, list[str]]:
    """Keys of the model card's head that matter here; a small part of YAML."""
    text = repository.text("README.md") or ""
    found: dict[str, list[str]] = {}
    if not text.startswith("---"):
        return found
    key = ""
    for line in text[3:].split("\n---", 1)[0].splitlines():
        pair = re.match(r"([\w-]+):\s*(.*)", line)
        entry = re.match(r"\s*-\s+(.+)", line)
        if pair:
            key = pair.group(1)
            value = pair.group(2).strip().strip("'\"")
            found[key] = [part.strip().strip("'\"") for part in value.strip("[]").split(",")] if value else []
        elif entry and key:
            found[key].append(entry.group(1).strip().strip("'\""))
    return found


def _first(card: Mapping[str, list[str]], key: str) -> str:
    values = card.get(key) or [""]
    return values[0].lower() if key == "license" else values[0]


def _gguf_bases(headers: Mapping[str, GgufHeader]) -> Iterator[str]:
    for header in headers.values():
        for key, value in header.metadata.items():
            if re.fullmatch(r"general\.base_model\.\d+\.repo_url", key) and isinstance(value, str):
                yield value.removeprefix("https://huggingface.co/").strip("/")
