"""A loopback server of ranges that counts what it sends, and a repository of headers to ask it for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

FILES, TENSORS = 163, 91_991
"""Of DeepSeek-V3."""
INDEX = "model.safetensors.index.json"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class RangeServer:
    """Serves files by name: their first bytes are given, the rest is zeros up to their size."""

    def __init__(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        owner = self
        self.files, self.sent = files, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RangeServer:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        found = self.files.get(request.path.lstrip("/"))
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if found is None or asked is None:
            request.send_error(404 if found is None else 400)
            return
        start, size = found
        first, last = int(asked[1]), min(int(asked[2]), size - 1)
        body = start[first : last + 1].ljust(last + 1 - first, b"\0")
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        self.sent += len(body)


def repository() -> dict[str, tuple[bytes, int]]:
    """An index and its files, as many and as long as DeepSeek-V3's."""
    names: dict[str, str] = {}
    files: dict[str, tuple[bytes, int]] = {}
    for number in range(FILES):
        file = f"model-{number + 1:05}-of-{FILES:06}.safetensors"
        table: dict[str, object] = {}
        offset = 0
        for tensor in range(number, TENSORS, FILES):
            name = f"model.layers.{tensor % 61}.mlp.experts.{tensor // 61}.down_proj.weight"
            size = 2048 * 4096
            table[name] = {"dtype": "F8_E4M3", "shape": [2048, 4096], "data_offsets": [offset, offset + size]}
            names[name], offset = file, offset + size
        text = json.dumps(table).encode()
        files[file] = (len(text).to_bytes(8, "little") + text, 8 + len(text) + offset)
    index = json.dumps({"metadata": {"total_size": TENSORS * 2048 * 4096}, "weight_map": names}).encode()
    files[INDEX] = (index, len(index))
    return files
