"""How long does a decision take? A strict policy, a model that passes every rule, and one that fails several.

The ceiling is one attribute look-up a rule, some 30 ns each; the promise is under 10 us.

    python bench/policy.py      last line: one JSON object
"""

from __future__ import annotations

import json
import time
import timeit

import msgspec

from weighbridge.catalog.records import Licence
from weighbridge.policy import Facts, Figure, Known, Link, Policy, PolicyFile, decide
from weighbridge.policy.file import Artefacts, Concentration, Origin, Serving

ROUNDS = 20_000


def main() -> None:
    policy = Policy(
        PolicyFile(
            origin=Origin(deny_countries=("RU", "IR", "KP")),
            serving=Serving(allow_jurisdictions=("EEA", "US"), no_training_on_inputs=True, most_retention_days=30),
            artefacts=Artefacts(pinned=True),
            data={"personal": Serving(allow_jurisdictions=("EEA",))},
            concentration=(Concentration("lab", 0.6), Concentration("provider", 0.5)),
        ),
        "policy.toml",
    )
    good = Facts(
        model="lab/model",
        open_weights=True,
        licence=Licence(id="MIT", name="MIT", commercial_use="yes", source="s", read="2026-01-01"),
        chain=(Link("lab", "lab", Known("FR")), Link("base model", "base", Known("US"))),
        provider="host",
        jurisdiction=Known("DE"),
        trains_on_inputs=Known("no"),
        retention_days=Figure(7),
        pinned=True,
        data_class="personal",
    )
    bad = msgspec.structs.replace(good, jurisdiction=None, trains_on_inputs=None, pinned=None)
    shares = ({"lab": 0.4}, {"host": 0.3})
    assert decide(policy, good, shares).allowed
    times = {
        name: min(
            timeit.repeat(
                lambda facts=facts: decide(policy, facts, shares), timer=time.process_time, number=ROUNDS, repeat=5
            )
        )
        / ROUNDS
        * 1e6
        for name, facts in (("allowed", good), ("refused", bad))
    }
    for name, microseconds in times.items():
        print(f"{name:<8} {microseconds:.1f} us   (goal: under 10 us)")
    print(json.dumps({f"{name}_us": microseconds for name, microseconds in times.items()}))


if __name__ == "__main__":
    main()
