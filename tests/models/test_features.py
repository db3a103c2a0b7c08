from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_set import QUIET, draw_photo, draw_set, photos_of

from tellapart.errors import OptionError, WeightsError
from tellapart.models import features
from tellapart.models.backbones import find_backbone
from tellapart.models.backend import keras
from tellapart.models.cuts import output_of
from tellapart.models.features import (
    Pretrained,
    activations,
    cut,
    features_for,
    kept_features,
    learning_source,
    load_pretrained,
    photo_to,
    pooled_features,
    source_for,
    source_of,
)
from tellapart.models.pocket import FILE
from tellapart.models.task import Options, Task
from tellapart.photos.batches import pixels_of
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo
from tellapart.progress import Silent

pytestmark = QUIET

Compute = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Photo, ...]]:
    root = draw_set(tmp_path_factory.mktemp("photos") / "set", per_class=3)
    return root, photos_of(root)


@pytest.fixture(scope="module")
def pretrained() -> Pretrained:
    return load_pretrained(find_backbone("pocket"), 64, FILE)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos were decoded for each run of a backbone."""
    given: list[int] = []

    def counted(root: Path, photos: Sequence[Photo], spec: PixelSpec) -> Iterator[np.ndarray]:
        given.append(len(photos))
        return pixels_of(root, photos, spec)

    monkeypatch.setattr(features, "pixels_of", counted)
    return given


def computed(pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], cache: Path) -> np.ndarray:
    return pooled_features(pretrained.source, photos[0], photos[1], cache=cache, progress=Silent())


def test_all_of_it_is_frozen_and_says_how_it_sees(pretrained: Pretrained) -> None:
    assert pretrained.network.trainable_weights == []
    assert (pretrained.spec.size, pretrained.spec.scaling) == (64, "-1 to 1")


def test_features_are_the_means_that_keras_gives(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path
) -> None:
    found = computed(pretrained, photos, tmp_path)
    pixels = np.stack(list(pixels_of(*photos, pretrained.spec))).astype(np.float32)
    maps = pretrained.network(pretrained.backbone.preprocess(pixels))
    expected = keras.ops.convert_to_numpy(keras.layers.GlobalAveragePooling2D()(maps))
    assert found.shape == (9, 320)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()
    assert len({row.tobytes() for row in found}) == 9


def test_means_of_lower_maps_stand_behind_those_of_the_last(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    from tellapart.models.lower_maps import lower_in_keras

    plain, source = computed(pretrained, photos, tmp_path), pretrained.source
    both = pooled_features(source, *photos, cache=tmp_path, progress=Silent(), lower=True)
    assert runs == [9]
    assert np.array_equal(both[:, :320], plain)
    pixels = np.stack(list(pixels_of(*photos, pretrained.spec))).astype(np.float32)
    below = keras.Model(pretrained.network.input, lower_in_keras(pretrained.network))
    maps = keras.ops.convert_to_numpy(below(pretrained.backbone.preprocess(pixels)))
    assert both[:, 320:] == pytest.approx(maps.mean(axis=(1, 2)), abs=2e-3 * float(np.abs(maps).max()))
    kept = kept_features(source, photos[1], tmp_path, lower=True)
    assert kept is not None
    assert np.array_equal(kept, both)
    task = Task(photos[0], ("a", "b", "c"), photos[1][:6], photos[1][6:], Options(), tmp_path, tmp_path)
    assert features_for(task, source, lower=True).widths == (320, 96)
    assert features_for(task, source).widths == (320,)


def test_features_are_computed_once(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    first = computed(pretrained, photos, tmp_path)
    again = computed(pretrained, photos, tmp_path)
    assert runs == [9]
    assert again.tobytes() == first.tobytes()
    backwards = computed(pretrained, (photos[0], photos[1][::-1]), tmp_path)
    assert backwards.tobytes() == first[::-1].tobytes()


def test_what_is_kept_is_found_without_a_network(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    some = photos[1][:4]
    assert kept_features(pretrained.source, some, tmp_path) is None
    first = computed(pretrained, (photos[0], some), tmp_path)
    kept = kept_features(pretrained.source, some, tmp_path)
    assert kept is not None
    assert kept.tobytes() == first.tobytes()
    assert kept_features(pretrained.source, photos[1], tmp_path) is None
    assert kept_features(pretrained.source, (), tmp_path) is None
    assert runs == [4]


def test_only_new_photos_are_computed(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    root, all_photos = photos
    some = computed(pretrained, (root, all_photos[:4]), tmp_path)
    everything = computed(pretrained, photos, tmp_path)
    assert runs == [4, 5]
    assert everything[:4].tobytes() == some.tobytes()


def test_copies_of_a_photo_are_computed_once(pretrained: Pretrained, tmp_path: Path, runs: list[int]) -> None:
    root = draw_set(tmp_path / "set", per_class=1)
    draw_photo("bar", 0).save(root / "bar" / "copy.png")
    found = pooled_features(pretrained.source, root, photos_of(root), cache=tmp_path, progress=Silent())
    assert runs == [3]
    assert found[0].tobytes() == found[1].tobytes()


def test_the_key_holds_weights_size_and_network(pretrained: Pretrained, tmp_path: Path) -> None:
    save_file(load_file(FILE), tmp_path / "other.safetensors")  # the same weights without the note of their origin
    source = pretrained.source
    other_file = source_of(source.backbone, 64, tmp_path / "other.safetensors")
    other_size = replace(source, spec=replace(source.spec, size=96))
    other_network = replace(source, backbone=replace(source.backbone, name="other"))
    other_geometry = replace(source, spec=replace(source.spec, geometry="crop"))
    keys = [one.key for one in (source, other_file, other_size, other_network, other_geometry)]
    assert len(set(keys)) == 5


def test_fast_features_are_of_learned_photos_alone_and_kept_apart(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    root, items = photos
    learned, steered = items[:6], items[6:]
    options = Options(backbone=pretrained.backbone, weights=FILE, image_size=64)
    plain = Task(root, ("a", "b", "c"), learned, steered, options, tmp_path, tmp_path)
    fast = replace(plain, options=replace(options, fast=True))
    source = pretrained.source
    expected, found = features_for(plain, source), features_for(fast, source)
    assert runs == [6, 3, 6, 6]  # in 8 bits those to calibrate by, then the same; what validates is there
    assert np.array_equal(found.valid, expected.valid)
    assert not np.array_equal(found.train, expected.train)
    spread = expected.train.std(axis=0).mean()
    assert np.abs(found.train - expected.train).mean() < 0.2 * spread
    assert np.array_equal(features_for(fast, source).train, found.train)
    assert len(runs) == 4


def test_features_that_are_found_done_take_what_they_took(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path
) -> None:
    root, items = photos
    options = Options(backbone=pretrained.backbone, weights=FILE, image_size=64)
    task = Task(root, ("a", "b", "c"), items[:6], items[6:], options, tmp_path, tmp_path)
    first = features_for(task, pretrained.source)
    again = features_for(task, pretrained.source)
    assert again.seconds == first.seconds > 0
    assert 0 < again.spent < first.spent
    shared = features_for(replace(task, rounds=4), pretrained.source)
    assert shared.seconds == pytest.approx(first.seconds / 3)  # three of four rounds use a photo
    (tmp_path / "features" / pretrained.source.key / "seconds.json").unlink()
    unknown = features_for(task, pretrained.source)
    assert unknown.seconds == pytest.approx(unknown.spent)


def test_what_is_rounded_by_other_photos_has_another_key(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]]
) -> None:
    source, items = pretrained.source, photos[1]
    assert learning_source(source, items, fast=False) == source
    keys = {source.key, *(learning_source(source, some, fast=True).key for some in (items, items[1:], items[::-1]))}
    assert len(keys) == 3  # the order does not matter


def test_without_a_backbone_no_source_is_named(tmp_path: Path) -> None:
    task = Task(tmp_path, ("a", "b"), (), (), Options(), tmp_path, tmp_path)
    with pytest.raises(WeightsError, match="Next: --backbone NAME"):
        source_for(task)


def test_a_damaged_file_is_computed_again(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path, runs: list[int]
) -> None:
    first = computed(pretrained, photos, tmp_path)
    (shard,) = (tmp_path / "features" / pretrained.source.key / "pooled").glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-100])
    assert computed(pretrained, photos, tmp_path).tobytes() == first.tobytes()
    assert runs == [9, 9]


def test_maps_are_kept_some_photos_a_file(
    pretrained: Pretrained,
    photos: tuple[Path, tuple[Photo, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runs: list[int],
) -> None:
    monkeypatch.setattr("tellapart.models.kept_features.SHARD", 4)
    found = computed(pretrained, photos, tmp_path)
    shards = sorted((tmp_path / "features" / pretrained.source.key).glob("*.safetensors"))
    held = {name: maps for path in shards for name, maps in load_file(path).items()}
    assert len(shards) == 3
    assert runs == [9]
    assert set(held) == {photo.content for photo in photos[1]}
    assert {(maps.shape, maps.dtype.name) for maps in held.values()} == {((4, 4, 320), "float16")}
    first = held[photos[1][0].content].astype(np.float32).mean(axis=(0, 1))
    assert found[0] == pytest.approx(
        first, abs=1e-3 * float(np.abs(first).max())
    )  # the maps are kept in half precision


def test_the_halves_of_a_cut_agree_with_the_whole(
    pretrained: Pretrained, photos: tuple[Path, tuple[Photo, ...]], tmp_path: Path
) -> None:
    halves = cut(pretrained, tmp_path)
    pixels = np.stack(list(pixels_of(*photos, pretrained.spec))).astype(np.float32)
    below = halves.lower(pixels)
    assert below.shape[1:] == halves.shape
    assert halves.layer == "stage2_d"
    whole = keras.ops.convert_to_numpy(photo_to(pretrained, pretrained.network)(pixels))
    assert keras.ops.convert_to_numpy(halves.upper(below)) == pytest.approx(whole, abs=1e-3 * float(whole.max()))
    seam = output_of(pretrained.network.get_layer(halves.layer))
    assert tuple(seam.shape[1:]) == halves.shape


def test_activations_are_kept_by_name(tmp_path: Path) -> None:
    calls: list[int] = []

    def lower(batch: np.ndarray) -> Any:
        calls.append(len(batch))
        return batch[:, :1, :1] / 2

    def pictures() -> Iterator[np.ndarray]:
        return (np.full((4, 4, 3), number, dtype=np.uint8) for number in range(5))

    for _ in range(2):
        found = activations(lower, pictures, (5, 1, 1, 3), tmp_path / "a" / "kept.npy")
        assert found.dtype == np.float16
        assert found[:, 0, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert sum(calls) == 5


def test_a_network_that_cannot_be_exported_is_refused_at_once(tmp_path: Path) -> None:
    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch exports it")
    with pytest.raises(OptionError, match="KERAS_BACKEND=torch"):
        load_pretrained(find_backbone("convnext_tiny"), 64, tmp_path / "not read")
