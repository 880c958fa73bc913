"""Let the user's own pip bring wheels: its configuration, indexes, proxies, credentials and hash checks.

`python -m pip download --no-deps --only-binary=:all:` resolves and downloads; it installs nothing and, without source
packages, runs nothing of theirs. pip compares each wheel with the hash its index publishes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from weighbridge.engines.pull.disk import disk_full
from weighbridge.engines.pull.progress import Bar, Progress
from weighbridge.errors import HashMismatch, PullError, SourceNotFound

_ANNOUNCED = re.compile(r"Downloading (\S+\.whl) \(([\d.]+) (bytes|kB|MB|GB)\)")
_DISK_FULL = re.compile(r"(?:Errno |OSError\()(?:27|28|122)\b")
"""EFBIG, ENOSPC and EDQUOT, as Python prints them."""
_UNITS = {"bytes": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_POLL_S = 0.2


def pip_download(
    requirements: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    progress: Progress,
    stop: Callable[[], None],
) -> list[Path]:
    """Wheels for `requirements` (`name` or `name==version`), put into the empty `folder`.

    pip's temporary files go there too, so that they sit on the cache's disk and vanish with it.
    """
    wheels, scratch = folder / "wheels", folder / "tmp"
    wheels.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(wheels), *requirements]
    pip = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**environ, "TMPDIR": str(scratch), "PIP_NO_COLOR": "1"},
    )
    label = requirements[0] if len(requirements) == 1 else f"{requirements[0]} and {len(requirements) - 1} more"
    with pip:
        said, complained = _Lines(pip.stdout), _Lines(pip.stderr)
        try:
            with progress.bar(f"pip {label}", None) as bar:
                _watch(pip, folder, lambda: _announced(said.lines, len(requirements)), bar, stop)
        except BaseException:
            pip.kill()
            raise
        finally:
            said.join()
            complained.join()
    if pip.returncode:
        raise _explain(complained.lines + said.lines, requirements, folder)
    return sorted(wheels.glob("*.whl"))


class _Lines:
    """What a process says, read in a thread of its own so that no pipe fills up."""

    def __init__(self, stream: IO[str] | None) -> None:
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str] | None) -> None:
        for line in stream or ():
            self.lines.append(line.rstrip())

    def join(self) -> None:
        self._thread.join()


def _watch(
    pip: subprocess.Popen[str], folder: Path, total: Callable[[], int | None], bar: Bar, stop: Callable[[], None]
) -> None:
    """Draw the growth of the files until pip ends."""
    while pip.poll() is None:
        stop()
        bar.at(_downloaded(folder), total())
        try:
            pip.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            continue
    done = _downloaded(folder / "wheels")
    bar.at(done, done)


def _downloaded(folder: Path) -> int:
    """Bytes of wheels below `folder`. pip holds a wheel twice while it copies it: the larger one counts."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*.whl"):
        with suppress(OSError):  # pip may move it while we look
            sizes[path.name] = max(sizes.get(path.name, 0), path.stat().st_size)
    return sum(sizes.values())


def _announced(lines: Sequence[str], wheels: int) -> int | None:
    """Bytes of all wheels: those that pip has announced, the others taken to be as large as these on average."""
    sizes = {match[1]: float(match[2]) * _UNITS[match[3]] for line in lines if (match := _ANNOUNCED.search(line))}
    return round(sum(sizes.values()) / len(sizes) * wheels) if sizes else None


def _explain(lines: Sequence[str], requirements: Sequence[str], folder: Path) -> PullError:
    """pip's failure as one of ours, with pip's own reason."""
    text = "\n".join(lines)
    reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if not reasons or reasons == ["Exception:"]:  # a traceback of pip's own: its last words
        reasons = [line for line in lines if "Error" in line][-1:] or list(lines[-3:])
    reason = "; ".join(dict.fromkeys(reasons)) or "it gave no reason"
    where = f"pip download {' '.join(requirements)}"
    if "No module named pip" in text:
        return PullError(
            f"this Python has no pip: {sys.executable}",
            where=where,
            next_move=f"Install it with `{sys.executable} -m ensurepip`, or use an hf: or file: source.",
        )
    if "DO NOT MATCH THE HASHES" in text:
        return HashMismatch(
            f"the index promises another wheel than it serves: {reason}",
            where=where,
            next_move="Nothing was kept. Do not use this source until you know why.",
        )
    if _DISK_FULL.search(text):
        return disk_full(folder, reason)
    if "Retrying (Retry(" in text or "ConnectionError" in text or "ReadTimeoutError" in text:
        return PullError(
            f"pip cannot reach its package index: {reason}",
            where=where,
            next_move="Check the network, the proxy and `pip config list`, then pull again.",
        )
    return SourceNotFound(
        f"pip cannot have {', '.join(requirements)} as a wheel: {reason}",
        where=where,
        next_move="Check the name and version; the indexes asked are those of `pip config list`.",
    )
