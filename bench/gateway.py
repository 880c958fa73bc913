"""What does a call through the gateway cost, beside nginx that only checks a key and passes it on?

Ceiling: `bare`, a proxy of forty lines on uvloop and httptools that parses both sides and knows nothing else: no keys,
no money, no ledger. Peers: nginx (proxy_pass, keep-alive, key check by map, buffering off) and, where a Python of its
own is named with --litellm, LiteLLM's proxy (keys checked, no database, so nothing is recorded). The gateway runs with
a key, a budget (so each call holds and settles money) and its durable ledger on. One worker each, the same backend
behind all (gateway_peers.py), one load generator (wrk).

Method: rounds in which all are measured in turn, so that drift of the machine hits all alike; the first round is
thrown away; medians over the others, and medians of the rounds' ratios. CPU is what the kernel charged to the process
tree (/proc/PID/task/*/schedstat), not wall time, divided by requests, or for streams by chunks, that were answered. It
holds what the load generator's reading costs a sender on loopback, for all alike.

    request_us          while requests come, 32 connections      request_all_us   with what the ledger does afterwards
    chunk_us            of 50 streams, 1 ms between two chunks; the request's own cost spread over its chunks
    translated_us       the same, asked in Anthropic's words (the backend speaks OpenAI's)
    body_100kb_us       a request of 100 KB; beside nginx with room for all of it in memory (`nginx`), also beside nginx
                        that passes a body on as it comes but has its usual 16 KB for it (`nginx_16k`), and beside one
                        that is told nothing of bodies and puts them into files (`nginx_defaults`)
    p50_ms p99_ms       light load: one connection               ttft_*_ms        50 streams, 20 ms between two chunks
    cold_start_s        from its start until it listens           resident_mb      then; resident_after_mb at the end
    scaling             of two workers over one, in requests a core-second: ours, nginx's, bare's (gateway_scaling.py)

Latencies are wall time, so on a machine that does other things they say little. Wrong if: answers other than 200
(counted, must be none), or ratios that move with the order.

    python bench/gateway.py [--rounds 5] [--seconds 3] [--litellm /path/to/venv/bin/litellm] | tail -1
"""

from __future__ import annotations

import argparse
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

from gateway_peers import (
    BARE_TWO,
    FRAMES,
    GATE,
    HOST,
    LITELLM,
    NGINX_BODIES,
    NGINX_TWO,
    PORTS,
    STREAMS,
    TWO,
    UP,
    write_configs,
)
from gateway_scaling import Pair, Served, measured, medians

PEERS = str(Path(__file__).with_name("gateway_peers.py"))
CONNECTIONS = 32
WORDS, WORDS_100KB = "20", "3225"
SETTLE_S, MOST_SETTLING_S, QUIET_US = 0.6, 20.0, 15_000.0
"""After a load it is waited until a process takes less than that in so long: until the ledger has folded its journal,
so that nothing of it is charged to the next load."""
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
RATIOS = ("request_us", "request_all_us", "chunk_us", "body_100kb_us")


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
            if probe.connect_ex((HOST, port)) == 0:
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


def load(
    port: int, seconds: int, *, folder: Path, key: str, connections: int = CONNECTIONS, **env: str
) -> dict[str, float]:
    """Requests answered, those not with 200, and latencies in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(folder / "post.lua")]
    environ = {"BENCH_KEY": key, "BENCH_WORDS": WORDS, "BENCH_STREAM": "0", "BENCH_PATH": CHAT, **env}
    said = subprocess.run(
        [*command, f"http://{HOST}:{port}{environ['BENCH_PATH']}"],
        env={**os.environ, **environ},
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


def settle(pid: int) -> None:
    until = time.monotonic() + MOST_SETTLING_S
    before = cpu_us(pid)
    while time.monotonic() < until:
        time.sleep(SETTLE_S)
        now = cpu_us(pid)
        if now - before < QUIET_US:
            return
        before = now


class Bench:
    """What the rounds share."""

    def __init__(self, seconds: int, folder: Path, key: str) -> None:
        self.seconds = seconds
        self.folder = folder
        self.key = key

    def cost(
        self, port: int, pid: int, per: int = 1, *, seconds: int | None = None, **how: Any
    ) -> tuple[float, float, int, float]:
        """CPU microseconds a unit during the load, the same with the time to settle, bad answers, requests a second."""
        seconds = seconds or self.seconds
        before = cpu_us(pid)
        got = load(port, seconds, folder=self.folder, key=self.key, **how)
        during = cpu_us(pid)
        settle(pid)
        units = max(got["requests"], 1) * per
        rate = got["requests"] / seconds
        return (during - before) / units, (cpu_us(pid) - before) / units, int(got["bad"]), rate

    def round_of(self, name: str, pid: int) -> dict[str, float]:
        port = PORTS[name]
        if name in NGINX_BODIES and name != "nginx":  # what it is told of bodies makes a difference for large ones only
            body, _, bad, _ = self.cost(port, pid, BENCH_WORDS=WORDS_100KB)
            return {"body_100kb_us": body, "bad": bad}
        request, request_all, bad, rate = self.cost(port, pid)
        found = {"request_us": request, "request_all_us": request_all, "requests_s": rate}
        found["chunk_us"], _, more, _ = self.cost(port, pid, FRAMES, connections=STREAMS, BENCH_STREAM="1")
        bad += more
        if name == "gateway":
            how = {"connections": STREAMS, "BENCH_STREAM": "1", "BENCH_PATH": MESSAGES}
            found["translated_us"], _, more, _ = self.cost(port, pid, FRAMES, **how)
            bad += more
        found["body_100kb_us"], _, more, _ = self.cost(port, pid, BENCH_WORDS=WORDS_100KB)
        light = load(port, self.seconds, connections=1, folder=self.folder, key=self.key)
        found |= {"p50_ms": light["p50_ms"], "p99_ms": light["p99_ms"], "bad": bad + more + light["bad"]}
        first = self.times_to_first(port)
        return found | {"ttft_p50_ms": first["p50"], "ttft_p99_ms": first["p99"]}

    def times_to_first(self, port: int) -> dict[str, float]:
        command = [sys.executable, PEERS, "streams", str(port), self.key, str(2 * self.seconds + 2)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found: dict[str, float] = json.loads(said)
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--litellm", help="The program `litellm` of a Python environment of its own.")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


def measure(given: argparse.Namespace, folder: Path) -> None:
    weighbridge = str(Path(sys.executable).with_name("weighbridge"))
    environ = {"XDG_DATA_HOME": str(folder / "data"), "UP_KEY": "sk-up"}
    made = subprocess.run(
        [weighbridge, "keys", "create", "--name", "bench", "--budget", "1000000/day", "--json"],
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)["key"]
    write_configs(folder, key)
    serve = [weighbridge, "serve", "--config"]
    commands: dict[str, tuple[list[str], dict[str, str]]] = {
        "direct": ([sys.executable, PEERS, "up"], {}),
        "bare": ([sys.executable, PEERS, "bare"], {}),
        "gateway": ([*serve, str(folder / f"{GATE}.toml")], environ),
    }
    twice: dict[str, tuple[list[str], int]] = {
        "gateway": ([*serve, str(folder / f"{TWO}.toml")], TWO),
        "bare": ([sys.executable, PEERS, "bare-two"], BARE_TWO),
    }
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if Path(nginx).exists():
        for name in NGINX_BODIES:
            commands[name] = ([nginx, "-c", str(folder / f"{name}.conf"), "-e", str(folder / "nginx.err")], {})
        twice["nginx"] = ([nginx, "-c", str(folder / "nginx-two.conf"), "-e", str(folder / "nginx.err")], NGINX_TWO)
    if given.litellm:
        commands["litellm"] = litellm(given.litellm, folder)
    bench = Bench(given.seconds, folder, key)
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
        two = {
            name: Served(port, stack.enter_context(started(command, port, folder, **environ)).pid)
            for name, (command, port) in twice.items()
        }
        scaling: dict[str, list[Pair]] = {name: [] for name in two}
        for number in range(given.rounds + 1):
            for name in commands:
                found = bench.round_of(name, running[name].pid)
                print(f"round {number} {name}: " + ", ".join(f"{k} {v:.3g}" for k, v in found.items()), flush=True)
                if number:
                    rounds[name].append(found)
            for name, both in two.items():
                pairs = measured(bench, Served(PORTS[name], running[name].pid), both, CONNECTIONS)
                print(f"round {number} {name}, two workers over one: {medians(pairs)}", flush=True)
                if number:
                    scaling[name] += pairs
        for name, facts in once.items():
            facts["resident_after_mb"] = resident_mb(running[name].pid)
    print(json.dumps(summary(rounds, once, scaling)))


def summary(
    rounds: dict[str, list[dict[str, float]]], once: dict[str, dict[str, float]], scaling: dict[str, list[Pair]]
) -> dict[str, Any]:
    """Medians, and ratios to the peers that ran; a ratio above 1 costs more than the peer."""
    found: dict[str, Any] = {}
    for name, each in rounds.items():
        found[name] = {field: round(statistics.median(r[field] for r in each), 4) for field in each[0]}
        found[name] |= {field: round(value, 4) for field, value in once.get(name, {}).items()}
    ours = rounds["gateway"]
    for peer in ("nginx", "litellm", "bare"):
        if peer in rounds:
            found[f"gateway_over_{peer}"] = {field: ratio(ours, rounds[peer], field, field) for field in RATIOS}
            found[f"gateway_over_{peer}"]["translated_us"] = ratio(ours, rounds[peer], "translated_us", "chunk_us")
            if peer != "bare":
                over = found[f"gateway_over_{peer}"]["request_us"]
                found[f"requests_a_core_second_over_{peer}"] = round(1 / over, 4)
    for peer in ("nginx_16k", "nginx_defaults"):
        if peer in rounds:
            field = "body_100kb_us"
            found[f"gateway_over_{peer}"] = {field: ratio(ours, rounds[peer], field, field)}
    for field in ("p50_ms", "p99_ms", "ttft_p50_ms", "ttft_p99_ms"):
        added = [mine[field] - direct[field] for mine, direct in zip(ours, rounds["direct"], strict=True)]
        found[f"added_{field}"] = round(statistics.median(added), 4)
    found["scaling_of_two_workers"] = {name: medians(pairs) for name, pairs in scaling.items()}
    return found


def ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]], field: str, their_field: str) -> float:
    pairs = zip(ours, theirs, strict=True)
    return round(statistics.median(mine[field] / peer[their_field] for mine, peer in pairs), 4)


def litellm(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    command = [program, "--config", str(folder / "litellm.yaml"), "--port", str(LITELLM), "--num_workers", "1"]
    return command, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


if __name__ == "__main__":
    main()
