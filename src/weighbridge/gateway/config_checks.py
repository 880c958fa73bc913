"""What makes no sense in a weighbridge.toml although each value is of the right kind: names that nothing has, things
that go together, keys written out."""

from __future__ import annotations

from typing import Any

from weighbridge.dispatch.allowance import parse_allowance
from weighbridge.engines.checks import check_backends
from weighbridge.errors import InputError
from weighbridge.formats.problems import Problems, did_you_mean
from weighbridge.formats.toml_records import TomlFile

from .config_tables import RouteTable, Tables


def check(file: TomlFile, tables: Tables, problems: Problems) -> None:
    """Add whatever makes no sense in what can be read."""
    check_backends(file, tables.backend, problems)
    names = _names(file)
    for index, route in enumerate(tables.route):
        _check_route(file, index, route, names, problems)
        if route.model in [other.model for other in tables.route[:index]]:
            what = f"two routes are called {route.model!r}"
            problems.add(file.problem(("route", index, "model"), what, "List both backends in one `to`."))
    for index, team in enumerate(tables.team):
        _check_budget(file, ("team", index, "budget"), team.budget, problems)
        if team.name in [other.name for other in tables.team[:index]]:
            problems.add(file.problem(("team", index, "name"), f"two teams are called {team.name!r}"))
    server = tables.server
    if (server.tls_cert is None) != (server.tls_key is None):
        problems.add(file.problem(("server",), "`tls_cert` and `tls_key` go together"))
    if tables.traces is not None and not tables.traces.endpoint.startswith(("http://", "https://")):
        what = f"{tables.traces.endpoint!r} is no http or https address"
        hint = 'Write the collector\'s: `endpoint = "http://127.0.0.1:4318"`.'
        problems.add(file.problem(("traces", "endpoint"), what, hint))
    if server.admin_key is not None and not server.admin_key.startswith("env:"):
        hint = 'Put it in an environment variable and write `admin_key = "env:NAME"`.'
        problems.add(file.problem(("server", "admin_key"), "a key is written out; files get shared", hint))


def _names(file: TomlFile) -> list[str] | None:
    """Of the backends, those that cannot be read otherwise included; None where one has no name."""
    found = file.whole.get("backend", [])
    if not isinstance(found, list):
        return None
    names = [each.get("name") for each in found if isinstance(each, dict)]
    known = [name for name in names if isinstance(name, str)]
    return known if len(known) == len(found) else None


def _check_route(file: TomlFile, index: int, route: RouteTable, names: list[str] | None, problems: Problems) -> None:
    if not route.model.strip():
        problems.add(file.problem(("route", index, "model"), "a route's model is empty"))
    if not route.to:
        hint = 'Name a backend: `to = [{ backend = "up" }]`.'
        problems.add(file.problem(("route", index, "to"), f"the route {route.model!r} leads nowhere", hint))
    for place, target in enumerate(route.to):
        if names is not None and target.backend not in names:
            hint = did_you_mean(target.backend, names) or "There is no [[backend]] at all."
            what = f"there is no backend {target.backend!r}"
            problems.add(file.problem(("route", index, "to", place, "backend"), what, hint))
    _check_budget(file, ("route", index, "budget"), route.budget, problems)
    _check_cascade(file, index, route, problems)
    if route.prompts is not None and route.prompts.patterns:
        _check_patterns(file, index, route.prompts.patterns, problems)


def _check_patterns(file: TomlFile, index: int, patterns: tuple[str, ...], problems: Problems) -> None:
    from weighbridge.ledger.redaction import redaction  # its library takes a while to load

    for place, pattern in enumerate(patterns):
        try:
            redaction((), (pattern,))
        except InputError as error:
            problems.add(file.problem(("route", index, "prompts", "patterns", place), error.what))


def _check_cascade(file: TomlFile, index: int, route: RouteTable, problems: Problems) -> None:
    if file.lost(("route", index, "kind")):
        return
    if route.kind == "cascade":
        if route.router is None:
            hint = 'Make one with `weighbridge route train`, then: router = "router.json".'
            problems.add(file.problem(("route", index, "router"), "a cascade needs a router", hint))
        if route.hedge is not None or route.continuations:
            what = "a cascade has no `hedge` and no `continuations`: its router says who answers"
            problems.add(file.problem(("route", index), what))
        return
    hint = 'Write kind = "cascade" beside it, or leave it out.'
    if route.router is not None:
        problems.add(file.problem(("route", index, "router"), "only a cascade has a router", hint))
    for place, target in enumerate(route.to):
        if target.stage is not None:
            problems.add(file.problem(("route", index, "to", place, "stage"), "only a cascade has stages", hint))


def _check_budget(file: TomlFile, path: tuple[Any, ...], budget: str | None, problems: Problems) -> None:
    if budget is None:
        return
    try:
        parse_allowance(budget)
    except InputError as error:
        problems.add(file.problem(path, error.what, error.next_move))
