import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photo_maker import class_folders
from tellapart.errors import PhotosError, UnreadablePhotoError
from tellapart.photos import batches as module
from tellapart.photos.batches import Ahead, Batches, decoded, label_numbers, pixels_of, rows_of
from tellapart.photos.decode import decode
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.photos.scan import Photo, Photos, scan
from tellapart.progress import Silent

SPEC = PixelSpec(16)


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return scan(class_folders(tmp_path / "photos", {"chair": 4, "table": 3}))


def batches(n: int = 10, size: int = 4, seed: int = 0, *, shuffle: bool = True) -> Batches:
    return Batches(rows_of(np.arange(n)), np.arange(n), size, seed, shuffle)


def epoch_of(some: Batches) -> list[int]:
    return [int(label) for number in range(len(some)) for label in some[number][1]]


@pytest.mark.parametrize(("n", "size"), [(10, 4), (8, 4), (1, 4), (5, 1), (3, 100)])
def test_each_photo_comes_once_an_epoch(n: int, size: int) -> None:
    some = batches(n, size)
    for _ in range(3):
        assert sorted(epoch_of(some)) == list(range(n))
        assert all(1 <= len(some[number][1]) <= size for number in range(len(some)))
        some.next_epoch()


def test_inputs_and_labels_belong_together() -> None:
    inputs, labels = batches()[1]
    assert inputs.dtype == np.float32
    assert inputs.tolist() == labels.tolist()


def test_the_seed_fixes_the_order() -> None:
    assert epoch_of(batches(50)) == epoch_of(batches(50))
    assert epoch_of(batches(50)) != epoch_of(batches(50, seed=1))


def test_the_order_changes_from_epoch_to_epoch() -> None:
    some = batches(50)
    first = epoch_of(some)
    assert epoch_of(some) == first
    some.next_epoch()
    assert epoch_of(some) != first


def test_without_shuffling_the_order_stays() -> None:
    some = batches(shuffle=False)
    some.next_epoch()
    assert epoch_of(some) == list(range(10))


def test_the_generator_is_fixed_by_seed_epoch_and_number() -> None:
    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return generator.random(len(positions))

    def draws(seed: int, epoch: int, number: int) -> list[float]:
        some = Batches(fetch, np.arange(8), 4, seed)
        for _ in range(epoch):
            some.next_epoch()
        return list(some[number][0])

    assert draws(0, 0, 0) == draws(0, 0, 0)
    others = [draws(*key) for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert len({tuple(draw) for draw in others}) == 4


@pytest.mark.parametrize("n_ahead", [0, 1, 2])
def test_batches_made_ahead_are_those_that_would_have_been_made(n_ahead: int) -> None:
    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return positions + generator.random(len(positions))

    plain, early = (Batches(fetch, np.arange(10), 4, 0) for _ in range(2))
    with Ahead(early, n_ahead) as ahead:
        assert len(ahead) == 3
        for _ in range(3):
            for number in (0, 0, 1, 2):  # Keras looks at some batches twice
                for one, other in zip(plain[number], ahead[number], strict=True):
                    assert one.tolist() == other.tolist()
            plain.next_epoch()
            ahead.next_epoch()


def test_no_more_is_made_ahead_than_asked_for() -> None:
    made: list[list[int]] = []

    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        made.append(positions.tolist())
        return positions

    with Ahead(Batches(fetch, np.arange(10), 2, 0, shuffle=False), n_ahead=2) as ahead:
        assert ahead[0][0].tolist() == [0, 1]
    assert made in ([[0, 1]], [[0, 1], [2, 3]], [[0, 1], [2, 3], [4, 5]])  # leaving drops what was not begun


def test_where_none_is_made_ahead_who_asks_makes_it() -> None:
    makers: list[int] = []

    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        makers.append(threading.get_ident())
        return positions

    for n_ahead in (0, 1):
        with Ahead(Batches(fetch, np.arange(10), 2, 0), n_ahead) as ahead:
            assert len(ahead[4][1]) == 2
    assert makers[0] == threading.get_ident() != makers[1]
    assert 2 <= len(makers) <= 3


def test_what_goes_wrong_ahead_is_raised_where_the_batch_is_asked_for() -> None:
    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        if 4 in positions:
            raise UnreadablePhotoError("cut short")
        return positions

    with Ahead(Batches(fetch, np.arange(6), 2, 0, shuffle=False)) as ahead:
        assert ahead[0][0].tolist() == [0, 1]
        assert ahead[1][0].tolist() == [2, 3]
        with pytest.raises(UnreadablePhotoError, match="cut short"):
            ahead[2]


def test_decoded_photos_equal_the_decoder(photos: Photos, tmp_path: Path) -> None:
    found = decoded(photos.root, photos.items, SPEC, cache=tmp_path / "cache", progress=Silent())
    assert found.shape == (7, 16, 16, 3)
    assert found.dtype == np.uint8
    for row, item in zip(found, photos.items, strict=True):
        assert (row == to_pixels(decode(photos.root / item.path), SPEC)).all()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_decoded_photos_are_kept_by_content_and_size(photos: Photos, tmp_path: Path) -> None:
    def ask(items: Photos, spec: PixelSpec) -> int:
        decoded(items.root, items.items, spec, cache=tmp_path / "cache", progress=Silent())
        return len(list((tmp_path / "cache" / "pixels").iterdir()))

    assert ask(photos, SPEC) == 1
    for item in photos.items:
        (photos.root / item.path).rename(photos.root / item.path.replace(".png", " renamed.png"))
    assert ask(scan(photos.root), SPEC) == 1
    assert ask(scan(photos.root), PixelSpec(17)) == 2
    assert ask(scan(photos.root), PixelSpec(16, "crop")) == 3
    assert ask(scan(photos.root), PixelSpec(16, scaling="another")) == 3


def test_pixels_come_in_order(photos: Photos) -> None:
    backwards = photos.items[::-1]
    found = list(pixels_of(photos.root, backwards, SPEC))
    assert (found[0] == to_pixels(decode(photos.root / backwards[0].path), SPEC)).all()
    assert len(found) == 7


def test_a_photo_that_has_gone_leaves_nothing_half_done(photos: Photos, tmp_path: Path) -> None:
    (photos.root / photos.items[3].path).unlink()
    with pytest.raises(PhotosError, match="was readable before"):
        decoded(photos.root, photos.items, SPEC, cache=tmp_path / "cache", progress=Silent())
    assert not list((tmp_path / "cache" / "pixels").iterdir())


def test_a_photo_that_was_replaced_is_named_and_not_kept_under_the_other_name(photos: Photos, tmp_path: Path) -> None:
    first, second = (photos.root / photos.items[place].path for place in (0, 1))
    first.write_bytes(second.read_bytes())
    with pytest.raises(PhotosError, match=f"{first} was changed while the run went on. Next: bring it back"):
        decoded(photos.root, photos.items, SPEC, cache=tmp_path / "cache", progress=Silent())
    assert not list((tmp_path / "cache" / "pixels").iterdir())


def test_what_is_not_known_of_an_early_run_is_not_checked(photos: Photos) -> None:
    before = replace(photos.items[0], content="")
    (photos.root / before.path).write_bytes((photos.root / photos.items[1].path).read_bytes())
    assert len(list(pixels_of(photos.root, [before], SPEC))) == 1


def test_label_numbers_follow_the_classes(photos: Photos) -> None:
    numbers = label_numbers(photos.items, ("table", "sofa", "chair"))
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [2] * 4 + [0] * 3


def test_photos_are_decoded_ahead_but_not_all(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(module, "_AHEAD", 3)
    decoded_one = module._pixels

    def counted(root: Path, photo: Photo, spec: PixelSpec) -> np.ndarray:
        begun.append(photo.path)
        return decoded_one(root, photo, spec)

    monkeypatch.setattr(module, "_pixels", counted)
    many = [*photos.items, *photos.items, *photos.items]
    pictures = pixels_of(photos.root, many, PixelSpec(32))
    next(pictures)
    time.sleep(0.2)
    assert len(begun) == 3 < len(many)
    pictures.close()  # type: ignore[attr-defined]
    assert len(begun) == 3
