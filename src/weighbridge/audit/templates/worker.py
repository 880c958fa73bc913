"""Renders chat templates of strangers, in a process of its own: a sandbox that lets nothing be changed or reached, a
bound on memory, processor time and output. Run as a script; knows nothing of the rest.

    stdin   {"template": "...", "cases": [{"name": ..., ...}, ...], "forced": [3, 17], "seconds": 2, "longest": 1000000}
    stdout  a line a case: {"text": "..."} or {"error": "...", "kind": "refused|unsafe|slow|broken"}

`forced` numbers expressions (Tree.expressions) that a case may decide itself: its variable `FORCED17` says what the
17th is worth, whatever it would be.

The environment is the one of transformers (utils/chat_template_utils.py): trim_blocks, lstrip_blocks, loop controls,
`raise_exception`, `strftime_now`, `tojson` that leaves letters alone, and the `generation` tag.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MEMORY_BYTES = 512 << 20
PROCESSOR_S = 20
"""For all conversations together; one long computation cannot be interrupted otherwise."""


class Refused(TemplateError):
    """`raise_exception` was called: the template says no to the conversation."""


class Slow(Exception):
    """The time of one case is over."""


class Generation(Extension):
    """`{% generation %}` marks what the assistant said; it changes no text."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller: Any) -> Any:
        return caller()


class Sandbox(ImmutableSandboxedEnvironment):
    """Says so at once when something forbidden is reached for, instead of giving nothing for it."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        raise SecurityError(f"access to attribute {attribute!r} of a {type(obj).__name__}")


def environment() -> Sandbox:
    """As transformers makes it, without anything of ours in reach."""
    env = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = _tojson
    env.globals["raise_exception"] = _refuse
    return env


FORCED = "wbforced"
"""Variables that decide expressions: `wbforced17`."""


class _Wrap(NodeTransformer):
    """Puts `value if the case has one else expression` in place of each numbered expression."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self._numbers = numbers

    def visit(self, node: nodes.Node, *args: Any, **named: Any) -> Any:
        number = self._numbers.get(id(node))
        self.generic_visit(node)
        if number is None or not isinstance(node, nodes.Expr):
            return node
        name = nodes.Name(f"{FORCED}{number}", "load")
        return nodes.CondExpr(nodes.Test(name, "defined", [], [], None, None), name, node).set_lineno(node.lineno)


def compiled(env: Sandbox, source: str, forced: list[int]) -> Template:
    """The template, with the expressions of these numbers in the hands of each case."""
    tree = env.parse(source)
    if forced:
        expressions = list(tree.find_all(nodes.Expr))
        wanted = {id(expressions[number]): number for number in forced if number < len(expressions)}
        tree = _Wrap(wanted).visit(tree)
        tree.set_environment(env)
    return Template.from_code(env, env.compile(tree), env.make_globals(None))


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, default=str)


def _refuse(message: str) -> None:
    raise Refused(str(message))


def _slow(_: int, __: Any) -> None:
    raise Slow


def _render(template: Any, case: dict[str, Any], longest: int) -> dict[str, str]:
    now = datetime.fromisoformat(case.pop("now", "2026-11-22T12:00:00"))
    case["strftime_now"] = now.strftime
    parts: list[str] = []
    size = 0
    for part in template.generate(**case):
        size += len(part)
        if size > longest:
            return {"error": f"more than {longest:,} characters came out", "kind": "slow"}
        parts.append(part)
    return {"text": "".join(parts)}


def _answer(template: Any, case: dict[str, Any], seconds: float, longest: int) -> dict[str, str]:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return _render(template, case, longest)
    except Refused as error:
        return {"error": str(error)[:500], "kind": "refused"}
    except SecurityError as error:
        return {"error": str(error)[:500], "kind": "unsafe"}
    except (Slow, MemoryError, RecursionError, OverflowError) as error:
        return {"error": f"it takes too long or too much memory ({type(error).__name__})", "kind": "slow"}
    except Exception as error:  # whatever a stranger's template does is an answer
        return {"error": f"{type(error).__name__}: {error}"[:500], "kind": "broken"}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> None:
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGPROF, _slow)
    try:
        template = compiled(environment(), asked["template"], asked.get("forced", []))
    except (TemplateSyntaxError, RecursionError, MemoryError) as error:
        said = json.dumps({"error": f"{type(error).__name__}: {error}"[:500], "kind": "broken"})
        sys.stdout.write("".join(f"{said}\n" for _ in asked["cases"]))
        return
    for case in asked["cases"]:
        answer = _answer(template, case, asked["seconds"], asked["longest"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if answer.get("kind") == "slow":
            return  # one is enough to know; what is not answered counts as slow


if __name__ == "__main__":
    main()
