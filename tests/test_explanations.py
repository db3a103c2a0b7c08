from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tellapart as ta
from as_user import Notes
from planted_run import build_run, square_photo
from tellapart.errors import ModelFileError, PhotosError, RunFolderError, UnknownNameError
from tellapart.explain.methods import METHODS
from tellapart.explanations import explain_photos
from tellapart.files import read_json


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("explained")
    build_run(place)
    (place / "new").mkdir()
    square_photo("red", 1, "top left", (90, 60)).save(place / "new" / "a.png")
    square_photo("green", 2).save(place / "new" / "b.png")
    return place


def test_a_model_gives_a_picture_for_each_photo(place: Path, tmp_path: Path) -> None:
    told = ta.explain_photos(place / "run" / "model.onnx", [place / "new"], out=tmp_path / "out")
    assert told == read_json(tmp_path / "out" / "explanations.json")
    assert [photo["files"] for photo in told["photos"]] == [["a-hirescam.png"], ["b-hirescam.png"]]
    assert [photo["class"] for photo in told["photos"]] == ["red", "green"]
    assert all((tmp_path / "out" / name).is_file() for photo in told["photos"] for name in photo["files"])
    (one,) = told["photos"][0]["maps"]
    assert (one["recipe"], one["method"], one["predicted"]) == ("bottleneck", "hirescam", "red")
    assert one["probability"] > 0.5


def test_a_model_file_explains_itself_far_from_its_run(place: Path, tmp_path: Path) -> None:
    lone = tmp_path / "elsewhere.onnx"
    lone.write_bytes((place / "run" / "model.onnx").read_bytes())
    explain_photos(lone, [place / "new" / "a.png"], out=tmp_path / "out", method="occlusion")
    assert (tmp_path / "out" / "a-occlusion.png").is_file()


def test_all_methods_stand_side_by_side(place: Path, tmp_path: Path) -> None:
    told = explain_photos(place / "run" / "model.onnx", [place / "new" / "a.png"], out=tmp_path, method="all")
    assert told["photos"][0]["files"] == ["a-all.png"]
    assert [one["method"] for one in told["photos"][0]["maps"]] == list(METHODS)
    assert set(told["methods"]) == set(METHODS)


def test_of_a_run_every_step_is_asked_of_what_the_chosen_one_says(place: Path, tmp_path: Path) -> None:
    told = explain_photos(place / "run", [place / "new" / "b.png"], out=tmp_path, method="gradcam")
    assert told["photos"][0]["class"] == "green"
    floor, chosen = told["photos"][0]["maps"]
    assert (floor["recipe"], floor["method"], floor["predicted"]) == ("majority", None, "red")
    assert floor["why"]
    assert (chosen["recipe"], chosen["method"], chosen["predicted"]) == ("bottleneck", "gradcam", "green")
    told = explain_photos(place / "run", [place / "new" / "b.png"], out=tmp_path, method="all")
    assert told["photos"][0]["files"] == [f"b-{name}.png" for name in METHODS]


def test_any_class_may_be_asked_of(place: Path, tmp_path: Path) -> None:
    told = explain_photos(place / "run" / "model.onnx", [place / "new" / "b.png"], out=tmp_path, class_name="red")
    assert (told["class"], told["photos"][0]["class"]) == ("red", "red")
    assert told["photos"][0]["maps"][0]["probability_of_class"] < 0.5


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no photo")
    square_photo("red", 3).save(folder / "b.png")
    notes = Notes()
    told = explain_photos(place / "run" / "model.onnx", [folder], out=tmp_path / "out", progress=notes)
    assert "error" in told["photos"][0]
    assert told["photos"][1]["files"] == ["b-hirescam.png"]
    assert len(notes.lines) == 1
    assert "a.png" in notes.lines[0]


def test_photos_of_one_name_get_files_of_their_own(place: Path, tmp_path: Path) -> None:
    paths = []
    for number, name in enumerate(("x/p.png", "y/p.png", "z/P.png", "z/p-2.png")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        square_photo("red", number).save(path)
        paths.append(path)
    told = explain_photos(place / "run" / "model.onnx", paths, out=tmp_path / "out")
    names = [name for photo in told["photos"] for name in photo["files"]]
    assert len({name.casefold() for name in names}) == 4
    assert names[:2] == ["p-hirescam.png", "p-2-hirescam.png"]
    assert all((tmp_path / "out" / name).is_file() for name in names)


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 900), (1500, 1200)])
def test_photos_of_any_size(place: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (200, 40, 40)).save(tmp_path / "p.png")
    told = explain_photos(place / "run", [tmp_path / "p.png"], out=tmp_path / "out")
    assert told["photos"][0]["files"]


def test_the_same_call_gives_the_same_bytes(place: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        explain_photos(place / "run", [place / "new" / "a.png"], out=tmp_path / name, method="integrated-gradients")
        files = sorted((tmp_path / name).iterdir())
        contents.append([(file.name, file.read_bytes()) for file in files])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"method": "gradcma"}, UnknownNameError, "Did you mean gradcam"),
        ({"class_name": "rde"}, UnknownNameError, "Did you mean red"),
        ({"photos": ["none.jpg"]}, PhotosError, "There is no none.jpg"),
        ({"model": "photos"}, RunFolderError, "no finished run"),
        ({"model": "nothing.onnx"}, ModelFileError, "cannot be read"),
        ({"model": "new/a.png"}, ModelFileError, "not a model"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    place: Path, tmp_path: Path, change: dict[str, Any], error: type[Exception], told: str
) -> None:
    given = {"model": "run/model.onnx", "photos": [place / "new"], **change}
    model = place / given.pop("model")
    with pytest.raises(error, match=told):
        explain_photos(model, given.pop("photos"), out=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
