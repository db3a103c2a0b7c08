"""A real browser for tests of the pages: Chromium, by Playwright; skipped with the reason where either is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    # A drawn picture stands for a camera, and nobody is asked whether it may be used.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser for the tests of a module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[dev]")
    if not CHROMIUM.is_file():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        yield running
        running.close()


class Visit:
    """A page that is open, and everything that it did: requests, console messages, errors, refusals by its policy."""

    def __init__(self, page: Any, place: Path | str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.messages: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.goto(place if isinstance(place, str) else place.as_uri(), wait_until="load")

    @property
    def asked_elsewhere(self) -> list[str]:
        """What the page asked for beside itself and what it holds."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]

    def findings(self) -> list[str]:
        """The serious and critical findings of axe-core, each with where it is."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {[node['html'][:120] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]

    def too_wide(self) -> list[str]:
        """The elements that stick out of the window, which would make the whole page scroll sideways."""
        script = """() => document.scrollingElement.scrollWidth <= innerWidth ? [] :
          [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
            .map(e => e.outerHTML.slice(0, 120)).concat(['the page'])"""
        return list(self.page.evaluate(script))


@contextmanager
def visit(chromium: Any, place: Path | str, *, width: int = 1280, scheme: str = "light") -> Iterator[Visit]:
    """Open a file or an address in a window of `width` pixels, in the "light" or the "dark"."""
    page = chromium.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce")
    try:
        yield Visit(page, place)
    finally:
        page.close()
