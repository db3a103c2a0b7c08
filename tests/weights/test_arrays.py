from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from weight_files import write_older

from tellapart.errors import WeightsError
from tellapart.weights.arrays import UNREADABLE, Weighted, read_arrays
from tellapart.weights.layout import read_layout

LAYERS = [Weighted("conv2d", ((1, 1, 2, 4), (4,))), Weighted("conv2d", ((1, 1, 4, 3), (3,)))]


def arrays() -> list[list[np.ndarray]]:
    generator = np.random.default_rng(0)
    return [[generator.normal(size=shape).astype(np.float32) for shape in layer.shapes] for layer in LAYERS]


def write_keras3(path: Path, tree: str = "layers") -> Path:
    with h5py.File(path, "w") as file:
        for number, layer in enumerate(arrays()):
            for place, array in enumerate(layer):
                file[f"{tree}/{'conv2d_1' if number else 'conv2d'}/vars/{place}"] = array
    return path


def write_listed(path: Path, inside: str = "", *, pieces: bool = False) -> Path:
    """The older layout, with names that say nothing, a layer without weights, and something that is not listed."""
    with h5py.File(path, "w") as file:
        group = file.create_group(inside) if inside else file
        names = np.array([b"input", b"b", b"a"])  # of a fixed length, as in the official files
        if not pieces:
            group.attrs["layer_names"] = names
        for number in range(3) if pieces else ():
            group.attrs[f"layer_names{number}"] = names[number : number + 1]
        group.create_group("input").attrs["weight_names"] = np.zeros(0, "S1")
        for name, layer in zip("ba", arrays(), strict=True):
            own = group.create_group(name)
            own.attrs["weight_names"] = np.array([f"{name}/kernel:0".encode(), b"bias:0"])
            own[f"{name}/kernel:0"], own["bias:0"] = layer
        file["unlisted"] = np.zeros(5)
    return path


def in_both(folder: Path) -> list[Path]:
    return [write_keras3(folder / "a.weights.h5"), write_listed(folder / "b.h5")]


@pytest.mark.parametrize(
    "write",
    [
        write_keras3,
        lambda path: write_keras3(path, "_layer_checkpoint_dependencies"),
        write_listed,
        lambda path: write_listed(path, "model_weights"),
        lambda path: write_listed(path, pieces=True),
    ],
)
def test_every_layout_gives_the_same_arrays(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    for found, layer in zip(read_arrays(write(tmp_path / "a.h5"), LAYERS), arrays(), strict=True):
        for one, expected in zip(found, layer, strict=True):
            assert one.dtype == np.float32
            assert np.array_equal(one, expected)


def test_numbers_of_another_kind_become_float32(tmp_path: Path) -> None:
    path = write_keras3(tmp_path / "a.weights.h5")
    with h5py.File(path, "a") as file:
        del file["layers/conv2d/vars/1"]
        file["layers/conv2d/vars/1"] = np.arange(4, dtype=np.float64)
    bias = read_arrays(path, LAYERS)[0][1]
    assert bias.dtype == np.dtype(np.float32)
    assert bias.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "wanted",
    [
        LAYERS[:1],
        [*LAYERS, LAYERS[0]],
        LAYERS[::-1],
        [LAYERS[0], Weighted("conv2d", ((1, 1, 3, 4), (3,)))],
        [LAYERS[0], Weighted("conv2d", ((1, 1, 4, 3),))],
    ],
)
def test_what_another_network_has_is_refused(tmp_path: Path, wanted: list[Weighted]) -> None:
    listed = write_listed(tmp_path / "b.h5")
    with pytest.raises(UNREADABLE):
        read_arrays(listed, wanted)
    if wanted != LAYERS[:1]:  # of the other layout the caller counts the numbers first
        with pytest.raises(UNREADABLE):
            read_arrays(write_keras3(tmp_path / "a.weights.h5"), wanted)


def replaced(file: h5py.File, place: str, kind: str) -> None:
    """Put something in the place of an array that is not plain numbers of this file."""
    shape, outside = file[place].shape, Path(file.filename).with_name("outside")
    kept = file[place][()]
    del file[place]
    if kind == "virtual":
        layout = h5py.VirtualLayout(shape, np.float32)
        layout[...] = h5py.VirtualSource(str(outside), "it", shape)
        file.create_virtual_dataset(place, layout)
    elif kind == "raw file":
        outside.write_bytes(kept.tobytes())
        file.create_dataset(place, shape, np.float32, external=[(str(outside), 0, h5py.h5f.UNLIMITED)])
    elif kind == "soft link":
        file["elsewhere"] = kept
        file[place] = h5py.SoftLink("/elsewhere")
    elif kind == "external link":
        with h5py.File(outside, "w") as other:
            other["it"] = kept
        file[place] = h5py.ExternalLink(str(outside), "/it")
    elif kind == "huge chunks":
        file.create_dataset(place, shape, np.float32, chunks=(1 << 24,), maxshape=(None,))
    elif kind == "text":
        file.create_dataset(place, shape, h5py.string_dtype())
    else:
        file.create_group(place)


@pytest.mark.parametrize(
    "kind", ["virtual", "raw file", "soft link", "external link", "huge chunks", "text", "a group"]
)
@pytest.mark.parametrize("layout", [0, 1])
def test_nothing_but_plain_numbers_of_the_file_itself_is_read(tmp_path: Path, layout: int, kind: str) -> None:
    path = in_both(tmp_path)[layout]
    assert read_arrays(path, LAYERS)
    place = ("layers/conv2d/vars/1", "b/bias:0")[layout]
    with h5py.File(path, "a") as file:
        replaced(file, place, kind)
    with pytest.raises(OSError, match=r"missing, or a link|none of plain numbers|larger than itself"):
        read_arrays(path, LAYERS)


@pytest.mark.parametrize("kind", ["soft link", "external link"])
@pytest.mark.parametrize("layout", [0, 1])
def test_links_are_told_with_the_layout(tmp_path: Path, layout: int, kind: str) -> None:
    """So that Keras, which reads the file afterwards for the recipes that train, does not follow them either."""
    path = in_both(tmp_path)[layout]
    with h5py.File(path, "a") as file:
        replaced(file, ("layers/conv2d/vars/1", "b/bias:0")[layout], kind)
    with pytest.raises(WeightsError, match=r"is not a complete HDF5 file \('.*link.*Next: fetch it again"):
        read_layout(path)


def test_a_group_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    outside = write_older(tmp_path / "outside.h5", {"a": (2,)})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(outside), "/")
        file["layers"] = h5py.ExternalLink(str(outside), "/")
    with pytest.raises(OSError, match="'layers' is missing, or a link"):
        read_arrays(tmp_path / "a.h5", LAYERS)
    with pytest.raises(WeightsError, match="is a link, which is not followed"):
        read_layout(tmp_path / "a.h5")


def test_a_shape_that_is_claimed_takes_no_memory(tmp_path: Path) -> None:
    path = write_keras3(tmp_path / "a.weights.h5")
    with h5py.File(path, "a") as file:
        del file["layers/conv2d/vars/0"]
        file.create_dataset("layers/conv2d/vars/0", (1 << 20, 1 << 20, 2, 4), np.float32, chunks=(1, 1, 2, 4))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="other arrays"):
        read_arrays(path, LAYERS)


def test_a_list_of_names_without_end_is_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file.attrs["layer_names"] = np.zeros(1 << 21, "S1")
    with pytest.raises(OSError, match="list of names that is too long"):
        read_arrays(tmp_path / "a.h5", LAYERS)


def test_damage_is_told_by_what_is_caught(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    told = 0
    for path in in_both(tmp_path):
        content = path.read_bytes()
        for _ in range(60):
            altered = bytearray(content[: len(content) - int(generator.integers(0, 2) * generator.integers(1, 2000))])
            for place in generator.integers(0, len(altered), 8):
                altered[place] = int(generator.integers(0, 256))
            path.write_bytes(bytes(altered))
            try:
                read_arrays(path, LAYERS)
            except UNREADABLE:
                told += 1
    assert told > 20
