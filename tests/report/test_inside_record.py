"""What was seen inside the networks of a run, written and read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_inside import build_inside

from tellapart.errors import RunFolderError
from tellapart.report.inside_record import block_name, read_inside, write_inside

CLASSES = ["bed", "椅子"]


def test_what_is_written_is_read_again_and_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    told, arrays = build_inside(tmp_path, CLASSES)
    found = read_inside(tmp_path)
    assert found is not None
    assert found.told == told
    assert found.asked == ["scores", "block1", "block2"]
    assert [subject["name"] for subject in found.subjects("scores")] == CLASSES
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
    before = (tmp_path / "explanations/inside.npz").read_bytes()
    write_inside(tmp_path, told, arrays)
    assert (tmp_path / "explanations/inside.npz").read_bytes() == before


def test_a_run_without_it_has_none(tmp_path: Path) -> None:
    assert read_inside(tmp_path) is None


@pytest.mark.parametrize(("name", "content"), [("inside.json", b"{"), ("inside.npz", b"PK"), ("inside.npz", None)])
def test_damaged_files_are_told_with_what_to_do(tmp_path: Path, name: str, content: bytes | None) -> None:
    build_inside(tmp_path, CLASSES)
    file = tmp_path / "explanations" / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"cannot be read .*Next: tellapart fit"):
        read_inside(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "its format is not 1"),
        ({"filters": [{"array": "missing"}]}, "inside.npz lacks missing"),
        ({"filters": [{"array": "activations0"}]}, "inside.npz has a wrong activations0"),
        ({"subjects": 3}, "it holds something of another kind"),
        ({"activations": [{}]}, "it holds something of another kind"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    build_inside(tmp_path, CLASSES, **change)
    with pytest.raises(RunFolderError, match=why):
        read_inside(tmp_path)


def test_as_many_pictures_as_photos_are_asked_for(tmp_path: Path) -> None:
    told, arrays = build_inside(tmp_path, CLASSES)
    write_inside(tmp_path, told, {**arrays, "scores_1": arrays["scores_1"][:2]})
    with pytest.raises(RunFolderError, match="too few pictures of scores_1"):
        read_inside(tmp_path)
    told.pop("subjects")
    write_inside(tmp_path, told, arrays)
    with pytest.raises(RunFolderError, match="it lacks subjects"):
        read_inside(tmp_path)


def test_a_block_is_called_by_its_number() -> None:
    assert block_name("block12") == "block 12"
