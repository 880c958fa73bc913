"""Hubs over TLS: whose certificate is trusted, and where a redirect may lead."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, running, sha256, status
from make_wheel import settings_for

from gguf_bytes import small_model
from weighbridge.engines.pull import pull
from weighbridge.errors import PullError

DATA = Path(__file__).parent.parent / "data" / "tls"
MODEL = small_model(floats=20_000)


@pytest.fixture
def hub() -> Iterator[Hub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "server.pem")
    with running(Hub({"model.gguf": MODEL}), context) as hub:
        hub.cdn = hub.url
        yield hub


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_that_the_environment_names_is_trusted(hub: Hub, tmp_path: Path, name: str) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url, **{name: str(DATA / "ca.pem")})

    assert pull("hf:org/model", settings=settings).sha256 == sha256(MODEL)


def test_an_unknown_authority_is_refused_at_once_with_the_next_move(hub: Hub, tmp_path: Path) -> None:
    """Trying again would not make it trusted."""
    slept: list[float] = []

    with pytest.raises(PullError, match="certificate is not trusted") as caught:
        pull("hf:org/model", settings=settings_for(tmp_path, HF_ENDPOINT=hub.url), sleep=slept.append)

    assert "SSL_CERT_FILE" in str(caught.value)
    assert slept == []


def test_a_bundle_that_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url, SSL_CERT_FILE=str(tmp_path / "none.pem"))

    with pytest.raises(PullError, match=r"none\.pem"):
        pull("hf:org/model", settings=settings)


def test_an_encrypted_hub_may_not_lead_to_a_plain_one(hub: Hub, tmp_path: Path) -> None:
    hub.listing_troubles = [status(302, {"Location": "http://127.0.0.1:9/elsewhere"})]
    settings = settings_for(tmp_path, HF_ENDPOINT=hub.url, SSL_CERT_FILE=str(DATA / "ca.pem"), HF_TOKEN="hf_secret")

    with pytest.raises(PullError, match="not encrypted"):
        pull("hf:org/model", settings=settings)
