"""The third output of a model file: which places of a photo speak for its most probable class, computed inside it."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tellapart.deploy.names import HEAT
from tellapart.explain.backward import write_back
from tellapart.explain.gradcam import place_of_block
from tellapart.explain.landmarks import Maps, find_logits
from tellapart.explain.model_graph import ModelGraph, import_onnx
from tellapart.explain.writer import Writer
from tellapart.progress import Progress

_SEED: Final = f"{HEAT}_seed"
_OPSET: Final = 16  # from which on ScatterElements adds; from 15 to 16 no other operator changed its meaning


def with_heat(network: bytes, backbone: str | None) -> bytes:
    """Add the output `heat`, (photos, rows, columns), float32, 0 or more, to an exported network.

    It is `explain.gradcam.hirescam` of each photo's most probable class, before it is enlarged to the photo, in
    the same units. The way back stands behind the network in the same graph, so that one pass gives all; what
    leads to the other outputs stays as it is, and is all that runs where `heat` is not fetched.

    Args:
        network: Its first output is that of a softmax.
        backbone: Its name; None where the network is from scratch. It decides which maps are read.

    Returns:
        The bytes of the network; as they were where it has no activation maps.

    Raises:
        NoGradientError: An operator behind the maps has no gradient here.
        ModelFileError: The network does not end in a softmax.
    """
    onnx = import_onnx()
    graph = ModelGraph(network)
    logits = find_logits(graph)
    maps = Maps(graph, logits)
    if not maps.blocks:
        return network
    shapes = [maps.shape(block) for block in maps.blocks]
    place = place_of_block(shapes, graph.shape(graph.photo)[1], backbone)
    block = maps.blocks[place]
    written = write_back(graph, logits, block, _SEED)
    _finish(written.write, block, written.gradient, 1 if maps.channels_first[block] else 3)
    model = onnx.load_from_string(network)
    _extend(model, written.write, (graph.output, graph.shape(graph.output)[1]))
    end = onnx.helper.make_tensor_value_info(HEAT, onnx.TensorProto.FLOAT, ["photos", *shapes[place][:2]])
    model.graph.output.append(end)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = max(entry.version, _OPSET)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def with_heat_or_note(network: bytes, recipe: str, backbone: str | None, progress: Progress) -> bytes:
    """The same, or the network as it was and a note that says why: no training is lost to a picture.

    Args:
        network: As in `with_heat`.
        recipe: Its name, for the note.
        backbone: As in `with_heat`.
        progress: Takes the note.
    """
    try:
        return with_heat(network, backbone)
    except Exception as problem:  # of a network of any kind, from a hub for one
        why = (str(problem) or type(problem).__name__).partition(" Next: ")[0]
        progress.note(f"{recipe}: the model file goes without heat maps: {why}")
        return network


def _finish(write: Writer, block: str, gradient: str, channels: int) -> None:
    """Each cell times its own gradient, summed over the channels; what speaks against the class is 0."""
    cells = write.node("ReduceSum", write.node("Mul", block, gradient), write.whole(channels), keepdims=0)
    write.node("Relu", cells, name=HEAT)


def _extend(model: Any, write: Writer, probabilities: tuple[str, int]) -> None:
    """Put the way back, and before it its seed, behind the nodes of a model, all under names of their own."""
    onnx = import_onnx()
    rename = _renaming({HEAT, _SEED}, write)
    seed, constants = _seed(*probabilities)
    for name, value in (*constants.items(), *((rename(name), value) for name, value in write.constants.items())):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    model.graph.node.extend(seed)
    # What the way back needs otherwise than it is (a pooling that tells its places) is computed a second time
    # for it: the way forward stays quick.
    for node in (*write.changed.values(), *write.nodes):
        copy = model.graph.node.add()
        copy.CopyFrom(node)
        made = {str(name) for name in node.output} if node in write.changed.values() else set()
        copy.name = f"Heat_{node.op_type}_{len(model.graph.node)}"
        copy.input[:] = [rename(name) for name in node.input]
        copy.output[:] = [f"{HEAT}_{name}" if name in made else rename(name) for name in node.output]


def _renaming(kept: set[str], write: Writer) -> Callable[[str], str]:
    """What a tensor of the way back is called in the file; those of the way forward keep their names."""
    made = {str(name) for node in write.nodes for name in node.output} | set(write.constants)
    made |= {str(name) for node in write.changed.values() for name in node.output[1:]}
    return lambda name: f"{HEAT}_{name}" if name in made - kept else name


def _seed(probabilities: str, n_classes: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """1 for the most probable class and 0 for the others, less their mean: of a score that is a logit less the mean."""
    share = np.float32(1) / np.float32(n_classes)
    constants: dict[str, np.ndarray] = {
        f"{HEAT}_classes": np.array([n_classes], np.int64),
        f"{HEAT}_off_on": np.array([-share, np.float32(1) - share], np.float32),
    }
    make = import_onnx().helper.make_node
    return [
        make("ArgMax", [probabilities], [f"{HEAT}_class"], name="Heat_class", axis=-1, keepdims=0),
        make("OneHot", [f"{HEAT}_class", *constants], [_SEED], name="Heat_seed", axis=-1),
    ], constants
