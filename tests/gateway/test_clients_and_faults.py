"""Every client library against a gateway whose backend misbehaves, each over HTTP as it is: an answer that is whole is
read whole, and one that is none is the library's own error; never a hang, never a clean end.

The backend does with a model's name what the name says. It speaks OpenAI's dialect, so that OpenAI's clients get its
bytes as they come and all others a translation.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from client_libraries import FRAMEWORKS, VENDORS, Library
from gateway_running import calls, make_key
from test_crash import process

from fault_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Exchange,
    answers,
    chat_body,
    chat_events,
    chunked,
    floods,
    says,
    says_and_cuts,
    serving,
    sse,
    stalls,
    streams,
)
from patience import eventually

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TEXT = "Hello, wörld"
WHOLE = chat_events("Hello", ", wör", "ld")
BEGUN = STREAM_HEAD + chunked(sse(WHOLE[:2]))
LIES = b'{"id":"x","model":"served","choices":[],"usage":{"prompt_tokens":-7,"completion_tokens":3000000000}}'
ONE_EVENT = b'data: {"choices":[{"delta":{"content":"' + b"x" * 10_000
WELL = answers(chat_body(TEXT))


class Fault(NamedTuple):
    whole: Behaviour
    stream: Behaviour


BROKEN = {
    "stalls": Fault(stalls(), stalls(BEGUN)),
    "stalls-at-once": Fault(stalls(b"HTTP/1.1 200 OK\r\n"), stalls(STREAM_HEAD)),
    "cuts": Fault(says_and_cuts(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"), says_and_cuts(BEGUN)),
    "resets": Fault(says_and_cuts(hard=True), says_and_cuts(BEGUN, hard=True)),
    "cuts-an-event": Fault(says_and_cuts(), says_and_cuts(BEGUN + chunked(sse(WHOLE[2:3])[:30]))),
    "floods": Fault(
        floods(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunked(b'{"' + b"x" * 100_000)),
        floods(BEGUN, chunked(ONE_EVENT)),
    ),
    "babbles": Fault(
        answers(b"<html>not now</html>", content_type="text/html"), says(BEGUN + chunked(b"data: {{{\n\n"))
    ),
    "ends-early": Fault(answers(b""), says(BEGUN + LAST_CHUNK)),
    "fails-midway": Fault(
        answers(b'{"error":{"message":"out of memory"}}'),
        says(BEGUN + chunked(b'data: {"error":{"message":"out of memory","code":500}}\n\n') + LAST_CHUNK),
    ),
    "refuses": Fault(answers(b'{"error":{"message":"slow down"}}', 429), answers(b'{"error":{"message":"x"}}', 429)),
    "is-ill": Fault(answers(b"", 500), answers(b"", 500)),
}
SOUND = {
    "at-once": Fault(WELL, streams(WHOLE)),
    "byte-by-byte": Fault(WELL, streams(WHOLE, split=1)),
    "lies": Fault(
        answers(chat_body(TEXT).replace(b'"prompt_tokens":7', b'"prompt_tokens":-7')),
        streams([*WHOLE[:-2], LIES, b"[DONE]"]),
    ),
}
FAULTS = BROKEN | SOUND


@pytest.fixture(autouse=True)
def _half_read_streams_end_between_tests() -> Iterator[None]:
    """A stream that broke may lie about half read until garbage is collected. Then httpcore closes it, for which it
    takes its pool's lock; if it holds that lock at this very moment, it waits for itself for ever."""
    gc.disable()
    yield
    gc.enable()
    gc.collect(1)


every_library = pytest.mark.parametrize(
    "library",
    [
        *(pytest.param(each, id=each.name) for each in VENDORS),
        *(pytest.param(each, id=each.name, marks=pytest.mark.clients) for each in FRAMEWORKS),
    ],
)


async def behave(exchange: Exchange) -> None:
    asked = exchange.json()
    fault = FAULTS[asked["model"]]
    await (fault.stream if asked.get("stream") else fault.whole)(exchange)


class Served(NamedTuple):
    url: str
    key: str
    data_dir: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("faults")
    data_dir = folder / "data" / "weighbridge"
    _, key = make_key(data_dir)
    routes = [
        f'[[route]]\nmodel = "{name}"\nretries = 0\nfirst_piece_s = 0.5\ngap_s = 0.5\n'
        f'to = [{{ backend = "up", model = "{name}", price = {{ input = 1.0, output = 1.0 }} }}]\n'
        for name in FAULTS
    ]
    with serving(behave) as up:
        head = f'[server]\nport = 0\n[[backend]]\nname = "up"\nkind = "openai"\nbase_url = "{up.base_url}"\n'
        with process(folder, "\n".join([head, *routes]).encode()) as (gateway, port):
            yield Served(f"http://127.0.0.1:{port}", key, data_dir)
            gc.collect()  # clients leave sockets open, which is not for other tests to find
            gateway.terminate()
            gateway.wait()


@every_library
@pytest.mark.parametrize("name", SOUND)
def test_what_is_whole_is_read_whole(served: Served, library: Library, name: str) -> None:
    asking = library.ask(served.url, served.key)

    assert asking.whole(name) == TEXT
    assert "".join(asking.stream(name)) == TEXT


def said_until_it_breaks(library: Library, ask: Callable[[], Iterable[str]]) -> str:
    """All there is before it breaks, as the library breaks."""
    said: list[str] = []
    with pytest.raises(Exception, match="") as caught:
        said.extend(ask())
    raised = {each.__module__.partition(".")[0] for each in type(caught.value).__mro__}
    assert library.raises in raised, repr(caught.value)
    return "".join(said)


@every_library
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_none_is_the_librarys_own_error(served: Served, library: Library, name: str) -> None:
    asking = library.ask(served.url, served.key)

    whole = said_until_it_breaks(library, lambda: [asking.whole(name)])
    streamed = said_until_it_breaks(library, lambda: asking.stream(name))

    assert whole == ""
    assert TEXT.startswith(streamed), "nothing that the backend did not say"


@pytest.mark.parametrize("name", FAULTS)
def test_the_ledger_knows_which_answers_came_to_nothing(served: Served, name: str) -> None:
    """With counts nobody can have: they are unknown, not a bill."""
    library = VENDORS[0]
    asking = library.ask(served.url, served.key)
    before = len(calls(served.data_dir))

    if name in BROKEN:
        said_until_it_breaks(library, lambda: asking.stream(name))
    else:
        list(asking.stream(name))

    eventually(lambda: len(calls(served.data_dir)) > before)  # a client that gives up may do so before the call ends
    (row,) = calls(served.data_dir)[before:]
    assert (row.outcome == "ok") == (name in SOUND)
    assert row.usd is None or row.usd >= 0
    assert row.input_tokens is None or row.input_tokens >= 0
