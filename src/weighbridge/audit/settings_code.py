"""Texts that are settings by their looks and code by their effect: YAML tags that make Python objects, `.pth` files
whose lines every Python runs, recipes that fetch and install.

Source: PyYAML's constructors, Lib/site.py (addpackage), Hydra's `_target_`, pip's requirements format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding, Severity

from .containers.member import finding, shown

SEARCHED_BYTES = 4 << 20
_TAG = re.compile(
    rb"!!python/(?:object(?:/apply|/new)?|name|module)\s*:\s*([\w.]+)|!!python/\w+|tag:yaml\.org,2002:python/\w+"
)
_TARGET = re.compile(rb"^\s*[\"']?_target_[\"']?\s*:\s*[\"']?([\w.]+)", re.M)
_STARTS_PYTHON = re.compile(rb"^import[ \t]", re.M)
_ELSEWHERE = re.compile(rb"^[^#\n]*(?:https?://|git\+|--(?:extra-)?index-url|--find-links|\s-i\s)", re.M)
_RECIPE = re.compile(r"(?i)(?:.*/)?(?:dockerfile|containerfile|makefile)(?:\..*)?|.*\.(?:mk|nix|service|desktop)")
_REQUIREMENTS = re.compile(r"(?i)(?:.*/)?[\w.-]*requirements[\w.-]*\.txt")
_DANGEROUS_ROOTS = frozenset(
    {
        "os",
        "posix",
        "subprocess",
        "builtins",
        "sys",
        "shutil",
        "importlib",
        "runpy",
        "pickle",
        "pty",
        "socket",
        "ctypes",
    }
)


def yaml_findings(blob: Blob) -> Iterator[Finding]:
    """Python objects that a careless YAML reader makes, and Hydra's `_target_`."""
    text = blob.read(0, SEARCHED_BYTES)
    hit = _TAG.search(text)
    if hit:
        detail = f"the YAML has the tag {shown(hit.group().decode())}: a reader that is not safe runs it"
        yield finding("yaml-python", "high", blob.name, detail, "CVE-2020-14343")
    for name in sorted({each.decode() for each in _TARGET.findall(text)})[:20]:
        yield target_finding(name, blob.name)


def target_finding(name: str, where: str) -> Finding:
    """What Hydra's `_target_` would call."""
    severity: Severity = "high" if name.partition(".")[0] in _DANGEROUS_ROOTS else "medium"
    return finding("config-target", severity, where, f"`_target_` names {shown(name)}: a loader imports and calls it")


def plain_findings(blob: Blob) -> Iterator[Finding]:
    """A `.pth` with an import, requirements from elsewhere, recipes of builds."""
    if blob.name.endswith(".pth") and _STARTS_PYTHON.search(blob.read(0, SEARCHED_BYTES)):
        detail = "a line that begins with `import`: in a folder of packages every Python that starts runs it"
        yield finding("pth-code", "high", blob.name, detail)
    elif _RECIPE.fullmatch(blob.name):
        yield finding("script", "medium", blob.name, "a recipe beside weights: read it before anything runs it")
    elif _REQUIREMENTS.fullmatch(blob.name):
        hit = _ELSEWHERE.search(blob.read(0, SEARCHED_BYTES))
        if hit:
            detail = f"it installs from elsewhere: {shown(hit.group().decode('utf-8', 'replace').strip())}"
            yield finding("requirements-elsewhere", "medium", blob.name, detail)
