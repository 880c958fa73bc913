"""What the environment says, read once and handed down.

One table feeds the reader, `weighbridge doctor` and docs/settings.md; no other module reads the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("XDG_DATA_HOME", "~/.local/share", "State (ledger, what was pulled) lives in its folder `weighbridge`."),
    ("XDG_CACHE_HOME", "~/.cache", "Bytes that can be had again (weights) live in its folder `weighbridge`."),
    ("HF_ENDPOINT", "https://huggingface.co", "Hub to ask for `hf:` sources; a mirror or a local server."),
    ("HF_TOKEN", "", "Token for gated or private `hf:` sources; never printed."),
    ("HF_HOME", "~/.cache/huggingface", "Where a token saved by other tools is looked for (its file `token`)."),
    ("MODELSCOPE_ENDPOINT", "https://modelscope.cn", "Hub to ask for `modelscope:` sources."),
    ("WEIGHBRIDGE_POLICY", "", "Policy file that `weigh` and `pick` ask where nothing else names one."),
    ("MODELSCOPE_API_TOKEN", "", "Token for gated or private `modelscope:` sources; never printed."),
)


class Secret(str):
    """A string that cannot be printed by accident: its repr is stars. Use `.value` where the bytes are sent."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "**********"

    @property
    def value(self) -> str:
        return str.__str__(self)


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path
    """State: the ledger, runs, the record of what was pulled."""
    cache_dir: Path
    """Bytes that can be had again."""
    hf_endpoint: str
    hf_token: Secret | None
    hf_home: Path
    modelscope_endpoint: str
    modelscope_token: Secret | None
    policy: Path | None
    """A policy file that holds where nothing else names one."""
    environ: Mapping[str, str]
    """Read-only: where `api_key = "env:NAME"` and proxies are looked up."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from an environment; touches no file and no network."""
    home = Path(environ.get("HOME") or Path.home())
    values = {name: environ.get(name) or default for name, default, _ in SETTINGS}
    for name, default, _ in SETTINGS:
        if name.startswith("XDG_") and not values[name].startswith(("/", "~/")):
            values[name] = default  # XDG Base Directory Specification: a relative path is invalid and is ignored

    def folder(name: str) -> Path:
        text = values[name]
        return home / text.removeprefix("~/") if text.startswith("~/") else Path(text)

    def secret(name: str) -> Secret | None:
        return Secret(values[name]) if values[name] else None

    return Settings(
        data_dir=folder("XDG_DATA_HOME") / "weighbridge",
        cache_dir=folder("XDG_CACHE_HOME") / "weighbridge",
        hf_endpoint=values["HF_ENDPOINT"].rstrip("/"),
        hf_token=secret("HF_TOKEN"),
        hf_home=folder("HF_HOME"),
        modelscope_endpoint=values["MODELSCOPE_ENDPOINT"].rstrip("/"),
        modelscope_token=secret("MODELSCOPE_API_TOKEN"),
        policy=Path(values["WEIGHBRIDGE_POLICY"]).expanduser() if values["WEIGHBRIDGE_POLICY"] else None,
        environ=environ,
    )
