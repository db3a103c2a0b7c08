"""Somebody at the page in a real browser, who notices whatever it says to the console or asks of other places."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from browser import Visit, visit


class Guest(Visit):
    """What a test does at the page, in a word each."""

    def show(self, *files: dict[str, Any] | str) -> None:
        """Choose files."""
        self.page.set_input_files("#files", list(files))

    def answered(self) -> str:
        """The large words, as soon as there is an answer to the photo on top."""
        self.page.wait_for_selector("#one .bars, #one .verdict.doubt")
        return str(self.page.inner_text("#one .verdict"))

    def all_answered(self) -> list[list[str]]:
        """The cells of the table, as soon as all photos are looked at."""
        # The bar is full of the photos before, until one that was just shown is counted.
        ready = "document.querySelector('#many progress.full') && !document.querySelector('tr.waiting, tr.sending')"
        self.page.wait_for_function(f"() => {ready}")
        script = "rows => rows.map(r => [...r.children].map(c => c.innerText.trim()))"
        return list(self.page.eval_on_selector_all("#rows tr", script))

    def text(self, selector: str) -> str:
        """What can be read there."""
        return str(self.page.inner_text(selector))

    def focus(self) -> str:
        """Where the keyboard is: the id or the words of the element."""
        return str(self.page.evaluate("() => document.activeElement.id || document.activeElement.innerText"))


@contextmanager
def guest(
    chromium: Any, address: str, *, width: int = 1280, scheme: str = "light", failing: Sequence[str] = ()
) -> Iterator[Guest]:
    """Open the page; at the end it has said nothing to the console and asked nothing of other places.

    Args:
        chromium: The browser.
        address: The server's.
        width: Of the window.
        scheme: light or dark.
        failing: What the browser itself notes of requests that a test makes fail: "401", "CONNECTION_REFUSED".
    """
    with visit(chromium, "about:blank", width=width, scheme=scheme) as opened:
        page = opened.page
        come = Guest(page, address)
        yield come
        server = address.partition("#")[0]
        strange = [url for url in come.requests if not url.startswith((server, f"blob:{server}", "data:"))]
        noted = [
            line
            for line in come.messages
            if not (line.startswith("Failed to load resource") and any(reason in line for reason in failing))
        ]
        assert noted == []
        assert strange == []
