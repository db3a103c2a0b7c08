"""Backbone features: Tellapart's path beside stock Keras, in turn, in one run, on the same photos and weights.

    python benchmarks/features.py [--photos FOLDER] [--weights FILE] [--sizes 224,128] [--n 96] [--pairs 5]

For each of VGG16 and MobileNetV2 and each size: photos a second, from files to features and of the network alone on
photos in memory, of Tellapart in float32, of Tellapart with --fast, and of stock Keras as tutorials teach it
(`image_dataset_from_directory`, `model.predict`); and what share of the peak of float32 matrix products, measured in
the same run, the network alone reaches. Weights of VGG16 are random. Equal
quality: the largest difference between the features of both in float32 of the same pixels, as a share of the largest
feature; the error of --fast, as a share of the spread; and the accuracy of a linear head on the features of each.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from paired import OURS, STOCK, compare, inputs, keep, leave_memory, parser, spread

from tellapart.models.backbone_file import POOLED, backbone_onnx
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.engine import fast_forward
from tellapart.models.features import CALIBRATION, Source, load_pretrained, photo_to, source_of
from tellapart.models.forward import Streams
from tellapart.models.int8_backbone import int8_backbone
from tellapart.models.machine_record import measured_peak
from tellapart.models.networks import pooled
from tellapart.models.probe import cross_validated
from tellapart.photos.batches import label_numbers, pixels_of
from tellapart.photos.scan import Photos, scan

FAST = "tellapart --fast"
# Against stock Keras, from the issue: VGG16, MobileNetV2, MobileNetV2 with --fast; and VGG16's share of the peak.
AIMS = {("vgg16", OURS): 1.3, ("mobilenet_v2", OURS): 3.0, ("mobilenet_v2", FAST): 6.0}
SHARE_OF_PEAK = {"vgg16": 0.9}
# Operations of one photo at 224 pixels, two for each product and sum: of the convolutions, which is all but 1 %.
GIGA_OPERATIONS = {"vgg16": 30.69, "mobilenet_v2": 0.60}


def link_photos(source: Path, folder: Path, n_photos: int) -> None:
    """Copy the first photos of every class folder, as many in all as are asked for."""
    classes = sorted(path for path in source.iterdir() if path.is_dir())
    for of_class in classes:
        (folder / of_class.name).mkdir()
        for path in sorted(of_class.iterdir())[: -(-n_photos // len(classes))]:
            shutil.copy(path, folder / of_class.name / path.name)


@dataclass(frozen=True)
class Contest:
    """A backbone at a size, and the photos.

    Attributes:
        source: The backbone.
        photos: As scanned.
        cache: A folder of its own: nothing is found there that an earlier run left.
    """

    source: Source
    photos: Photos
    cache: Path

    def pictures(self) -> Iterator[np.ndarray]:
        """Decoded photos, in order."""
        return pixels_of(self.photos.root, self.photos.items, self.source.spec)

    def network(self, *, fast: bool) -> Streams:
        """The backbone as this machine runs it fastest."""
        content = backbone_onnx(self.source.backbone, self.source.spec.size, self.source.path, self.cache)
        if fast:
            content = int8_backbone(content, np.stack(list(self.pictures())[:CALIBRATION]))
        return fast_forward(content, f"{self.source.key} {fast}", self.cache, (POOLED,))

    def stock(self) -> tuple[Callable[[], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
        """Features as tutorials compute them: of the files, and of photos in memory."""
        pretrained = load_pretrained(self.source.backbone, self.source.spec.size, self.source.path)
        maps = pooled(pretrained.network)
        network = photo_to(pretrained, keras.Model(maps.input, maps.output))
        size = self.source.spec.size

        def of_files() -> np.ndarray:
            photos = keras.utils.image_dataset_from_directory(
                self.photos.root, image_size=(size, size), shuffle=False, verbose=False
            )
            return np.asarray(network.predict(photos, verbose=0))

        return of_files, lambda pictures: np.asarray(network.predict(pictures, verbose=0))


@contextmanager
def contest(name: str, size: int, folder: Path, weights: Path | None) -> Iterator[Contest]:
    """Prepare a contest; weights that are not given are random."""
    backbone = find_backbone(name)
    with TemporaryDirectory() as place:
        if weights is None:
            keras.utils.set_random_seed(0)
            weights = Path(place) / f"{name}.weights.h5"
            build_backbone(backbone, size).save_weights(weights)
        yield Contest(source_of(backbone, size, weights), scan(folder), Path(place))


def shares_of_peak(rates: dict[str, float], name: str, size: int, peak: float) -> dict[str, float]:
    """What share of the peak of matrix products each network alone reaches."""
    operations = GIGA_OPERATIONS[name] * (size / 224) ** 2
    return {label: round(rate * operations / peak, 3) for label, rate in rates.items()}


def quality(found: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, Any]:
    """Accuracy of a linear head on the features of each, in cross-validation; and the error of --fast."""
    deviation = float(found[OURS].std(axis=0).mean())
    return {
        "accuracy": {label: round(cross_validated(features, labels), 4) for label, features in found.items()},
        "error_of_fast": round(float(np.sqrt(np.square(found[FAST] - found[OURS]).mean()) / deviation), 4),
    }


def side_by_side(
    runs: dict[str, Callable[[], np.ndarray]], n: int, pairs: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of `compare` with photos a second and times stock Keras; and what was found."""
    told = compare(runs, pairs=pairs)
    found, seconds = told.pop("found"), told["seconds"]
    times = {
        label: spread([theirs / own for own, theirs in zip(seconds[label]["all"], seconds[STOCK]["all"], strict=True)])
        for label in (OURS, FAST)
    }
    rates = {label: round(n / one["median"], 1) for label, one in seconds.items()}
    return {"seconds": seconds, "photos_per_second": rates, "times_stock": times}, found


def measured(name: str, size: int, folder: Path, weights: Path | None, pairs: int) -> dict[str, Any]:
    """The figures of one backbone at one size."""
    with contest(name, size, folder, weights) as held:
        networks = {OURS: held.network(fast=False), FAST: held.network(fast=True)}
        of_files, of_pictures = held.stock()
        pictures, n = np.stack(list(held.pictures())), len(held.photos.items)
        files: dict[str, Callable[[], np.ndarray]] = {
            label: partial(lambda one: np.stack(list(one.each(held.pictures()))), one)
            for label, one in networks.items()
        }
        whole, found = side_by_side({**files, STOCK: of_files}, n, pairs)
        memory = {label: partial(one, pictures) for label, one in networks.items()}
        before = measured_peak()
        alone, same = side_by_side({**memory, STOCK: partial(of_pictures, pictures)}, n, pairs)
        peak = max(before, measured_peak())
        labels = label_numbers(held.photos.items, held.photos.classes)
    shares = shares_of_peak(alone["photos_per_second"], name, size, peak)
    difference = float(np.abs(same[OURS] - same[STOCK]).max() / np.abs(same[STOCK]).max())
    return {
        "backbone": name,
        "size": size,
        "photos": n,
        "files_to_features": whole,
        "network_alone": {**alone, "matrix_peak": round(peak, 1), "share_of_peak": shares},
        "largest_difference_to_keras_on_the_same_pixels": difference,
        **quality(found, labels),
        "aim": {label: AIMS[name, label] for label in (OURS, FAST) if (name, label) in AIMS}
        | ({"of_peak": SHARE_OF_PEAK[name]} if name in SHARE_OF_PEAK else {}),
        "reached": {label: alone["times_stock"][label]["median"] for label in (OURS, FAST)}
        | {"of_peak": shares[OURS]}
        | {f"{label}, with decoding": whole["times_stock"][label]["median"] for label in (OURS, FAST)},
    }


def main() -> None:
    """Measure every backbone at every size, and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--backbones", default="vgg16,mobilenet_v2")
    taken.add_argument("--sizes", default="224,128")
    taken.add_argument("--n", type=int, default=96, help="photos")
    options = taken.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    figures = []
    leave_memory()  # ours does without Keras here
    with inputs(options), TemporaryDirectory() as place:
        folder = Path(place)
        link_photos(options.photos, folder, options.n)
        for name in options.backbones.split(","):
            weights = options.weights if name == "mobilenet_v2" else None
            figures += [measured(name, size, folder, weights, options.pairs) for size in sizes]
    keep(
        "features",
        f"Photo files to pooled features, {options.n} photos, Tellapart, Tellapart --fast and stock Keras in turn.",
        {
            "aim": {f"{one['backbone']} {one['size']}": one["aim"] for one in figures},
            "reached": {f"{one['backbone']} {one['size']}": one["reached"] for one in figures},
            "figures": figures,
        },
    )


if __name__ == "__main__":
    main()
