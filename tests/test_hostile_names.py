"""A whole run whose classes and files are called by markup, formulas, escapes and control characters: all stay text."""

import csv
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tellapart as ta
from as_user import run
from browser import chromium, visit
from tellapart.answer_tables import class_columns
from tellapart.files import read_csv, read_json
from tellapart.plain_text import from_spreadsheet

__all__ = ["chromium"]

# In folders none may hold a slash; a table names these.
LABELS = [
    "</script><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "=1+1|' /C calc'!A0",
    "'\t@SUM(A1)\r=2",
    "---\nlicense: mit\n| a |",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u2069\u202egpj\u2066",
    "path",
]
FOLDERS = [
    "<img src=x onerror=alert(3)>",
    "-2+3",
    "\x1b[2J\x07 two\nlines",
    "\u202eevil\u2069 כיסא",
    "😀" * 63 + "abc",  # 255 bytes
]
FILES = [
    "<script>alert(4)<.png",
    "=1+1.png",
    "-rf.png",
    "\t=1\r=2.png",
    "two\nlines.png",
    "\x1b]0;owned\x07\x9b2J.png",
    "\u202egpj\u2067.png",
    "😀" * 62 + "abc.png",  # 255 bytes
    "{{7*7}}[a](javascript:alert(5)).png",
    "\"'`$(id)&amp;,;|\\.png",
]
N_PHOTOS = 8
_COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255), (90, 0, 0), (0, 90, 0)]


def draw(folder: Path, place: int, generator: np.random.Generator) -> list[Path]:
    """Photos of one colour and much noise, each called in another odd way."""
    folder.mkdir(parents=True)
    paths = [folder / FILES[(place + number) % len(FILES)] for number in range(N_PHOTOS)]
    for path in paths:
        noise = generator.integers(-40, 41, (24, 24, 3))
        pixels = np.clip(np.array(_COLOURS[place]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`table/photos.csv` with all labels, `folders` with all class folders."""
    root, generator = tmp_path_factory.mktemp("hostile"), np.random.default_rng(0)
    rows = []
    for number, label in enumerate(LABELS):
        paths = draw(root / "table" / f"<b>{number}", number, generator)
        rows += [(path.relative_to(root / "table").as_posix(), label) for path in paths]
    with (root / "table" / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("path", "label"), *rows])
    for number, name in enumerate(FOLDERS):
        draw(root / "folders" / name, number, generator)
    return root


@pytest.fixture(scope="module")
def finished(place: Path) -> tuple[Path, str]:
    """The run folder, and all that the command told."""
    words = ["fit", place / "table" / "photos.csv", "--out", place / "run", "--recipes", "majority,linear,baseline"]
    words += ["--backbone", "pocket", "--image-size", 32, "--epochs", 2]
    done = subprocess.run(
        [sys.executable, "-m", "tellapart.cli", *map(str, words)],
        capture_output=True,
        check=False,
        env={**os.environ, "TELLAPART_CACHE": str(place / "cache")},
    )
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told[-2000:]
    return place / "run", told


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.comments: list[str] = []
        self.words: list[str] = []
        self.source = page.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def check_page(page: Path) -> str:
    """No element and no attribute came out of a name, nothing steers or turns the text; its words."""
    found = Elements(page)
    assert found.tags.count("script") <= 2
    assert not {"iframe", "object", "embed", "base", "form", "b"} & set(found.tags)
    assert found.comments == []
    for tag, name, value in found.attributes:
        assert not name.startswith("on")
        assert name in {"d", "content"} or name.replace("-", "").isalpha(), (tag, name)
        if name in {"src", "href", "srcset", "action"}:
            assert value.startswith(("data:image/", "data:,", "#")), (tag, name, value[:80])
    check_harmless(found.source, kept="\n\t\u2068\u2069")
    return "".join(found.words)


def check_harmless(text: str, kept: str = "\n") -> None:
    steering = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert {letter for letter in text if unicodedata.category(letter) in steering} <= {*kept, "\u200d", "\u200c"}


@pytest.mark.slow
def test_the_page_of_a_run_holds_names_as_text(finished: tuple[Path, str]) -> None:
    words = check_page(finished[0] / "report.html")
    for shown in (LABELS[0], LABELS[1], LABELS[2], r"\x1b[2J\x1b]0;owned\x07\x9b31m", r"\u2069\u202egpj\u2066"):
        assert shown in words


@pytest.mark.slow
def test_a_browser_runs_nothing_of_it(finished: tuple[Path, str], chromium: object) -> None:
    with visit(chromium, finished[0] / "report.html") as seen:
        seen.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        assert seen.messages == []
        assert seen.asked_elsewhere == []


@pytest.mark.slow
def test_the_terminal_is_not_steered(finished: tuple[Path, str]) -> None:
    check_harmless(finished[1])
    assert r"\x1b[2J" in finished[1]


@pytest.mark.slow
def test_tables_of_the_run_give_every_name_back(finished: tuple[Path, str]) -> None:
    """Programs read these: they hold names as they are (docs/deploy.md), and nothing of a name becomes a cell."""
    folder = finished[0]
    photos = read_csv(folder / "photos.csv")
    assert sorted({row["class"] for row in photos}) == sorted(LABELS)
    assert {Path(row["path"]).name for row in photos} == set(FILES)
    assert {row["path"] for row in read_csv(folder / "split.csv")} == {row["path"] for row in photos}
    classes = read_json(folder / "results.json")["photos"]["classes"]
    for table in folder.rglob("*.csv"):
        with table.open(newline="", encoding="utf-8") as file:
            widths = {len(row) for row in csv.reader(file)}
        assert len(widths) == 1, table
    rows = read_csv(folder / "recipes" / "linear" / "predictions.csv")
    assert set(rows[0]) == {"path", "class", "predicted", *class_columns(classes)}
    for row in rows:
        shares = [float(row[name]) for name in class_columns(classes)]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert row["predicted"] == classes[int(np.argmax(shares))]


@pytest.mark.slow
def test_the_card_and_the_model_file_hold_them_too(finished: tuple[Path, str]) -> None:
    card = (finished[0] / "MODEL_CARD.md").read_text(encoding="utf-8")
    check_harmless(card, kept="\n\u2068\u2069")
    metadata, text = card.split("---\n", 2)[1:]
    assert [line for line in metadata.splitlines() if line.startswith("license")] == ["license: unknown"]
    assert "<script>" not in text
    assert "<img" not in text
    rows = [line for line in text.split("## Classes")[1].split("##")[0].splitlines() if line.startswith("|")]
    assert len(rows) == len(LABELS) + 2
    assert sorted(ta.load(finished[0]).classes) == sorted(LABELS)


@pytest.mark.slow
def test_predict_tells_names_harmlessly(
    finished: tuple[Path, str], place: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, asked = place / "folders", sorted((place / "folders").rglob("*.png"))
    status, out, err = run(capfd, "predict", finished[0], folder, "--top", len(LABELS))
    assert status == 0, err
    check_harmless(out + err)
    assert len(out.splitlines()) == len(asked)
    status, out, _ = run(capfd, "predict", finished[0], folder, "--json")
    check_harmless(out)
    assert {json.loads(line)["path"] for line in out.splitlines()} == {str(path) for path in asked}
    run(capfd, "predict", finished[0], folder, "--out", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    check_defused([head, *rows])
    assert {from_spreadsheet(row[0]) for row in rows} == {str(path) for path in asked}
    assert {from_spreadsheet(name) for name in head} >= {*LABELS[:-1], "path (class)"}


@pytest.mark.slow
def test_evaluate_and_audit_tell_them_harmlessly(
    finished: tuple[Path, str], place: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = run(capfd, "audit", place / "folders", "--out", tmp_path / "audit")
    assert status == 0, err
    check_harmless(out + err)
    words = check_page(tmp_path / "audit" / "audit.html")
    assert FOLDERS[0] in words
    table = place / "table" / "photos.csv"
    status, out, err = run(capfd, "evaluate", finished[0], table, "--out", tmp_path / "evaluation")
    assert status == 0, err
    check_harmless(out + err)
    check_page(tmp_path / "evaluation" / "evaluation.html")
    for name in ("predictions.csv", "confusion.csv"):
        with (tmp_path / "evaluation" / name).open(newline="", encoding="utf-8") as file:
            check_defused(list(csv.reader(file)))


def check_defused(rows: Sequence[Sequence[str]]) -> None:
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
