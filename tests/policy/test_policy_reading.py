"""A policy with a mistake decides nothing: the line is named, and what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.snapshot import DATA
from weighbridge.cli.compose_policy import known_names
from weighbridge.errors import InputError
from weighbridge.policy import Policy, PolicyFile, parse_policy
from weighbridge.policy.hosts import is_among
from weighbridge.policy.places import ISO
from weighbridge.policy.report import in_force

BAD = {
    "[servings]\n": ("policy.toml:1: servings", "Did you mean 'serving'"),
    '[origin]\ndeny_labs = ["deepseek", "qwenn"]\n': ("policy.toml:2: origin.deny_labs[1]", "'qwenn'"),
    '[origin]\ndeny_labs = ["deepseak"]\n': ("policy.toml:2", "Did you mean 'deepseek'"),
    '[serving]\nallow_providers = ["mistrall"]\n': ("policy.toml:2: serving.allow_providers[0]", "'mistral'"),
    '[licence]\nallow = ["Apach"]\n': ("policy.toml:2: licence.allow[0]", "apache"),
    '[serving]\ndeny_jurisdictions = ["UK"]\n': ("policy.toml:2", "Did you mean 'GB'"),
    '[data.x]\ndata_in = ["Chian"]\n': ("policy.toml:2: data.x.data_in[0]", "ISO 3166"),
    '[use]\nbased_in = "Germany"\n': ("policy.toml:2: use.based_in", "Did you mean 'DE'"),
    '[origin]\nallow_countries = ["FR"]\ndeny_countries = ["EU"]\n': (
        "origin.deny_countries",
        "both allowed and denied",
    ),
    '[serving]\nlocal_only = true\n[data.x]\nallow_providers = ["mistral"]\n': ("serving.local_only", "may go nowhere"),
    '[serving]\nallow_jurisdictions = ["US"]\n[data.x]\nallow_jurisdictions = ["EEA"]\n': (
        "data.x.allow_jurisdictions",
        "may go nowhere",
    ),
    '[[concentration]]\nby = "lab"\nmost = 0.5\n[[concentration]]\nby = "lab"\nmost = 0.6\n': (
        "concentration[1]",
        "says what concentration[0] says",
    ),
    '[[concentration]]\nby = "labs"\nmost = 0.5\n': ("policy.toml:2: concentration[0].by", "labs"),
    '[[because]]\nrule = "serving.deny_provider"\nsays = "x"\ndate = "2026"\n': (
        "because[0].rule",
        "Did you mean 'serving.deny_providers'",
    ),
    '[[test]]\nmodel = "m"\nallowed = false\nrule = "origin.deny_country"\n': (
        "test[0].rule",
        "Did you mean 'origin.deny_countries'",
    ),
    "[origin]\nallow_countries = []\n": ("policy.toml:2: origin.allow_countries", "names nothing"),
    "[data.x]\ndata_in = []\n": ("policy.toml:2: data.x.data_in", "leave the line out"),
    '[hardware]\ndeny_vendors = ["Nvidea"]\n': ("policy.toml:2: hardware.deny_vendors[0]", "Did you mean 'nvidia'"),
    '[[test]]\nmodel = "m"\nallowed = true\nvendor = "Nvidea"\n': (
        "policy.toml:4: test[0].vendor",
        "Did you mean 'NVIDIA'",
    ),
    '[own]\nhosts = ["gpu1", "*"]\n': ("policy.toml:2: own.hosts[1]", "every host"),
    '[own]\nhosts = ["0.0.0.0/0"]\n': ("policy.toml:2: own.hosts[0]", "every host"),
    '[own]\nhosts = ["http://gpu1:8000"]\n': ("own.hosts[0]", "no host is written"),
    '[contract.nobody]\nsource = "x"\n': ("contract.nobody", "no provider known here"),
    "[contract.openai]\nretention_days = 0\n": ("contract.openai", "'source' is missing"),
    "[artefacts]\nsettled_days = -1\n": ("artefacts.settled_days", ">= 0"),
    "[use]\nmonthly_users = nan\n": ("use.monthly_users", "not a number"),
}


@pytest.mark.parametrize("text", BAD)
def test_a_mistake_is_named_with_its_place_and_what_was_meant(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text.encode(), "policy.toml", known_names(DATA))

    for words in BAD[text]:
        assert words in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(b'[origin]\ndeny_labs = ["nope"]\ndeny_countries = ["Chinaa"]\n', "p.toml", known_names(DATA))

    assert "p.toml:2" in str(caught.value)
    assert "p.toml:3" in str(caught.value)


def test_names_mean_ids_however_people_write_them() -> None:
    text = '[origin]\ndeny_labs = ["DeepSeek-AI", "Qwen"]\n[licence]\nallow = ["Apache 2.0"]\n'

    file = parse_policy(text.encode(), "p.toml", known_names(DATA)).file

    assert file.origin.deny_labs == ("deepseek", "alibaba")
    assert file.licence.allow == ("Apache-2.0",)


def test_the_same_bytes_have_the_same_hash_and_others_another() -> None:
    first, again, other = (parse_policy(text, "p.toml") for text in (b"", b"", b"# a comment\n"))

    assert first.sha256 == again.sha256 != other.sha256
    assert other.text == "# a comment\n"


def refused(data: bytes) -> tuple[str, Policy | None]:
    """Where a file is wrong; its name and the policy where it is not."""
    try:
        policy = parse_policy(data, "policy.toml", known_names(DATA))
    except InputError as error:
        return error.where or "", None
    return policy.path, policy


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    where, policy = refused(data)

    assert "policy.toml" in where
    if policy is not None:
        assert policy.text.encode() in (data, data.removeprefix(b"\xef\xbb\xbf"))


SECTIONS = ("use", "licence", "origin", "serving", "data.x", "artefacts", "documents", "hardware", "own", "contract.a")
KEYS = tuple(
    sorted(
        {name for section in SECTIONS for name in (section.partition(".")[0], "deny_countries", "local_only", "hosts")}
    )
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SECTIONS), st.sampled_from(KEYS), st.sampled_from(["true", "-1", '"x"', '["x"]', "{}"])
        ),
        max_size=6,
    )
)
def test_whatever_is_written_where_it_is_read_or_refused_with_its_line(parts: list[tuple[str, str, str]]) -> None:
    once = {section: (section, key, value) for section, key, value in parts}
    text = "".join(f"[{section}]\n{key} = {value}\n" for section, key, value in once.values())

    where, policy = refused(text.encode())

    assert policy is not None or where.startswith("policy.toml:")


def test_every_rule_that_is_stated_stands_in_the_report_and_no_other() -> None:
    text = (
        '[use]\nmonthly_users = 5\n[serving]\nlocal_only = true\n[data.x]\n[[concentration]]\nby = "lab"\nmost = 0.5\n'
    )

    assert in_force(parse_policy(text.encode(), "p.toml").file) == [
        ("use", "monthly_users = 5.0"),
        ("serving.local_only", "true"),
        ("data.x", "may go wherever [serving] allows"),
        ("concentration.lab", "at most 50% of calls over 30 days"),
    ]
    assert in_force(PolicyFile()) == []


def test_codes_are_those_of_iso_3166() -> None:
    assert len(ISO) == 249
    assert {"CN", "US", "DE", "GB", "TW", "HK", "KP", "IR", "RU"} <= ISO
    assert not {"UK", "EU", "XX", "AN"} & ISO


@pytest.mark.parametrize(
    ("host", "listed", "among"),
    [
        ("gpu1.internal", "gpu1.internal", True),
        ("GPU1.internal.", "*.internal", True),
        ("internal", "*.internal", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[fd00::1]", "fd00::/8", True),
        ("evil10.0.0.1.example", "10.0.0.0/8", False),
    ],
)
def test_hosts_of_ones_own_are_found_by_name_pattern_and_network(host: str, listed: str, among: bool) -> None:
    assert is_among(host, (listed,)) is among


def test_a_policy_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    from weighbridge.policy import read_policy

    with pytest.raises(InputError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")
