"""The server's page in a browser, for everybody: by keyboard, on a phone, in the dark, read aloud."""

from collections.abc import Iterator
from typing import Any

import pytest
from page_guest import Guest, guest
from page_server import BLUE, GREEN, RED, Plan, app_of, file_of, running

from browser import chromium

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(app_of(Plan())) as url:
        yield url


def test_the_keyboard_alone_leads_from_the_start_to_an_answer(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        # Listened for from the start: the browser takes a while to hand its file dialogs over.
        here.page.on("filechooser", lambda asked: asked.set_files([file_of("a.png")]))
        here.page.wait_for_selector(".card")
        _tab_to(here, "#choose")
        here.page.keyboard.press("Enter")
        assert here.answered() == "chair"
        _tab_to(here, "input[type=range]")
        here.page.keyboard.press("ArrowLeft")
        assert here.text("#one output") == "80 %"


def test_the_keyboard_opens_and_leaves_the_details_of_a_row(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.show(file_of("a.png"), file_of("b.png", GREEN), file_of("c.png", BLUE))
        here.all_answered()
        _tab_to(here, "#rows tr:nth-child(2) button")
        here.page.keyboard.press("Enter")
        assert here.focus() == "sofa"
        here.page.keyboard.press("ArrowRight")
        assert here.focus() == "None of these"
        here.page.keyboard.press("Escape")
        here.page.wait_for_function("() => document.activeElement.innerText === 'c.png'")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark"), (360, "dark")])
def test_it_fits_a_phone_and_axe_finds_nothing_serious(chromium: Any, width: int, scheme: str) -> None:
    plan = Plan(classes=("chair", "very-long-name-" * 12, "table"))
    files = [file_of("name" * 40 + ".png", GREEN), file_of("b.png", BLUE), file_of("c.png", RED)]
    with running(app_of(plan)) as url, guest(chromium, url, width=width, scheme=scheme) as here:
        here.page.wait_for_selector(".card")
        here.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        _is_well(here)
        here.show(files[1])
        here.answered()
        here.page.evaluate("() => { document.querySelector('#one .bars').scrollIntoView(); }")
        here.show(*files)
        here.show(files[0], {"name": "no.png", "mimeType": "image/png", "buffer": b"text"})
        here.all_answered()
        _is_well(here)
        here.page.click("#rows tr:nth-child(1) button")
        _is_well(here)
        here.page.click("#close")
        here.page.click("#shoot")
        here.page.wait_for_selector("#take:enabled")
        _is_well(here)


def test_a_notice_is_well_too(chromium: Any) -> None:
    plan = Plan(token="some token", busy=0)
    with running(app_of(plan)) as url, guest(chromium, url, width=360, failing=["401"]) as here:
        here.page.wait_for_selector("#token")
        _is_well(here)


def test_nothing_jumps_when_the_model_and_an_answer_come(chromium: Any) -> None:
    plan = Plan(seconds=0.3)
    watch = """() => { window.jumps = 0; new PerformanceObserver(list => { for (const one of list.getEntries())
      if (!one.hadRecentInput) window.jumps += one.value; }).observe({type: 'layout-shift', buffered: true}); }"""
    with running(app_of(plan)) as url, guest(chromium, url) as here:
        here.page.wait_for_selector(".card")
        here.page.evaluate(watch)
        here.page.wait_for_timeout(100)
        assert here.page.evaluate("() => window.jumps") < 0.003
        here.show(file_of("a.png"))
        here.page.wait_for_selector("#one .frame img")
        here.page.wait_for_timeout(50)
        before = here.page.locator("#one .mat").bounding_box()
        here.answered()
        assert here.page.locator("#one .mat").bounding_box() == pytest.approx(before, abs=1)


def _tab_to(here: Guest, wanted: str) -> None:
    """Press Tab until an element has the focus; it must be seen to have it."""
    for _ in range(40):
        here.page.keyboard.press("Tab")
        if here.page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            break
    script = """wanted => { const e = document.querySelector(wanted);
      return e.matches(':focus-visible') && getComputedStyle(e).outlineStyle; }"""
    assert here.page.evaluate(script, wanted) == "solid"


def _is_well(here: Guest) -> None:
    assert here.too_wide() == []
    assert here.findings() == []
