"""A route whose router says who answers: a cheap model where it does as well, the strong one elsewhere.

    prompt     the router reads the prompt and chooses; the call then goes its usual way, streamed or not
    cascade    models of the weak side are asked for their whole answers, those of one round at once; the router judges
               what they say (deliberation.py): an answer it trusts is the client's, or the next round is asked, or
               the strong model as usual

What the router cannot judge (tools, images, several answers, a body we cannot read) goes to the strong model, and so
does what the weak side fails at. Where the strong model fails there is an error: the promise is about quality, so the
weak side does not stand in for it. A cascade holds an answer back until it is whole, for it cannot be judged sooner: a
stream begins late, and then comes at once. Each call is recorded and paid for by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weighbridge.errors import CallRefused, InputError
from weighbridge.formats.problems import did_you_mean
from weighbridge.routers import Router, model_of

from .ask import Ask
from .deliberation import Deliberation, judge_usd, planned
from .money import Admission
from .routes import most_usd
from .stage import prompt_of

if TYPE_CHECKING:
    from .app import Gateway
    from .config_tables import RouteTable
    from .routes import Aim


class Cascade:
    """Of one route: its router, and the targets behind each model that the router names."""

    __slots__ = ("_order", "_stages", "router")

    def __init__(self, router: Router, table: RouteTable, aims: Sequence[Aim]) -> None:
        """InputError where a model of the router has no target, or a target belongs to none."""
        self.router = router
        self._stages: dict[str, tuple[Aim, ...]] = {}
        names = [to.stage or aim.model for to, aim in zip(table.to, aims, strict=True)]
        where = f"route {table.model!r}"
        judge = router.asks_judge
        models = tuple(dict.fromkeys((*router.models, judge.name))) if judge is not None else router.models
        for name in names:
            if name not in models:
                hint = did_you_mean(name, models)
                raise InputError(f"the router knows no model {name!r}", where=where, next_move=hint)
        for model in models:
            self._stages[model] = tuple(aim for name, aim in zip(names, aims, strict=True) if name == model)
            if not self._stages[model]:
                raise InputError(
                    f"the router asks {model!r}, and no target of the route is that",
                    where=where,
                    next_move=f'Say which one is: to = [{{ backend = "...", stage = "{model}" }}].',
                )

    def held_usd(self, body_bytes: int, output_tokens: int) -> float:
        """The most that all calls which one request may lead to could cost together."""
        router = self.router
        if not router.is_cascade:
            return most_usd((aim for aims in self._stages.values() for aim in aims), body_bytes, output_tokens)
        asked = [*map(model_of, router.voters), router.strong]
        usd = sum(most_usd(self._stages[model], body_bytes, output_tokens) for model in asked)
        judge = router.asks_judge
        if judge is None:
            return usd
        return usd + len(judge.voters) * judge_usd(judge, self._stages[judge.name], body_bytes, output_tokens)

    def of(self, model: str, allowed: Sequence[Aim]) -> list[Aim]:
        """The targets of a model that may be asked."""
        return [aim for aim in self._stages[model] if aim in allowed]

    def begin(self, gateway: Gateway, ask: Ask, admission: Admission) -> None:
        """Ask whom the router chooses. CallRefused where rules forbid the strong model: without it nothing is
        promised."""
        router = self.router
        strong = self.of(router.strong, ask.aims)
        if not strong:
            admission.settle(0.0, 0)
            raise CallRefused(
                f"the strong model {router.strong!r} may not be asked, and without it the route keeps no promise",
                status=403,
                code="policy",
            )
        text = prompt_of(ask.carrier, strong[0])
        weak = [self.of(model_of(voter), ask.aims) for voter in router.voters]
        judge = router.asks_judge
        if text is None or not all(weak) or (judge is not None and not self.of(judge.name, ask.aims)):
            gateway.send(ask, admission, planned(gateway, ask, strong))
        elif router.is_cascade:
            Deliberation(gateway, ask, admission, self, text).start(weak)
        elif router.wants_strong(text):
            gateway.send(ask, admission, planned(gateway, ask, strong))
        else:
            gateway.send(ask, admission, [*planned(gateway, ask, weak[0]), *planned(gateway, ask, strong)])
