"""OpenSSF model signatures: a signed list of every file's hash, as `model_signing sign` writes it.

The list is compared with the files in any case; who signed it is checked with the library `model-signing` (the extra
`signing`) when the caller says whom to expect. Nothing is asked of a network: a keyless signature needs the file with
the roots of trust.

Source: OpenSSF Model Signing v1.0 (a Sigstore bundle whose DSSE payload is an in-toto statement).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from weighbridge.audit.records import Finding

from .containers.member import finding, shown
from .repository import LARGEST_JSON, Repository

REFERENCE = "https://github.com/ossf/model-signing-spec"
MISSING = "pip install 'weighbridge[signing]'"
SAID = 5
_PREDICATE = "https://model_signing/signature/"
_ENDINGS = (".sig", ".sigstore", ".sigstore.json", ".bundle")
_IGNORED = frozenset({".git", ".gitignore", ".gitattributes", ".github"})
"""What the signing library leaves out unless told otherwise."""


class Signed(NamedTuple):
    """By whom a model should be signed, and where that is said."""

    public_key: Path | None = None
    certificates: tuple[Path, ...] = ()
    identity: str | None = None
    """Of a keyless signature: who, by the word of `issuer`."""
    issuer: str | None = None
    trust: Path | None = None
    """The roots that a keyless signature is checked against."""
    signature: Path | None = None
    """Where it does not lie among the files."""

    @property
    def names_somebody(self) -> bool:
        return self.public_key is not None or bool(self.certificates) or self.identity is not None


class _Resource(NamedTuple):
    name: str
    algorithm: str
    digest: str


def signature_findings(
    repository: Repository, hashes: Mapping[str, str], signed: Signed | None, not_checked: list[str]
) -> Iterator[Finding]:
    """What signatures say of the files, and whether they are whose they should be."""
    seen = 0
    for name, path, text in _signatures(repository, signed):
        resources = _resources(text)
        if resources is None:
            if signed is not None and path == signed.signature:
                yield finding("signature-invalid", "high", name, "this is no signature of a model", REFERENCE)
            continue
        seen += 1
        yield from _compared(resources, repository, hashes, name)
        yield from _verified(repository, path, name, signed, not_checked)
    if not seen and signed is not None and (signed.names_somebody or signed.signature):
        detail = "a signature is asked for and there is none (`model.sig`)"
        yield finding("signature-missing", "high", ".", detail, REFERENCE)


def _signatures(repository: Repository, signed: Signed | None) -> Iterator[tuple[str, Path, str]]:
    """Name, place and content of everything that may be one."""
    for name in repository.ending(*_ENDINGS):
        yield name, repository.entries[name].path, repository.text(name, LARGEST_JSON) or ""
    if signed is not None and signed.signature is not None:
        path = signed.signature
        if all(entry.path.resolve() != path.resolve() for entry in repository.entries.values()):
            try:
                yield path.name, path, path.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                yield path.name, path, f"{error}"


def _resources(text: str) -> tuple[_Resource, ...] | None:
    """The signed list; None where the text is no model's signature."""
    try:
        payload = json.loads(base64.b64decode(json.loads(text)["dsseEnvelope"]["payload"]))
        if not str(payload["predicateType"]).startswith(_PREDICATE):
            return None
        listed = payload["predicate"]["resources"]
        return tuple(_Resource(str(each["name"]), str(each["algorithm"]), str(each["digest"])) for each in listed)
    except (KeyError, TypeError, ValueError, RecursionError, binascii.Error):
        return None


def _compared(
    resources: tuple[_Resource, ...], repository: Repository, hashes: Mapping[str, str], name: str
) -> Iterator[Finding]:
    """The list against the files; only SHA-256 of whole files can be compared without the library."""
    folder = str(PurePosixPath(name).parent) if name in repository.entries else "."
    prefix = "" if folder == "." else f"{folder}/"
    listed = {prefix + each.name: each for each in resources}
    for path, each in listed.items():
        if each.algorithm == "sha256" and hashes.get(path, each.digest) != each.digest:
            detail = f"SHA-256 is {hashes[path]}, {shown(name)} was made for {each.digest}"
            yield finding("signature-differs", "high", path, detail, REFERENCE)
    whole = all(each.algorithm in ("sha256", "blake2", "blake2b", "blake3") for each in resources)
    gone = sorted(path for path in listed if path not in repository.entries) if whole else []
    extra = sorted(
        path
        for path in repository.entries
        if whole and path.startswith(prefix) and path not in listed and path != name and not _is_ignored(path)
    )
    if gone:
        detail = f"{len(gone)} signed files are not here: {', '.join(map(shown, gone[:SAID]))}"
        yield finding("signature-missing-file", "medium", name, detail, REFERENCE)
    if extra:
        detail = f"{len(extra)} files are not signed: {', '.join(map(shown, extra[:SAID]))}"
        yield finding("signature-unsigned-file", "medium", name, detail, REFERENCE)


def _is_ignored(path: str) -> bool:
    return bool(_IGNORED.intersection(PurePosixPath(path).parts)) or path.endswith(_ENDINGS)


def _verified(
    repository: Repository, path: Path, name: str, signed: Signed | None, not_checked: list[str]
) -> Iterator[Finding]:
    """Whether it was made by whom the caller says."""
    if signed is None or not signed.names_somebody:
        not_checked.append(f"{name}: who made this signature: say whom to expect (--public-key, --certificate)")
        return
    if find_spec("model_signing") is None:
        not_checked.append(f"{name}: who made this signature: the library is not installed ({MISSING})")
        return
    if signed.identity is not None and signed.trust is None:
        not_checked.append(f"{name}: a keyless signature is checked against roots of trust: give them with --trust")
        return
    root = _root(repository, name)
    if root is None:
        not_checked.append(f"{name}: who made this signature: its files are not all here")
        return
    try:
        _verify(root, path, signed)
    except Exception as error:  # the library raises whatever goes wrong within it, and all of it means no
        said = str(error).replace(str(root), "").strip() or type(error).__name__
        yield finding("signature-invalid", "high", name, f"the signature does not hold: {shown(said)}", REFERENCE)
    else:
        by = signed.identity or ", ".join(str(each) for each in (signed.public_key, *signed.certificates) if each)
        yield finding("signature-verified", "info", name, f"signed by {shown(by)}", REFERENCE)


def _root(repository: Repository, name: str) -> Path | None:
    """The folder that was signed: where the signature lies, or where all files do."""
    if any(entry.remote is not None for entry in repository.entries.values()):
        return None
    if name in repository.entries:
        return repository.entries[name].path.parent
    first, entry = next(iter(repository.entries.items()))
    return entry.path.parents[len(PurePosixPath(first).parts) - 1] if repository.is_folder else entry.path


def _verify(root: Path, signature: Path, signed: Signed) -> None:
    """Raises whatever the library raises when the signature does not hold."""
    from model_signing import verifying

    config: Any = verifying.Config()  # type: ignore[no-untyped-call]
    if signed.public_key is not None:
        config.use_elliptic_key_verifier(public_key=signed.public_key)
    elif signed.certificates:
        config.use_certificate_verifier(certificate_chain=list(signed.certificates))
    else:
        config.use_sigstore_verifier(
            identity=signed.identity, oidc_issuer=signed.issuer or "", trust_config=signed.trust
        )
    config.set_ignore_unsigned_files(True).verify(root, signature)  # those are told by themselves
