"""Backbone features: Tellapart's path beside stock Keras, in turn, in one run, on the same photos and weights.

    python benchmarks/features.py [--photos FOLDER] [--weights FILE] [--sizes 224,128] [--n 128] [--pairs 5]

For each of VGG16 and MobileNetV2 and each size: photos a second from files to features, of Tellapart in float32, of
Tellapart with --fast, and of stock Keras as tutorials teach it (`image_dataset_from_directory`, `model.predict`); and
what share of the peak of float32 matrix products, measured in the same run, the network alone reaches. Without FOLDER
the photos are drawn, without FILE all weights are random. Equal quality: the largest difference between the features of
both in float32, as a share of the largest feature, and the error of --fast as a share of their spread.
"""

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from paired import OURS, STOCK, compare, keep
from PIL import Image

from tellapart.models.backbone_file import POOLED, backbone_onnx
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.engine import fast_forward
from tellapart.models.features import CALIBRATION, Source, load_pretrained, photo_to, source_of
from tellapart.models.forward import Streams
from tellapart.models.int8_backbone import int8_backbone
from tellapart.models.machine_record import measured_peak
from tellapart.models.networks import pooled
from tellapart.photos.batches import pixels_of
from tellapart.photos.scan import Photos, scan

FAST = "tellapart --fast"
# Against stock Keras, from the issue: VGG16, MobileNetV2, MobileNetV2 with --fast; and VGG16's share of the peak.
AIMS = {("vgg16", OURS): 1.3, ("mobilenet_v2", OURS): 3.0, ("mobilenet_v2", FAST): 6.0}
SHARE_OF_PEAK = {"vgg16": 0.9}
# Operations of one photo at 224 pixels, two for each product and sum: of the convolutions, which is all but 1 %.
GIGA_OPERATIONS = {"vgg16": 30.69, "mobilenet_v2": 0.60}


def draw_photos(folder: Path, n_photos: int) -> None:
    """Write JPEG files of noise, 192 pixels wide, in two class folders."""
    generator = np.random.default_rng(0)
    for number in range(n_photos):
        path = folder / ("a", "b")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        coarse = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((192, 144), Image.Resampling.BICUBIC).save(path, quality=90)


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

    def stock(self) -> Callable[[], np.ndarray]:
        """Features as tutorials compute them."""
        pretrained = load_pretrained(self.source.backbone, self.source.spec.size, self.source.path)
        maps = pooled(pretrained.network)
        network = photo_to(pretrained, keras.Model(maps.input, maps.output))
        size = self.source.spec.size

        def run() -> np.ndarray:
            photos = keras.utils.image_dataset_from_directory(
                self.photos.root, image_size=(size, size), shuffle=False, verbose=False
            )
            return np.asarray(network.predict(photos, verbose=0))

        return run


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


def peak_share(network: Streams, pictures: Sequence[np.ndarray], name: str, size: int) -> dict[str, float]:
    """Photos a second of the network alone, and the share of the peak of matrix products, measured before and after."""
    rates, shares = [], []
    for _ in range(3):
        before = measured_peak()
        start = time.perf_counter()
        n = sum(1 for _ in network.each(pictures))
        rates.append(n / (time.perf_counter() - start))
        peak = max(before, measured_peak())
        shares.append(rates[-1] * GIGA_OPERATIONS[name] * (size / 224) ** 2 / peak)
    return {"photos_per_second": round(statistics.median(rates), 2), "of_peak": round(statistics.median(shares), 3)}


def measured(name: str, size: int, folder: Path, weights: Path | None, pairs: int) -> dict[str, Any]:
    """The figures of one backbone at one size."""
    with contest(name, size, folder, weights) as held:
        networks = {OURS: held.network(fast=False), FAST: held.network(fast=True)}
        stock = held.stock()
        runs: dict[str, Callable[[], np.ndarray]] = {
            label: (lambda network=network: np.stack(list(network.each(held.pictures()))))
            for label, network in networks.items()
        }
        told = compare({**runs, STOCK: stock}, pairs=pairs)
        found, n = told.pop("found"), len(held.photos.items)
        alone = {
            label: peak_share(network, list(held.pictures())[:64], name, size) for label, network in networks.items()
        }
    spread = float(found[OURS].std(axis=0).mean())
    fast_ahead = [
        round(theirs / own, 2)
        for own, theirs in zip(told["seconds"][FAST]["all"], told["seconds"][STOCK]["all"], strict=True)
    ]
    ratios = {OURS: told["times_faster"][STOCK]["median"], FAST: statistics.median(fast_ahead)}
    return {
        **told,
        "backbone": name,
        "size": size,
        "photos": n,
        "photos_per_second": {label: round(n / one["median"], 1) for label, one in told["seconds"].items()},
        "times_stock": ratios,
        "network_alone": alone,
        "largest_difference_to_keras": float(np.abs(found[OURS] - found[STOCK]).max() / np.abs(found[STOCK]).max()),
        "error_of_fast": float(np.sqrt(np.square(found[FAST] - found[OURS]).mean()) / spread),
        "aim": {label: AIMS[name, label] for label in (OURS, FAST) if (name, label) in AIMS}
        | ({"of_peak": SHARE_OF_PEAK[name]} if name in SHARE_OF_PEAK else {}),
        "reached": {label: round(ratio, 2) for label, ratio in ratios.items()} | {"of_peak": alone[OURS]["of_peak"]},
    }


def main() -> None:
    """Measure every backbone at every size, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of class folders")
    parser.add_argument("--weights", type=Path, help="of MobileNetV2")
    parser.add_argument("--backbones", default="vgg16,mobilenet_v2")
    parser.add_argument("--sizes", default="224,128")
    parser.add_argument("--n", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    figures = []
    with TemporaryDirectory() as place:
        folder = Path(place)
        if options.photos:
            link_photos(options.photos, folder, options.n)
        else:
            draw_photos(folder, options.n)
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
