"""Make a model file: the network in ONNX form, with all that is needed to use it inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from tellapart.deploy.golden import as_golden
from tellapart.deploy.names import HEAT, PROBABILITIES, STRANGER
from tellapart.deploy.passport import FORMAT
from tellapart.deploy.seal import sealed, without_output
from tellapart.errors import TellapartError
from tellapart.evaluation.calibration import FLOOR, scaled
from tellapart.machine import streams_and_threads, usable_cores
from tellapart.models.engine import BATCHES
from tellapart.models.forward import Forward, side_by_side
from tellapart.models.task import Fitted
from tellapart.photos.batches import pixels_of
from tellapart.photos.scan import Photo
from tellapart.version import VERSION
from tellapart.weights.pins import pins

# A wrong export is wrong for every photo; Keras takes three to six times as long as ONNX Runtime for one.
COMPARED: Final = 32
AGREEMENT: Final = 1e-4  # largest difference of a probability between Keras and the exported file
_TOLD: Final = (PROBABILITIES, STRANGER)
GOLDEN: Final = 3  # photos inside the file, with the answers that they must get


@dataclass(frozen=True)
class Answers:
    """What the exported network and Keras make of the same photos.

    Attributes:
        probabilities: Of the exported network, (photos, classes), float32.
        difference: Largest distance from what the trained network gives for the first 32 photos.
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
    graph, raw = model.graph, f"{PROBABILITIES}_before"
    for node in graph.node:
        node.input[:] = [raw if name == PROBABILITIES else name for name in node.input]
        node.output[:] = [raw if name == PROBABILITIES else name for name in node.output]
    for name, value in (("floor", FLOOR), ("temperature", temperature)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), name))
    make = onnx.helper.make_node
    graph.node.extend(
        [
            make("Max", [raw, "floor"], ["floored"], name="Calibration_floor"),
            make("Log", ["floored"], ["logits"], name="Calibration_logits"),
            make("Div", ["logits", "temperature"], ["scaled"], name="Calibration_scaled"),
            make("Softmax", ["scaled"], [PROBABILITIES], name="Calibration_shares", axis=-1),
        ]
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def answer_both(
    network: bytes, fitted: Fitted, root: Path, photos: Sequence[Photo], temperature: float = 1.0
) -> Answers:
    """Run photos through the exported network, and some of them through the trained one.

    Args:
        network: The exported network, with the temperature inside.
        fitted: The trained one, without.
        root: What the photos' paths are relative to.
        photos: Any.
        temperature: By which the trained network's answers are scaled, so that like is held against like.

    Raises:
        TellapartError: They differ by more than 1e-4: the export is wrong.
    """
    # Each thread has photos of its own: two that share out each operator wait for each other. The bits are the same.
    streams, threads = streams_and_threads(usable_cores())
    forward = Forward(without_output(network, HEAT), threads=threads)
    shown: list[np.ndarray] = []

    def pictures() -> Iterator[np.ndarray]:
        for picture in pixels_of(root, photos, fitted.spec):
            if len(shown) < COMPARED:
                shown.append(picture)
            yield picture

    def told(some: list[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        outputs = forward.named_outputs(np.stack(some), _TOLD)
        return (dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True))

    rows = list(side_by_side(told, pictures(), streams=streams, batch=BATCHES[0]))
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    trained = scaled(fitted.answer(np.stack(shown).astype(np.float32)), temperature)
    # NumPy's maximum, unlike Python's, keeps a NaN.
    difference = float(np.abs(found[PROBABILITIES][: len(shown)] - trained).max())
    if not difference <= AGREEMENT:
        raise TellapartError(
            f"{fitted.recipe}: the exported model differs from the trained one by {difference:.1e} "
            f"(accepted: {AGREEMENT:.0e}); it is not handed over."
        )
    return Answers(found[PROBABILITIES], difference, found.get(STRANGER))


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
    outputs = Forward(network).named_outputs(np.stack(pictures), _TOLD)
    answers = [{name: output[number] for name, output in outputs.items()} for number in range(len(pictures))]
    passport = {
        "format": FORMAT,
        "made_by": f"tellapart {VERSION}",
        "recipe": fitted.recipe,
        "backbone": fitted.backbone,
        "backbone_licence": licence_of(fitted.backbone),
        "pixels": fitted.spec.as_dict(),
        "temperature": 1.0,
        **facts,
        "golden": [as_golden(*pair, facts["classes"]) for pair in zip(pictures, answers, strict=True)],
    }
    return sealed(network, passport)


def licence_of(backbone: str | None) -> dict[str, str | None] | None:
    """Licence and source of a backbone's weights, as they are offered; None where there is no backbone.

    Of a preset from a hub nothing is known here: its licence is None and its source its name.
    """
    if backbone is None:
        return None
    pin = pins().get(backbone)
    return {"licence": pin.licence, "source": pin.source} if pin else {"licence": None, "source": backbone}
