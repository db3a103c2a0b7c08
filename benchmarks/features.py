"""Backbone features: Tellapart's path beside stock Keras, in turn, in one run.

    python benchmarks/features.py [--backbone mobilenet_v2] [--size 224] [--photos 128] [--pairs 5]

Both read the same photo files, decode and resize them and run the same
network with the same (random) weights. Stock Keras is what tutorials teach:
`image_dataset_from_directory` and `model.predict`. Prints one line of JSON.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.features import Pretrained, photo_to
from tellapart.models.forward import Forward, in_batches
from tellapart.models.onnx_export import to_onnx
from tellapart.photos.batches import pixels_of
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import scan


def draw_photos(folder: Path, n_photos: int) -> None:
    """Write JPEG files of noise, 192 pixels wide, in two class folders."""
    generator = np.random.default_rng(0)
    for number in range(n_photos):
        path = folder / ("a", "b")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        coarse = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((192, 144), Image.Resampling.BICUBIC).save(path, quality=90)


def ours(pretrained: Pretrained, folder: Path) -> Callable[[], int]:
    """Features through ONNX Runtime, photos decoded by all cores meanwhile."""
    forward = Forward(to_onnx(photo_to(pretrained, pretrained.network)))
    photos = scan(folder)

    def run() -> int:
        return len(list(in_batches(forward, pixels_of(photos.root, photos.items, pretrained.spec))))

    return run


def stock(pretrained: Pretrained, folder: Path) -> Callable[[], int]:
    """Features as tutorials compute them."""
    network = photo_to(pretrained, pretrained.network)
    size = pretrained.spec.size

    def run() -> int:
        photos = keras.utils.image_dataset_from_directory(folder, image_size=(size, size), shuffle=False, verbose=False)
        return len(network.predict(photos, verbose=0))

    return run


def main() -> None:
    """Time both in turn and print medians, spread and the ratio of each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    backbone = find_backbone(options.backbone)
    keras.utils.set_random_seed(0)
    network = build_backbone(backbone, options.size)
    pretrained = Pretrained(backbone, network, PixelSpec(options.size, scaling=backbone.scaling), "random")
    with TemporaryDirectory() as place:
        folder = Path(place)
        draw_photos(folder, options.photos)
        runs = {"tellapart": ours(pretrained, folder), "keras": stock(pretrained, folder)}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run()  # warm-up
        for _ in range(options.pairs):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    ratios = [keras_s / own for own, keras_s in zip(seconds["tellapart"], seconds["keras"], strict=True)]
    told = {
        "benchmark": "features",
        "backbone": options.backbone,
        "size": options.size,
        "photos": options.photos,
        "backend": keras.backend.backend(),
        "photos_per_second": {name: round(options.photos / statistics.median(s), 1) for name, s in seconds.items()},
        "times_faster": {
            "median": round(statistics.median(ratios), 2),
            "min": round(min(ratios), 2),
            "max": round(max(ratios), 2),
        },
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
