from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from tellapart.cache import write_rows
from tellapart.doctor.wholeness import fault_of
from tellapart.files import write_bytes, write_json
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.weights.pins import find_pin
from tellapart.weights.store import locate


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each kind, as the code that keeps it writes it."""
    folder = tmp_path_factory.mktemp("kept")
    write_bytes(folder / "some.safetensors", save({"a": np.ones((3, 4), np.float16), "b": np.zeros(5, np.float32)}))
    write_bytes(folder / "none.safetensors", save({}))
    write_rows(folder / "rows.npy", iter(np.ones((4, 2, 3))), (4, 2, 3), np.float16)
    write_json(folder / "seconds.json", {"photos": 3, "seconds": 0.5})
    weights = locate(find_pin("pocket"))
    assert weights is not None
    backbone_onnx(find_backbone("pocket"), 32, weights, folder)
    (network,) = (folder / "onnx").iterdir()
    return {path.suffix + path.stem[:4]: path for path in [*folder.glob("*.*"), network]}


def test_what_was_written_is_whole(kept: dict[str, Path]) -> None:
    assert len(kept) == 5
    assert {name: fault_of(path) for name, path in kept.items()} == dict.fromkeys(kept, "")


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
def test_what_was_cut_off_is_not(kept: dict[str, Path], tmp_path: Path, share: float) -> None:
    for path in kept.values():
        content = path.read_bytes()
        cut = tmp_path / path.name
        cut.write_bytes(content[: min(int(share * len(content)), len(content) - 2)])
        assert fault_of(cut), path.name


def test_what_has_more_behind_it_is_not(kept: dict[str, Path], tmp_path: Path) -> None:
    for path in kept.values():
        longer = tmp_path / path.name
        longer.write_bytes(path.read_bytes() + b"}")
        assert fault_of(longer), path.name


@pytest.mark.parametrize("seed", range(8))
def test_no_damage_makes_it_fall_over(kept: dict[str, Path], tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for path in kept.values():
        content = np.frombuffer(path.read_bytes(), np.uint8).copy()
        content[generator.integers(min(len(content), 100), size=5)] ^= generator.integers(1, 256, 5, dtype=np.uint8)
        damaged = tmp_path / path.name
        damaged.write_bytes(content.tobytes())
        assert isinstance(fault_of(damaged), str)


def test_a_bit_of_a_network_that_fell_over_is_found(kept: dict[str, Path], tmp_path: Path) -> None:
    (network,) = (path for path in kept.values() if path.suffix == ".onnx")
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bit.onnx").write_bytes(content)
    assert fault_of(tmp_path / "bit.onnx") == "its digest differs"


@pytest.mark.parametrize("content", ["[]", "{", "3", "\udcff", "[" * 100_000])
def test_a_record_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert fault_of(tmp_path / "a.json")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    assert fault_of(tmp_path / "folder.json").startswith("cannot be read")
    assert fault_of(tmp_path / "gone.npy").startswith("cannot be read: no such file")
    assert fault_of(tmp_path / "notes.txt") == ""
