import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import CLASSES, Handed, tiny_model

from photo_maker import noise, save
from tellapart.deploy.predictions import as_record, find_photos, print_answers, write_answers
from tellapart.deploy.runtime import Answer, Model
from tellapart.errors import PhotosError


@pytest.fixture(scope="module")
def handed() -> Handed:
    return tiny_model()


@pytest.fixture(scope="module")
def model(handed: Handed) -> Model:
    return Model(handed.content, "model.onnx")


@pytest.fixture
def answers(model: Model, tmp_path: Path) -> list[Answer]:
    """Of a good photo, a bad one and another good one."""
    bad = tmp_path / "b.jpg"
    bad.write_text("no photo")
    good = [save(noise(number), tmp_path / name) for number, name in enumerate(("a, 😀.png", "c.png"))]
    return list(model.answers([good[0], bad, good[1]]))


def test_folders_are_searched_in_a_fixed_order(tmp_path: Path) -> None:
    names = ["b/2.JPG", "b/1.png", "a/x/3.webp", "a/c.tiff", "z.gif"]
    others = ["b/.hidden.png", "a/.ipynb_checkpoints/1.png", "__MACOSX/b/1.png", "a/notes.txt", "b/Thumbs.db"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path])]
    assert found == ["z.gif", "a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG"]


def test_a_file_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    assert list(find_photos([tmp_path / "photo"])) == [tmp_path / "photo"]


def test_places_without_photos_are_told(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match=r"There is no .*none, no .*gone\.jpg\. Accepted: photos, or folders"):
        list(find_photos([tmp_path / "none", tmp_path, tmp_path / "gone.jpg"]))
    with pytest.raises(PhotosError, match="holds no photo"):
        list(find_photos([tmp_path]))


def test_csv_has_a_row_for_every_photo(model: Model, answers: list[Answer], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert write_answers(out, model, answers) == 1
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "predicted", *CLASSES, "error"]
    assert [row["path"] for row in rows] == [answer.path for answer in answers]
    assert rows[1]["predicted"] == ""
    assert rows[1]["error"].startswith("not a photo")
    assert rows[1][CLASSES[0]] == ""
    for row, answer in zip(rows[::2], answers[::2], strict=True):
        assert answer.probabilities is not None
        assert [float(row[name]) for name in CLASSES] == pytest.approx(answer.probabilities.tolist(), rel=1e-4)
        assert row["predicted"] == CLASSES[int(answer.probabilities.argmax())]
        assert row["error"] == ""


@pytest.mark.parametrize("name", ["out.jsonl", "OUT.JSONL"])
def test_jsonl_has_a_line_for_every_photo(model: Model, answers: list[Answer], tmp_path: Path, name: str) -> None:
    assert write_answers(tmp_path / name, model, answers) == 1
    lines = [json.loads(line) for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]
    assert lines == [as_record(model, answer) for answer in answers]
    assert set(lines[1]) == {"path", "error"}
    assert set(lines[0]["probabilities"]) == set(CLASSES)


def test_a_record_holds_plain_numbers(model: Model) -> None:
    record = as_record(model, Answer("a.jpg", np.array([0.25, 0.5, 0.25], dtype=np.float32)))
    assert record == {
        "path": "a.jpg",
        "predicted": "椅子",
        "probabilities": {"chair & co": 0.25, "椅子": 0.5, "table": 0.25},
    }
    assert as_record(model, Answer("b.jpg", None, "empty")) == {"path": "b.jpg", "error": "empty"}


def test_what_fails_half_way_leaves_the_old_file(model: Model, answers: list[Answer], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def stopped() -> object:
        yield answers[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_answers(out, model, stopped())  # type: ignore[arg-type]
    assert out.read_text() == "old"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("top", "told"),
    [
        (1, "a.jpg: 椅子 50.0%"),
        (2, "a.jpg: 椅子 50.0%, table 30.0%"),
        (9, "a.jpg: 椅子 50.0%, table 30.0%, chair & co 20.0%"),
        (0, "a.jpg: 椅子 50.0%"),
    ],
)
def test_lines_for_people(model: Model, capsys: pytest.CaptureFixture[str], top: int, told: str) -> None:
    some = [Answer("a.jpg", np.array([0.2, 0.5, 0.3])), Answer("b.jpg", None, "the file is empty")]
    assert print_answers(model, some, top, as_json=False) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [told, "b.jpg: cannot be read: the file is empty"]
    assert err == ""


def test_lines_for_machines(model: Model, capsys: pytest.CaptureFixture[str], answers: list[Answer]) -> None:
    assert print_answers(model, answers, 1, as_json=True) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [as_record(model, answer) for answer in answers]
