"""The server's page in a browser where something goes wrong: every trouble is told in words, and nothing is lost."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from page_guest import guest
from page_server import BLUE, GREEN, Plan, app_of, file_of, running

from browser import chromium

__all__ = ["chromium"]

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(app_of(Plan())) as url:
        yield url


def test_a_file_that_is_no_photo_is_told_so(chromium: Any, address: str) -> None:
    wrong = {"name": "letter.jpg", "mimeType": "image/jpeg", "buffer": b"Dear all, this is no photo."}
    with guest(chromium, address, failing=["422"]) as here:
        here.show(wrong)
        assert here.answered() == "No answer"
        assert "no photo that the model can open" in here.text("#one .note")
        assert "JPEG, PNG" in here.text("#one .note")
        assert "HEIC" in here.text("#one .note")
        assert "not a photo in an accepted format" in here.text("#one .head")
        assert "letter.jpg: no answer" in here.text("#live")


def test_a_file_over_the_limit_is_not_sent(chromium: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(os.urandom(10_100_000))
    plan = Plan()
    with running(app_of(plan)) as url, guest(chromium, url) as here:
        here.page.wait_for_selector(".card")
        here.show(str(large))
        assert here.answered() == "No answer"
        words = here.text("#one .note").replace("\xa0", " ")
        assert "10.1 MB; this server accepts up to 10 MB" in words
        assert "not made smaller here" in words
        assert plan.asked == []


def test_a_format_that_the_browser_cannot_show_is_answered_all_the_same(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.show(file_of("scan.tif", kind="TIFF"))
        assert here.answered() == "chair"
        assert "cannot show this format" in here.text("#one .unseen")


def test_a_server_that_is_gone_loses_nothing(chromium: Any) -> None:
    with ExitStack() as visits, ExitStack() as server:
        url = server.enter_context(running(app_of(Plan())))
        failing = ["CONNECTION_REFUSED", "CONNECTION_RESET", "EMPTY_RESPONSE"]
        here = visits.enter_context(guest(chromium, url, failing=failing))
        here.show(file_of("first.png"))
        assert here.answered() == "chair"
        server.close()
        here.show(file_of("second.png", GREEN), file_of("third.png", BLUE))
        here.page.wait_for_selector("#notice button")
        assert "The server does not answer. Your photos are still here." in here.text("#notice")
        assert here.page.locator("#rows tr").count() == 3
        server.enter_context(running(app_of(Plan()), urlsplit(url).port or 0))
        here.page.click("#notice button")
        assert [row[1].split("\n")[0] for row in here.all_answered()] == ["chair", "sofa", "none of these"]
        assert here.text("#notice") == ""


def test_a_busy_server_is_asked_again_after_a_while(chromium: Any) -> None:
    plan = Plan(busy=1)
    with running(app_of(plan)) as url, guest(chromium, url, failing=["429"]) as here:
        here.show(file_of("photo.png"))
        here.page.wait_for_selector("#notice .waiting:text('Your photos are waiting here; trying again in 1 s')")
        assert here.answered() == "chair"
        assert here.text("#notice") == ""
        assert len(plan.asked) == 1


def test_a_photo_that_took_too_long_can_be_asked_again(chromium: Any) -> None:
    plan = Plan(status=504)
    with running(app_of(plan)) as url, guest(chromium, url, failing=["504"]) as here:
        here.show(file_of("photo.png"))
        assert here.answered() == "No answer"
        assert "took too long" in here.text("#one .note")
        plan.status = 0
        here.page.click("#one .head button")
        here.page.wait_for_selector("#one .bars")
        assert here.answered() == "chair"


def test_a_token_is_asked_for_and_kept_out_of_sight(chromium: Any) -> None:
    plan = Plan(token="right & long enough")
    with running(app_of(plan)) as url:
        with guest(chromium, url, failing=["401"]) as here:
            here.page.wait_for_selector("#token")
            here.show(file_of("photo.png"))
            here.page.fill("#token", "wrong")
            here.page.keyboard.press("Enter")
            here.page.wait_for_selector("text=The token is wrong")
            here.page.fill("#token", plan.token)
            here.page.keyboard.press("Enter")
            assert here.answered() == "chair"
            assert here.page.locator("#token").count() == 0
            kept = "() => [localStorage.length, sessionStorage.length, document.cookie].join()"
            assert here.page.evaluate(kept) == "0,0,"
        with guest(chromium, f"{url}#token=right%20%26%20long%20enough") as here:
            here.show(file_of("photo.png"))
            assert here.answered() == "chair"
            assert here.page.url == url


def test_names_of_files_and_classes_are_text_whatever_they_are_made_of(chromium: Any) -> None:
    plan = Plan(classes=(MARKUP, "<script>alert(2)</script>", "</td>\u202eturned"))
    with running(app_of(plan)) as url, guest(chromium, url) as here:
        here.page.on("dialog", lambda dialog: here.messages.append(f"an alert: {dialog.message}"))
        here.show(file_of(f"{MARKUP}.png"))
        assert here.answered() == MARKUP
        assert here.text("#one .file") == f"{MARKUP}.png"
        here.show(file_of("second.png", GREEN))
        rows = here.all_answered()
        assert [row[0] for row in rows] == [f"{MARKUP}.png", "second.png"]
        assert rows[1][1].startswith("<script>alert(2)</script>")
        assert MARKUP in here.text("#facts")
        assert here.page.locator("main img[src='x'], main script").count() == 0


def test_sending_can_be_stopped_and_goes_on(chromium: Any) -> None:
    plan = Plan(seconds=0.8)
    with running(app_of(plan)) as url, guest(chromium, url) as here:
        here.show(*[file_of(f"{number}.png") for number in range(12)])
        here.page.wait_for_selector("#rows tr.done")
        here.page.click("#stop")
        here.page.wait_for_selector("#stop:text('Go on')")
        assert here.page.locator("#rows tr.waiting").count() > 0
        plan.seconds = 0
        here.page.click("#stop")
        assert [row[1].split("\n")[0] for row in here.all_answered()] == ["chair"] * 12
