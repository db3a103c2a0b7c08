"""The page as people meet it: in a browser, on a phone, in the dark, on paper, by keyboard, read aloud."""

import re
from pathlib import Path
from typing import Any

import pytest
from fake_inside import build_inside
from fake_looks import write_looks
from fake_map import build_map
from fake_run import CLASSES, build_run, keep_recipes
from test_findings import write as write_audit_json

from browser import chromium, visit
from tellapart.plain_text import isolated
from tellapart.report.audit_page import write_audit_page
from tellapart.report.page import write_report

__all__ = ["chromium"]

ODD = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quote \" and ' and & {{ 7*7 }} {% raw %}",
    "\u202eright to left כיסא\u202c كرسي",
    "😀🚀 椅子",
    "control \x07 and \u200b\u2028 characters",
    "very-long-" * 30,
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("runs") / "first")
    write_audit_json(run)
    _explain(run, CLASSES)
    return write_report(run)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("runs") / "odd <b> \"'", ODD)
    keep_recipes(run, "baseline", "bottleneck")
    _explain(run, ODD)
    return write_report(run)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    write_audit_json(folder)
    return write_audit_page(folder)


def _explain(run: Path, classes: list[str]) -> None:
    """Leave in a run what `fit` draws last: the map, the heat maps and the inside of the networks."""
    build_map(run, classes)
    write_looks(run, classes)
    build_inside(run, classes)


def test_it_opens_in_silence_and_asks_for_nothing(chromium: Any, page: Path, odd: Path, audit: Path) -> None:
    for file in (page, odd, audit):
        with visit(chromium, file) as seen:
            # Every picture is there: none was refused by the policy, and none is broken.
            broken = "() => [...document.images].filter(i => !(i.complete && i.naturalWidth)).length"
            assert seen.page.evaluate(broken) == 0
            styled = "() => getComputedStyle(document.body).marginTop"
            assert seen.page.evaluate(styled) == "0px"
            assert seen.messages == []
            assert seen.asked_elsewhere == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious(chromium: Any, page: Path, odd: Path, audit: Path, width: int, scheme: str) -> None:
    for file in (page, odd, audit) if (width == 360) == (scheme == "dark") else (page,):
        with visit(chromium, file, width=width, scheme=scheme) as seen:
            seen.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
            assert seen.findings() == []


def test_nothing_makes_a_phone_scroll_sideways(chromium: Any, page: Path, odd: Path, audit: Path) -> None:
    for file in (page, odd, audit):
        for width in (360, 390):
            with visit(chromium, file, width=width) as seen:
                seen.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
                assert seen.too_wide() == []


def test_the_first_screen_of_a_phone_says_how_good_and_what_next(chromium: Any, page: Path) -> None:
    with visit(chromium, page, width=390) as seen:
        for text in ("This model tells 4 classes apart", "95 % interval", "What to do next"):
            box = seen.page.get_by_text(text).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 844, text


def test_odd_names_are_text(chromium: Any, odd: Path) -> None:
    with visit(chromium, odd) as seen:
        assert seen.page.locator("img[src='x'], main b").count() == 0
        # The page's own: the map's points, and what shows the photo of one.
        assert seen.page.evaluate("() => [...document.scripts].map(s => s.id)") == ["map-data", ""]
        shown = seen.page.inner_text("body")
        for name in (ODD[0], ODD[1], "椅子", "כיסא", "very-long-very-long-"):
            assert name in shown
        # A name that turns the direction of writing leaves the words beside it alone.
        turned = isolated(ODD[2])
        assert shown.count(turned[1:-1]) == shown.count(turned) > 1
        assert "\u202e" not in shown


def test_a_link_opens_the_step_it_leads_to(chromium: Any, page: Path) -> None:
    with visit(chromium, page) as seen:
        step = seen.page.locator("details.step").nth(2)
        assert not step.evaluate("d => d.open")
        seen.page.locator("#ladder ~ .scroll a", has_text="deeper").click()
        assert step.evaluate("d => d.open")
        assert seen.page.locator("details.step[open]").count() == 2


@pytest.mark.parametrize("width", [770, 1280])
def test_the_contents_hide_nothing_that_they_lead_to(chromium: Any, page: Path, width: int) -> None:
    with visit(chromium, page, width=width) as seen:
        below = """a => document.querySelector(a.hash).getBoundingClientRect().top
          - document.querySelector('.contents').getBoundingClientRect().bottom"""
        links = seen.page.locator(".contents a").all()
        assert len(links) >= 8
        for link in links:
            link.click()
            assert link.evaluate(below) >= 0, link.inner_text()


def test_the_keyboard_reaches_everything(chromium: Any, page: Path) -> None:
    with visit(chromium, page) as seen:
        wanted = """() => [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
          .filter(e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})).length"""
        count = seen.page.evaluate(wanted)
        reached = []
        for _ in range(count):
            seen.page.keyboard.press("Tab")
            told = seen.page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
                return [e.tagName + [...document.querySelectorAll('*')].indexOf(e), s.outlineStyle,
                        b.bottom > 0 && b.top < innerHeight] }"""
            )
            reached.append(told[0])
            assert told[1] != "none", f"{told[0]} shows no focus"
            assert told[2], f"{told[0]} is out of sight"
        assert len(set(reached)) == count
        seen.page.keyboard.press("Shift+Tab")
        # The skip link is the first stop, and leads past the summary and the contents.
        seen.page.reload()
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_a_step_opens_by_keyboard(chromium: Any, page: Path) -> None:
    with visit(chromium, page) as seen:
        summary = seen.page.locator("details.step summary").first
        summary.focus()
        seen.page.keyboard.press("Enter")
        assert seen.page.locator("details.step").first.evaluate("d => d.open")


def test_drawings_are_turned_dark_and_photos_are_not(chromium: Any, page: Path) -> None:
    look = "() => [...document.images].map(i => [!!i.closest('.drawing'), getComputedStyle(i).filter])"
    with visit(chromium, page, scheme="dark") as seen:
        filters = seen.page.evaluate(look)
        assert all(("invert" in told) == drawing for drawing, told in filters)
        assert {True, False} == {drawing for drawing, _ in filters}
        for place in (".gallery", ".mistake"):
            assert seen.page.locator(f"{place} img").count() > 0, place
            assert seen.page.locator(f"{place} .drawing img").count() == 0, place
    with visit(chromium, page) as seen:
        assert {told for _, told in seen.page.evaluate(look)} == {"none"}


def test_paper_shows_what_is_folded_away(chromium: Any, page: Path, tmp_path: Path) -> None:
    with visit(chromium, page, scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        seen.page.set_viewport_size({"width": 720, "height": 1000})
        hidden = """() => [...document.querySelectorAll('figure img, main td')]
          .filter(e => !e.closest('.plain') && !(e.checkVisibility({contentVisibilityAuto: true})
                       && e.getBoundingClientRect().height > 0)).length"""
        assert seen.page.evaluate(hidden) == 0
        assert seen.page.locator("details.step[open]").count() == 1
        assert seen.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert seen.page.evaluate("() => getComputedStyle(document.images[0]).filter") == "none"
        printed = seen.page.pdf(path=tmp_path / "report.pdf", format="A4", tagged=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 10 <= pages <= 45
    # A tagged PDF, which a screen reader can read, with letters and not their picture.
    assert b"/StructTreeRoot" in printed
    assert b"/ToUnicode" in printed
    assert "92.3 % of new photos right".replace(" %", "\xa0%").encode("utf-16-be").hex().upper().encode() in printed
