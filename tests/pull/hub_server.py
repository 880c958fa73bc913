"""A hub on loopback that speaks the interfaces of the two real ones, and misbehaves on request.

Shapes: Hugging Face `GET /api/models/{repo}/revision/{rev}?blobs=true` (siblings with blobId or lfs) and
`GET /{repo}/resolve/{rev}/{file}` with X-Linked-Etag, X-Linked-Size and a redirect to a CDN for large files;
ModelScope `GET /api/v1/models/{repo}[/repo/files|/repo]` with Code, Data, Message.

The hub is reached as 127.0.0.1 and its CDN as localhost: two origins on one port.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 2_000
"""Files from this size on are kept in LFS, as hubs do with weights."""

Trouble = Callable[["Handler", bytes], bool]
"""Answers a request for these bytes in its own way; True when it did."""


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Hub:
    """One repository `org/model`, and what happened."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.card: dict[str, Any] = {"license": "apache-2.0"}
        self.token: str | None = None
        """Wanted before anything is shown."""
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.listing: Callable[[dict[str, Any]], Any] = lambda listing: listing
        """Changes what is said about the repository."""
        self.troubles: list[Trouble] = []
        """For the next requests of bytes, one each."""
        self.listing_troubles: list[Trouble] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Host, path with query, headers of every request."""
        self.url = ""
        self.cdn = ""

    def asked(self, part: str) -> list[tuple[str, str, dict[str, str]]]:
        """The requests whose path holds `part`."""
        return [one for one in self.seen if part in one[1]]

    def huggingface(self) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
            if len(content) >= LARGE:
                entry["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        tags = [f"license:{self.card['license']}"] if "license" in self.card else []
        return {
            "id": "org/model",
            "sha": COMMIT,
            "siblings": siblings,
            "cardData": self.card,
            "tags": tags,
            "gated": False,
        }

    def modelscope(self) -> dict[str, Any]:
        files = [
            {
                "Name": name.rsplit("/", 1)[-1],
                "Path": name,
                "Type": "blob",
                "Size": len(content),
                "Sha256": sha256(content),
            }
            | {"Revision": COMMIT, "IsLFS": len(content) >= LARGE}
            for name, content in self.files.items()
        ]
        folder = {"Name": "sub", "Path": "sub", "Type": "tree", "Size": 0, "Sha256": "", "Revision": COMMIT}
        return {"Code": 200, "Success": True, "Message": "", "Data": {"Files": [folder, *files]}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    @property
    def hub(self) -> Hub:
        hub: Hub = self.server.hub
        return hub

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.seen.append((self.headers["Host"], self.path, {k.lower(): v for k, v in self.headers.items()}))
        url = urlsplit(self.path)
        path = unquote(url.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if path.startswith("/cdn/"):
            return self._bytes(next(c for c in self.hub.files.values() if sha256(c) == path[5:]))
        if self.hub.refusal:
            return self.reply(self.hub.refusal[0], b"refused", self.hub.refusal[1])
        if self.hub.token and self.hub.token not in (
            self.headers.get("Authorization", "") + self.headers.get("Cookie", "")
        ):
            return self.reply(401, b"Invalid username or password.", {"X-Error-Code": "RepoNotFound"})
        if match := re.fullmatch(r"/api/models/org/model/revision/([^/]+)", path):
            known = match[1] in ("main", COMMIT, "refs/pr/1")
            return (
                self._listing(self.hub.huggingface())
                if known
                else self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
            )
        if match := re.fullmatch(rf"/org/model/resolve/{COMMIT}/(.+)", path):
            return self._resolve(match[1])
        if path == "/api/v1/models/org/model/repo/files":
            return self._listing(self.hub.modelscope())
        if path == "/api/v1/models/org/model":
            return self._listing({"Code": 200, "Data": {"License": self.hub.card.get("license")}})
        if path == "/api/v1/models/org/model/repo" and query["Revision"] == COMMIT:
            return self._bytes(self.hub.files[query["FilePath"]])
        return self.reply(404, b'{"Code": 10010205001, "Message": "not found"}')

    def _resolve(self, name: str) -> None:
        content = self.hub.files[name]
        if len(content) < LARGE:
            return self._bytes(content)
        target = f"{self.hub.cdn}/cdn/{sha256(content)}?signature=secret"
        linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content)), "X-Repo-Commit": COMMIT}
        return self.reply(302, b"", {"Location": target, **linked})

    def _listing(self, listing: dict[str, Any]) -> None:
        if self.hub.listing_troubles and self.hub.listing_troubles.pop(0)(self, b""):
            return
        changed = self.hub.listing(listing)
        self.reply(200, changed if isinstance(changed, bytes) else json.dumps(changed).encode())

    def _bytes(self, content: bytes) -> None:
        if not (self.hub.troubles and self.hub.troubles.pop(0)(self, content)):
            self.send_range(content)

    def send_range(self, content: bytes, *, promise: int | None = None) -> None:
        """The bytes asked for; `promise` is how many of them really come before the connection is cut."""
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if part:
            first, last = int(part[1]), min(int(part[2]), len(content) - 1)
            return self.reply(206, content[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(content)}"})
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers.get("If-Range", etag) == etag else 0
        if start >= len(content) > 0:
            return self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(body if promise is None else body[:promise])
        self.close_connection = promise is not None
        return None

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def cut(after: int) -> Trouble:
    """The connection breaks after so many bytes."""

    def act(handler: Handler, content: bytes) -> bool:
        handler.send_range(content, promise=after)
        return True

    return act


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Trouble:
    def act(handler: Handler, content: bytes) -> bool:
        handler.reply(code, body, headers)
        return True

    return act


def ignoring_ranges(handler: Handler, content: bytes) -> bool:
    """The whole file, whatever part was asked for."""
    handler.reply(200, content)
    return True


def wrong_part(handler: Handler, content: bytes) -> bool:
    """A part from somewhere else."""
    handler.reply(206, content[:10], {"Content-Range": f"bytes 0-9/{len(content)}"})
    return True


def endless(handler: Handler, content: bytes) -> bool:
    """Bytes without a length and without an end."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        return True


def sending(other: bytes) -> Trouble:
    """Other bytes than the ones that were published."""

    def act(handler: Handler, content: bytes) -> bool:
        handler.send_range(other)
        return True

    return act


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up on an endless answer are what we want; anything else is a mistake of this file."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def running(hub: Hub, tls: ssl.SSLContext | None = None) -> Iterator[Hub]:
    server = Server(("127.0.0.1", 0), Handler)
    server.hub = hub  # type: ignore[attr-defined]
    hub.url, hub.cdn = f"http://127.0.0.1:{server.server_port}", f"http://localhost:{server.server_port}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        hub.url = hub.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
