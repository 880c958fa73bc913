"""What does a call through the gateway cost, beside nginx that only checks a key and passes it on?

Ceiling: `bare`, a proxy of forty lines on uvloop and httptools that parses both sides and knows nothing else: no keys,
no money, no ledger. Peers: nginx (proxy_pass, keep-alive, key check by map, buffering off) and, where a Python of its
own is named with --litellm, LiteLLM's proxy. The gateway runs with a key, a budget (so each call holds and settles
money) and its durable ledger on. One worker each, the same backend behind all, one load generator (wrk).

Method: rounds in which all are measured in turn, so that drift of the machine hits all alike; the first round is
thrown away; medians over the others. CPU is what the kernel charged to the process tree (/proc/PID/task/*/schedstat),
not wall time, divided by requests, or for streams by chunks, that were answered. It holds what the load generator's
reading costs a sender on loopback, for all alike. Latency is wall time at light load (one connection, wrk), so on a
machine that does other things it says little. `fold` is what moving the journal into the ledger's tables costs later,
when there is time; it is added in `with_fold`. Wrong if: answers other than 200 (counted, must be none), or ratios that
move with the order.

    python bench/gateway.py [--rounds 5] [--seconds 3] [--litellm /path/to/venv/bin/litellm] | tail -1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvloop

HERE = Path(__file__).resolve()
UP, BARE, NGINX, GATE, LITELLM = 9190, 9191, 9192, 9193, 9194
PORTS = {"direct": UP, "bare": BARE, "nginx": NGINX, "gateway": GATE, "litellm": LITELLM}
CHUNKS = 100
"""Content chunks of a streamed answer."""
CONNECTIONS = 32
STREAMS = 50

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
    """Answers at once; a stream sends each chunk in a turn of the loop of its own."""

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
                self.task = asyncio.ensure_future(self.stream())
            else:
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
                self.transport.write(head + ANSWER)

    async def stream(self) -> None:
        frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock-model"}
        write = self.transport.write

        def event(**fields: Any) -> bytes:
            data = b"data: %b\n\n" % json.dumps({**frame, **fields}, separators=(",", ":")).encode()
            return b"%x\r\n%b\r\n" % (len(data), data)

        write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        word = event(choices=[{"index": 0, "delta": {"content": " word"}, "finish_reason": None}])
        for _ in range(CHUNKS):
            write(word)
            await asyncio.sleep(0.001)
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
        _, up = await asyncio.get_running_loop().create_connection(lambda: BareUp(self.idle), "127.0.0.1", UP)
        self.send(up, data)

    def send(self, up: BareUp, data: bytes) -> None:
        up.client = self.transport
        up.transport.write(data)


async def listen(kind: str) -> None:
    idle: list[BareUp] = []
    made = Mock if kind == "up" else lambda: Bare(idle)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", UP if kind == "up" else BARE)
    await server.serve_forever()


# --- what is measured


@contextmanager
def started(command: list[str], port: int, folder: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it listens."""
    log = (folder / f"{port}.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environ}, stdout=log, stderr=log)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import socket

    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise SystemExit(f"nothing listens on {port}; see its log")


def tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in tree(int(child)))]


def cpu_us(pid: int) -> float:
    """Microseconds the kernel has charged to the process and its descendants."""
    total = 0
    for each in tree(pid):
        for file in Path(f"/proc/{each}/task").glob("*/schedstat"):
            try:
                total += int(file.read_text().split()[0])
            except OSError:
                continue
    return total / 1000


def resident_mb(pid: int) -> float:
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * 4096 for each in tree(pid)) / 1e6


def load(port: int, seconds: int, *, connections: int, folder: Path, key: str, **env: str) -> dict[str, float]:
    """Requests answered, those not with 200, and latencies in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(folder / "post.lua")]
    environ = {**os.environ, "BENCH_KEY": key, "BENCH_WORDS": "20", "BENCH_STREAM": "0", **env}
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/chat/completions"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: .*", said)
    if broken:
        print(f"  {port}: {broken[0]}")
    return {
        "requests": int(re.search(r"(\d+) requests in", said)[1]),  # type: ignore[index]
        "bad": int(bad[1]) if bad else 0,
        "p50_ms": in_ms(re.search(r"50%\s+(\S+)", said)[1]),  # type: ignore[index]
        "p99_ms": in_ms(re.search(r"99%\s+(\S+)", said)[1]),  # type: ignore[index]
    }


def in_ms(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if found is None:  # nothing was answered: `-nan`
        return float("nan")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[found[2]]


def round_of(name: str, pid: int, seconds: int, folder: Path, key: str) -> dict[str, float]:
    """CPU for a request, for a chunk, for a request of 100 KB; latencies at light load."""
    port = PORTS[name]
    found: dict[str, float] = {"bad": 0}

    def cost(label: str, per: int = 1, **how: Any) -> None:
        before = cpu_us(pid)
        got = load(port, seconds, folder=folder, key=key, **{"connections": CONNECTIONS, **how})
        found[label] = (cpu_us(pid) - before) / max(got["requests"], 1) / per
        found["bad"] += got["bad"]

    cost("request_us")
    cost("chunk_us", CHUNKS + 3, connections=STREAMS, BENCH_STREAM="1")
    cost("body_100kb_us", BENCH_WORDS="3225")
    light = load(port, seconds, connections=1, folder=folder, key=key)
    return found | {"p50_ms": light["p50_ms"], "p99_ms": light["p99_ms"]}


def fold_us(data: Path, weighbridge: str) -> float:
    """What moving a call from the journal into the tables costs, measured on what the rounds left behind."""
    environ = {**os.environ, "XDG_DATA_HOME": str(data)}
    lines = sum(1 for file in (data / "weighbridge" / "journal").glob("*.jsonl") for _ in file.open("rb"))
    before = os.times()
    subprocess.run([weighbridge, "ledger", "--json"], env=environ, check=True, capture_output=True)
    after = os.times()
    first = after.children_user + after.children_system - before.children_user - before.children_system
    before = os.times()
    subprocess.run([weighbridge, "ledger", "--json"], env=environ, check=True, capture_output=True)
    after = os.times()
    again = after.children_user + after.children_system - before.children_user - before.children_system
    return (first - again) * 1e6 / lines if lines else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--litellm", help="The program `litellm` of a Python environment of its own.")
    parser.add_argument("--listen", choices=("up", "bare"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.listen:
        uvloop.run(listen(given.listen))
        return
    for program in ("wrk",):
        if shutil.which(program) is None:
            raise SystemExit(f"needs {program}: apt-get install {program}")
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


def measure(given: argparse.Namespace, folder: Path) -> None:
    weighbridge = str(Path(sys.executable).with_name("weighbridge"))
    data = folder / "data"
    environ = {"XDG_DATA_HOME": str(data), "UP_KEY": "sk-up"}
    made = subprocess.run(
        [weighbridge, "keys", "create", "--name", "bench", "--budget", "1000000/day", "--json"],
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)["key"]
    write_configs(folder, key)
    python = [sys.executable, str(HERE), "--listen"]
    commands = {
        "direct": ([*python, "up"], {}),
        "bare": ([*python, "bare"], {}),
        "gateway": ([weighbridge, "serve", "--config", str(folder / "weighbridge.toml")], environ),
    }
    if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        commands["nginx"] = ([nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.err")], {})
    if given.litellm:
        commands["litellm"] = litellm(given.litellm, folder)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    once: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        running = {"direct": stack.enter_context(started(commands["direct"][0], UP, folder))}
        for name, (command, env) in commands.items():
            if name == "direct":
                continue
            began = time.perf_counter()
            running[name] = stack.enter_context(started(command, PORTS[name], folder, **env))
            once[name] = {"cold_start_s": time.perf_counter() - began, "resident_mb": resident_mb(running[name].pid)}
        for number in range(given.rounds + 1):
            for name in commands:
                found = round_of(name, running[name].pid, given.seconds, folder, key)
                print(f"round {number} {name}: " + ", ".join(f"{k} {v:.3g}" for k, v in found.items()), flush=True)
                if number:
                    rounds[name].append(found)
        for name, facts in once.items():
            facts["resident_after_mb"] = resident_mb(running[name].pid)
        load(GATE, given.seconds, connections=CONNECTIONS, folder=folder, key=key)
        running["gateway"].kill()  # at once, so that its journal stays as the load left it
        running["gateway"].wait()
        folding = fold_us(data, weighbridge)
    print(json.dumps(summary(rounds, once, folding)))


def summary(
    rounds: dict[str, list[dict[str, float]]], once: dict[str, dict[str, float]], fold: float
) -> dict[str, Any]:
    """Medians, and ratios to nginx where it ran; a ratio above 1 costs more than nginx."""
    found: dict[str, Any] = {}
    for name, each in rounds.items():
        found[name] = {field: round(statistics.median(r[field] for r in each), 4) for field in each[0]}
        found[name] |= {field: round(value, 4) for field, value in once.get(name, {}).items()}
    found["gateway"]["fold_us"] = round(fold, 2)
    found["gateway"]["request_with_fold_us"] = round(found["gateway"]["request_us"] + fold, 2)
    for peer in ("nginx", "litellm", "bare"):
        if peer in rounds:
            found[f"gateway_over_{peer}"] = {
                field: round(
                    statistics.median(
                        ours[field] / theirs[field]
                        for ours, theirs in zip(rounds["gateway"], rounds[peer], strict=True)
                    ),
                    4,
                )
                for field in ("request_us", "chunk_us", "body_100kb_us")
            }
    for field in ("p50_ms", "p99_ms"):
        found[f"gateway_added_{field}"] = round(found["gateway"][field] - found["direct"][field], 4)
    return found


def litellm(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    command = [program, "--config", str(folder / "litellm.yaml"), "--port", str(LITELLM), "--num_workers", "1"]
    return command, {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": "sk-1234"}


def write_configs(folder: Path, key: str) -> None:
    (folder / "post.lua").write_text(LUA)
    (folder / "weighbridge.toml").write_text(
        f"""
[server]
port = {GATE}
[[backend]]
name = "up"
kind = "openai"
base_url = "http://127.0.0.1:{UP}/v1"
api_key = "env:UP_KEY"
[[route]]
model = "mock-model"
to = [{{ backend = "up", model = "mock-model", price = {{ input = 1.0, output = 2.0 }} }}]
"""
    )
    (folder / "nginx.conf").write_text(
        f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; map_hash_bucket_size 128;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_authorization $known {{ default 0; "Bearer {key}" 1; }}
  upstream up {{ server 127.0.0.1:{UP}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{NGINX}; client_max_body_size 50m; client_body_buffer_size 1m;
    location / {{
      if ($known = 0) {{ return 401; }}
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer sk-up"; proxy_buffering off;
    }}
  }}
}}
"""
    )
    (folder / "litellm.yaml").write_text(
        f"""
model_list:
  - model_name: mock-model
    litellm_params: {{ model: openai/mock-model, api_base: "http://127.0.0.1:{UP}/v1", api_key: sk-up }}
general_settings: {{ master_key: "{key}" }}
"""
    )


if __name__ == "__main__":
    main()
