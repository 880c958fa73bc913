"""`weighbridge pull` as a user meets it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hub_server import Hub, running, sha256
from rich.console import Console

from gguf_bytes import small_model
from patience import PATIENCE_S
from weighbridge.cli.main import main
from weighbridge.cli.transfer import TransferBars
from weighbridge.units import format_bytes

MODEL = small_model(floats=20_000)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running(Hub({"model.gguf": MODEL, "LICENSE": b"Apache License\nVersion 2.0\n"})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def weighbridge(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["pull", *arguments])


def test_a_pull_prints_where_what_and_under_which_terms(hub: Hub) -> None:
    done = weighbridge("hf:org/model")

    assert done.exit_code == 0
    assert f"sha256   {sha256(MODEL)}" in done.stdout
    assert "licence  Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0" in done.stdout
    assert "terms    " in done.stdout
    assert "model    llama, 20,064 parameters, 2,048 tokens of context, chat template" in done.stdout
    path = Path(done.stdout.partition("path     ")[2].partition("\n")[0])
    assert path.read_bytes() == MODEL


def test_with_json_standard_output_is_one_object_and_progress_goes_elsewhere(hub: Hub) -> None:
    done = weighbridge("hf:org/model", "--json")

    (pulled,) = json.loads(done.stdout)["pulled"]
    assert (pulled["sha256"], pulled["bytes"]) == (sha256(MODEL), len(MODEL))
    assert Path(pulled["path"]).name == "model.gguf"
    assert pulled["licence"]["name"] == "Apache-2.0"
    assert "pulling hf:org/model" in done.stderr
    assert f"model.gguf: {format_bytes(len(MODEL))}" in done.stderr


def test_an_unknown_licence_is_said(hub: Hub) -> None:
    hub.files = {"model.gguf": small_model(None)}
    hub.card = {}

    assert "licence  unknown" in weighbridge("hf:org/model").stdout


def test_list_and_prune_show_the_same_leftovers(hub: Hub) -> None:
    weighbridge("hf:org/model")
    leftover = Path(os.environ["XDG_CACHE_HOME"]) / "weighbridge" / "staging" / "half" / "x.partial"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"x" * 2048)

    listed = weighbridge("--list")
    as_json = json.loads(weighbridge("--list", "--json").stdout)
    pruned = weighbridge("--prune")

    assert f"hf:org/model  {format_bytes(len(MODEL))}  Apache-2.0" in listed.stdout
    assert "partial download  2.0 KiB" in listed.stdout
    assert [one["bytes"] for one in as_json["leftovers"]] == [2048]
    assert "2.0 KiB freed." in pruned.stdout
    assert not leftover.exists()
    assert json.loads(weighbridge("--prune", "hf:org/model", "--json").stdout)["bytes"] == len(MODEL)
    assert weighbridge("--list").stdout == "Nothing was pulled yet.\n"


def test_a_lost_file_is_seen_in_the_list(hub: Hub) -> None:
    done = json.loads(weighbridge("hf:org/model", "--json").stdout)
    Path(done["pulled"][0]["path"]).unlink()

    assert "its files are gone" in weighbridge("--list").stdout


@pytest.mark.parametrize(
    ("arguments", "said", "exit_code"),
    [
        ([], "name a SOURCE", 2),
        (["--list", "--prune"], "two things", 2),
        (["hf:a/b", "hf:c/d", "--sha256", "0" * 64], "one SOURCE", 2),
        (["hf:org/model", "--sha256", "beef"], "no SHA-256", 2),
        (["hff:org/model"], "Did you mean hf:org/model?", 2),
        (["org/model"], "does not say where to pull from", 2),
        (["hf:model"], "no repository name", 2),
        (["hf:org/model/../../etc"], "no path inside", 2),
        (["file:nothing.gguf"], "no such file", 1),
        (["hf:org/other"], "Check the spelling", 1),
    ],
)
def test_a_mistake_is_one_error_with_the_next_move(hub: Hub, arguments: list[str], said: str, exit_code: int) -> None:
    done = weighbridge(*arguments)

    assert done.exit_code == exit_code
    assert done.stderr.count("Error: ") == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_says_how_to_go_on_and_exits_130(hub: Hub) -> None:
    """The process sends itself the signal that a terminal would, in the middle of the transfer."""
    code = (
        "import os, signal, sys\n"
        "from weighbridge.engines.pull.partial import PartialFile\n"
        "from weighbridge.cli.main import main\n"
        "sys.addaudithook(lambda name, args: os.kill(os.getpid(), signal.SIGINT)"
        " if name == 'open' and str(args[0]).endswith('model.gguf.partial') else None)\n"
        "main(['pull', 'hf:org/model'])\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert done.returncode == 130
    assert "Stopped." in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != -signal.SIGINT


def test_bars_show_size_speed_and_time_left() -> None:
    """On a terminal, by a clock that moves a second a look: 1 MB, then 5 of 10 MB."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    now = [0.0]

    with TransferBars(console, clock=lambda: now[0]) as bars, bars.bar("model.gguf", 10_000_000) as bar:
        for done in (1_000_000, 3_000_000, 5_000_000):
            bar.at(done)
            now[0] += 1
        bars.note("half")

    drawn = screen.getvalue()
    assert re.search(r"4\.8/9\.5 MiB +1\.9 MiB/s +0:00:03", drawn)
    assert "model.gguf: 4.8 MiB in 3.0 s, 1.3 MiB/s" in drawn


def test_a_long_name_does_not_push_the_figures_away() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    now = [0.0]

    with TransferBars(console, clock=lambda: now[0]) as bars, bars.bar("a-name-" * 12, 10_000_000) as bar:
        for done in (1_000_000, 3_000_000, 5_000_000):
            bar.at(done)
            now[0] += 1
        bars.note("half")

    assert re.search(r"a-name.*… .*4\.8/9\.5 MiB +1\.9 MiB/s +0:00:03", screen.getvalue())


def test_bytes_that_were_there_before_are_no_speed() -> None:
    """A resumed file of 40 GB would else be promised in a second."""
    screen = io.StringIO()

    with TransferBars(Console(file=screen, width=100)) as bars, bars.bar("model.gguf", 40 << 30) as bar:
        bar.at(39 << 30)
        came = bar.done - bar.before

    assert came == 0
    assert "39.0 GiB" in screen.getvalue()
