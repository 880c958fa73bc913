"""Write wheels by hand, right ones and wrong ones, and folders that pip takes for an index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from weighbridge.settings import Settings, read_settings


def digest(content: bytes) -> str:
    """As RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(
    folder: Path,
    name: str,
    members: Mapping[str, bytes],
    *,
    version: str = "1.0",
    requires: Sequence[str] = (),
    metadata: str = "",
    lies: Mapping[str, bytes] | None = None,
    unrecorded: Sequence[str] = (),
    record: bool = True,
) -> Path:
    """A wheel with `members`. `lies`: members whose RECORD line speaks of other bytes; `unrecorded`: without a line."""
    plain = name.replace("-", "_")
    info = f"{plain}-{version}.dist-info"
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}"
    files = dict(members)
    files[f"{info}/METADATA"] = (head + "".join(f"Requires-Dist: {need}\n" for need in requires)).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [
        f"{member},{digest((lies or {}).get(member, content))},{len((lies or {}).get(member, content))}"
        for member, content in files.items()
        if member not in unrecorded
    ]
    if record:
        files[f"{info}/RECORD"] = ("\n".join(lines) + f"\n{info}/RECORD,,\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in files.items():
            wheel.writestr(member, content)
    return path


def settings_for(home: Path, **environ: str) -> Settings:
    """Settings with a home of their own; pip sees only the wheels in `home/wheels`."""
    return read_settings(
        {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(home / "wheels"),
            **environ,
        }
    )


def left_in(settings: Settings) -> list[str]:
    """Every file in the cache, by its path there."""
    root = settings.cache_dir
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() or path.is_symlink())
