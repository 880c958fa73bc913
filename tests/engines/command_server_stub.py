"""A model server that a test starts by its command: OpenAI's chat endpoint, a health check, and ways to misbehave.

    python command_server_stub.py PORT [crash_at_start | children | stubborn | waits]

It writes its process id, and those of its children, as lines of `pids` in the folder it runs in. The text `crash` in a
request ends it at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say({"status": "well"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if b"crash" in body:
            sys.stderr.write("out of imaginary memory")
            os._exit(3)
        said = {"role": "assistant", "content": f"from {os.getpid()}"}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        self._say({"id": "x", "model": "served", "choices": [choice], "usage": usage})

    def _say(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


def main() -> None:
    port, *how = sys.argv[1:]
    with Path("pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
        if "children" in how or "stubborn" in how:
            ignore = "trap '' TERM; " if "stubborn" in how else ""
            for script in ("sleep 3600", f"{ignore}sleep 3600 & wait; sleep 3600"):
                child = subprocess.Popen(["sh", "-c", script], start_new_session="wait" in script)
                pids.write(f"{child.pid}\n")
    while "waits" in how and not Path("go").exists():
        time.sleep(0.01)
    if "crash_at_start" in how:
        sys.exit("no such model")
    ThreadingHTTPServer(("127.0.0.1", int(port)), Stub).serve_forever()


if __name__ == "__main__":
    main()
