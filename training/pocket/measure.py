"""How good a backbone's frozen features are, and how fast they are computed.

    python training/pocket/measure.py --sets FOLDER... pocket mobilenet_v2:224 [--weights FILE]

A linear head (logistic regression on standardised pooled features, C = 0.01)
learns from 100 photos of each class and is tested on all others; the mean of 5 splits.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from tellapart.models.backbones import find_backbone
from tellapart.models.features import load_pretrained, photo_to
from tellapart.models.forward import Forward, in_batches
from tellapart.models.onnx_export import to_onnx
from tellapart.models.probe import linear_head
from tellapart.models.weights import weights_path
from tellapart.photos.batches import label_numbers, pixels_of
from tellapart.photos.scan import scan
from tellapart.progress import Silent

SPLITS, PER_CLASS = 5, 100


def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean test accuracy over the splits."""
    scores = []
    for split in range(SPLITS):
        generator = np.random.default_rng(split)
        train = np.zeros(len(labels), dtype=bool)
        for label in range(labels.max() + 1):
            train[generator.permutation(np.flatnonzero(labels == label))[:PER_CLASS]] = True
        scores.append(linear_head().fit(features[train], labels[train]).score(features[~train], labels[~train]))
    return float(np.mean(scores))


def speed(forward: Forward, size: int) -> float:
    """Photos a second of the network alone, the best of 10 batches of 16."""
    batch = np.random.default_rng(0).uniform(0, 255, (16, size, size, 3)).astype(np.float32)
    forward(batch)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        forward(batch)
        seconds.append(time.perf_counter() - start)
    return 16 / min(seconds)


def main() -> None:
    """Read the command line, measure, print one line a backbone and set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("backbones", nargs="+", help="name, or name:size")
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--weights", type=Path, help="of the backbones that are not pocket")
    given = parser.parse_args()
    for asked in given.backbones:
        name, _, size = asked.partition(":")
        backbone = find_backbone(name)
        path = weights_path(backbone, None if name == "pocket" else given.weights, Silent())
        pretrained = load_pretrained(backbone, int(size or backbone.image_size), path)
        forward = Forward(to_onnx(photo_to(pretrained, pretrained.network)))
        fast = speed(forward, pretrained.spec.size)
        for folder in given.sets:
            photos = scan(folder)
            labels = label_numbers(photos.items, photos.classes)
            maps = in_batches(forward, pixels_of(photos.root, photos.items, pretrained.spec))
            features = np.stack([one.mean(axis=(0, 1)) for one in maps])
            score = accuracy(features, labels)
            sys.stdout.write(f"{asked:24} {folder.name:12} {score:.3f}   {fast:.0f} photos a second\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
