"""One download, audited: bytes are read, nothing is loaded, run or asked of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from .config_truth import config_findings, tokenizer_size_findings
from .content import Inside, inspect
from .gguf_truth import gguf_findings
from .given import Baseline
from .hashing import hash_files
from .identity import folder_baseline, identity_findings
from .index_files import index_findings
from .licences.judge import Terms, licence_findings
from .records import Audit, Finding, SeenFile, verdict_of, worst_first
from .remote_code import remote_code_findings
from .repository import Repository
from .signatures import Signed, signature_findings
from .structure import Headers, read_headers
from .subject import subject_of
from .templates.found import templates_of
from .templates.judge import template_findings
from .templates.modelfile import modelfile_findings
from .token_numbers import token_number_findings
from .tokenizer import tokenizer_findings
from .vocabulary import highest_number
from .walk import Entry, Walked, walk

NEVER_CHECKED = (
    "whether the weights behave as their maker says: a backdoor in the numbers leaves no trace in the files",
    "programs that will read these files: their own holes are theirs",
)


class Tell(Protocol):
    """Hears how far an audit is: bytes hashed, files looked into."""

    def hashed(self, count: int) -> None: ...

    def looked(self, name: str) -> None: ...


class Silent:
    """Nobody listens."""

    def hashed(self, count: int) -> None:
        pass

    def looked(self, name: str) -> None:
        pass


def audit(
    root: Path,
    *,
    terms: Terms | None = None,
    baseline: Path | None = None,
    store: Path | None = None,
    threads: int = 2,
    tell: Tell | None = None,
    known: Mapping[str, str] | None = None,
    signed: Signed | None = None,
) -> Audit:
    """Everything there is to say about the file or folder at `root`. Raises InputError when nothing is there.

    `terms`: what is known of licences and base models; `baseline`: a copy that is trusted, to compare with;
    `store`: a folder of ours that links may lead into; `known`: SHA-256 of files whose bytes were hashed before, which
    are believed; `signed`: by whom the model should be signed.
    """
    walked = walk(root, store=store)
    trusted = folder_baseline(baseline, threads) if baseline is not None else None
    return audit_walked(
        walked,
        is_folder=root.is_dir(),
        terms=terms,
        baseline=trusted,
        threads=threads,
        tell=tell,
        known=known,
        signed=signed,
    )


def audit_walked(
    walked: Walked,
    *,
    is_folder: bool,
    terms: Terms | None = None,
    baseline: Baseline | None = None,
    threads: int = 2,
    tell: Tell | None = None,
    known: Mapping[str, str] | None = None,
    signed: Signed | None = None,
) -> Audit:
    """The same of files that were found already, wherever they lie; see `audit`."""
    listener = tell or Silent()
    not_checked = [*walked.not_checked]
    known = known or {}
    fresh = (entry for entry in walked.entries if entry.name not in known and entry.remote is None)
    hashes, unhashed = hash_files(fresh, threads=threads, tell=listener.hashed)
    hashes = {**hashes, **known}
    not_checked += unhashed
    formats, findings = _contents(walked, not_checked, listener.looked)
    repository = Repository(walked.entries, formats, is_folder=is_folder)
    headers = read_headers(repository)
    findings += [*walked.findings, *_repository(repository, headers, terms, not_checked)]
    findings += identity_findings(repository, hashes, baseline)
    findings += signature_findings(repository, hashes, signed, not_checked)
    findings += repository.problems
    files = tuple(
        SeenFile(path=entry.name, sha256=hashes.get(entry.name), format=formats[entry.name]) for entry in walked.entries
    )
    ordered = worst_first(findings)
    return Audit(
        verdict=verdict_of(ordered),
        findings=ordered,
        not_checked=(*not_checked, *NEVER_CHECKED),
        files=files,
        subject=subject_of(repository, headers, terms),
    )


def _contents(
    walked: Walked, not_checked: list[str], looked: Callable[[str], None]
) -> tuple[dict[str, str], list[Finding]]:
    """The format of each file, and what is in it."""
    formats: dict[str, str] = {}
    findings: list[Finding] = []
    for entry in walked.entries:
        formats[entry.name] = _content(entry, not_checked, findings)
        looked(entry.name)
    return formats, findings


def _content(entry: Entry, not_checked: list[str], findings: list[Finding]) -> str:
    inside = Inside()
    format_ = "unreadable"
    try:
        with entry.blob() as blob:
            format_ = inspect(blob, inside)
    except OSError as error:
        not_checked.append(f"{entry.name}: {error.strerror or error}")
    findings += inside.findings
    not_checked += inside.not_checked
    return format_


def _repository(
    repository: Repository, headers: Headers, terms: Terms | None, not_checked: list[str]
) -> Iterator[Finding]:
    """What only the files together tell."""
    yield from headers.findings
    for name, header in headers.gguf.items():
        yield from gguf_findings(header, name)
    yield from tokenizer_findings(repository)
    yield from token_number_findings(repository)
    yield from remote_code_findings(repository)
    yield from index_findings(repository, headers.tensor_names())
    yield from _configs(repository, headers)
    yield from template_findings(templates_of(repository, headers.gguf), not_checked)
    yield from modelfile_findings(repository)
    yield from licence_findings(repository, headers.gguf, terms)


def _configs(repository: Repository, headers: Headers) -> Iterator[Finding]:
    """Each config.json against the tensors beside it, and the tokenizer against the embedding."""
    for name in repository.named("config.json"):
        folder = str(PurePosixPath(name).parent)
        tensors = headers.tensors_in(folder)
        yield from config_findings(repository.object(name), tensors, name)
        tokenizer = name.removesuffix("config.json") + "tokenizer.json"
        if tokenizer in repository.entries:
            yield from tokenizer_size_findings(highest_number(repository.object(tokenizer)), tensors, tokenizer)
