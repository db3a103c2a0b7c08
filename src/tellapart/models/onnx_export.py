"""A Keras network as the bytes of an ONNX file.

A network of plain layers is written directly (`onnx_network.py`), in milliseconds and the same on every backend. One
with anything else is exported by a converter, in seconds: TensorFlow and PyTorch have one; JAX has none, so that the
network is saved and exported by another process on one of those two.
"""

import logging
import os
import subprocess  # runs this very module in a fresh interpreter, nothing else
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import onnx

from tellapart.errors import MissingExtraError, TellapartError
from tellapart.going_on import same_command
from tellapart.models.backend import keras
from tellapart.models.onnx_layers import NotWrittenError
from tellapart.models.onnx_network import written

INPUT: Final = "photo"
OUTPUT: Final = "probabilities"
FEATURES: Final = "features"


def to_onnx(network: Any, outputs: tuple[str, ...] = (OUTPUT, FEATURES)) -> bytes:
    """Export a Keras network of one input and one or two outputs.

    The file's input is called `photo`, the first axis of all ends `photos`; nothing in it depends on the time or
    on the machine.

    Args:
        network: A functional Keras model.
        outputs: What its outputs are called; more names than it has outputs are left.

    Raises:
        TellapartError: The export failed.
    """
    try:
        return written(network, outputs)
    except NotWrittenError:
        return converted(network, outputs)


def converted(network: Any, outputs: tuple[str, ...] = (OUTPUT, FEATURES)) -> bytes:
    """The same by a converter, for networks of any layers.

    Raises:
        TellapartError: The export failed.
    """
    with TemporaryDirectory(prefix="tellapart-") as folder:
        path = Path(folder) / "network.onnx"
        if keras.backend.backend() == "jax":
            _export_elsewhere(network, path)
        else:
            export(network, path)
        model = onnx.load(path)
    _name_parts(model, outputs)
    model.producer_name, model.producer_version, model.doc_string = "tellapart", "", ""
    model.graph.name, model.graph.doc_string = "tellapart", ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]  # PyTorch notes source lines and paths there
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def export(network: Any, path: Path) -> None:
    """Export a network of the running backend, quietly."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converters use calls that NumPy and PyTorch deprecate
        _fix_statistics(network)
        network(keras.ops.zeros((1, *network.input_shape[1:])))  # a network must be called before export
        network.export(str(path), format="onnx", verbose=False)


def _fix_statistics(network: Any) -> None:
    """Make plain numbers of the means that EfficientNet subtracts: as tensors they would be exported as inputs."""
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.mean is not None:
            layer.mean, layer.variance = (keras.ops.convert_to_numpy(value) for value in (layer.mean, layer.variance))


def _export_elsewhere(network: Any, path: Path) -> None:
    backend = next((name for name in ("tensorflow", "torch") if find_spec(name)), None)
    if backend is None:
        raise MissingExtraError("Export from JAX goes through TensorFlow, which", "train")
    saved = path.with_suffix(".keras")
    network.save(saved)
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-P", "-m", __name__, str(saved), str(path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode < 0:
        raise TellapartError(
            f"The process that exports through {backend} was ended by the system (signal {-result.returncode}), as "
            f"it does where memory is short. Next: end other programs, then {same_command()}"
        )
    if result.returncode:
        raise TellapartError(f"The export through {backend} failed: {result.stderr.strip()[-300:]}")


def _name_parts(model: Any, outputs: tuple[str, ...]) -> None:
    """Name the ends, and number all that lies between in the order of the nodes.

    The converters' own names hold counters of the whole process, and the
    constants stand in an order that changes from process to process.
    """
    graph = model.graph
    names = {"": "", graph.input[0].name: INPUT}
    names |= {end.name: name for end, name in zip(graph.output, outputs, strict=False)}
    for number, node in enumerate(graph.node):
        for name in (*node.input, *node.output):
            names.setdefault(name, f"value_{len(names)}")
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    place = {name: number for number, name in enumerate(names.values())}
    for constant in graph.initializer:
        constant.name = names.get(constant.name, constant.name)
    graph.initializer.sort(key=lambda constant: place.get(constant.name, -1))
    for end in (graph.input[0], *graph.output):
        end.name = names[end.name]
        end.type.tensor_type.shape.dim[0].dim_param = "photos"
    del graph.value_info[:]  # shapes in between; ONNX Runtime infers them


if __name__ == "__main__":
    export(keras.models.load_model(sys.argv[1]), Path(sys.argv[2]))
