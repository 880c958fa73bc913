"""A real model as a judge, in the engine that runs here: replies held to the schema are read, each of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from stub_judges import write_judged

from weighbridge.cli.main import main
from weighbridge.weigh.records import Result


@pytest.mark.slow
@pytest.mark.weights
def test_a_real_model_judges_through_the_door(smollm2: Path, tmp_path: Path) -> None:
    """135 million parameters are no judge; that every reply is a score shows that the way to one works."""
    pytest.importorskip("xllamacpp")
    folder = write_judged(
        tmp_path / "task",
        {"good": "quality 8 of {n}", "bad": "quality 3 of {n}"},
        {"judges": ["judge"], "probes": 1, "max_tokens": 80},
        items=2,
        backends={"judge": {"source": f"file:{smollm2}"}},
    )
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(text.replace('"judge"\nkind = "echo"', '"judge"\nkind = "llamacpp"'))

    done = CliRunner().invoke(main, ["weigh", str(folder), "--json"])

    assert done.exit_code == 0, done.output
    judging = msgspec.json.decode(done.stdout, type=Result).judging[0]
    assert judging.judges[0].failed == 0
    assert len(judging.probes) == 5
    assert judging.judges[0].judgements >= 10
    assert all(0.0 <= one.score <= 1.0 for one in judging.probes)
