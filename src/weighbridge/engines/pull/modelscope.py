"""`modelscope:REPO[@REVISION][/FILE]` over the hub's HTTP interface.

    GET {endpoint}/api/v1/models/{repo}?Revision=R                        what the model is, its licence
    GET {endpoint}/api/v1/models/{repo}/repo/files?Revision=R&Recursive=true   files with sizes, SHA-256 and commits
    GET {endpoint}/api/v1/models/{repo}/repo?Revision=R&FilePath=F        the bytes, perhaps after a redirect

Every answer wraps its `Data` with `Code` (200 when all is well) and `Message`. The token (MODELSCOPE_API_TOKEN) is
sent as the session cookie, as the hub's own library does. A file's `Revision` is the commit that last changed it, so
a branch is pinned file by file through its SHA-256.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from weighbridge.engines.pull.choose import Bytes, RemoteFile
from weighbridge.engines.pull.hub import Repository, decode_answer, pull_repository, refusal
from weighbridge.engines.pull.job import Harvest, Job
from weighbridge.engines.pull.records import Claim
from weighbridge.engines.pull.source import is_plain_path
from weighbridge.errors import PullError, SourceNotFound
from weighbridge.net.fetch import Request
from weighbridge.units import MIB

MAX_LISTING_BYTES = 64 * MIB
DEFAULT_REVISION = "master"
_ACCESS_HINT = "set MODELSCOPE_API_TOKEN to a token that may read it (https://modelscope.cn/my/myaccesstoken)."

T = TypeVar("T")


class _Answer(msgspec.Struct, Generic[T]):
    code: int = msgspec.field(name="Code")
    data: T | None = msgspec.field(default=None, name="Data")
    message: str | None = msgspec.field(default=None, name="Message")


class _File(msgspec.Struct, rename="pascal"):
    path: str
    type: str
    size: Bytes | None = None
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{64})?$")] | None = None
    revision: str | None = None


class _Files(msgspec.Struct, rename="pascal"):
    files: list[_File] | None = None


class _About(msgspec.Struct, rename="pascal"):
    license: str | None = None


def pull_modelscope(job: Job) -> Harvest:
    """Files of a repository of the ModelScope hub."""
    revision = job.source.revision or DEFAULT_REVISION
    base = f"{job.settings.modelscope_endpoint}/api/v1/models/{job.source.name}"
    listing = _ask(job, f"{base}/repo/files?{urlencode({'Revision': revision, 'Recursive': 'true'})}", _Answer[_Files])
    about = _ask(job, f"{base}?{urlencode({'Revision': revision})}", _Answer[_About])
    blobs = [file for file in listing.files or [] if file.type != "tree"]
    unsafe = [file.path for file in blobs if not is_plain_path(file.path)]
    if unsafe:
        raise PullError(f"the hub lists a file that would leave its folder: {unsafe[0]!r:.200}", where=base)
    files = [
        RemoteFile(
            file.path,
            file.size,
            file.sha256 or None,
            None,
            _request(job, f"{base}/repo?{urlencode({'Revision': file.revision or revision, 'FilePath': file.path})}"),
        )
        for file in blobs
    ]
    claims = [Claim(about.license, "model page")] if about.license else []
    return pull_repository(job, Repository(f"modelscope:{job.source.name}@{revision}", revision, files, claims))


def _request(job: Job, url: str) -> Request:
    token = job.settings.modelscope_token
    headers = {"Cookie": f"m_session_id={token.value}"} if token else {}
    return Request(url, refusal(job, _ACCESS_HINT), headers)


def _ask(job: Job, url: str, kind: type[_Answer[T]]) -> T:
    body, _ = job.fetcher.small(_request(job, url), MAX_LISTING_BYTES)
    answer = decode_answer(body, kind, url, endpoint="MODELSCOPE_ENDPOINT")
    if answer.code != 200 or answer.data is None:
        raise SourceNotFound(
            f"the hub has no {job.source.name} for us: {answer.message or answer.code}",
            where=job.source.text,
            next_move=f"Check the spelling and the revision; if it is private, {_ACCESS_HINT}",
        )
    return answer.data
