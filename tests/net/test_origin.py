"""Which proxy a request goes through, by the environment that is handed in."""

from __future__ import annotations

import pytest

from weighbridge.errors import InputError
from weighbridge.net.origin import Origin, proxy_for, split_url

HOSTED = Origin("https", "api.example.com", 443)


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000", "/v1"),
        ("https://API.Example.com", "https://api.example.com", "/"),
        ("https://a.b:443/x?y=1", "https://a.b", "/x?y=1"),
        ("http://[::1]:9/v1", "http://[::1]:9", "/v1"),
        ("http://a?y", "http://a", "/?y"),
    ],
)
def test_a_url_is_split_into_origin_and_target(url: str, origin: str, target: str) -> None:
    found, rest = split_url(url)

    assert (str(found), rest) == (origin, target)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ({"https_proxy": "p:3128"}, "http://p:3128"),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}, "http://low"),
        ({"ALL_PROXY": "http://p"}, "http://p"),
        ({"http_proxy": "http://p"}, None),
        ({"https_proxy": ""}, None),
        ({"https_proxy": "http://p", "no_proxy": "example.com"}, None),
        ({"https_proxy": "http://p", "NO_PROXY": "x.org, .example.com"}, None),
        ({"https_proxy": "http://p", "no_proxy": "*.example.com"}, None),
        ({"https_proxy": "http://p", "no_proxy": "*"}, None),
        ({"https_proxy": "http://p", "no_proxy": "api.example.com:443"}, None),
        ({"https_proxy": "http://p", "no_proxy": "api.example.com:80"}, "http://p"),
        ({"https_proxy": "http://p", "no_proxy": "xample.com"}, "http://p"),
        ({"https_proxy": "http://p", "no_proxy": "api.example.com.evil.org"}, "http://p"),
    ],
)
def test_the_proxy_is_found_as_other_tools_find_it(environ: dict[str, str], expected: str | None) -> None:
    proxy = proxy_for(HOSTED, environ)

    assert (str(proxy.origin) if proxy else None) == expected


@pytest.mark.parametrize(
    ("host", "entry", "exempt"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::5", "fd00::/16", True),
        ("fd00::5", "[fd00::5]:80", True),
        ("10.1.2.3", "2.3", False),
        ("gpu-box", "gpu-box", True),
        ("10.1.2.3", "10.0.0.0/999", False),
    ],
)
def test_no_proxy_knows_addresses_and_networks(host: str, entry: str, exempt: bool) -> None:
    proxy = proxy_for(Origin("http", host, 80), {"http_proxy": "http://p", "no_proxy": entry})

    assert (proxy is None) == exempt


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "x.localhost"])
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    """A local model behind a company's proxy settings would otherwise be unreachable."""
    assert proxy_for(Origin("http", host, 8000), {"http_proxy": "http://p", "all_proxy": "http://p"}) is None


def test_a_proxy_set_by_a_caller_of_a_cgi_script_is_ignored() -> None:
    """CVE-2016-5385: the request header `Proxy:` arrives as HTTP_PROXY."""
    environ = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil"}

    assert proxy_for(Origin("http", "a.org", 80), environ) is None


def test_a_proxys_password_is_sent_but_never_shown() -> None:
    proxy = proxy_for(HOSTED, {"https_proxy": "http://me:hunter%402@p:1"})

    assert proxy is not None
    assert proxy.authorization == "Basic bWU6aHVudGVyQDI="  # base64 of me:hunter@2
    assert "hunter" not in repr(proxy)
    assert "bWU6" not in repr(proxy)


@pytest.mark.parametrize("text", ["socks5://me:hunter2@p:1080", "http://p:notaport", "http://[bad"])
def test_a_proxy_that_is_not_understood_is_an_error_that_names_the_variable(text: str) -> None:
    with pytest.raises(InputError) as caught:
        proxy_for(HOSTED, {"https_proxy": text})

    assert "https_proxy" in str(caught.value)
    assert "hunter2" not in str(caught.value)
