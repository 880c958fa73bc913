"""Programs beside weights. A model's own code is something to read before it is loaded; a program that starts others,
reaches a network or hides what it does is something to stop at."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator

from weighbridge.audit.blob import Blob
from weighbridge.audit.records import Finding, Severity

from .containers.member import finding
from .pickles.judge import shown

LONGEST_SOURCE = 2 << 20
_CALLS = frozenset(
    {
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "os.popen",
        "os.execv",
        "os.execve",
        "os.execvp",
        "os.spawnl",
        "os.spawnv",
        "os.posix_spawn",
        "subprocess.run",
        "asyncio.create_subprocess_shell",
        "asyncio.create_subprocess_exec",
        "subprocess.call",
        "subprocess.Popen",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.getoutput",
        "pty.spawn",
        "ctypes.CDLL",
        "ctypes.cdll.LoadLibrary",
        "socket.socket",
        "socket.create_connection",
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "requests.get",
        "requests.post",
        "requests.request",
        "httpx.get",
        "httpx.post",
        "marshal.loads",
        "pickle.load",
        "pickle.loads",
        "importlib.import_module",
        "runpy.run_path",
        "runpy.run_module",
        "code.interact",
        "builtins.eval",
        "builtins.exec",
        "shutil.rmtree",
        "torch.load",
    }
)
"""Calls that a model's code has no need of, or that must be read with care."""
_ROOTS = frozenset({"os", "subprocess", "builtins", "sys", "socket", "shutil", "ctypes", "posix", "__builtins__"})
_MILD = frozenset({"importlib.import_module", "torch.load", "compile", "torch.compile"})
_FETCHES = re.compile(
    rb"(?:curl|wget)\b[^\n|;]*\|\s*(?:ba|z)?sh|base64\s+(?:-d|--decode)|/dev/tcp/|\bnc\s+-e|Invoke-Expression|\biex\b"
)

_COMMAND = re.compile(
    r"\s*(?:!|%%?(?!matplotlib|time|load_ext|autoreload|config|pip|conda)\w|%(?:pip|conda)\b)|.*=\s*!"
)
"""Lines that IPython hands to a shell or to one of its own commands."""
_MAGIC = re.compile(r"^([ \t]*)(?:[!%?]|[\w, ]+=\s*[!%]|[\w.]+\?+\s*$).*$", re.M)
"""Lines that are IPython's and not Python's."""
_INSTALLS = re.compile(r"\s*[!%]\s*pip3? install (?:(?:-[qU]+|--(?:quiet|upgrade)|[\w.\[\],\"'<>=~!-]+)\s*)+$")
"""An install of packages by their names, as demonstrations begin."""


def script_findings(blob: Blob, kind: str) -> Iterator[Finding]:
    """What kind of program it is, and what in it a reader should look at first."""
    if kind == "python bytecode":
        detail = "compiled Python: code that cannot be read and that an import runs"
        yield finding("script-bytecode", "high", blob.name, detail)
        return
    source = blob.read(0, LONGEST_SOURCE)
    if kind == "notebook":
        yield from _notebook_findings(source, blob.name)
        return
    detail = f"a {kind} file beside weights: read it before anything runs it"
    yield finding("script", "medium", blob.name, detail)
    if kind == "python":
        yield from _python_findings(source, blob.name)
    elif _FETCHES.search(source):
        yield finding("script-danger", "high", blob.name, "it fetches or unpacks something and runs it")


def _notebook_findings(source: bytes, where: str) -> Iterator[Finding]:
    """A notebook runs when somebody runs it, cell by cell: commands, pages with programs and odd calls in it are told,
    and one that cannot be read."""
    try:
        content = json.loads(source)
        cells = [cell for cell in content["cells"] if isinstance(cell, dict)]
        code = ["".join(cell.get("source", ())) for cell in cells if cell.get("cell_type") == "code"]
        held = json.dumps([cell.get("outputs") for cell in cells] + [cell.get("attachments") for cell in cells])
    except (ValueError, KeyError, TypeError, RecursionError):
        yield finding("script", "medium", where, "a notebook that cannot be read: it was not looked into")
        return
    commands = [line.strip() for cell in code for line in cell.splitlines() if _COMMAND.match(line)]
    shown_command = next((line for line in commands if not _INSTALLS.match(line)), None)
    if shown_command is not None or _FETCHES.search("\n".join(commands).encode()):
        said = shown(shown_command or commands[0])
        yield finding("script", "medium", where, f"a notebook with commands ({said}): read it before you run it")
    elif re.search(r"(?i)<script\b|javascript", held):
        yield finding("script", "medium", where, "a notebook with programs in its outputs: read it before you open it")
    else:
        yield finding("script", "low", where, "a notebook beside weights: it runs what it says, cell by cell")
    if _FETCHES.search("\n".join(code).encode()):
        yield finding("script-danger", "high", where, "it fetches or unpacks something and runs it")
    plain = "\n".join(_MAGIC.sub(r"\1pass", cell) for cell in code if not cell.lstrip().startswith("%%"))
    yield from _python_findings(plain.encode("utf-8", "replace"), where)


def _python_findings(source: bytes, where: str) -> Iterator[Finding]:
    """Calls in the source that start programs, load code or reach a network; nothing is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield finding("script-unreadable", "medium", where, "Python source that does not parse: it was not looked into")
        return
    renamed = dict(_renamed(tree))
    told: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_hidden(node, renamed):
            yield finding("script-danger", "high", where, f"line {node.lineno} takes a function by a computed name")
            continue
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        name = _full_name(node, renamed)
        if name in _CALLS and name not in told:
            told.add(name)
            severity: Severity = "medium" if name in _MILD else "high"
            yield finding("script-danger", severity, where, f"line {node.lineno} uses {shown(name)}")


def _is_hidden(node: ast.Call, renamed: dict[str, str]) -> bool:
    """`getattr(os, 'sys' + 'tem')`, which no model's code has a need of."""
    if _full_name(node.func, renamed) not in ("getattr", "builtins.getattr") or len(node.args) < 2:
        return False
    return _full_name(node.args[0], renamed) in _ROOTS


def _renamed(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What imports call things: `import os as o` makes `o` stand for `os`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _full_name(node: ast.expr, renamed: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([renamed.get(node.id, node.id), *reversed(parts)])
