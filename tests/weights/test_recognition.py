import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from unsteady_server import CONTENT, pin_to
from weight_files import write_older

from tellapart.errors import WeightsError
from tellapart.weights import recognition
from tellapart.weights.recognition import recognise

ARRAYS = {"conv1": (3, 3, 3, 8), "conv2": (3, 3, 8, 8)}
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()
TINY = pin_to("http://host/tiny.h5", parameters=216 + 576)
LOOSE = replace(TINY, backbone="loose", file="loose.h5", sha256=None, parameters=216)


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "pins", lambda: {"tiny": TINY, "loose": LOOSE})


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    (tmp_path / "brought").write_bytes(CONTENT)
    return tmp_path / "brought"


def test_by_its_digest(brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recognise(brought) == (TINY, "SHA-256", SHA256)
    older = replace(TINY, sha256="0" * 64, md5=MD5)
    monkeypatch.setattr(recognition, "pins", lambda: {"tiny": older})
    assert recognise(brought) == (older, "MD5", SHA256)


def test_by_its_layout_where_no_digest_is_pinned(tmp_path: Path) -> None:
    path = write_older(tmp_path / "a.h5", {"conv1": (3, 3, 3, 8)})
    assert recognise(path)[:2] == (LOOSE, "layout")


def test_the_layout_of_a_pinned_file_with_another_content_is_refused(tmp_path: Path) -> None:
    path = write_older(tmp_path / "a.h5", ARRAYS)
    with pytest.raises(
        WeightsError, match=r"layout of tiny, but not the content.*SHA-256.*--backbone tiny --weights FILE"
    ):
        recognise(path)


def test_a_file_with_dense_layers_is_refused_and_the_right_one_named(tmp_path: Path) -> None:
    path = write_older(tmp_path / "a.h5", ARRAYS | {"predictions": (8, 1000)})
    with pytest.raises(
        WeightsError, match=r"holds dense layers too \('predictions'\).*tiny\.h5 \(http://host/tiny\.h5\)"
    ):
        recognise(path)
    path = write_older(tmp_path / "b.h5", {"conv": (7,), "fc1": (8, 10)})
    with pytest.raises(WeightsError, match=r"\('fc1'\).*ends in notop"):
        recognise(path)


def test_another_file_is_refused(tmp_path: Path, brought: Path) -> None:
    path = write_older(tmp_path / "a.h5", {"conv": (7,)})
    with pytest.raises(WeightsError, match=r"no backbone has 7 numbers\. Next: tellapart weights list"):
        recognise(path)
    brought.write_bytes(b"text")
    with pytest.raises(WeightsError, match="not a complete HDF5 file"):
        recognise(brought)


def test_no_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(WeightsError, match="There is no file"):
            recognise(path)


def test_a_file_that_cannot_be_read_is_told(brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(recognition, "digest", denied)
    with pytest.raises(WeightsError, match=r"cannot be read \(Permission denied\)"):
        recognise(brought)
