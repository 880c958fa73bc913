"""`hf:REPO[@REVISION][/FILE]` over the hub's HTTP interface.

    GET {endpoint}/api/models/{repo}/revision/{revision}?blobs=true    the commit, its files, sizes and hashes, the card
    GET {endpoint}/{repo}/resolve/{commit}/{file}                      the bytes, after a redirect to a CDN

Large files carry their SHA-256 (`lfs.sha256`), small ones the hash git gives them (`blobId`). A mirror whose listing
has no hashes is asked about the file itself (HEAD, X-Linked-Etag). The token is HF_TOKEN, or the file `token` in
HF_HOME where other tools save it; it goes to the hub only, never to the CDN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from weighbridge.engines.pull.choose import Bytes, GitSha1, RemoteFile, Sha256
from weighbridge.engines.pull.hub import Repository, decode_answer, pull_repository, refusal
from weighbridge.engines.pull.job import Harvest, Job
from weighbridge.engines.pull.records import Claim
from weighbridge.engines.pull.source import is_plain_path
from weighbridge.errors import PullError
from weighbridge.net.fetch import Request
from weighbridge.settings import Secret, Settings
from weighbridge.units import MIB

MAX_LISTING_BYTES = 64 * MIB
_SHA256, _GIT_SHA1, _LENGTH = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{40}"), re.compile("[0-9]{1,18}")
_ACCESS_HINT = "set HF_TOKEN to a token that may read it (https://huggingface.co/settings/tokens)."


class _Lfs(msgspec.Struct):
    sha256: Sha256
    size: Bytes


class _Sibling(msgspec.Struct):
    rfilename: str
    size: Bytes | None = None
    blob_id: GitSha1 | None = msgspec.field(default=None, name="blobId")
    lfs: _Lfs | None = None


class _Model(msgspec.Struct):
    sha: GitSha1
    """The commit."""
    siblings: list[_Sibling]
    card: dict[str, Any] | None = msgspec.field(default=None, name="cardData")
    tags: list[str] = []


@dataclass(frozen=True, slots=True)
class Listing:
    """What the hub says of a repository: its commit, every file of it, its model card's head and its tags."""

    revision: str
    files: tuple[RemoteFile, ...]
    card: dict[str, Any]
    tags: tuple[str, ...]


def list_repository(job: Job) -> Listing:
    """Ask the hub for a repository at the revision that the source names. Raises PullError."""
    endpoint, source = job.settings.hf_endpoint, job.source
    token = find_token(job.settings)
    headers = {"Authorization": f"Bearer {token.value}"} if token else {}
    explain = refusal(job, _ACCESS_HINT)
    revision = quote(source.revision.replace("%2F", "/"), safe="") if source.revision else "main"
    url = f"{endpoint}/api/models/{source.name}/revision/{revision}?blobs=true"
    body, _ = job.fetcher.small(Request(url, explain, headers), MAX_LISTING_BYTES)
    model = _decode(body, url)
    base = f"{endpoint}/{source.name}/resolve/{model.sha}/"
    files = [_remote(sibling, Request(base + quote(sibling.rfilename), explain, headers)) for sibling in model.siblings]
    return Listing(model.sha, tuple(files), model.card or {}, tuple(model.tags))


def pull_huggingface(job: Job) -> Harvest:
    """Files of a repository of the Hugging Face hub, or of a mirror that speaks its interface."""
    listing = list_repository(job)
    url_of_terms = listing.card.get("license_link")
    return pull_repository(
        job,
        Repository(
            pinned=f"hf:{job.source.name}@{listing.revision}",
            revision=listing.revision,
            files=listing.files,
            claims=_claims(listing.card, list(listing.tags)),
            complete=lambda file: complete(job, file),
            licence_url=url_of_terms if isinstance(url_of_terms, str) and url_of_terms.startswith("https://") else None,
        ),
    )


def find_token(settings: Settings) -> Secret | None:
    """HF_TOKEN, or what `hf auth login` saved."""
    if settings.hf_token is not None:
        return settings.hf_token
    try:
        return Secret((settings.hf_home / "token").read_text().strip()) or None
    except (OSError, UnicodeDecodeError):
        return None


def _decode(body: bytes, url: str) -> _Model:
    model = decode_answer(body, _Model, url, endpoint="HF_ENDPOINT")
    unsafe = [sibling.rfilename for sibling in model.siblings if not is_plain_path(sibling.rfilename)]
    if unsafe:
        raise PullError(f"the hub lists a file that would leave its folder: {unsafe[0]!r:.200}", where=url)
    return model


def _remote(sibling: _Sibling, request: Request) -> RemoteFile:
    if sibling.lfs is not None:
        return RemoteFile(sibling.rfilename, sibling.lfs.size, sibling.lfs.sha256, None, request)
    return RemoteFile(sibling.rfilename, sibling.size, None, sibling.blob_id, request)


def complete(job: Job, file: RemoteFile) -> RemoteFile:
    """Of a mirror whose listing holds no hashes: what its answer about the file itself says, as the hub's does."""
    if file.sha256 or file.git_sha1:
        return file
    headers = job.fetcher.head(file.request)
    etag = headers.get("X-Linked-Etag") or headers.get("ETag") or ""
    digest = etag.removeprefix("W/").strip('"').lower()
    length = headers.get("X-Linked-Size", "")
    return RemoteFile(
        file.name,
        int(length) if _LENGTH.fullmatch(length) else file.size,
        digest if _SHA256.fullmatch(digest) else None,
        digest if _GIT_SHA1.fullmatch(digest) else None,
        file.request,
    )


def _claims(card: dict[str, Any], tags: list[str]) -> list[Claim]:
    """What the model card says; `other` points to a name, and a tag stands in for a missing card."""
    said = card.get("license")
    if said == "other" and card.get("license_name"):
        said = card["license_name"]
    names = said if isinstance(said, list) else [said]
    claims = [Claim(name, "model card") for name in names if isinstance(name, str)]
    return claims or [Claim(tag.removeprefix("license:"), "hub tag") for tag in tags if tag.startswith("license:")]
