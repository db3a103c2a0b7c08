"""The forms that a model file can be written in, each with the engine that runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.deploy.runtime import HEAT, PROBABILITIES, Model
from tellapart.deploy.seal import without_output
from tellapart.errors import MissingExtraError, OptionError, RunFolderError, UnknownNameError
from tellapart.models.forward import Forward, Run

INT8: Final = "onnx-int8"
_KEPT: Final = "heat maps, strangers, rejection, prediction sets and golden photos"


@dataclass(frozen=True)
class Source:
    """What is exported: the folder of a trained recipe, and its model file, loaded and checked."""

    folder: Path
    model: Model

    @property
    def temperature(self) -> float:
        """By which the logits are divided."""
        return float(self.model.passport.get("temperature", 1.0))


@dataclass(frozen=True)
class Format:
    """A row of the table of formats.

    Attributes:
        name: As the user types it.
        file: What it is called beside the others; a folder where it is one.
        module: What it takes to write and to run it.
        extra: The part of Tellapart that brings this.
        lacks: What of the model file it cannot hold; "" where it holds everything.
        write: Writes it to a path, or into a folder that is there; None where that takes photos (`deploy.int8`).
        open: Gives what runs it: uint8 or float32 (photos, size, size, 3) to probabilities (photos, classes).
    """

    name: str
    file: str
    module: str
    extra: str
    lacks: str
    write: Callable[[Source, Path], None] | None
    open: Callable[[Path], Run]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not Path(self.file).suffix


def formats_named(names: str) -> tuple[Format, ...]:
    """The formats of a list with commas, each once and in the order of the list.

    Raises:
        UnknownNameError: With the nearest names.
        MissingExtraError: What one of them needs is not installed.
        OptionError: None is named, or one needs another backend.
    """
    listed = dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip())
    if not listed:
        raise OptionError(f"No format is named. Accepted: {', '.join(FORMATS)}. Next: --format onnx")
    for name in listed:
        if name not in FORMATS:
            raise UnknownNameError("format", name, FORMATS)
    chosen = tuple(FORMATS[name] for name in listed)
    for row in chosen:
        if find_spec(row.module) is None:
            raise MissingExtraError(f"The format {row.name} needs {row.module}, which", row.extra)
    if "savedmodel" in listed:
        _check_backend()
    return chosen


def _check_backend() -> None:
    from tellapart.models.backend import keras

    if keras.backend.backend() != "tensorflow":
        raise OptionError(
            f"A SavedModel is written by TensorFlow, and Keras runs on {keras.backend.backend()}. "
            "Next: the same command behind KERAS_BACKEND=tensorflow"
        )


def _write_onnx(source: Source, path: Path) -> None:
    path.write_bytes(source.model.content)


def open_onnx(path: Path) -> Run:
    """Run an ONNX file on ONNX Runtime, without a look at what it says of itself."""
    forward = Forward(without_output(path.read_bytes(), HEAT))
    return lambda pictures: forward.named_outputs(pictures)[PROBABILITIES]


def calibrated_keras(source: Source) -> Any:
    """The Keras network of a recipe with its temperature inside, in layers of Keras (or KerasHub) alone.

    The last layer gives logits then; behind it stand a `Rescaling` named "temperature" and a `Softmax`.

    Raises:
        RunFolderError: The run kept no model.keras, or its network does not end in a dense layer with a softmax.
    """
    from tellapart.models.backend import keras
    from tellapart.models.hub_presets import import_keras_hub

    file = source.folder / "model.keras"
    if not file.is_file():
        raise RunFolderError(f"{source.folder} holds no model.keras. Next: --format onnx, or tellapart fit PHOTOS")
    backbone = str(source.model.passport.get("backbone") or "")
    if backbone.startswith("hub:"):
        import_keras_hub(backbone.removeprefix("hub:"))  # makes its layers known to Keras
    network = keras.models.load_model(file, safe_mode=True, compile=False)
    last = network.layers[-1]
    while isinstance(last, keras.Model):  # the head is a network within the network
        last = last.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        raise RunFolderError(f"{file} does not end in a dense layer with a softmax. Next: --format onnx")
    # A functional network keeps the layer and not what it did: from here on it gives logits.
    last.activation = keras.activations.linear
    cooled = keras.layers.Rescaling(1.0 / source.temperature, name="temperature")(network.output)
    return keras.Model(network.input, keras.layers.Softmax(name=PROBABILITIES)(cooled), name="tellapart")


def _write_keras(source: Source, path: Path) -> None:
    calibrated_keras(source).save(path)


def _open_keras(path: Path) -> Run:
    from tellapart.models.backend import keras
    from tellapart.models.scratch import predict

    network = keras.models.load_model(path, safe_mode=True, compile=False)
    return lambda pictures: predict(network, pictures)


def _write_savedmodel(source: Source, path: Path) -> None:
    calibrated_keras(source).export(str(path), format="tf_saved_model", verbose=False)


def _open_savedmodel(path: Path) -> Run:
    import tensorflow as tf

    network = tf.saved_model.load(str(path))  # its variables go when nobody holds it
    return lambda pictures: np.asarray(network.serve(pictures.astype(np.float32)).numpy())


def _write_openvino(source: Source, path: Path) -> None:
    import openvino

    # Core reads ONNX as openvino.convert_model does, without that function's telemetry.
    network = openvino.Core().read_model(without_output(source.model.content, HEAT))
    # Halved weights are the default there; they would be another model than the one that was scored.
    openvino.save_model(network, str(path / "model.xml"), compress_to_fp16=False)


def _open_openvino(path: Path) -> Run:
    import openvino

    # On some processors it computes in bfloat16 where it is not told.
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(str(path / "model.xml"), "CPU", hints)
    return lambda pictures: np.asarray(network({"photo": pictures.astype(np.float32)})[PROBABILITIES])


FORMATS: Final[Mapping[str, Format]] = {
    row.name: row
    for row in (
        Format("onnx", "model.onnx", "onnxruntime", "train", "", _write_onnx, open_onnx),
        Format("keras", "model.keras", "keras", "train", _KEPT, _write_keras, _open_keras),
        Format("savedmodel", "savedmodel", "tensorflow", "train", _KEPT, _write_savedmodel, _open_savedmodel),
        Format(
            "openvino",
            "openvino",
            "openvino",
            "openvino",
            "heat maps, rejection, prediction sets and golden photos",
            _write_openvino,
            _open_openvino,
        ),
        Format(INT8, "model-int8.onnx", "onnx", "", "", None, open_onnx),
    )
}
