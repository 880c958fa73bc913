"""No bytes make a parser fail otherwise than it promises: hypothesis looks, and atheris where it is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_targets import TARGETS, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TOKENS = [
    *(b'{"', b'":', b'"}', b"[", b"]", b"null", b"1e999", b"-1", b'"\\ud800"', b"\xff", b"\r\n", b"\n\n", b"data: "),
    *(b"event: message_start", b'"model":"m"', b'"messages":[{"role":"user","content":"x"}]', b'"stream":true'),
    *(b'"choices":[{"index":0,"delta":{"content":"a"}}]', b'"usage":{"prompt_tokens":1}', b'"tool_calls":[{}]'),
    *(b"GET / HTTP/1.1\r\nhost: x", b"transfer-encoding: chunked", b"content-length: 5", b"[[route]]\nmodel = "),
    *(
        b'"type":"content_block_delta"',
        b'"candidates":[{"content":{"parts":[{"text":"a"}]}}]',
        b'"done":true',
        b"[DONE]",
    ),
    *(b"4111 1111 1111 1111", b"a@b.example", b"+49 30 1234567"),
]
BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(TOKENS) | st.binary(max_size=6), max_size=14).map(b"".join),
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=BYTES)
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sound_is_read_and_so_is_each_beginning_of_it(name: str) -> None:
    for seed in seeds(name):
        for end in {*range(0, len(seed), 1 + len(seed) // 30), len(seed)}:
            TARGETS[name](seed[:end])


@pytest.mark.slow
@pytest.mark.atheris
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed here")
def test_coverage_guided_fuzzing_finds_nothing(tmp_path: Path) -> None:
    """In one process: to make the code tell where it went takes longer than to fuzz it for a while."""
    script = Path(__file__).with_name("fuzz_targets.py")
    done = subprocess.run(
        [sys.executable, str(script), "all", "-max_total_time=3", "-max_len=600", "-len_control=10"],
        cwd=tmp_path,  # for what it finds
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stderr.count("Done ") == len(TARGETS)
