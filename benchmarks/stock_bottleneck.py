"""The stock side of `classifier.py`: bottleneck features and a dense head in plain Keras, as tutorials teach it.

    python benchmarks/stock_bottleneck.py PHOTOS WEIGHTS [--size 224] [--epochs 50]

PHOTOS holds the folders `train`, `valid` and `test`, each with a folder a class. Prints one line of JSON.
"""

import argparse
import json
import sys
from typing import Any

import keras
import numpy as np

BATCH = 32


def main() -> None:
    """Train and score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos")
    parser.add_argument("weights")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=50)
    given = parser.parse_args()
    keras.utils.set_random_seed(0)
    base = keras.applications.MobileNetV2(
        include_top=False, weights=given.weights, input_shape=(given.size, given.size, 3)
    )

    def features(part: str) -> tuple[Any, Any]:
        photos = keras.utils.image_dataset_from_directory(
            f"{given.photos}/{part}",
            label_mode="categorical",
            image_size=(given.size, given.size),
            batch_size=BATCH,
            shuffle=False,
            verbose=False,
        )
        labels = np.concatenate([some for _, some in photos])
        scaled = photos.map(lambda some, own: (keras.applications.mobilenet_v2.preprocess_input(some), own))
        return base.predict(scaled, verbose=0), labels

    train, valid, test = (features(part) for part in ("train", "valid", "test"))
    head = keras.Sequential(
        [
            keras.Input(train[0].shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(train[1].shape[1], activation="softmax"),
        ]
    )
    head.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    head.fit(*train, epochs=given.epochs, batch_size=BATCH, validation_data=valid, verbose=0)
    scores = {part: head.evaluate(*told, verbose=0) for part, told in (("valid", valid), ("test", test))}
    told = {part: {"log_loss": loss, "accuracy": accuracy} for part, (loss, accuracy) in scores.items()}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
