"""The stock side of `prediction.py`: a saved Keras model that is loaded and asked, as tutorials teach it.

    python benchmarks/stock_prediction.py MODEL.keras PHOTO            the answer to one photo
    python benchmarks/stock_prediction.py MODEL.keras FOLDER --rounds 50    latency and throughput

Prints one line of JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np


def main() -> None:
    """Answer one photo, or time many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    given = parser.parse_args()
    model = keras.saving.load_model(given.model, compile=False)
    size = model.input_shape[1:3]

    def answer(path: Path) -> Any:
        photo = keras.utils.img_to_array(keras.utils.load_img(path, target_size=size))
        return model.predict(photo[np.newaxis], verbose=0)[0]

    if given.photos.is_file():
        sys.stdout.write(json.dumps({"class": int(answer(given.photos).argmax())}) + "\n")
        return
    paths = sorted(path for path in given.photos.rglob("*.*") if path.is_file())
    answer(paths[0])
    latencies = []
    for path in paths[: given.rounds]:
        start = time.perf_counter()
        answer(path)
        latencies.append(time.perf_counter() - start)
    photos = keras.utils.image_dataset_from_directory(
        given.photos, labels=None, image_size=size, shuffle=False, verbose=False
    )
    model.predict(photos.take(1), verbose=0)
    start = time.perf_counter()
    classes = model.predict(photos, verbose=0).argmax(axis=1).tolist()
    took = time.perf_counter() - start
    told = {
        "latency": float(np.median(latencies)),
        "photos_per_second": len(classes) / took,
        "classes": dict(zip(photos.file_paths, classes, strict=True)),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
