"""What the page says and shows of the inside of the networks."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_inside import build_inside
from fake_run import ODD_CLASSES, build_run

from browser import chromium, visit
from tellapart.report import page as page_module
from tellapart.report.inside_figures import inside_figures
from tellapart.report.inside_page import about_inside
from tellapart.report.page import write_report
from tellapart.report.run_folder import RunFolder, read_run
from tellapart.report.style import save_figure

__all__ = ["chromium"]  # a fixture


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Pages in a fraction of a second: of all figures those of the inside alone are drawn."""

    def draw(run: RunFolder) -> None:
        for name, figure in inside_figures(run.path):
            save_figure(figure, run.path / "figures" / f"{name}.png")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_module, "draw_figures", draw)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:  # noqa: ARG001
    run = build_run(tmp_path_factory.mktemp("runs") / "odd", ODD_CLASSES)
    build_inside(run, ODD_CLASSES)
    write_report(run)
    return run


def section(run: Path) -> str:
    page = (run / "report.html").read_text(encoding="utf-8")
    return page.split('<section aria-labelledby="inside">')[1].split("</section>")[0]


def words(run: Path) -> str:
    """The text of the section as a reader sees it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", section(run))).split())


def changed(place: Path, **changes: Any) -> str:
    run = build_run(place, ODD_CLASSES)
    build_inside(run, ODD_CLASSES, **changes)
    write_report(run)
    return words(run)


def test_every_picture_stands_in_the_page_as_webp(run: Path) -> None:
    sources = re.findall(r'<img src="data:image/(\w+);base64,([^"]+)"', section(run))
    assert [kind for kind, _ in sources] == ["webp"] * 7
    assert 'href="#inside"' in (run / "report.html").read_text(encoding="utf-8")


def test_names_are_text_whatever_they_hold(run: Path) -> None:
    page = section(run)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "0/&lt;1&gt;.jpg" in page
    assert "chair $x^2$ &amp; $" in page
    assert "chair $x^2$ & $" not in page


def test_it_is_told_what_was_looked_at_and_how_the_pictures_were_made(run: Path) -> None:
    said = words(run)
    assert "Of 160 photos (out of 400) that it learned from" in said
    assert "changed in 48 small steps" in said
    assert "This network is costly" not in said
    assert "A photo on its way through Bottleneck features" in said
    assert "Deeper CNN has the same filters as Simple CNN, to the last digit" in said
    assert "those of vgg16, learned from other photos" in said
    assert "Compare the networks that began from scratch" in said
    assert "chair $x^2$ & $ taken for <script>alert(1)</script>." in said
    assert "still have the same patterns" not in said


def test_the_figures_can_be_read_without_the_pictures(run: Path) -> None:
    about = about_inside(read_run(run))
    assert about is not None
    table = about["responses"][0]["table"]
    assert table["rows"][2][:4] == ["椅子", "12.25", "0.12", "-0.50"]
    assert table["rows"][0][4].startswith("0/train-0.jpg (4.00), 0/train-1.jpg (3.00)")
    blocks = about["activations"][0]["table"]["rows"]
    assert [cell.replace("\xa0", " ") for cell in blocks[1]] == ["Block 2", "6 × 6", "16", "25 %", "5, 1, 2, 9, 11, 0"]


@pytest.mark.usefixtures("quick")
def test_filters_that_training_has_not_moved_are_told(tmp_path: Path) -> None:
    told, _ = build_inside(tmp_path, ODD_CLASSES)
    steps = told["filters"]
    steps[1] |= {"same_as": None, "array": "filters_bottleneck", "like": {"recipe": "baseline", "correlation": 0.997}}
    assert "The filters of Simple CNN and Deeper CNN still have the same patterns (correlation 0.997," in changed(
        tmp_path / "like", filters=steps
    )
    steps[1]["like"]["correlation"] = 0.4
    build_inside(tmp_path / "like", ODD_CLASSES, filters=steps)
    about = about_inside(read_run(tmp_path / "like"))
    assert about is not None
    assert about["unmoved"] is None


@pytest.mark.usefixtures("quick")
def test_what_could_not_be_had_is_not_spoken_of(tmp_path: Path) -> None:
    told, _ = build_inside(tmp_path, ODD_CLASSES)
    subjects = [{**subject, "made": None} for subject in told["subjects"]]
    optimised = {"steps": 0, "pictures": 0, "seed": 0, "why_not": "the network has an operator without gradient"}
    said = changed(tmp_path / "bare", subjects=subjects, optimised=optimised, activations=[], filters=[])
    assert "No pictures were made: the network has an operator without gradient." in said
    assert "A made picture shows" not in said
    assert "The filters of the first layer" not in said
    assert "on its way through" not in said
    gone = [{**subject, "photos": [], "pictures": None, "places": None} for subject in told["subjects"][:5]]
    few = {"steps": 24, "pictures": 3, "seed": 0, "why_not": None}
    nothing = {"photos": 0, "of": 400, "gone": 160, "learned": True}
    said = changed(tmp_path / "gone", subjects=gone, looked_at=nothing, optimised=few)
    assert "that it learned from" not in said
    assert "changed in 24 small steps" in said
    assert "This network is costly: 3 of 5 got one." in said
    assert "Is there one kind of photo in a row" not in said


@pytest.mark.usefixtures("quick")
def test_a_run_without_it_has_no_such_section(tmp_path: Path) -> None:
    page = write_report(build_run(tmp_path / "older")).read_text(encoding="utf-8")
    assert 'id="inside"' not in page
    assert "#inside" not in page


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_it_fits_a_window_says_nothing_to_the_console_and_can_be_read_by_all(
    run: Path, chromium: Any, width: int, scheme: str
) -> None:
    with visit(chromium, run / "report.html", width=width, scheme=scheme) as seen:
        assert seen.too_wide() == []
        assert seen.messages == []
        assert seen.asked_elsewhere == []
        assert seen.findings() == []
        tall = "() => [...document.querySelectorAll('section[aria-labelledby=inside] img')].map(i => i.naturalWidth)"
        assert all(pixels == 900 for pixels in seen.page.evaluate(tall))
