import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.demo.furniture_set import FURNITURE_KINDS, Planted, draw_furniture
from tellapart.progress import Silent

PER_CLASS = 8


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def small(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((12, 12))).astype(np.float64)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    folder = tmp_path_factory.mktemp("furniture")
    return folder, draw_furniture(folder, photos_per_class=PER_CLASS, progress=Silent())


def test_each_class_has_its_photos(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn

    assert sorted(path.name for path in folder.iterdir()) == list(FURNITURE_KINDS)
    for kind in FURNITURE_KINDS:
        files = [path for path in (folder / kind).iterdir() if path != planted.broken]
        assert len(files) == PER_CLASS
        assert {path.suffix for path in files} <= {".jpg", ".png"}


def test_the_broken_file_is_broken_and_all_others_open(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    for path in folder.rglob("*.*"):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            if path == planted.broken:
                with pytest.raises(OSError, match="truncated"):
                    image.load()
            else:
                image.load()
                assert 100 <= max(image.size) <= 240


def test_the_copies_are_there(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    seen = list(digests(folder).values())

    assert len(planted.exact) == 4
    assert len(planted.near) == 8
    assert len(seen) - len(set(seen)) == len(planted.exact)
    for original, copy in planted.exact:
        assert original != copy
        assert original.read_bytes() == copy.read_bytes()


def test_near_copies_look_like_their_originals_and_others_do_not(drawn: tuple[Path, Planted]) -> None:
    _, planted = drawn
    for original, copy in planted.near:
        assert original.read_bytes() != copy.read_bytes()
        assert np.abs(small(original) - small(copy)).mean() < 12
    (first, _), (second, _) = planted.near[:2]
    assert np.abs(small(first) - small(second)).mean() > 15


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        draw_furniture(tmp_path / name, photos_per_class=1, seed=seed, progress=Silent())
    first, again, other = (digests(tmp_path / name) for name in ("first", "again", "other"))

    assert first == again
    assert not set(first.values()) & set(other.values())


def test_colour_alone_does_not_tell_the_classes(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    copies = {copy for _, copy in planted.exact + planted.near} | {planted.broken}
    files = [path for path in sorted(folder.rglob("*.*")) if path not in copies]
    labels = np.array([FURNITURE_KINDS.index(path.parent.name) for path in files])
    colours = np.array([small(path).mean(axis=(0, 1)) for path in files])
    right = 0
    for index in range(len(files)):
        rest = np.arange(len(files)) != index
        centres = [colours[rest & (labels == label)].mean(axis=0) for label in range(4)]
        distances = [float(((colours[index] - centre) ** 2).sum()) for centre in centres]
        right += int(np.argmin(distances)) == labels[index]

    # Chance is 25 %; of 20 photos at most 10 are right by luck in 98 of 100 sets.
    assert right <= 10
