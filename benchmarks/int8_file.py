"""What an int8 file gains and costs beside the model that it was made of.

    tellapart export RUN --recipe RECIPE --format onnx,onnx-int8 --force --out DIR
    python benchmarks/int8_file.py RUN DIR...

Prints for each folder of an export: megabytes, photos a second of processor time on one thread (medians of some rounds,
both files in each round, so that a busy machine slows both alike), accuracy, log loss, how many test photos are called
strangers, and how many get the same class.
"""

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime

from tellapart.deploy.int8 import outputs_of
from tellapart.deploy.names import HEAT, PROBABILITIES, STRANGER
from tellapart.deploy.run_photos import photos_of_run
from tellapart.deploy.runtime import Model, load
from tellapart.deploy.seal import without_output
from tellapart.evaluation.metrics import score
from tellapart.photos.batches import label_numbers, pixels_of
from tellapart.run import Run

ROUNDS, PHOTOS = 7, 16


def session(content: bytes) -> Any:
    """One thread, so that processor time is the work that it does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(without_output(content, HEAT), options, providers=["CPUExecutionProvider"])


def rates(models: dict[str, Model], pictures: np.ndarray) -> dict[str, float]:
    """Photos a second of each, side by side."""
    sessions = {name: session(model.content) for name, model in models.items()}
    some, seconds = {"photo": pictures[:PHOTOS].astype(np.float32)}, {name: [] for name in models}
    for number in range(ROUNDS + 1):
        for name, one in sessions.items():
            start = time.process_time()
            one.run([PROBABILITIES], some)
            if number:  # the first warms up
                seconds[name].append(time.process_time() - start)
    return {name: len(some["photo"]) / median(taken) for name, taken in seconds.items()}


def main(run: Path, folders: list[Path]) -> None:
    """Print a line a file."""
    found = photos_of_run(Run(run))
    if found is None:
        raise SystemExit(f"The photos of {run} are no longer where they were.")
    for folder in folders:
        small = next(folder.glob("model-int8*.onnx"))
        models = {file.name: load(file) for file in (folder / "model.onnx", small)}
        whole = models["model.onnx"]
        pictures, first = {}, {}
        for part in ("valid", "test"):
            pictures[part] = np.stack(list(pixels_of(found.root, getattr(found, part), whole.spec)))
            first[part] = outputs_of(whole.content, pictures[part])[PROBABILITIES].argmax(axis=1)
        speed = rates(models, pictures["test"])
        for name, model in models.items():
            told = [f"{len(model.content) / 1e6:.2f} MB, {speed[name]:.0f} photos/s"]
            for part in ("valid", "test"):
                outputs = outputs_of(model.content, pictures[part])
                labels = label_numbers(getattr(found, part), model.classes)
                scored = score(labels, outputs[PROBABILITIES])
                same = (outputs[PROBABILITIES].argmax(axis=1) == first[part]).sum()
                strangers = (outputs[STRANGER] > 1).sum() if STRANGER in outputs else "-"
                told.append(
                    f"{part}: accuracy {scored.accuracy:.4f}, log loss {scored.log_loss:.4f}, same {same} of "
                    f"{len(labels)}, strangers {strangers}"
                )
            sys.stdout.write(f"{folder.name}/{name}: {'; '.join(told)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
