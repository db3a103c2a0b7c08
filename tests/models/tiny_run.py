"""Trains a tiny baseline on the backend of KERAS_BACKEND and exports it: `python tiny_run.py FOLDER`."""

import json
import sys
from pathlib import Path

from tiny_set import draw_set, task_on

from tellapart.models.backend import keras
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.recipes import find_recipe, fit_recipe
from tellapart.models.scratch import outputs_of, pixels_for
from tellapart.models.task import Options


def main(place: Path) -> None:
    """Tell the backend, the losses and how far the exported network is from the trained one, as JSON."""
    task = task_on(draw_set(place / "photos"), place, Options(image_size=32, epochs=4))
    fitted = fit_recipe(find_recipe("baseline"), task)
    pixels = pixels_for(task, task.valid, fitted.spec)
    inner = fitted.network.layers[-1].input  # two outputs, as the transfer recipes have them
    both = keras.Model(fitted.network.input, [fitted.network.output, inner])
    told = zip(Forward(to_onnx(both)).named_outputs(pixels).values(), outputs_of(both, pixels), strict=True)
    difference = max(abs(exported - trained).max() for exported, trained in told)
    losses = [row.loss for row in fitted.history.rows]
    sys.stdout.write(json.dumps([keras.backend.backend(), losses, float(difference)]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
