import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_run import ODD_CLASSES, build_run, keep_recipes
from test_findings import write as write_audit_json

from tellapart.errors import RunFolderError
from tellapart.report.page import write_report

_SECTIONS = ["ladder", "comparisons", "steps", "tuning", "augmentation", "more-photos", "data", "environment"]
_VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}


class Page(HTMLParser):
    """Collects what the tests ask about, and complains about unbalanced tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("runs") / "first")
    write_report(run)
    return run


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page(run / "report.html")


def bare_copy(run: Path, target: Path, **change: Any) -> Path:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    (target / "results.json").write_text(json.dumps({**results, **change}), encoding="utf-8")
    return target


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what the page says in words: its figures take ten seconds."""
    monkeypatch.setattr("tellapart.report.page.draw_figures", lambda _: [])


def _forget(run: Path, *keys: str) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in results.items() if key not in keys}
    (run / "results.json").write_text(json.dumps(kept), encoding="utf-8")


def test_the_fake_run_keeps_the_contract(run: Path, shared: Path) -> None:
    check = shared / "contract" / "check_run.py"
    done = subprocess.run([sys.executable, str(check), str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_all_sections_stand_in_their_order(page: Page) -> None:
    ids = page.values("id")
    assert [name for name in ids if name in _SECTIONS] == _SECTIONS
    assert all(count == 1 for count in Counter(ids).values())
    links = [value[1:] for value in page.values("href") if value.startswith("#")]
    assert set(links) <= set(ids)


def test_the_first_screen_says_what_how_good_why_and_next(page: Page, run: Path) -> None:
    first = page.text[: page.text.index("The ladder: what each step buys")]
    for said in ("4 classes", "252 photos", "52 test photos", "92.3 %", "80.3 % to", "Macro F1 0.9"):
        assert said in first
    assert "cheapest of those that cannot be told apart" in first
    assert f"tellapart predict {run}/model.onnx PHOTO" in first
    assert "With serve in place of predict it opens on a page" in first


def test_every_step_and_every_figure_is_there(page: Page, run: Path) -> None:
    for step in ("Step 0", "Step 1: Simple CNN", "Step 4: Tuned CNN", "Step 5b: Fine-tuned backbone"):
        assert step in page.text
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == len(list((run / "figures").glob("*.png"))) == 40
    assert all(len(image["alt"] or "") > 20 for image in images)
    assert sum(tag == "figcaption" for tag, _ in page.tags) == len(images)
    for said in (
        "cannot be told from bottleneck",
        "18 trials",
        "12 groups",
        "not a photo",
        "budget of 30",
        "3.11.7",
    ):
        assert said in page.text


def test_the_steps_are_folded_but_for_the_chosen_one(page: Page) -> None:
    steps = [attrs for tag, attrs in page.tags if tag == "details" and attrs.get("class") == "step"]
    assert ["open" in attrs for attrs in steps] == [False] * 5 + [True, False]


def test_every_picture_of_a_step_has_its_table(page: Page) -> None:
    for said, times in (
        ("The curves as a table, step", 6),
        ("The confusion matrix as a table, step", 7),
        ("The diagram as a table, step", 6),
        ("The trials as a table", 1),
        ("The classes, step by step, as a table", 1),
    ):
        assert page.text.count(said) == times, said
    tables, captions = (sum(tag == name for tag, _ in page.tags) for name in ("table", "caption"))
    assert tables == captions
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in page.tags if tag == "th")


@pytest.mark.usefixtures("undrawn")
def test_the_first_screen_names_the_hardest_class_and_the_problems(run: Path, page: Page, tmp_path: Path) -> None:
    assert re.search(r"Hardest class: “\w+”, \d+ of 13 found\.", page.text)
    assert "The audit found" not in page.text
    target = bare_copy(run, tmp_path / "audited")
    write_audit_json(target)
    told = json.loads((target / "audit.json").read_text(encoding="utf-8"))
    told["counts"]["problem"] = 2
    (target / "audit.json").write_text(json.dumps(told), encoding="utf-8")
    assert "The audit found 2 problems that can make these scores mislead" in Page(write_report(target)).text


def test_calibration_and_intervals_are_told(page: Page) -> None:
    assert page.text.count("is it as often right as it is sure?") == 7
    assert page.text.count("a temperature of 2.00 gives the lowest log loss") == 6
    assert "On the dashed line it is right as often as it says" in page.text
    assert "Temperature kept at 1: nothing to gain." in page.text
    assert re.search(r"Macro F1 0\.\d\d \(0\.\d\d to \d\.\d\d\), where every class", page.text)
    assert "-0.02 to +0.10" in page.text


def test_doubts_are_told(page: Page) -> None:
    assert page.text.count("what if it may say that it does not know?") == 7
    assert page.text.count("instead of") >= 6
    assert page.text.count("Of photos of something else it says “none of these”") == 2
    assert page.text.count("It never says “none of these”") == 5
    assert "cannot be promised with 160 validation photos" in page.text
    assert re.search(r"the set holds the right class for \d+ % of the test photos", page.text)


def test_a_run_of_an_early_version_has_a_page_without_them(run: Path, tmp_path: Path) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for recipe in results["recipes"]:
        for told in ("calibration", "rejection", "conformal", "stranger"):
            del recipe[told]
        for score in ("macro_f1", "log_loss"):
            del recipe["test"][f"{score}_low"], recipe["test"][f"{score}_high"]
    comparisons = [{name: row[name] for name in row if "log_loss" not in name} for row in results["comparisons"]]
    early = bare_copy(run, tmp_path / "early", recipes=results["recipes"], comparisons=comparisons)
    text = Page(write_report(early)).text
    assert "as often right as it is sure" not in text
    assert "does not know" not in text
    assert "Difference in log loss" not in text


def test_nothing_is_loaded_from_elsewhere(run: Path, page: Page) -> None:
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "http://" not in html
    assert "https://" not in html
    assert all(
        source.startswith(("data:image/png;base64,", "data:image/webp;base64,")) for source in page.values("src")
    )
    assert all(link.startswith(("#", "data:")) for link in page.values("href"))
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "form"}
    assert not page.values("style")
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_headings_and_landmarks_are_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = [tag for tag, _ in page.tags]
    assert [names.count(tag) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]


def test_markup_in_names_is_shown_as_text(tmp_path: Path) -> None:
    run = build_run(tmp_path / "a b <i>", ODD_CLASSES)
    keep_recipes(run, "majority", "bottleneck")
    page = Page(write_report(run))
    assert not {tag for tag, _ in page.tags} & {"script", "i", "b"}
    for said in ("<script>alert(1)</script>", "椅子", "😀 emoji 🚀", "bed/<b>broken</b>.jpg"):
        assert said in page.text
    assert f"tellapart predict '{tmp_path}/a b <i>/model.onnx' PHOTO" in page.text


def test_the_same_run_gives_the_same_bytes(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    assert write_report(run).read_bytes() == before


def test_results_alone_are_enough(run: Path, tmp_path: Path) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    optional = ("title", "lesson", "best_epoch", "stopped", "hyperparameters", "backbone")
    recipes = [{k: v for k, v in recipe.items() if k not in optional} for recipe in results["recipes"]]
    photos = {key: results["photos"][key] for key in ("classes", "counts")}
    bare = bare_copy(run, tmp_path / "bare", recipes=recipes, photos=photos, comparisons=[], notes=[])
    _forget(bare, "learning_curve", "naive")
    page = Page(write_report(bare))
    assert [name for name in page.values("id") if name in _SECTIONS] == [
        "ladder",
        "steps",
        "data",
        "environment",
    ]
    assert "No file was left out" in page.text


def test_more_photos_are_told_on_the_first_screen_and_in_a_section(page: Page) -> None:
    first, section = page.text.split("Would more photos help?")
    assert "More photos would help: about 2.6 points. Begin with “bed”. How that was measured" in first
    for said in (
        "a linear head on frozen features of vgg16",
        "The dashed line with diamonds is a forecast, not a measurement",
        "4 times as many800",
        "takes about 1.3 times the photos (1.2 to more than 4 times), some 260 to learn from",
        "gains",
    ):
        assert said in section, said


def test_the_naive_score_stands_with_the_near_duplicates(page: Page) -> None:
    data = page.text[page.text.index("12 groups of near-duplicates") :]
    assert "A random split would have promised 93.1 % where 90.2 % is honest." in data


def test_too_few_photos_for_a_curve_are_told_without_a_figure(run: Path, tmp_path: Path) -> None:
    few = {
        "features": "pocket", "photos": 15, "sizes": [], "errors": [], "fit": None, "curve": [], "forecast": [],
        "one_point": None, "classes": [], "verdict": "too few", "sentence": "Too few photos to say.",
    }  # fmt: skip
    page = Page(write_report(bare_copy(run, tmp_path / "few", learning_curve=few, naive=None)))
    assert page.text.count("Too few photos to say.") == 2
    assert "A random split" not in page.text
    assert not (tmp_path / "few" / "figures" / "learning_curve.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_folds_are_told(run: Path, tmp_path: Path) -> None:
    split = {"train": 0, "valid": 0, "test": 52, "folds": 5, "fingerprint": "1" * 64}
    page = Page(write_report(bare_copy(run, tmp_path / "folds", split=split)))
    assert "cut into 5 folds" in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_long_list_of_files_is_cut(run: Path, tmp_path: Path) -> None:
    photos = json.loads((run / "results.json").read_text(encoding="utf-8"))["photos"]
    photos["excluded"] = [{"path": f"{i}.jpg\ud800", "reason": "damaged"} for i in range(250)]
    page = Page(write_report(bare_copy(run, tmp_path / "many", photos=photos)))
    assert "and 50 more" in page.text


@pytest.mark.usefixtures("undrawn")
def test_corrected_labels_are_told(run: Path, tmp_path: Path) -> None:
    photos = json.loads((run / "results.json").read_text(encoding="utf-8"))["photos"]
    changed = [{"path": f"{i}.jpg", "from": "bed", "to": "<b>sofa</b>"} for i in range(250)]
    photos["corrections"] = {"file": "mine.csv", "sha256": "1" * 64, "changed": changed, "left_out": ["x.jpg"]}
    page = Page(write_report(bare_copy(run, tmp_path / "corrected", photos=photos)))
    assert "250 labels corrected and 1 photo left out by hand, as mine.csv says." in page.text
    assert "249.jpg" not in page.text
    assert "199.jpg: “bed” became “<b>sofa</b>”" in page.text
    assert "x.jpg: left out" in page.text
    assert "and more, all of them in results.json" in page.text


@pytest.mark.usefixtures("undrawn")
def test_the_audit_of_the_run_stands_among_the_photos(run: Path, tmp_path: Path) -> None:
    target = bare_copy(run, tmp_path / "audited")
    write_audit_json(target)
    page = Page(write_report(target))
    photos = page.text[page.text.index("The photos Photos of each class") :]
    assert "1 warning" in photos
    assert "W. A." in photos
    assert any(source.startswith("data:image/jpeg;base64,") for source in page.values("src"))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no results\.json"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("undrawn")
def test_half_a_comparison_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    with pytest.raises(RunFolderError, match="not whole"):
        write_report(bare_copy(run, tmp_path, comparisons=[{"a": "x"}]))
