"""The server's page in a browser: photos go in by every way, and answers come out in words."""

import base64
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_guest import guest
from page_server import BLUE, GREEN, RED, Plan, app_of, file_of, running
from PIL import Image

from browser import chromium
from photo_maker import quarters

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(app_of(Plan())) as url:
        yield url


def test_it_tells_what_the_model_is_and_how_far_to_trust_it(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.page.wait_for_selector(".card")
        assert here.text("#classes").split() == [
            "This",
            "model",
            "tells",
            "3",
            "classes",
            "apart:",
            "chair",
            "sofa",
            "table",
        ]
        facts = here.text("#facts").replace("\xa0", " ")
        for words in ("97.2 %", "178 test photos", "93.6 % to 98.8 %", "none of these", "5 %", "not covered"):
            assert words in facts
        assert "Nothing is kept" in facts
        assert "your photos do not leave it" in facts  # the server is on this machine
        assert here.text("#model-name") == "furniture"


def test_one_photo_is_answered_in_large_words_with_its_probabilities(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.show(file_of("photo.png"))
        assert here.answered() == "chair"
        assert here.text("#one .sure").replace("\xa0", " ") == "94.2 % probability"
        script = "rows => rows.map(r => r.innerText.split(/\\s+/).join(' '))"
        bars = here.page.eval_on_selector_all("#one .bars li", script)
        assert bars == ["chair 94.2 %", "sofa 5.0 %", "table 0.8 %"]
        widths = here.page.eval_on_selector_all("#one .fill", "all => all.map(e => e.style.width)")
        assert widths == ["94.2%", "5%", "0.8%"]
        assert here.page.is_hidden("#many")
        assert "photo.png: chair, 94.2" in here.text("#live")


def test_what_it_does_not_know_is_told_in_a_sentence(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.show(file_of("stranger.png", BLUE))
        assert here.answered() == "None of these"
        assert "unlike all photos that the model learned from" in here.text("#one .note")
        assert here.page.locator("#one .set-words").count() == 0  # sets promise nothing of strangers
        here.show(file_of("unsure.png", GREEN))
        here.page.wait_for_selector("#one .set-words")
        assert here.answered() == "sofa"
        assert here.text("#one .set-words").replace("\xa0", " ") == "90 % sure to be one of: chair or sofa."


def test_care_is_asked_of_the_server_and_what_it_cannot_promise_is_told(chromium: Any) -> None:
    plan = Plan()
    with running(app_of(plan)) as url, guest(chromium, url, failing=["400"]) as here:
        here.show(file_of("unsure.png", GREEN))
        assert here.answered() == "sofa"
        here.page.check("input[value='0.05']")
        here.page.wait_for_selector("#one .verdict.doubt")
        assert here.answered() == "Not sure"
        assert "at most 5 % wrong answers" in here.text("#one .note").replace("\xa0", " ")
        assert plan.asked[-1][0]["reject"] == "0.05"
        here.page.check("input[value='0.01']")
        here.page.wait_for_selector("#notice .note")
        assert "The least that it can promise is 2 %" in here.text("#notice").replace("\xa0", " ")
        here.page.click("#notice button.primary")
        here.page.wait_for_function("() => !document.querySelector('#notice').firstChild")
        assert here.page.is_checked("input[value='0.02']")
        here.page.wait_for_selector("#one .verdict.doubt")
        assert plan.asked[-1][0]["reject"] == "0.02"


def test_the_heat_map_lies_over_the_upright_photo_and_has_a_slider(chromium: Any, address: str) -> None:
    turned = {"name": "phone.jpg", "mimeType": "image/jpeg", "buffer": _turned()}
    with guest(chromium, address) as here:
        here.show(turned)
        here.answered()
        box = here.page.locator("#one .frame").bounding_box()
        assert box["width"] / box["height"] == pytest.approx(32 / 48, abs=0.01)  # 48 wide as stored
        assert here.page.locator("#one canvas").bounding_box() == pytest.approx(box, abs=1)
        # The strongest cell is the one at the top left.
        light = """c => { const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          return [90, 550].map(at => { const i = 4 * (at * c.width + at); return p[i] + p[i + 1] + p[i + 2]; }); }"""
        hot, cold = here.page.eval_on_selector("#one canvas", light)
        assert hot > cold + 200
        here.page.fill("#one input[type=range]", "0")
        assert here.page.eval_on_selector("#one canvas", "c => getComputedStyle(c).opacity") == "0"
        assert here.text("#one output") == "photo alone"
        with Image.open(io.BytesIO(here.page.locator("#one .frame").screenshot())) as shown:
            places = [(shown.width // 4, shown.height // 4), (3 * shown.width // 4, shown.height // 4)]
            pixels = np.asarray(shown.convert("RGB"))
        assert [int(pixels[y, x].argmax()) for x, y in places] == [2, 0]  # blue beside red
        assert "proves nothing" in here.text("#one figcaption")


def test_several_photos_are_a_table_whose_rows_open(chromium: Any) -> None:
    plan = Plan()
    files = [file_of(f"{number}.png", (RED, GREEN, BLUE)[number % 3]) for number in range(9)]
    with running(app_of(plan)) as url, guest(chromium, url) as here:
        here.show(*files)
        rows = here.all_answered()
        assert [row[0] for row in rows] == [f"{number}.png" for number in range(9)]
        assert [row[1].split("\n")[0] for row in rows[:3]] == ["chair", "sofa", "none of these"]
        assert sum(n for _, n in plan.asked) == 9
        assert max(n for _, n in plan.asked) <= 4
        assert "All 9 photos are looked at" in here.text("#live")
        here.page.click("#rows tr:nth-child(2) td")
        assert here.text("#detail .verdict") == "sofa"
        assert here.text("#place") == "2 of 9"
        here.page.click("#next")
        assert here.text("#detail .verdict") == "None of these"
        here.page.click("#close")
        here.page.wait_for_function("() => document.activeElement.innerText === '2.png'")  # the third
        here.page.click("#clear")
        assert here.page.is_hidden("#many")


def test_the_table_is_downloaded_and_no_cell_is_a_formula(chromium: Any, address: str) -> None:
    names = ["=1+1.png", "@sum.png", "-2.png", "+3.png", 'comma, "quote".png', "椅子.png"]
    with guest(chromium, address) as here:
        here.show(
            *[file_of(name, GREEN) for name in names], {"name": "no.png", "mimeType": "image/png", "buffer": b"text"}
        )
        here.all_answered()
        with here.page.expect_download() as waiting:
            here.page.click("#download")
        content = Path(waiting.value.path()).read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        assert rows[0] == ["path", "predicted", "chair", "sofa", "table", "error", "answer", "set", "stranger"]
        assert [row[0] for row in rows[1:5]] == [f"'{name}" for name in names[:4]]
        assert [row[0] for row in rows[5:7]] == names[4:]
        assert rows[1][1:] == ["sofa", "0.31", "0.61", "0.08", "", "sofa", "chair|sofa", "0.4"]
        assert rows[7][5].startswith("not a photo")


def test_photos_are_dropped(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.page.dispatch_event("#choose", "dragenter", {"dataTransfer": _transfer(here.page, file_of("a.png"))})
        assert "over" in here.page.get_attribute("#choose", "class")
        here.page.dispatch_event("main", "drop", {"dataTransfer": _transfer(here.page, file_of("a.png"))})
        assert here.answered() == "chair"
        assert "over" not in here.page.get_attribute("#choose", "class")


def test_a_photo_is_pasted(chromium: Any, address: str) -> None:
    script = """async text => {
      const photo = new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))], {type: 'image/png'});
      await navigator.clipboard.write([new ClipboardItem({'image/png': photo})]); }"""
    with guest(chromium, address) as here:
        here.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        here.page.evaluate(script, base64.b64encode(file_of("a.png")["buffer"]).decode())
        here.page.keyboard.press("Control+V")
        assert here.answered() == "chair"
        assert here.text("#one .file") == "pasted photo.png"


def test_a_photo_is_taken_by_the_camera(chromium: Any, address: str) -> None:
    with guest(chromium, address) as here:
        here.page.click("#shoot")
        here.page.wait_for_selector("#take:enabled")
        here.page.click("#take")
        assert here.answered()
        assert here.text("#one .file") == "camera 1.jpg"
        assert here.page.is_hidden("#camera")
        assert here.page.evaluate("() => document.getElementById('video').srcObject") is None


def test_a_camera_that_may_not_be_used_is_told_so(chromium: Any, address: str) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
    with guest(chromium, address) as here:
        here.page.evaluate(f"() => {{ {refuse} }}")
        here.page.click("#shoot")
        here.page.wait_for_selector("#camera-words:text('not allowed to use the camera')")
        assert here.page.is_disabled("#take")
        here.page.click("#camera-close")
        assert here.page.is_hidden("#camera")


def _transfer(page: Any, file: dict[str, Any]) -> Any:
    """What a drop carries."""
    script = """([name, type, text]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name, {type}));
      return data; }"""
    content = base64.b64encode(file["buffer"]).decode()
    return page.evaluate_handle(script, [file["name"], file["mimeType"], content])


def _turned() -> bytes:
    """Red, green, blue and yellow quarters, and EXIF that says: upright after a quarter turn to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    quarters().save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()
