import base64
import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_map import build_map, hue
from fake_run import CLASSES, ODD_CLASSES, build_run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tellapart.report import page as page_module
from tellapart.report.map_figures import map_figures
from tellapart.report.map_page import about_map, script_json
from tellapart.report.page import write_report
from tellapart.report.run_folder import RunFolder
from tellapart.report.style import save_figure

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = (files("tellapart.report") / "templates" / "map.js").read_text(encoding="utf-8")
EDGE = 0.03  # of the map's side


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("runs") / "first")
    build_map(run, CLASSES)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Pages in a fraction of a second: of all figures the map alone is drawn."""

    def draw(run: RunFolder) -> None:
        for name, figure in map_figures(run.path):
            if name == "feature_map":
                save_figure(figure, run.path / "figures" / f"{name}.png")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_module, "draw_figures", draw)
        yield


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:  # noqa: ARG001
    run = build_run(tmp_path_factory.mktemp("runs") / "odd", ODD_CLASSES)
    build_map(run, ODD_CLASSES)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:  # noqa: ARG001
    names = [f"kind {number}" for number in range(9)]
    run = build_run(tmp_path_factory.mktemp("runs") / "many", names)
    build_map(run, names)
    write_report(run)
    return run


@given(st.text(st.characters(), max_size=60))
def test_any_text_comes_through_a_script_block_unchanged(text: str) -> None:
    block = str(script_json({"name": text}))
    assert json.loads(block) == {"name": text}
    assert block.isascii()
    assert not set("<>&") & set(block)


@pytest.mark.parametrize("text", ["</script><script>", "<!--", "\u2028\u2029", "\ud800", "\x00\x1b", "&lt;"])
def test_what_could_end_the_block_is_escaped(text: str) -> None:
    assert json.loads(str(script_json(text))) == text
    assert not set("<>&\u2028\u2029\ud800\x00") & set(str(script_json(text)))


def test_every_figure_of_the_map_is_drawn_with_the_others(run: Path) -> None:
    drawn = {path.stem for path in (run / "figures").glob("*.png")}
    assert {"feature_map", "typical", "mistakes", "unsure", "neighbours", "ladder"} <= drawn


def test_the_policy_allows_this_script_and_no_other(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script>(.*?)</script>", page, re.DOTALL) == [SCRIPT]
    assert not re.findall(r"<[^>]*\s(?:on\w+|style)=", page)


def test_the_script_keeps_to_text_and_fits_into_a_page() -> None:
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|new Function|fetch\(", SCRIPT)
    assert not re.findall(r"</script|<!--|\{\{|\{%|\{#|\r", SCRIPT)


@pytest.mark.usefixtures("quick")
def test_a_page_without_a_map_has_no_script(tmp_path: Path) -> None:
    run = build_run(tmp_path / "bare")
    page = write_report(run).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "script-src" not in page
    assert "map-live" not in page
    assert about_map(run) is None


def test_the_page_lists_what_is_worth_a_look(run: Path) -> None:
    about = about_map(run)
    assert about is not None
    assert about["n_photos"] == 252
    assert about["n_mistakes"] == len(about["rows"]) == len(about["mistakes"]) > 0
    assert about["alt"].startswith("Map of 252 photos, a point each: bed 63, chair 63")
    first = about["mistakes"][0]
    assert first["said"] != first["class"]
    assert [near["class"] for near in first["near"]] == [first["said"]] * 4
    assert about["rows"][0]["near"] == f"4 × {first['said']}"
    page = (run / "report.html").read_text(encoding="utf-8")
    for said in ("Most confidently wrong", "Least sure", "Most typical of each class", "Trustworthiness 0.97"):
        assert said in page
    assert page.count('<img data-photo="') == 5 * len(about["mistakes"]) + 3 + 8


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"photos": 9_000}, "The map shows 252 of 9000 photos"),
        ({"gone": 1, "photos": 253}, "1 photo could no longer be read and is not on the map"),
        ({"folds": True}, "So this vote flatters"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_what_the_map_lacks_is_said(run: Path, tmp_path: Path, about: dict[str, Any], said: str) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    build_map(copy, CLASSES, **about)
    page = re.sub(r"\s+", " ", write_report(copy).read_text(encoding="utf-8"))
    assert said in page
    assert said not in re.sub(r"\s+", " ", (run / "report.html").read_text(encoding="utf-8"))


def test_odd_class_names_stay_text_in_the_page(odd: Path) -> None:
    page = (odd / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("<script") == 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM} here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield chromium
        chromium.close()


class Opened:
    """The page of a run in a browser, with all that it complained about."""

    def __init__(self, browser: Any, run: Path, **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._request(request.url))
        self.page.goto((run / "report.html").as_uri())
        about = about_map(run)
        assert about is not None
        self.data = json.loads(str(about["data"]))

    def _request(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.complaints.append(url)

    def place(self, photo: int) -> tuple[float, float]:
        """Where the point of a photo stands in the window."""
        plane = self.page.locator("#map-plane svg")
        plane.scroll_into_view_if_needed()
        box = plane.bounding_box()
        x, y = (self.data[axis][photo] / self.data["steps"] for axis in "xy")
        return tuple(box[start] + box[side] * (EDGE + (1 - 2 * EDGE) * share)
                     for start, side, share in (("x", "width", x), ("y", "height", y)))  # fmt: skip

    def text(self, name: str) -> str:
        return str(self.page.locator(f"#map-{name}").text_content())

    def colour(self) -> tuple[int, ...]:
        """What the picture of the shown photo looks like, away from its edges."""
        shot = Image.open(io.BytesIO(self.page.locator("#map-photo").screenshot())).convert("RGB")
        return tuple(np.asarray(shot)[shot.height // 4, shot.width // 2].tolist())

    def points(self) -> int:
        return int(self.page.locator("#map-plane path:not([display=none])").count())

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []


def alone(data: dict[str, Any], *, wrong: bool) -> int:
    """A tested photo with no other point near it."""
    for photo, (x, y) in enumerate(zip(data["x"], data["y"], strict=True)):
        far = [(x - a) ** 2 + (y - b) ** 2 for a, b in zip(data["x"], data["y"], strict=True)]
        is_wrong = data["said"][photo] not in (-1, data["class"][photo])
        if data["said"][photo] >= 0 and is_wrong == wrong and sorted(far)[1] > 80**2:
            return photo
    raise AssertionError("none stands alone")


def test_pointing_at_a_point_shows_its_photo_and_class(browser: Any, run: Path) -> None:
    opened = Opened(browser, run)
    for wrong in (False, True):
        photo = alone(opened.data, wrong=wrong)
        opened.page.mouse.move(*opened.place(photo))
        label, said = (CLASSES[opened.data[name][photo]] for name in ("class", "said"))
        assert opened.text("verdict") == (
            f"{label}, named {said} (70 %)" if wrong else f"{label}, named rightly (70 %)"
        )
        assert opened.text("path") == opened.data["path"][photo]
        assert opened.text("class") == "Part: test"
        assert opened.colour() == pytest.approx(hue(photo), abs=8)
        assert opened.text("near").startswith("Nearest photos: ") == wrong
    assert not opened.page.locator("#map-still").is_visible()
    opened.close()


def test_a_tap_shows_the_photo_below_the_map(browser: Any, run: Path) -> None:
    opened = Opened(browser, run, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    photo = alone(opened.data, wrong=True)
    opened.page.touchscreen.tap(*opened.place(photo))
    assert opened.text("path") == opened.data["path"][photo]
    plane, panel = (opened.page.locator(f"#map-{name}").bounding_box() for name in ("plane", "shown"))
    assert panel["y"] >= plane["y"] + plane["height"]
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.close()


def test_arrow_keys_walk_from_point_to_point_and_one_tab_leaves(browser: Any, run: Path) -> None:
    opened = Opened(browser, run)
    keyboard, data = opened.page.keyboard, opened.data
    opened.page.locator("#map-plane").focus()
    keyboard.press("Home")
    assert opened.text("path") == data["path"][0]
    for key, axis, way in (("ArrowRight", "x", 1), ("ArrowLeft", "x", -1), ("ArrowDown", "y", 1), ("ArrowUp", "y", -1)):
        before = data["path"].index(opened.text("path"))
        keyboard.press(key)
        after = data["path"].index(opened.text("path"))
        assert way * (data[axis][after] - data[axis][before]) > 0 or after == before
    wrong = [n for n, said in enumerate(data["said"]) if said not in (-1, data["class"][n])]
    keyboard.press("Home")
    seen = []
    for _ in wrong:
        keyboard.press("PageDown")
        seen.append(data["path"].index(opened.text("path")))
    assert seen == [n for n in wrong if n > 0] + [n for n in wrong if n == 0]
    keyboard.press("Tab")
    assert not opened.page.evaluate("document.getElementById('map-plane').contains(document.activeElement)")
    opened.close()


def test_every_point_can_be_reached_by_arrow_keys(browser: Any, run: Path) -> None:
    opened = Opened(browser, run)
    opened.page.locator("#map-plane").focus()
    opened.page.keyboard.press("Home")
    walk = """() => {
      const plane = document.getElementById('map-plane'), path = document.getElementById('map-path');
      const box = plane.querySelector('svg').getBoundingClientRect();
      const data = JSON.parse(document.getElementById('map-data').textContent);
      const go = (photo) => plane.querySelector('svg').dispatchEvent(new MouseEvent('click', {bubbles: true,
        clientX: box.left + box.width * (0.03 + 0.94 * data.x[photo] / data.steps),
        clientY: box.top + box.height * (0.03 + 0.94 * data.y[photo] / data.steps)}));
      const seen = new Set([0]), waiting = [0];
      while (waiting.length) {
        const photo = waiting.pop();
        for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) {
          go(photo);
          plane.dispatchEvent(new KeyboardEvent('keydown', {key}));
          const next = data.path.indexOf(path.textContent);
          if (!seen.has(next)) { seen.add(next); waiting.push(next); }
        }
      }
      return seen.size;
    }"""
    assert opened.page.evaluate(walk) == len(opened.data["path"])
    opened.close()


def test_filters_hide_points(browser: Any, run: Path) -> None:
    opened = Opened(browser, run)
    page, data = opened.page, opened.data
    assert opened.points() == 252
    page.get_by_label("chair 63").uncheck()
    assert opened.points() == 189
    page.get_by_label("train").uncheck()
    assert opened.points() == 3 * 23
    page.get_by_label("only mistakes").check()
    wrong = [n for n, said in enumerate(data["said"]) if said not in (-1, data["class"][n])]
    assert opened.points() == sum(CLASSES[data["class"][n]] != "chair" for n in wrong)
    page.get_by_label("test", exact=True).uncheck()
    assert opened.points() == 0
    opened.close()


def test_many_classes_are_ticked_at_once(browser: Any, many: Path) -> None:
    opened = Opened(browser, many)
    for wanted in (0, len(opened.data["path"])):
        opened.page.get_by_role("button", name="None or all").click()
        assert opened.points() == wanted
    opened.page.get_by_role("button", name="None or all").click()
    opened.page.get_by_label("kind 5 63", exact=True).check()
    assert opened.points() == 63
    opened.close()


def test_odd_class_names_are_shown_as_text(browser: Any, odd: Path) -> None:
    opened = Opened(browser, odd)
    photo = next(n for n, label in enumerate(opened.data["class"]) if ODD_CLASSES[label].startswith("<script>"))
    opened.page.mouse.move(*opened.place(photo))
    shown = opened.data["path"].index(opened.text("path"))
    assert opened.text("verdict").startswith(ODD_CLASSES[opened.data["class"][shown]])
    assert opened.page.get_by_label("<script>alert(1)</script>").count() == 1
    assert opened.page.locator("#map-live script:not([type])").count() == 0
    opened.close()


def test_without_script_the_picture_stands_for_the_map(browser: Any, run: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((run / "report.html").as_uri())
    assert page.locator("#map-still img").is_visible()
    assert not page.locator("#map-live").is_visible()
    context.close()


def test_on_paper_the_picture_stands_for_the_map(browser: Any, run: Path) -> None:
    opened = Opened(browser, run)
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#map-still img").is_visible()
    assert not opened.page.locator("#map-plane").is_visible()
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_map(browser: Any, run: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    opened = Opened(browser, run, color_scheme=scheme)
    found = axe.run(opened.page, context="section[aria-labelledby=map]").response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    opened.context.close()
