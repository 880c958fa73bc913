"""Models, files and backends write what they like; the page stays the page we wrote."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from report_factory import make_report
from report_parser import Page

from weighbridge.weigh.records import Failure, ItemView, Report
from weighbridge.weigh.report import render
from weighbridge.weigh.report.plain import one_line, shorten, visible

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
ATTACKS = [
    "</script><script>alert(1)</script>",
    "</template><img src=x onerror=alert(1)>",
    "--></style></title></textarea><svg onload=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "' style='position:fixed",
    "<!--",
    "]]><![CDATA[",
    "javascript:alert(1)",
    "&lt;script&gt;&#60;img&#62;",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egpj.exe\u2066hidden\u2069",
    "a\x00b\ud800c\udfff",
    "\U000e0041\U000e0042 smuggled",
    "\u2028line\u2029paragraph\r\rcarriage",
    "{{constructor.constructor('alert(1)')()}}",
    "ﷺ" * 30 + "\u0301" * 60,
]
BASE = make_report({"first": 0.7, "second": 0.5}, stop=3, tags=False)


def poisoned(text: str) -> Report:
    """A report with `text` in every place that a task, a model or a backend writes."""
    first, second = (one.name for one in BASE.result.candidates)

    def name(old: str) -> str:
        return {first: f"1{text}", second: f"2{text}"}[old]

    def item(view: ItemView, at: int) -> ItemView:
        samples = tuple(
            replace(
                one, candidate=name(one.candidate), text=f"3{text}", reasoning=f"4{text}", note=f"5{text}",
                label_logprobs={f"6{text}": {f"7{text}": -1.0}}, parts={f"8{text}": 1.0, f"9{text}": 0.0},
                score=None, failed=f"10{text}", error=f"11{text}",
            )
            for one in view.samples
        )  # fmt: skip
        fields = {f"12{text}": f"13{text}", f"14{text}": {f"15{text}": [f"16{text}"]}}
        return replace(
            view, id=f"{at}17{text}", tags={f"18{text}": f"19{text}"}, fields=fields,
            reference={f"20{text}": f"21{text}"}, samples=samples,
        )  # fmt: skip

    result = replace(
        BASE.result,
        task=f"22{text}",
        candidates=tuple(replace(one, name=name(one.name), model=f"23{text}") for one in BASE.result.candidates),
        verdict=replace(BASE.result.verdict, reason=f"24{text}"),
    )
    looks = tuple(
        replace(
            look, means={name(key): value for key, value in look.means.items()},
            intervals={name(key): value for key, value in look.intervals.items()},
            pair=(name(first), name(second)),
        )
        for look in BASE.looks
    )  # fmt: skip
    return replace(
        BASE,
        result=result,
        description=f"25{text}",
        looks=looks,
        comparisons=tuple(replace(one, first=name(one.first), second=name(one.second)) for one in BASE.comparisons),
        failures=(Failure(candidate=name(first), reason=f"26{text}", count=1, example=f"27{text}"),),
        items=tuple(item(view, at) for at, view in enumerate(BASE.items)),
        provenance={"command": f"28{text}", f"29{text}": {f"30{text}": f"31{text}"}},
        candidates=({"name": name(first), f"32{text}": f"33{text}"}, {"name": name(second), f"32{text}": f"34{text}"}),
    )


def bones(page: str) -> list[str]:
    """The elements of a page, without what stands in them."""
    return [one.tag for one in Page(page).elements]


HARMLESS = bones(render(poisoned("harmless")))


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_an_attack_adds_no_element_and_no_attribute(attack: str) -> None:
    """The strongest thing to say: whatever is written, the page has the elements it has with harmless text."""
    written = render(poisoned(attack))

    names = {name for one in Page(written).elements for name in one.attributes}
    assert bones(written) == HARMLESS
    assert not [name for name in names if name.startswith("on") or name in ("style", "autofocus", "srcset")]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=60) | st.text("<>\"'&/!-=\x00\x1b\u202e\ud800 \n", max_size=60))
def test_no_text_changes_the_structure_or_hides_from_the_reader(text: str) -> None:
    written = render(poisoned(text))

    assert bones(written) == HARMLESS
    assert UNSEEN.search(written) is None
    written.encode("utf-8")


def test_harmless_text_arrives_letter_by_letter() -> None:
    """Escaping must not eat what is honest: joiners, marks, combining letters, emoji with skin tones."""
    honest = "می‌خواهم क्‍ष 👩🏽‍💻 a < b && c > \"d\" 'e'\n\tindented"

    page = Page(render(make_report(stop=3, answer=honest)))

    assert any(one.text == honest for one in page.all("div", class_="text"))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[2J", "\u241b[2J"),
        ("nul\x00", "nul\u2400"),
        ("\u202eabc", "[U+202E]abc"),
        ("\ud83d", "[U+D83D]"),
        ("a\r\nb", "a\nb"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\u05d6\u05d4\u200f", "\u05d6\u05d4\u200f"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text(st.characters()), st.integers(1, 50))
def test_a_cut_says_how_much_is_missing(text: str, limit: int) -> None:
    shown, left = shorten(text, limit)

    assert left == max(0, len(text) - limit)
    assert shown == visible(text[:limit])


@given(st.text(st.characters()))
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
