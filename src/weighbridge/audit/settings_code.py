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


_AUTOMATIC = (
    (re.compile(r"(?:.*/)?\.gitmodules"), re.compile(rb"url\s*="), "other repositories that a clone may fetch"),
    (
        re.compile(r"(?:.*/)?\.?gitconfig"),
        re.compile(rb"(?:smudge|clean|process|hooksPath|sshCommand|fsmonitor)\s*="),
        "commands that git runs",
    ),
    (
        re.compile(r"(?:.*/)?\.(?:vscode|idea)/[\w.-]+"),
        re.compile(rb"folderOpen|\"command\""),
        "commands that an editor runs",
    ),
    (
        re.compile(r"(?:.*/)?package\.json"),
        re.compile(rb"\"(?:pre|post)?(?:install|prepare)\"\s*:"),
        "commands that npm runs",
    ),
    (re.compile(r"(?:.*/)?pyproject\.toml"), re.compile(rb"backend-path|build-backend"), "a build that pip runs"),
    (
        re.compile(
            r"(?:.*/)?(?:\.(?:github|gitea|forgejo)/workflows/[\w.-]+\.ya?ml|\.circleci/config\.ya?ml|\.gitlab-ci\.ya?ml"
            r"|\.travis\.ya?ml|\.drone\.ya?ml|\.woodpecker\.ya?ml|azure-pipelines\.ya?ml|bitbucket-pipelines\.ya?ml"
            r"|appveyor\.ya?ml|Jenkinsfile|action\.ya?ml)"
        ),
        re.compile(rb"\S"),
        "commands that a build server runs",
    ),
    (
        re.compile(r"(?:.*/)?\.pre-commit-(?:config|hooks)\.ya?ml"),
        re.compile(rb"(?:repo|entry)\s*:"),
        "programs that a commit fetches and runs",
    ),
    (
        re.compile(r"(?:.*/)?\.?devcontainer(?:/[\w.-]+)*\.json"),
        re.compile(rb"\"(?:image|build|dockerFile|dockerComposeFile|features|\w+Command)\"\s*:"),
        "a container that an editor builds and starts",
    ),
    (re.compile(r"(?:.*/)?\.(?:envrc|bashrc|profile|zshrc)"), re.compile(rb"\S"), "commands that a shell runs"),
)
"""Files whose mere presence makes a tool run something: what their name is, what in them does it, what it is."""
_ACTIVE = re.compile(rb"<script\b|\bon(?:load|error|click|mouseover|begin)\s*=|javascript:", re.I)


def page_findings(blob: Blob) -> Iterator[Finding]:
    """A page or picture that runs a program when somebody looks at it."""
    hit = _ACTIVE.search(blob.read(0, SEARCHED_BYTES))
    if hit:
        detail = f"a page that runs a program in the browser of whoever opens it ({shown(hit.group().decode())})"
        yield finding("script", "medium", blob.name, detail)


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
    for name, mark, what in _AUTOMATIC:
        if name.fullmatch(blob.name) and mark.search(blob.read(0, SEARCHED_BYTES)):
            yield finding("script", "medium", blob.name, f"{what}: read it before you open or build the folder")
    if _RECIPE.fullmatch(blob.name):
        yield finding("script", "medium", blob.name, "a recipe beside weights: read it before anything runs it")
    elif _REQUIREMENTS.fullmatch(blob.name):
        hit = _ELSEWHERE.search(blob.read(0, SEARCHED_BYTES))
        if hit:
            detail = f"it installs from elsewhere: {shown(hit.group().decode('utf-8', 'replace').strip())}"
            yield finding("requirements-elsewhere", "medium", blob.name, detail)
