"""What a frozen backbone makes of a photo, computed once and kept.

The last activation maps of each photo are kept by the content of photo,
weights and preprocessing, some photos a file, so that a later run with more
photos computes the new ones only. Files are safetensors: plain arrays.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.cache import kept_rows, kept_where_possible
from tellapart.errors import OptionError, WeightsError
from tellapart.machine import has_vnni
from tellapart.models import hub, pocket
from tellapart.models.backbone_file import MAPS, backbone_onnx, means_in
from tellapart.models.backbones import Backbone, build_backbone
from tellapart.models.backend import keras
from tellapart.models.engine import fast_forward
from tellapart.models.forward import Later, Run, in_batches
from tellapart.models.kept_features import held_means, keep, pooled
from tellapart.models.kept_seconds import FILE, add_seconds, seconds_of
from tellapart.models.task import Task
from tellapart.models.weights import fingerprint, load_weights
from tellapart.photos.batches import pixels_of
from tellapart.photos.decode import DECODER
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo, digest_of
from tellapart.progress import Progress, Silent, track

CALIBRATION: Final = 64  # photos
_FORMAT: Final = "means 2"  # counts up where what is kept of a photo is otherwise
_INT8_FORMAT: Final = "int8 2"  # counts up where the same photos are rounded otherwise


@dataclass(frozen=True)
class Source:
    """Where features come from: a backbone, at a size, with a file of weights. No network is built for it.

    Attributes:
        backbone: Its row of the table.
        spec: Size, geometry and scaling of its photos.
        weights: SHA-256 of its weights.
        path: Their file, or the folder of a preset.
        calibration: Photos by which the backbone is brought to 8 bits; without them it stays in float32.
    """

    backbone: Backbone
    spec: PixelSpec
    weights: str
    path: Path
    calibration: tuple[Photo, ...] = ()

    @property
    def key(self) -> str:
        """What its features depend on: network, weights, size, geometry and scaling, and what they are rounded by."""
        settings = [_FORMAT, DECODER, self.backbone.name, self.weights, *map(str, self.spec.as_dict().values())]
        if self.calibration:
            settings += [_INT8_FORMAT, str(has_vnni()), *(photo.content for photo in self.calibration)]
        return digest_of(settings)[:24]


@dataclass(frozen=True)
class Pretrained:
    """A backbone with its weights, as a Keras network.

    Attributes:
        source: Which backbone, at which size, with which weights.
        network: Keras model from preprocessed photos to its last activation maps.
    """

    source: Source
    network: Any

    @property
    def backbone(self) -> Backbone:
        """Its row of the table."""
        return self.source.backbone

    @property
    def spec(self) -> PixelSpec:
        """Size, geometry and scaling of its photos."""
        return self.source.spec


def source_of(backbone: Backbone, size: int, path: Path) -> Source:
    """A backbone at a size, with a file of weights or the folder of a preset."""
    return Source(backbone, PixelSpec(size, scaling=backbone.scaling), fingerprint(path), path)


def source_for(task: Task) -> Source:
    """The backbone of a task.

    Raises:
        WeightsError: No backbone or weights were resolved for the task.
    """
    backbone, path = task.options.backbone, task.options.weights
    if backbone is None or path is None:
        raise WeightsError("This recipe needs a backbone and its weights. Next: --backbone NAME")
    return source_of(backbone, task.options.image_size or backbone.image_size, path)


def learning_source(source: Source, photos: Sequence[Photo], *, fast: bool) -> Source:
    """Where the features of photos that are learned from come from: those of `fast` runs are computed in 8 bits.

    What is validated or tested with never is: it must see the network as it is handed over.

    Args:
        source: Of the backbone in float32.
        photos: All that are learned from; the first by their content, which is as good as chance, are what the
            backbone is brought to 8 bits by.
        fast: Whether the run is.
    """
    return replace(source, calibration=tuple(sorted(photos, key=_by_content)[:CALIBRATION])) if fast else source


def _by_content(photo: Photo) -> str:
    return photo.content


def load_pretrained(backbone: Backbone, size: int, path: Path) -> Pretrained:
    """Build a backbone and load its weights, a file or the folder of a preset; all of it frozen.

    Raises:
        WeightsError: The file is of another network.
        OptionError: The network does not work at that size, or cannot be exported.
    """
    if backbone.module == "convnext" and keras.backend.backend() != "torch":
        # Its grouped convolution becomes an XLA call, at which tf2onnx stops; JAX exports through TensorFlow.
        raise OptionError(
            f"{backbone.name} cannot be exported by TensorFlow. Next: KERAS_BACKEND=torch, or another --backbone"
        )
    if isinstance(backbone, hub.HubBackbone):
        network = hub.load(backbone, size, path)
    else:
        network = build_backbone(backbone, size)
        load = pocket.load if backbone.module == "pocket" else load_weights
        load(network, path, backbone)
    network.trainable = False
    return Pretrained(source_of(backbone, size, path), network)


def photo_to(pretrained: Pretrained, network: Any) -> Any:
    """Put the backbone's preprocessing in front of a network that takes its input.

    Returns:
        A Keras model from RGB photos, 0 to 255, to the network's output.
    """
    size = pretrained.spec.size
    photo = keras.Input((size, size, 3), name="photo")
    return keras.Model(photo, network(pretrained.backbone.preprocess(photo)))


def pooled_features(
    source: Source, root: Path, photos: Sequence[Photo], *, cache: Path, progress: Progress, lower: bool = False
) -> np.ndarray:
    """The mean of each channel of the last activation maps; where the cache cannot be written they are not kept.

    Args:
        source: Which backbone.
        root: What the photos' paths are relative to.
        photos: Any of them.
        cache: The cache's folder.
        progress: Where to tell how far it is.
        lower: Whether the means of the lower maps (`lower_maps.py`), of a backbone that has some, stand behind them.

    Returns:
        Shape (photos, channels), float32.
    """
    return _joined(_means(source, root, photos, cache, progress, lower=lower))


def _joined(means: Sequence[np.ndarray]) -> np.ndarray:
    return means[0] if len(means) == 1 else np.concatenate(means, axis=1)


def _means(
    source: Source, root: Path, photos: Sequence[Photo], cache: Path, progress: Progress, *, lower: bool
) -> list[np.ndarray]:
    """Those of the last maps, and of the lower ones, which are computed where they are not kept."""
    folder = cache / "features" / source.key
    held: dict[str, Path] = held_means(folder)
    new: dict[str, np.ndarray] = {}
    missing = list({photo.content: photo for photo in photos if photo.content not in held}.values())
    if missing:
        found = _computed(source, root, missing, cache)
        title = f"Features of {source.backbone.name}"
        start = time.perf_counter()
        new = keep(folder, missing, track(found, title, len(missing), progress), progress)
        with kept_where_possible(progress):
            add_seconds(folder / FILE, len(missing), time.perf_counter() - start)
    return pooled(held, photos, new, lower=lower)


def kept_features(source: Source, photos: Sequence[Photo], cache: Path, *, lower: bool = False) -> np.ndarray | None:
    """What `pooled_features` gives, where all of it is kept already; nothing is computed.

    Returns:
        Shape (photos, channels), float32; None where a photo is missing.
    """
    held = held_means(cache / "features" / source.key)
    there = photos and all(photo.content in held for photo in photos)
    return _joined(pooled(held, photos, lower=lower)) if there else None


@dataclass(frozen=True)
class Pooled:
    """The pooled features that a task needs.

    Attributes:
        train: Of its training photos, (photos, channels).
        valid: Of its validation photos.
        widths: How many channels are of the last maps, and how many of the lower ones, where they are among them.
        seconds: What computing them takes, also where they were found done; of rounds this one's share.
        spent: What this call took.
    """

    train: np.ndarray
    valid: np.ndarray
    widths: tuple[int, ...]
    seconds: float
    spent: float


def features_for(task: Task, source: Source, *, lower: bool = False) -> Pooled:
    """Pooled features of a task's photos; with `lower` as `pooled_features` has it."""
    start = time.perf_counter()
    learning = learning_source(source, task.train, fast=task.options.fast)
    parts = ((learning, task.train), (source, task.valid))
    train, valid = (_means(own, task.root, photos, task.cache, task.progress, lower=lower) for own, photos in parts)
    spent = time.perf_counter() - start
    seconds, n_all = 0.0, len(task.train) + len(task.valid)
    for own, photos in parts:
        # A photo serves every round but the one that tests it; in 8 bits each round computes its own.
        n_photos = len(photos) / (1 if own.calibration else max(1, task.rounds - 1))
        folder = task.cache / "features" / own.key
        seconds += seconds_of(folder / FILE, n_photos, measured=spent * len(photos) / n_all)
    return Pooled(_joined(train), _joined(valid), tuple(part.shape[1] for part in train), seconds, spent)


def _computed(source: Source, root: Path, photos: Sequence[Photo], cache: Path) -> Iterator[dict[str, np.ndarray]]:
    """What the backbone gives for each photo, by name: maps and means; in 8 bits the means alone."""
    content = backbone_onnx(source.backbone, source.spec.size, source.path, cache)
    wanted = (MAPS, *means_in(content))
    if source.calibration:
        from tellapart.models.int8_backbone import int8_backbone

        content = int8_backbone(content, np.stack(list(pixels_of(root, source.calibration, source.spec))))
        wanted = wanted[1:]
    forward = fast_forward(content, _network_key(source), cache, wanted, len(photos))
    for found in forward.each(pixels_of(root, photos, source.spec)):
        yield dict(zip(wanted, found if len(wanted) > 1 else (found,), strict=True))


def _network_key(source: Source) -> str:
    """Which network it is as far as time is concerned; the photos that it was calibrated by do not matter."""
    return f"{replace(source, calibration=()).key} int8" if source.calibration else source.key


@dataclass(frozen=True)
class Cut:
    """A backbone in two: the frozen lower part runs forward only, the upper part learns.

    Attributes:
        lower: From RGB photos, 0 to 255, to the activations at the cut; exported when first used.
        upper: Keras model from those to the last maps; shares its layers with the backbone.
        layer: Where it was cut.
        shape: Of the activations there: rows, columns, channels.
    """

    lower: Run
    upper: Any
    layer: str
    shape: tuple[int, ...]


def cut(pretrained: Pretrained, cache: Path) -> Cut:
    """Cut a backbone below its last convolutional block.

    Args:
        pretrained: The backbone.
        cache: Where it is kept how the lower part runs fastest.
    """
    from tellapart.models.cuts import cut_layer, output_of
    from tellapart.models.onnx_export import to_onnx

    layer = cut_layer(pretrained.network, pretrained.backbone)
    seam = output_of(layer)
    lower = photo_to(pretrained, keras.Model(pretrained.network.input, seam))
    return Cut(
        Later(lambda: fast_forward(to_onnx(lower), f"{pretrained.source.key} below {layer.name}", cache)),
        keras.Model(seam, pretrained.network.output),
        layer.name,
        tuple(seam.shape[1:]),
    )


def activations(
    lower: Run,
    pictures: Callable[[], Iterator[np.ndarray]],
    shape: tuple[int, ...],
    path: Path,
    progress: Progress | None = None,
) -> np.ndarray:
    """What the frozen lower part makes of some pictures, computed once and kept at `path`, what it took beside it.

    Args:
        lower: The lower part of a backbone.
        pictures: Gives the pictures, each (size, size, 3).
        shape: Of the result: (pictures, rows, columns, channels).
        path: A .npy file whose name holds everything that the result depends on.
        progress: Where it is told that the cache cannot be used.

    Returns:
        The activations, float16, mapped from disk, or in memory where they cannot be written.
    """
    was_there, start = path.exists(), time.perf_counter()
    found = kept_rows(path, lambda: in_batches(lower, pictures()), shape, np.float16, progress or Silent())
    if not was_there:
        with kept_where_possible(progress):
            add_seconds(path.with_suffix(".json"), shape[0], time.perf_counter() - start)
    return found
