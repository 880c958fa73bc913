"""Drives Chromium over its DevTools protocol with the standard library: enough to open a file, ask it questions,
and read what it complained about. A WebSocket client in thirty lines, for one local peer, text frames only
(RFC 6455; https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections import deque
from pathlib import Path
from typing import Any

from patience import PATIENCE_S

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")


def chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One headless Chromium with one tab. Use as a context manager."""

    def __init__(self, program: str, profile: Path) -> None:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        listening = next(line for line in self.process.stderr if line.startswith("DevTools listening on"))
        self.port = int(listening.split("127.0.0.1:")[1].split("/")[0])
        self.listener = threading.Thread(target=lambda: deque(self.process.stderr or (), 0), daemon=True)
        self.listener.start()  # else a browser that complains much waits for ever to be heard
        self.events: list[dict[str, Any]] = []
        self.asked = 0
        self.socket = self._connect(self._tab())
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.listener.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def look(self, *, width: int = 1440, scheme: str = "light", media: str = "") -> None:
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def open(self, path: Path) -> None:
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        """Errors, warnings and console lines since the page was opened, policy violations included."""
        self.ask("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        return [event["params"] for event in self.events if event["method"] in COMPLAINTS]

    def requests(self) -> list[str]:
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.asked += 1
        self._send(json.dumps({"id": self.asked, "method": method, "params": params}).encode())
        while (answer := self._receive()).get("id") != self.asked:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _tab(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/json")
        tabs = json.loads(connection.getresponse().read())
        connection.close()
        return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page").split(str(self.port), 1)[1]

    def _connect(self, path: str) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        link.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade}\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += link.recv(1)
        assert b" 101 " in head
        return link

    def _send(self, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            length = struct.pack(">B", 0x80 | size)
        elif size < 1 << 16:
            length = struct.pack(">BH", 0x80 | 126, size)
        else:
            length = struct.pack(">BQ", 0x80 | 127, size)
        self.socket.sendall(b"\x81" + length + bytes(4) + payload)  # a mask of zeros leaves the payload as it is

    def _receive(self) -> dict[str, Any]:
        whole = b""
        while True:
            first, second = self._exactly(2)
            size = second & 127
            if size >= 126:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            whole += self._exactly(size)
            if first & 0x80:
                return json.loads(whole)

    def _exactly(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            part = self.socket.recv(size - len(parts))
            assert part, "the browser went away"
            parts += part
        return parts
