"""A tiny photo set that can be learned, a backbone with random weights, and one whole run on them."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("disc", "frame", "stripes")


def draw_shapes(root: Path, per_class: int = 15, seed: int = 0) -> Path:
    """Three classes of shapes, 40 pixels wide, in any colour on a noisy ground."""
    generator = np.random.default_rng(seed)
    for label in CLASSES:
        for number in range(per_class):
            picture = Image.fromarray(generator.integers(60, 120, (40, 40, 3), dtype=np.uint8))
            draw = ImageDraw.Draw(picture)
            colour = tuple(int(part) for part in generator.integers(120, 256, 3))
            left, top = (int(part) for part in generator.integers(2, 10, 2))
            box = (left, top, left + 26, top + 26)
            if label == "disc":
                draw.ellipse(box, fill=colour)
            elif label == "frame":
                draw.rectangle(box, outline=colour, width=4)
            else:
                for line in range(0, 28, 7):
                    draw.line((left, top + line, left + 26, top + line), fill=colour, width=3)
            path = root / label / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    return root


@cache
def random_weights(folder: Path) -> Path:
    """MobileNetV2's weights file, random: the layout is what counts."""
    from tellapart.models.backbones import build_backbone, find_backbone
    from tellapart.models.backend import keras

    keras.utils.set_random_seed(0)
    path = folder / "random.weights.h5"
    build_backbone(find_backbone("mobilenet_v2"), 64).save_weights(path)
    return path
