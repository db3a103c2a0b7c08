"""The page and the real server together: a model whose class names are markup, and photos at the limits."""

from collections.abc import Iterator
from typing import Any

import pytest
from page_guest import guest
from page_server import running
from tiny_model import doubting_model, with_classes

from browser import chromium
from photo_maker import png_of
from tellapart.deploy.runtime import Model
from tellapart.deploy.server import ServerSettings, make_app

__all__ = ["chromium"]

CLASSES = ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "table & <b>chair</b>"]


@pytest.fixture(scope="module")
def model() -> Model:
    content = with_classes(doubting_model().content, CLASSES)
    return Model(content, "model.onnx")


@pytest.fixture(scope="module")
def address(model: Model) -> Iterator[str]:
    with running(make_app(model, ServerSettings(name="tiny", workers=1))) as url:
        yield url


def test_the_page_shows_what_the_model_says_by_itself(chromium: Any, model: Model, address: str) -> None:
    paths = doubting_model().paths[:6]
    with guest(chromium, address) as here:
        here.page.on("dialog", lambda dialog: here.messages.append(f"an alert: {dialog.message}"))
        here.show(*map(str, paths))
        rows = here.all_answered()
        for row, said in zip(rows, model.answers(paths), strict=True):
            assert said.probabilities is not None
            assert row[1].split("\n")[0] == said.answer
            share = f"{100 * said.probabilities.max():.1f} %"
            assert row[2].replace("\xa0", " ") == ("–" if said.answer == "none of these" else share)
        assert CLASSES[0] in here.text("#classes")
        assert here.page.locator("main img[src='x']").count() == 0


def test_photos_at_the_limits_are_told_in_words(chromium: Any, address: str) -> None:
    huge = {"name": "huge.png", "mimeType": "image/png", "buffer": png_of(5100, 5000)}
    with guest(chromium, address, failing=["422"]) as here:
        here.show(huge)
        assert here.answered() == "No answer"
        assert "too many pixels: up to 25 megapixels" in here.text("#one .note")


def test_a_promise_that_this_model_cannot_keep(chromium: Any, model: Model, address: str) -> None:
    with guest(chromium, address, failing=["400"]) as here:
        here.show(str(doubting_model().paths[0]))
        here.answered()
        here.page.check("input[value='0.01']")
        here.page.wait_for_selector("#notice button.primary")
        assert "cannot promise at most 1 % wrong" in here.text("#notice").replace("\xa0", " ")
        here.page.click("#notice button.primary")
        here.page.wait_for_function("() => !document.querySelector('#notice').firstChild")
        chosen = float(here.page.input_value("input[name=careful]:checked"))
        assert model.threshold(chosen) > 0
