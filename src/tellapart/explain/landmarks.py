"""The places of a network that explanations speak of, found by what the graph computes and never by an index."""

from math import log2
from typing import Any, Final

from tellapart.errors import ModelFileError
from tellapart.explain.model_graph import ModelGraph, attributes, depending
from tellapart.explain.pooling import Pooling

# They end no block: they move, widen or shrink what a block has made.
_CARRIERS: Final = ("Transpose", "Identity", "Cast", "Pad", "MaxPool", "AveragePool", "Slice", "Gather", "Split")
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
_OF_MAPS: Final = ("Conv", "MaxPool", "AveragePool", "BatchNormalization", "GlobalAveragePool", "Resize")


def find_logits(graph: ModelGraph) -> str:
    """The tensor that the first softmax reads: scores before softmax and calibration, (photos, classes).

    Raises:
        ModelFileError: The model does not end in a softmax.
    """
    found: str | None = None
    tensor = graph.output
    # Behind the softmax that was trained stand at most Max, Log, Div and another Softmax: the temperature.
    for kind in ("Softmax", "Div", "Log", "Max", "Softmax"):
        node = graph.maker.get(tensor)
        if node is None or node.op_type != kind:
            break
        tensor = str(node.input[0])
        found = tensor if kind == "Softmax" else found
    if found is None:
        raise ModelFileError(
            "The model does not end in a softmax, so that the scores of its classes cannot be found. "
            "Next: give the model.onnx of a run folder."
        )
    return found


def find_features(graph: ModelGraph, logits: str) -> str:
    """What the last linear layer reads, (photos, features).

    Raises:
        ModelFileError: There is none.
    """
    tensor = logits
    while (node := graph.maker.get(tensor)) is not None:
        varying = [name for name in node.input if name in graph.between]
        if not varying:
            break
        if node.op_type in ("MatMul", "Gemm"):
            return str(varying[0])
        tensor = varying[0]
    raise ModelFileError("The model has no linear layer before its softmax. Next: give the model.onnx of a run folder.")


class Maps:
    """The activation maps of a network.

    Attributes:
        channels_first: Of each tensor of maps, (n, c, h, w) or (n, h, w, c), whether it is the first.
        blocks: The tensors that end a block, in the order of the data.

    Args:
        graph: The network.
        logits: As `find_logits` gives it.
        pooling: As `find_pooling` gives it. Where means of several maps are read, blocks are those on the way to the
            last maps; else some data would pass them by.
    """

    def __init__(self, graph: ModelGraph, logits: str, pooling: Pooling | None = None) -> None:
        self._graph = graph
        self.channels_first = _layouts(graph)
        branches = pooling.branches if pooling else ()
        self.blocks = self._blocks(branches[0].maps if len(branches) > 1 else logits)

    def shape(self, tensor: str) -> tuple[int, int, int]:
        """Rows, columns and channels of a tensor of maps."""
        _, *sides = self._graph.shape(tensor)
        channels, rows, columns = sides if self.channels_first[tensor] else (sides[2], *sides[:2])
        return rows, columns, channels

    def _blocks(self, end: str) -> tuple[str, ...]:
        """The last maps of each size: those before the rows and columns are halved, or pooled to one.

        Among maps of one size those count that all data pass, so that a block ends behind its
        skip connection or its joined branches; where there are none (NASNet), the last of all.
        """
        photo = self._graph.shape(self._graph.photo)[1]
        narrow = _narrow(self._graph, end)
        found: dict[int, tuple[bool, str]] = {}
        for tensor in self._candidates():
            halvings = round(log2(photo / self.shape(tensor)[0]))
            if tensor in narrow or not found.get(halvings, (False, ""))[0]:
                found[halvings] = (tensor in narrow, tensor)
        return tuple(tensor for _, (_, tensor) in sorted(found.items()))

    def _candidates(self) -> list[str]:
        convolved: set[str] = set()
        candidates = []
        for node in self._graph.nodes:
            tensor = node.output[0]
            if tensor not in self._graph.between:
                continue
            if node.op_type != "Conv" and not convolved & set(node.input):
                continue  # the scaling of the photo
            convolved.add(tensor)
            if tensor in self.channels_first and node.op_type not in _CARRIERS and min(self.shape(tensor)[:2]) > 1:
                candidates.append(tensor)
        return candidates


def find_first_convolution(graph: ModelGraph) -> Any | None:
    """The convolution that reads the scaled photo; None where another layer does."""
    for node in graph.nodes:
        if node.op_type in ("MatMul", "Gemm", "Einsum"):
            return None
        if node.op_type == "Conv" and node.input[0] in graph.between:
            of_photo = graph.shape(node.input[0])[1] == 3 and attributes(node).get("group", 1) == 1
            return node if of_photo and node.input[1] not in graph.between else None
    return None


def multiply_adds(graph: ModelGraph) -> int:
    """How many multiplications with a weight one photo takes, in convolutions and matrix products."""
    total = 0
    for node in graph.nodes:
        if not graph.between & set(node.output):
            continue
        places = 1
        for side in graph.shape(node.output[0])[1:]:
            places *= side
        if node.op_type == "Conv":
            weights = graph.shape(node.input[1])
            for side in weights[1:]:
                places *= side
            total += places
        elif node.op_type in ("MatMul", "Gemm"):
            total += places * graph.shape(node.input[0])[-1]
    return total


def _layouts(graph: ModelGraph) -> dict[str, bool]:
    """Whether channels come first, for each tensor of maps of which that can be told."""
    found = {graph.photo: False}
    for node in graph.nodes:
        tensor = node.output[0]
        if tensor in graph.between and len(graph.shape(tensor)) == 4:
            told = _layout(graph, node, found)
            if told is not None:
                found[tensor] = told
    return found


def _layout(graph: ModelGraph, node: Any, found: dict[str, bool]) -> bool | None:
    if node.op_type in _OF_MAPS:
        return True
    if node.op_type == "Transpose":
        order = attributes(node).get("perm")
        known = found.get(node.input[0])
        if order == _TO_CHANNELS_FIRST and not known:
            return True
        return False if order == _TO_CHANNELS_LAST and known else None
    if node.op_type in ("Reshape", "MatMul", "Einsum", "Unsqueeze"):
        return _layout_by_readers(graph, node.output[0])
    # Number by number, or along one axis: as what it reads; small maps that only weigh the channels come last.
    read = [name for name in node.input if name in found]
    return found[max(read, key=lambda name: graph.shape(name)[2:])] if read else None


def _layout_by_readers(graph: ModelGraph, tensor: str) -> bool | None:
    """The layout of maps that were made of tokens: channels come last where they are moved or averaged so."""
    for reader in graph.readers.get(tensor, []):
        how = attributes(reader)
        if reader.op_type == "Transpose" and how.get("perm") == _TO_CHANNELS_FIRST:
            return False
        if reader.op_type == "ReduceMean":
            axes = graph.value(reader.input[1]) if len(reader.input) > 1 else how.get("axes")
            if axes is not None and [int(axis) for axis in axes] in ([1, 2], [-3, -2]):
                return False
    return None


def _narrow(graph: ModelGraph, end: str) -> set[str]:
    """The tensors through which all that a tensor takes from the photo passes."""
    reaching = _reaching(graph, end)
    path = [node for node in graph.nodes if set(node.output) & reaching]
    place = {name: number for number, node in enumerate(path) for name in node.input if name in reaching}
    narrow, farthest = set(), place.get(graph.photo, 0)
    for number, node in enumerate(path):
        if farthest <= number and len(node.output) == 1:
            narrow.add(node.output[0])
        farthest = max([farthest, *(place.get(name, number) for name in node.output)])
    return narrow


def _reaching(graph: ModelGraph, end: str) -> set[str]:
    """The tensors that take from the photo and that a tensor takes from; shapes count for nothing."""
    needed = {end}
    for node in reversed(graph.nodes):
        if needed & set(node.output) and node.op_type not in ("Shape", "Size"):
            needed |= set(node.input)
    return needed & depending(graph.nodes, graph.photo)
