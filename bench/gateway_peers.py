"""What bench/gateway.py puts around the gateway: a backend, the ceiling `bare`, a client of streams, configs.

python bench/gateway_peers.py up|bare|bare-two   listen; bare-two in two processes
python bench/gateway_peers.py streams PORT KEY SECONDS   keep STREAMS streams running; prints times to first content
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

HOST = "127.0.0.1"
UP, BARE, NGINX, GATE, LITELLM, TWO = 9190, 9191, 9192, 9193, 9194, 9195
BARE_TWO, NGINX_TWO, NGINX_16K, NGINX_DEFAULTS = 9196, 9197, 9198, 9199
PORTS = {"direct": UP, "bare": BARE, "nginx": NGINX, "gateway": GATE, "litellm": LITELLM}
PORTS |= {"nginx_16k": NGINX_16K, "nginx_defaults": NGINX_DEFAULTS}
NGINX_BODIES = {
    "nginx": "client_body_buffer_size 1m; proxy_request_buffering off;",
    "nginx_16k": "proxy_request_buffering off;",
    "nginx_defaults": "",
}
"""What nginx is told of requests' bodies. By default it keeps 16 KB of one in memory and writes it to a file."""
CHUNKS = 100
"""Content chunks of a streamed answer."""
FRAMES = CHUNKS + 3
"""With the reason it ended for, the counts and `[DONE]`."""
STREAMS = 50
CALM_S = 0.02
"""Between two chunks where times are measured: what a large model takes for a token."""

ANSWER = json.dumps(
    {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "created": 1,
        "model": "mock-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 30}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 30, "total_tokens": 230},
    }
).encode()

LUA = """
wrk.method = "POST"
wrk.path = os.getenv("BENCH_PATH")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "OpenAI/Python 2.0.0"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
local text = string.rep("What is the capital of France? ", tonumber(os.getenv("BENCH_WORDS")))
wrk.body = '{"messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"' .. text ..
  '"}],"model":"mock-model","max_tokens":64' .. (os.getenv("BENCH_STREAM") == "1" and ',"stream":true' or '') .. '}'
"""


# --- the backend, and the ceiling


class Mock(asyncio.Protocol):
    """Answers at once; a stream sends each chunk in a turn of the loop of its own, 1 ms after the last, or, for whoever
    asks as the user `calm`, CALM_S."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"content-length: (\d+)", self.held[:end].lower())
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.held) < whole:
                return
            request, self.held = self.held[:whole], self.held[whole:]
            if b'"stream":true' in request[-200:]:
                self.task = asyncio.ensure_future(self.stream(CALM_S if b'"calm"' in request[-200:] else 0.001))
            else:
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
                self.transport.write(head + ANSWER)

    async def stream(self, seconds: float) -> None:
        frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock-model"}
        write = self.transport.write

        def event(**fields: Any) -> bytes:
            data = b"data: %b\n\n" % json.dumps({**frame, **fields}, separators=(",", ":")).encode()
            return b"%x\r\n%b\r\n" % (len(data), data)

        write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        word = event(choices=[{"index": 0, "delta": {"content": " word"}, "finish_reason": None}])
        for _ in range(CHUNKS):
            write(word)
            await asyncio.sleep(seconds)
        write(event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        counts = {"prompt_tokens": 200, "completion_tokens": CHUNKS, "total_tokens": 200 + CHUNKS}
        write(event(choices=[], usage=counts) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


class BareUp(asyncio.Protocol):
    def __init__(self, idle: list[BareUp]) -> None:
        import httptools

        self.idle = idle
        self.client: Any = None
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        client = self.client
        self.parser.feed_data(data)
        client.write(data)

    def on_message_complete(self) -> None:
        self.idle.append(self)


class Bare(asyncio.Protocol):
    """Parses a request, hands it to a kept connection, hands the answer back."""

    def __init__(self, idle: list[BareUp]) -> None:
        import httptools

        self.idle = idle
        self.parser = httptools.HttpRequestParser(self)
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        data, self.data = self.data, b""
        if self.idle:
            self.send(self.idle.pop(), data)
        else:
            self.task = asyncio.ensure_future(self.dial(data))

    async def dial(self, data: bytes) -> None:
        _, up = await asyncio.get_running_loop().create_connection(lambda: BareUp(self.idle), HOST, UP)
        self.send(up, data)

    def send(self, up: BareUp, data: bytes) -> None:
        up.client = self.transport
        up.transport.write(data)


async def listen(kind: str, at: socket.socket) -> None:
    idle: list[BareUp] = []
    made = Mock if kind == "up" else lambda: Bare(idle)
    server = await asyncio.get_running_loop().create_server(made, sock=at)
    await server.serve_forever()


def bound(port: int) -> socket.socket:
    """Listening, and shared with whoever else binds it so."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    made.listen(1024)
    return made


def listen_twice(port: int) -> None:
    """A process for each of two sockets on the port; they end with this one."""
    children = []
    for at in [bound(port) for _ in range(2)]:
        children.append(os.fork())
        if not children[-1]:
            uvloop.run(listen("bare", at))

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    os.wait()


# --- a client of streams


class Streams(asyncio.Protocol):
    """Asks for one stream after another, and notes how long its first content takes."""

    def __init__(self, request: bytes, first_s: list[float]) -> None:
        self.request = request
        self.first_s = first_s

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.waits = True
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.waits and b'"content"' in data:
            self.waits = False
            self.first_s.append(time.perf_counter() - self.asked)
        if data.endswith(b"0\r\n\r\n"):
            self.ask()


async def times_to_first(port: int, key: str, seconds: float) -> None:
    """Prints the median and the 99th percentile, in ms, over all streams but each connection's first, if there are
    more than those."""
    body = b'{"messages":[{"role":"user","content":"What is the capital of France?"}],"model":"mock-model",'
    body += b'"max_tokens":64,"user":"calm","stream":true}'
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    request += b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    loop = asyncio.get_running_loop()
    first_s: list[float] = []
    for number in range(STREAMS):
        await loop.create_connection(lambda: Streams(request, first_s), HOST, port)
        await asyncio.sleep(CALM_S * CHUNKS / STREAMS if number else 0)  # spread over the time that one takes
    await asyncio.sleep(seconds)
    found = sorted(first_s[STREAMS:] or first_s)
    print(json.dumps({"p50": 1000 * statistics.median(found), "p99": 1000 * found[int(0.99 * len(found))]}))


# --- everybody's config


def write_configs(folder: Path, key: str) -> None:
    (folder / "post.lua").write_text(LUA)
    for port, workers in ((GATE, 1), (TWO, 2)):
        (folder / f"{port}.toml").write_text(
            f"""
[server]
port = {port}
workers = {workers}
[[backend]]
name = "up"
kind = "openai"
base_url = "http://{HOST}:{UP}/v1"
api_key = "env:UP_KEY"
[[route]]
model = "mock-model"
to = [{{ backend = "up", model = "mock-model", price = {{ input = 1.0, output = 2.0 }} }}]
"""
        )
    folder.chmod(0o755)  # nginx's workers write bodies into a folder in it, as somebody else
    for name, bodies in NGINX_BODIES.items():
        write_nginx(folder / f"{name}.conf", key, PORTS[name], workers=1, bodies=bodies)
    write_nginx(folder / "nginx-two.conf", key, NGINX_TWO, workers=2, bodies=NGINX_BODIES["nginx"])
    (folder / "litellm.yaml").write_text(
        f"""
model_list:
  - model_name: mock-model
    litellm_params: {{ model: openai/mock-model, api_base: "http://{HOST}:{UP}/v1", api_key: sk-up }}
general_settings: {{ master_key: "{key}" }}
"""
    )


def write_nginx(path: Path, key: str, port: int, *, workers: int, bodies: str) -> None:
    """Several workers get a socket each, as ours do."""
    folder, shared = path.parent, " reuseport" if workers > 1 else ""
    path.write_text(
        f"""
worker_processes {workers}; daemon off; pid {path}.pid; error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; map_hash_bucket_size 128;
  client_body_temp_path {path}-body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_authorization $known {{ default 0; "Bearer {key}" 1; }}
  upstream up {{ server {HOST}:{UP}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen {HOST}:{port}{shared}; client_max_body_size 50m; {bodies}
    location / {{
      if ($known = 0) {{ return 401; }}
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer sk-up"; proxy_buffering off;
    }}
  }}
}}
"""
    )


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "streams":
        uvloop.run(times_to_first(int(rest[0]), rest[1], float(rest[2])))
    elif what == "bare-two":
        listen_twice(BARE_TWO)
    else:
        uvloop.run(listen(what, bound(UP if what == "up" else BARE)))


if __name__ == "__main__":
    main()
