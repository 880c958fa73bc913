"""The process a local engine lives in: llama.cpp's HTTP server and nothing else.

Run by its path, so that it imports nothing of weighbridge. It talks to its parent through its standard streams:

    stdin    one line of JSON, the Spec; then nothing, but it stays open: its end means that the parent is gone
    stdout   one line of JSON, {"address", "build", ...} when the server listens, else {"error"}; then nothing
    stderr   whatever llama.cpp says

The API key comes through stdin because other users of the machine can read arguments, and other programs of the
same user the environment.

It ends with its parent, also when that is killed and also while C++ code holds the interpreter, in three ways of
which none needs the others: Linux sends SIGKILL on the parent's death; the kernel sends SIGIO, whose default is to
end a process, when the far end of stdin closes; and a thread waits for the end of stdin.

Its threads wait for each other asleep (OMP_WAIT_POLICY=PASSIVE), not spinning: on a machine that does anything else,
each of the hundreds of barriers in a token would else cost a time slice (bench/engine_start.py says how much).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from typing import Any

NOTHING = "\n"
"""A value that no HTTP header may hold, so that the server leaves the header out. An empty one would be sent."""


def main() -> int:
    """Serve until the parent ends this process, or ends itself."""
    report = _own_report()
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0  # the parent was gone before it had said anything
    spec = json.loads(line)
    end_with_parent(spec["parent"])
    try:
        said, server = serve(spec)
    except RuntimeError as error:
        said, server = {"error": str(error)}, None
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(said).encode() + b"\n")
    os.close(report)
    if server is None:
        return 1
    threading.Event().wait()  # the server's own threads do the work
    return 0


def serve(spec: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Load the model and listen on loopback; returns what the parent is told, and the server to be kept alive."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when the library is loaded
    import xllamacpp

    params = xllamacpp.CommonParams()
    for path, value in spec["params"].items():
        _assign(params, path, value)
    params.model.path = spec["weights"]
    params.api_keys = [spec["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.fit_params = params.fit_params and _has_gpu(xllamacpp)
    _close_doors(params)
    server = xllamacpp.Server(params)
    cpu = str(xllamacpp.get_system_info()).strip()
    devices = sorted(device["description"] for device in xllamacpp.get_device_info())
    said = {"address": server.listening_address, "build": dict(xllamacpp.BUILD_INFO), "cpu": cpu, "devices": devices}
    return said, server


def end_with_parent(parent: int) -> None:
    """See the top of the file. `parent` is the parent's process id, to notice that it went before we asked."""
    if sys.platform == "linux":
        _ask_for_death_signal()
        if os.getppid() != parent:
            os._exit(0)
    _ask_for_sigio()
    threading.Thread(target=_await_end_of_stdin, daemon=True).start()


def _ask_for_death_signal() -> None:
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _ask_for_sigio() -> None:
    try:
        import fcntl

        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    except (ImportError, AttributeError, OSError):
        return  # a system without it; the thread remains


def _await_end_of_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _own_report() -> int:
    """Keep stdout for the report alone: what C++ code prints goes to stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _assign(params: Any, path: str, value: Any) -> None:
    """Set `cpuparams.n_threads` or an enumeration by its member's name, `cache_type_k: GGML_TYPE_Q8_0`."""
    *holders, name = path.split(".")
    for holder in holders:
        params = getattr(params, holder)
    kind = type(getattr(params, name))
    setattr(params, name, kind[value] if isinstance(value, str) and hasattr(kind, "__members__") else value)


def _has_gpu(xllamacpp: Any) -> bool:
    """Without one there is nothing to fit layers into, and looking for what fits would lengthen the start."""
    return any(device["type"].name.endswith("GPU") for device in xllamacpp.get_device_info())


def _close_doors(params: Any) -> None:
    """No page, no other origins, and none of the endpoints that would show other callers' prompts or change things."""
    params.ui = False
    params.cors_origins = params.cors_methods = params.cors_headers = NOTHING
    params.cors_origins_explicit = True
    params.cors_credentials = False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False


if __name__ == "__main__":
    raise SystemExit(main())
