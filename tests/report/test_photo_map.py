import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_map import build_map, hue, opened
from fake_run import CLASSES, build_run

from tellapart.errors import RunFolderError
from tellapart.report.photo_map import FOLDER, read_map


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("runs") / "first")
    build_map(run, CLASSES)
    return run


def test_what_was_written_is_read(run: Path) -> None:
    written, found = build_map(run, CLASSES), read_map(run)
    assert found is not None
    assert found.told == written.told
    assert (found.points == written.points).all()
    assert found.pictures == written.pictures
    assert found.sheet == written.sheet
    assert found.listed("mistakes") == found.mistakes[:12]
    for photo, content in found.pictures.items():
        assert np.abs(opened(content).astype(int) - hue(photo)).max() < 8


def test_the_same_map_gives_the_same_bytes(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in (run / FOLDER).iterdir()}
    build_map(run, CLASSES)
    assert before == {path.name: path.read_bytes() for path in (run / FOLDER).iterdir()}


def test_a_run_without_a_map_has_none(tmp_path: Path) -> None:
    assert read_map(tmp_path) is None


def _lack(told: dict[str, Any]) -> None:
    del told["lists"]


def _other(told: dict[str, Any]) -> None:
    told["format"] = 2


def _short(told: dict[str, Any]) -> None:
    told["photos"]["class"].pop()


def _unnamed(told: dict[str, Any]) -> None:
    told["photos"]["predicted"][0] = 4


def _text(told: dict[str, Any]) -> None:
    told["photos"]["class"][0] = "bed"


def _beyond(told: dict[str, Any]) -> None:
    told["lists"]["unsure"] = [10_000]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_lack, "it lacks lists"),
        (_other, "its format is not 1"),
        (_short, "252 points for 251 photos"),
        (_unnamed, "a predicted that it does not name"),
        (_text, "something of another kind"),
        (_beyond, "it lists photos that it does not have"),
    ],
)
def test_a_map_that_is_not_whole_is_refused(
    run: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    copy = Path(shutil.copytree(run / FOLDER, tmp_path / FOLDER)).parent
    file = copy / FOLDER / "map.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    change(told)
    file.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(RunFolderError, match=why):
        read_map(copy)


@pytest.mark.parametrize("name", ["map.json", "map.npz"])
@pytest.mark.parametrize("content", [b"", b"{", b"PK\x03\x04 no archive"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str, content: bytes) -> None:
    copy = Path(shutil.copytree(run / FOLDER, tmp_path / FOLDER)).parent
    (copy / FOLDER / name).write_bytes(content)
    with pytest.raises(RunFolderError, match=r"map\.json .*Next: tellapart fit"):
        read_map(copy)


def test_an_array_of_objects_is_not_unpickled(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run / FOLDER, tmp_path / FOLDER)).parent
    np.savez(copy / FOLDER / "map.npz", points=np.array([{}], dtype=object))
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_map(copy)
