"""The report in a real browser: quiet, narrow enough for a phone, readable in the dark, and its filters filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from report_browser import Browser, chromium
from report_factory import make_report
from test_report_hostile import ATTACKS, poisoned

from weighbridge.stats import Rule
from weighbridge.weigh.records import Report
from weighbridge.weigh.report import render

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (`apt-get install chromium`)"),
]

SIX = {"qwen-7b": 0.74, "gemma-4b": 0.72, "llama-8b": 0.6, "mistral-7b": 0.5, "phi-mini": 0.35, "smollm2": 0.25}
UNBROKEN = "Donaudampfschifffahrtsgesellschaftskapitän" * 12
REPORTS = {
    "winner": lambda: make_report({"qwen-7b": 0.9, "gemma-4b": 0.5}, rule=Rule(margin=0.02), price=0.2),
    "six": lambda: make_report(SIX, total=300, rule=Rule(futility=False), failing={"phi-mini": 0.2}),
    "unbroken": lambda: make_report(
        {UNBROKEN: 0.7, "b" * 200: 0.6}, stop=25, answer=UNBROKEN, ticket=UNBROKEN, task=UNBROKEN, description=UNBROKEN
    ),
    "hostile": lambda: poisoned("".join(ATTACKS)),
    "one-item": lambda: make_report(total=1),
    "nothing-but-failures": lambda: make_report(failing={"gemma-270m": 1.0, "smollm2-135m": 1.0}, stop=30),
}
CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, under) => {
    const a = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a));
  };
  const ground = (node) => {
    if (!node || !node.parentElement) return parse(getComputedStyle(document.body).backgroundColor).slice(0, 3);
    const own = parse(getComputedStyle(node).backgroundColor);
    return own.length === 4 && own[3] === 0 ? ground(node.parentElement) : over(own, ground(node.parentElement));
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement, style = getComputedStyle(node);
    const words = walk.currentNode.data.trim();
    if (!words || !node.checkVisibility() || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
    const back = ground(node);
    const found = ratio(over(parse(node.namespaceURI.includes("svg") ? style.fill : style.color), back), back);
    const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (found < (big ? 3 : 4.5)) poor.push([words.slice(0, 40), node.className, found.toFixed(2)]);
  }
  for (const node of document.querySelectorAll(".mark, .span, .line")) {
    const style = getComputedStyle(node), paint = node.matches(".mark") ? style.fill : style.stroke;
    const found = ratio(over(parse(paint), ground(document.body)), ground(document.body));
    if (found < 3) poor.push(["drawn", node.outerHTML.slice(0, 60), found.toFixed(2)]);
  }
  return poor;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium() or "", tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    for name, make in REPORTS.items():
        (folder / f"{name}.html").write_text(render(make()), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in REPORTS}


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_opens_without_a_word_in_the_console_and_asks_for_nothing(browser, pages, name) -> None:
    """A blocked style or script would speak here: the policy is tested by the browser that enforces it."""
    browser.look()

    browser.open(pages[name])

    assert browser.complaints() == []
    assert browser.requests() == [pages[name].as_uri()]


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
@pytest.mark.parametrize("name", REPORTS)
def test_nothing_reaches_beyond_the_edge_of_the_screen(browser, pages, name, width) -> None:
    browser.look(width=width)

    browser.open(pages[name])
    browser.ask("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert browser.ask("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["winner", "six", "hostile"])
def test_text_and_marks_stand_out_from_their_ground(browser, pages, name, scheme) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for large text and for what a chart draws (1.4.11)."""
    browser.look(scheme=scheme)

    browser.open(pages[name])
    browser.ask("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert browser.ask(CONTRAST) == []


def test_dark_is_dark_and_light_is_light(browser, pages) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.look(scheme=scheme)
        browser.open(pages["winner"])
        grounds.append(browser.ask("getComputedStyle(document.body).backgroundColor"))

    assert grounds == ["rgb(253, 253, 252)", "rgb(20, 24, 27)"]


def filtered(browser: Browser, **values: str) -> int:
    """Items that match when these controls have these values."""
    for name, value in values.items():
        browser.ask(f"document.getElementById({name.replace('_', '-')!r}).value = {value!r}")
    browser.ask("document.getElementById('filters').requestSubmit()")
    said = browser.ask("document.getElementById('shown').textContent")
    found = [word for word in said.replace(",", "").split() if word.isdigit()]
    browser.ask("document.getElementById('clear').click()")
    return int(found[-1]) if found else 0


def score(report: Report, at: int, name: str) -> float | None:
    return next(one.score for one in report.items[at].samples if one.candidate == name)


def test_filters_find_exactly_the_items_they_name(browser, pages) -> None:
    report = REPORTS["winner"]()
    browser.look()
    browser.open(pages["winner"])
    items = range(len(report.items))

    differing = sum(view.spread > 0 for view in report.items)
    both_right = sum(view.spread == 0 and view.samples[0].score == 1 for view in report.items)
    second_wrong = sum(score(report, at, "gemma-4b") == 0 for at in items)
    arabic = sum(view.tags["language"] == "ar" for view in report.items)
    arabic_at = browser.ask(
        "[...document.querySelectorAll('#filter-tag-0 option')].find(one => one.textContent === 'ar').value"
    )

    assert filtered(browser) == len(report.items)
    assert filtered(browser, filter_differ="differ") == differing
    assert filtered(browser, filter_differ="same", filter_outcome="r") == both_right
    assert filtered(browser, filter_candidate="1", filter_outcome="w") == second_wrong
    assert filtered(browser, filter_tag_0=arabic_at) == arabic
    assert filtered(browser, filter_outcome="f") == 0


def test_search_finds_text_ids_and_nothing_when_there_is_nothing(browser, pages) -> None:
    report = REPORTS["winner"]()
    browser.look()
    browser.open(pages["winner"])

    arabic = sum("رمز الخطأ" in view.fields["ticket"] for view in report.items)

    assert filtered(browser, search="رمز الخطأ") == arabic
    assert filtered(browser, search="T-0003") == 1
    assert filtered(browser, search="CHARGED twice") == sum("charged twice" in v.fields["ticket"] for v in report.items)
    assert filtered(browser, search="no such thing anywhere") == 0


def test_paging_reaches_every_item_once(browser, pages) -> None:
    browser.look()
    browser.open(pages["winner"])
    report = REPORTS["winner"]()
    orders = "[...document.querySelectorAll('#item-list article')].map(one => Number(one.dataset.order))"

    seen = browser.ask(orders)
    while not browser.ask("document.getElementById('next').disabled"):
        browser.ask("document.getElementById('next').click()")
        seen += browser.ask(orders)

    assert sorted(seen) == list(range(1, len(report.items) + 1))


def test_order_as_drawn_is_the_order_as_drawn(browser, pages) -> None:
    browser.look()
    browser.open(pages["winner"])

    browser.ask("document.getElementById('sort').value = 'order'; document.getElementById('filters').requestSubmit()")

    first = browser.ask("[...document.querySelectorAll('#item-list article')].map(one => Number(one.dataset.order))")
    assert first == list(range(1, len(first) + 1))


def busy_s(browser: Browser) -> float:
    """Processor time that the page's thread has spent so far."""
    metrics = {one["name"]: one["value"] for one in browser.call("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"]


def test_two_thousand_items_stay_quick(browser, tmp_path) -> None:
    """One keystroke's search over all items, the first one building the index, in processor time of the page's thread.
    A person feels a tenth of a second; the bounds are wide for a machine that is slow."""
    report = make_report({"a": 0.6, "b": 0.6}, total=2_000, rule=Rule(futility=False))
    (tmp_path / "big.html").write_text(render(report), encoding="utf-8")
    browser.look(width=390)
    browser.open(tmp_path / "big.html")
    browser.call("Performance.enable", timeDomain="threadTicks")

    def took_s(words: str) -> float:
        before = busy_s(browser)
        browser.ask(
            f"document.getElementById('search').value = '{words}';"
            "document.getElementById('filters').requestSubmit(); document.body.offsetHeight"
        )
        return busy_s(browser) - before

    first, second = took_s("refund"), took_s("refund twice")

    assert 0 < first < 2.0
    assert 0 < second < 0.5
    assert browser.ask("document.getElementsByTagName('*').length") < 8_000


def test_without_javascript_the_verdict_and_the_first_items_are_there(browser, pages) -> None:
    browser.look()
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages["winner"])
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        shown = browser.call("DOM.querySelectorAll", nodeId=root, selector="#item-list article")["nodeIds"]
        controls = browser.call("DOM.querySelectorAll", nodeId=root, selector="#filters[hidden], #pager[hidden]")[
            "nodeIds"
        ]
        heading = browser.call("DOM.querySelector", nodeId=root, selector="h1")["nodeId"]
        words = browser.call("DOM.getOuterHTML", nodeId=heading)["outerHTML"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)

    assert "does better than" in words
    assert len(shown) == 20
    assert len(controls) == 2


def test_the_copy_button_copies_the_command(browser, pages) -> None:
    browser.look()
    browser.open(pages["winner"])
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])

    browser.ask("document.querySelector('button.copy').click()")
    browser.ask("new Promise(done => setTimeout(done, 50))")

    assert browser.ask("document.querySelector('button.copy').textContent") == "Copied"


def test_the_page_can_be_used_from_the_keyboard(browser, pages) -> None:
    """Everything that can be operated or scrolled takes focus, in the order of the page."""
    browser.look()
    browser.open(pages["winner"])

    operable = browser.ask(
        "[...document.querySelectorAll('a[href], button, input, select, summary, .text.long, pre')]"
        ".filter(one => one.checkVisibility() && !one.disabled && one.tabIndex < 0).length"
    )

    assert operable == 0
    assert browser.ask("[...document.querySelectorAll('[tabindex]')].every(one => one.tabIndex <= 0)")


def test_printing_leaves_out_the_controls(browser, pages) -> None:
    browser.look(media="print")
    browser.open(pages["winner"])

    shown = browser.ask(
        "['nav', '#filters', '#pager', '.copy'].filter(s => document.querySelector(s).checkVisibility())"
    )

    assert shown == []
