"""The third output of a model file: which places of a photo speak for its most probable class, computed inside it."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np

from tellapart.deploy.names import HEAT
from tellapart.explain.backward import write_back
from tellapart.explain.gradcam import place_of_block
from tellapart.explain.landmarks import Maps, find_features, find_logits
from tellapart.explain.model_graph import ModelGraph, import_onnx
from tellapart.explain.pooling import Branch, find_pooling, spread
from tellapart.explain.writer import Writer
from tellapart.progress import Progress

_SEED: Final = f"{HEAT}_seed"
_OPSET: Final = 16  # from which on ScatterElements adds; from 15 to 16 no other operator changed its meaning


def with_heat(network: bytes, backbone: str | None) -> bytes:
    """Add the output `heat`, (photos, rows, columns), float32, 0 or more, to an exported network.

    It is `explain.gradcam.hirescam` of each photo's most probable class, before it is enlarged to the photo, in the
    same units; of a network that decides by the means of several maps, in the cells of the finest. The way back stands
    behind the network in the same graph, so that one pass gives all; what leads to the other outputs stays as it is,
    and is all that runs where `heat` is not fetched.

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
    found = _cells(graph, backbone)
    if found is None:
        return network
    write, sides = found
    model = onnx.load_from_string(network)
    _extend(model, write, (graph.output, graph.shape(graph.output)[1]))
    end = onnx.helper.make_tensor_value_info(HEAT, onnx.TensorProto.FLOAT, ["photos", *sides])
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


def _cells(graph: ModelGraph, backbone: str | None) -> tuple[Writer, tuple[int, int]] | None:
    """Write each cell times its own gradient, summed over the channels; what speaks against the class is 0.

    Returns:
        What was written, and how many rows and columns; None where there are no maps.
    """
    logits = find_logits(graph)
    maps = Maps(graph, logits)
    if not maps.blocks:
        return None
    pooling = find_pooling(graph, find_features(graph, logits))
    if pooling is not None and len(pooling.branches) > 1:
        written = write_back(graph, logits, pooling.means, _SEED)
        return written.write, _of_branches(written.write, pooling.branches, written.gradient)
    shapes = [maps.shape(block) for block in maps.blocks]
    place = place_of_block(shapes, graph.shape(graph.photo)[1], backbone)
    block = maps.blocks[place]
    written = write_back(graph, logits, block, _SEED)
    channels = written.write.whole(1 if maps.channels_first[block] else 3)
    cells = written.write.node("ReduceSum", written.write.node("Mul", block, written.gradient), channels, keepdims=0)
    written.write.node("Relu", cells, name=HEAT)
    return written.write, shapes[place][:2]


def _of_branches(write: Writer, branches: Sequence[Branch], gradient: str) -> tuple[int, int]:
    """Write the evidence of several maps, each by the gradient of its own means, added up in the cells of the finest.

    It is `explain.pooling.together`.
    """
    rows, columns = (max(branch.sides[axis] for branch in branches) for axis in (0, 1))
    parts = []
    for branch in branches:
        ends = (write.whole(branch.first), write.whole(branch.first + branch.channels), write.whole(1))
        channels, sides = (1, (2, 3)) if branch.channels_first else (3, (1, 2))
        own = write.node("Unsqueeze", write.node("Slice", gradient, *ends), write.whole(*sides))
        cells = write.node("ReduceSum", write.node("Mul", branch.maps, own), write.whole(channels), keepdims=0)
        n_cells = branch.sides[0] * branch.sides[1]
        down = write.constant(spread(branch.sides[0], rows) / n_cells)
        across = write.constant(spread(branch.sides[1], columns).T)
        parts.append(write.node("MatMul", write.node("MatMul", down, cells), across))
    write.node("Relu", reduce(lambda first, second: write.node("Add", first, second), parts), name=HEAT)
    return rows, columns


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
