"""A model file drawn by hand, in milliseconds: colours are classes, bright photos are strangers."""

import base64
import io
import json
from functools import cache
from threading import Event

import numpy as np
import onnx
from onnx import helper, numpy_helper
from PIL import Image

from photo_maker import noise
from tellapart.deploy.runtime import HEAT, PROBABILITIES, STRANGER, Answer, Model
from tellapart.deploy.seal import KEY
from tellapart.models.forward import Forward

CLASSES = ("chair & co", "椅子", "<b>table</b>")  # of red, green and blue photos
SIZE = 16


@cache
def served_content(geometry: str = "squash") -> bytes:
    """The bytes of the file: probabilities, stranger and heat of photos of 16 pixels."""
    network = _network()
    forward = Forward(network.SerializeToString())
    golden = []
    for seed in range(3):
        picture = noise(seed, (SIZE, SIZE))
        found = forward.named_outputs(np.asarray(picture)[np.newaxis])
        file = io.BytesIO()
        picture.save(file, "PNG")
        png = base64.b64encode(file.getvalue()).decode()
        answers = {name: found[name][0].tolist() for name in (PROBABILITIES, STRANGER)}
        golden.append({"png": png, **answers})
    passport = {
        "format": 1,
        "classes": list(CLASSES),
        "pixels": {"size": SIZE, "geometry": geometry, "scaling": "0 to 1"},
        "temperature": 1.0,
        "recipe": "bottleneck",
        "backbone": "pocket",
        "licence": "Apache-2.0",
        "fingerprints": {"photos": "0" * 64, "split": "1" * 64},
        "scores": {"valid": {"n": 100, "accuracy": 0.9}, "test": {"n": 100, "accuracy": 0.9, "accuracy_low": 0.8}},
        "rejection": {"n": 100, "thresholds": [[0.9, 0, 60], [0.0, 10, 100]]},
        "conformal": {"level": 0.9, "quantile": 0.5, "n": 100},
        "stranger": {"threshold": 1.0, "quantile": 0.95, "n": 100, "why": ""},
        "golden": golden,
    }
    helper.set_model_props(network, {KEY: json.dumps(passport)})
    return bytes(network.SerializeToString())


def served_model(geometry: str = "squash") -> Model:
    """That file, loaded."""
    return Model(served_content(geometry), "served.onnx")


def _network() -> onnx.ModelProto:
    weights = 12 * np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1) / 255
    nodes = [
        helper.make_node("Transpose", ["photo"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["cells", "weights"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["logits"], axes=[2, 3], keepdims=0),
        helper.make_node("Softmax", ["logits"], [PROBABILITIES], axis=1),
        helper.make_node("ReduceMean", ["photo"], ["light"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["light", "scale"], [STRANGER]),
        helper.make_node("ReduceMax", ["maps"], [HEAT], axes=[1], keepdims=0),
    ]
    kind = onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info("photo", kind, ["n", SIZE, SIZE, 3])]
    ends.append(helper.make_tensor_value_info(PROBABILITIES, kind, ["n", 3]))
    ends.append(helper.make_tensor_value_info(STRANGER, kind, ["n"]))
    ends.append(helper.make_tensor_value_info(HEAT, kind, ["n", 4, 4]))
    kept = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.float32(1.5 / 255), "scale")]
    graph = helper.make_graph(nodes, "served", ends[:1], ends[1:], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


class HeldModel(Model):
    """A model that answers when `go` is set, and says by `busy` that it is at it."""

    def __init__(self) -> None:
        super().__init__(served_content(), "held.onnx")
        self.go, self.busy = Event(), Event()
        self.go.set()

    def answer_pixels(
        self, pictures: np.ndarray, *, threshold: float = 0.0, heat: bool = False, beside: bool = False
    ) -> list[Answer]:
        self.busy.set()
        assert self.go.wait(60)
        return super().answer_pixels(pictures, threshold=threshold, heat=heat, beside=beside)


def photo_bytes(
    colour: tuple[int, int, int] = (200, 20, 20), kind: str = "PNG", size: tuple[int, int] = (24, 18)
) -> bytes:
    """A photo of one colour; red is the first class."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()
