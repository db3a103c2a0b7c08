"""Make a model file: the network in ONNX form, with all that is needed to use it inside."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from PIL import Image

from tellapart.deploy.runtime import FORMAT, KEY, STRANGER
from tellapart.errors import TellapartError
from tellapart.evaluation.calibration import FLOOR, scaled
from tellapart.models.forward import BATCH, Forward
from tellapart.models.onnx_export import OUTPUT
from tellapart.models.scratch import predict
from tellapart.models.task import Fitted
from tellapart.photos.batches import pixels_of
from tellapart.photos.scan import Photo

AGREEMENT: Final = 1e-4  # largest difference of a probability between Keras and the exported file
GOLDEN: Final = 3  # photos inside the file, with the answers that they must get


@dataclass(frozen=True)
class Answers:
    """What the exported network and Keras make of the same photos.

    Attributes:
        probabilities: Of the exported network, (photos, classes), float32.
        difference: Largest distance from what Keras gives.
        strangers: How strange each photo is, (photos,), float32; None where the network does not tell.
    """

    probabilities: np.ndarray
    difference: float
    strangers: np.ndarray | None = None


def calibrated(network: bytes, temperature: float) -> bytes:
    """Put the temperature into an exported network: softmax(log(p) / T) behind its last node.

    It works on whatever the last node is, so it needs no knowledge of how a
    converter writes a softmax; `evaluation.calibration.scaled` is the same in NumPy.

    Args:
        network: Its output `probabilities` is (photos, classes).
        temperature: 1 leaves the network as it is.
    """
    if temperature == 1.0:
        return network
    model = onnx.load_from_string(network)
    graph, raw = model.graph, f"{OUTPUT}_before"
    for node in graph.node:
        node.input[:] = [raw if name == OUTPUT else name for name in node.input]
        node.output[:] = [raw if name == OUTPUT else name for name in node.output]
    for name, value in (("floor", FLOOR), ("temperature", temperature)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), name))
    make = onnx.helper.make_node
    graph.node.extend(
        [
            make("Max", [raw, "floor"], ["floored"], name="Calibration_floor"),
            make("Log", ["floored"], ["logits"], name="Calibration_logits"),
            make("Div", ["logits", "temperature"], ["scaled"], name="Calibration_scaled"),
            make("Softmax", ["scaled"], [OUTPUT], name="Calibration_shares", axis=-1),
        ]
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def answer_both(
    network: bytes, fitted: Fitted, root: Path, photos: Sequence[Photo], temperature: float = 1.0
) -> Answers:
    """Run photos through the exported network and through Keras.

    Args:
        network: The exported network, with the temperature inside.
        fitted: The trained one, without.
        root: What the photos' paths are relative to.
        photos: Any.
        temperature: By which Keras' answers are scaled, so that like is held against like.

    Raises:
        TellapartError: They differ by more than 1e-4: the export is wrong.
    """
    forward = Forward(network)
    told, difference = [], 0.0
    pictures = pixels_of(root, photos, fitted.spec)
    while some_pictures := list(islice(pictures, BATCH)):
        some = np.stack(some_pictures).astype(np.float32)
        outputs = forward.all_outputs(some)
        trained = scaled(predict(fitted.network, some), temperature)
        # NumPy's maximum, unlike Python's, keeps a NaN.
        difference = float(np.maximum(difference, np.abs(outputs[0] - trained).max()))
        told.append(outputs)
    if not difference <= AGREEMENT:
        raise TellapartError(
            f"{fitted.recipe}: the exported model differs from the trained one by {difference:.1e} "
            f"(accepted: {AGREEMENT:.0e}); it is not handed over."
        )
    probabilities, *others = (np.concatenate(batches) for batches in zip(*told, strict=True))
    return Answers(probabilities, difference, others[0] if others else None)


def stamp(network: bytes, fitted: Fitted, root: Path, golden: Sequence[Photo], facts: dict[str, Any]) -> bytes:
    """Write what a user of the file needs into the file.

    Args:
        network: The exported network, calibrated.
        fitted: Gives the pixel specification and the recipe.
        root: What the photos' paths are relative to.
        golden: Some photos to keep inside, with their answers.
        facts: Classes, temperature, fingerprints, scores.

    Returns:
        The bytes of the model file.
    """
    pictures = list(pixels_of(root, golden[:GOLDEN], fitted.spec))
    outputs = Forward(network).all_outputs(np.stack(pictures))
    passport = {
        "format": FORMAT,
        "recipe": fitted.recipe,
        "backbone": fitted.backbone,
        "pixels": fitted.spec.as_dict(),
        "temperature": 1.0,
        **facts,
        "golden": [
            {"png": _png(picture), **_expected(*answers)} for picture, *answers in zip(pictures, *outputs, strict=True)
        ],
    }
    model = onnx.load_from_string(network)
    onnx.helper.set_model_props(model, {KEY: json.dumps(passport, ensure_ascii=False, sort_keys=True)})
    return bytes(model.SerializeToString(deterministic=True))


def _expected(probabilities: np.ndarray, stranger: float | None = None) -> dict[str, Any]:
    told = {} if stranger is None else {STRANGER: round(float(stranger), 6)}
    return {"probabilities": [round(float(share), 6) for share in probabilities], **told}


def _png(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
