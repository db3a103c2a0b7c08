from pathlib import Path

import pytest
from unsteady_server import pin_to
from weight_files import write_keras3, write_older

from tellapart.errors import WeightsError
from tellapart.weights.layout import Layout, backbone_of, read_layout

ARRAYS = {"conv1": (3, 3, 3, 8), "conv2": (3, 3, 8, 8)}
NUMBERS = 216 + 576


@pytest.mark.parametrize(("inside", "pieces"), [("", False), ("model_weights", False), ("", True)])
def test_the_older_layout(tmp_path: Path, inside: str, pieces: bool) -> None:
    path = write_older(tmp_path / "a.h5", ARRAYS, inside=inside, pieces=pieces)
    assert read_layout(path) == Layout(NUMBERS, 0, "", keras3=False)


def test_what_the_older_layout_does_not_list_is_not_read_by_keras_either(tmp_path: Path) -> None:
    import h5py
    import numpy as np

    path = write_older(tmp_path / "a.h5", ARRAYS)
    with h5py.File(path, "a") as file:
        file["predictions/kernel:0"] = np.ones((8, 1000), dtype=np.float32)
    assert read_layout(path) == Layout(NUMBERS, 0, "", keras3=False)


def test_the_layout_of_keras_3(tmp_path: Path) -> None:
    assert read_layout(write_keras3(tmp_path / "a.weights.h5", ARRAYS)) == Layout(NUMBERS + 1, 0, "", keras3=True)


def test_dense_layers_are_told_by_name_or_by_their_thousand_classes(tmp_path: Path) -> None:
    arrays = ARRAYS | {"fc1": (8, 20), "predictions": (20, 5)}
    assert read_layout(write_older(tmp_path / "a.h5", arrays)) == Layout(NUMBERS + 260, 260, "fc1", keras3=False)
    arrays = ARRAYS | {"dense": (8, 1000)}
    found = read_layout(write_keras3(tmp_path / "b.weights.h5", arrays))
    assert (found.top, found.top_layer) == (8000, "dense")


def test_the_backbone_is_told_by_its_numbers_without_the_dense_layers() -> None:
    small, large = pin_to("http://host/a", parameters=100), pin_to("http://host/b", parameters=200)
    built_in = pin_to("", parameters=300)
    offered = {"small": small, "large": large, "built in": built_in}
    assert backbone_of(Layout(200, 0, "", keras3=True), offered) is large
    assert backbone_of(Layout(150, 50, "fc1", keras3=True), offered) is small
    assert backbone_of(Layout(300, 0, "", keras3=True), offered) is None


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_what_is_no_whole_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.h5 is not a complete HDF5 file"):
        read_layout(tmp_path / "a.h5")


def test_a_cut_file_is_told(tmp_path: Path) -> None:
    path = write_older(tmp_path / "a.h5", ARRAYS)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="is not a complete HDF5 file"):
        read_layout(path)


def test_a_list_that_names_what_is_not_there_is_told(tmp_path: Path) -> None:
    import h5py

    path = write_older(tmp_path / "a.h5", ARRAYS)
    with h5py.File(path, "a") as file:
        del file["conv2"]
    with pytest.raises(WeightsError, match="is not a complete HDF5 file"):
        read_layout(path)
