"""Fine-tuning to equal validation loss: `finetuned` beside the code of tutorials.

    python benchmarks/finetuning.py [--photos PHOTOS] [--weights WEIGHTS] [--pairs 5] [--epochs 10]

Both begin with the photo files, MobileNetV2's own weights and an untrained head of the same form, and end with its
last block trained. The tutorial puts augmentation layers before the network, trains the head for so many epochs on
the frozen backbone and then the last block for as many more at a hundredth of the learning rate. Timed is when each
comes to the validation loss at which the worse of the two ends; what ours spends on features counts from the start.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, Timed, apart, compare, inputs, parser
from tutorial import Curve, class_folders, datasets, fresh_task, keep_to_equal_loss, noted

from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.recipes import RECIPES, fit_recipe
from tellapart.models.transfer import HEAD_DROPOUT

LAST_FROZEN = "block_12_add"  # as in the table of backbones


def ours(options: argparse.Namespace) -> tuple[Curve, float]:
    """The recipe, with an empty cache."""
    with fresh_task(options.photos, seed=options.seed, weights=options.weights, image_size=options.size) as task:
        fitted = fit_recipe(RECIPES["finetuned"], task)
        right = fitted.valid.argmax(axis=1) == task.labels(task.valid)
    before = fitted.seconds["features"]
    return [(before + row.seconds, row.valid_loss) for row in fitted.history.rows], float(right.mean())


def stock(options: argparse.Namespace) -> tuple[Curve, float]:
    """The code of tutorials: frozen first, then with the last block unfrozen."""
    keras.utils.set_random_seed(options.seed)
    start = time.perf_counter()
    curve: Curve = []
    with fresh_task(options.photos, seed=options.seed) as task, TemporaryDirectory() as place:
        train, valid = datasets(class_folders(task, Path(place)), options.size)
        backbone = keras.applications.MobileNetV2(
            input_shape=(options.size, options.size, 3), include_top=False, weights=str(options.weights)
        )
        backbone.trainable = False
        network = with_augmentation(backbone, len(task.classes))
        how = {"validation_data": valid, "callbacks": [noted(curve, start)], "verbose": 0, "epochs": options.epochs}
        for rate in (1e-3, 1e-5):
            network.compile(
                optimizer=keras.optimizers.Adam(rate), loss="categorical_crossentropy", metrics=["accuracy"]
            )
            fitted = network.fit(train, **how)
            backbone.trainable = True
            frozen = [layer.name for layer in backbone.layers].index(LAST_FROZEN) + 1
            for number, layer in enumerate(backbone.layers):
                layer.trainable = number >= frozen and not isinstance(layer, keras.layers.BatchNormalization)
    return curve, float(fitted.history["val_accuracy"][-1])


def with_augmentation(backbone: Any, n_classes: int) -> Any:
    """The network of the tutorial: augmentation, scaling, backbone, head."""
    layers = keras.layers
    photo = keras.Input(backbone.input_shape[1:])
    x = layers.RandomFlip("horizontal")(photo)
    x = layers.RandomRotation(15 / 360)(x)
    x = layers.RandomZoom(0.2)(x)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = backbone(layers.Rescaling(1 / 127.5, offset=-1)(x))
    head = networks.head(backbone.output_shape[-1], n_classes, dropout=HEAD_DROPOUT)
    return keras.Model(photo, head(layers.GlobalAveragePooling2D()(x)))


def main() -> None:
    """Measure and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--size", type=int, default=224)
    taken.add_argument("--epochs", type=int, default=10, help="of each of the tutorial's two phases")
    taken.add_argument("--seed", type=int, default=0)
    options = taken.parse_args()
    with inputs(options):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Time both in turn."""
    curves: dict[str, list[Curve]] = {OURS: [], STOCK: []}
    ends: dict[str, list[dict[str, float]]] = {OURS: [], STOCK: []}

    def run(name: str) -> Timed:
        timed = apart(name, ours if name == OURS else stock, options)
        curve, accuracy = timed.found
        curves[name].append(curve)
        ends[name].append({"valid_loss": round(min(loss for _, loss in curve), 4), "valid_accuracy": accuracy})
        return Timed(timed.seconds, ends[name][-1])

    whole = compare({OURS: lambda: run(OURS), STOCK: lambda: run(STOCK)}, pairs=options.pairs, warm_up=False)
    keep_to_equal_loss(
        "finetuning",
        f"Photos of {options.photos.name} to a fine-tuned MobileNetV2, {options.size} pixels, to equal validation loss",
        curves,
        ends,
        whole,
    )


if __name__ == "__main__":
    main()
