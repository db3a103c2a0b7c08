"""The range of every activation of a network, found on photos, for 8 bits.

The plain smallest and largest are set by single pixels of single photos, and make every step coarser. Taken here is the
range that loses least: what is rounded within it and what is cut off beyond it, as mean squares.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import onnx

from tellapart.models.forward import runtime_session

_VALUES: Final = 256  # of each activation and photo
_LEVELS: Final = 255
_SHARES: Final = np.linspace(1.0, 0.3, 15)  # of the plain range


def ranges_of(network: onnx.ModelProto, pictures: np.ndarray, kinds: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The range of what goes into some operators and comes out of them.

    Args:
        network: Of one input.
        pictures: Photos, (photos, size, size, 3).
        kinds: Types of operators.

    Returns:
        By name of the activation, smallest and largest value to be kept; 0 lies in between.
    """
    names = _activations(network.graph, set(kinds))
    if not names:
        return {}
    least, most = (dict.fromkeys(names, 0.0) for _ in range(2))
    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    generator = np.random.default_rng(0)
    for found in _outputs(network, names, pictures):
        for name, activation in zip(names, found, strict=True):
            flat = activation.ravel()
            least[name] = min(least[name], float(flat.min()))
            most[name] = max(most[name], float(flat.max()))
            values[name].append(flat[generator.integers(0, flat.size, _VALUES)])
    return {name: best_range(np.concatenate(values[name]), least[name], most[name]) for name in names}


def best_range(values: np.ndarray, least: float, most: float) -> tuple[float, float]:
    """The part of a range that loses least when its values are rounded to 256 steps.

    Args:
        values: Some of the values.
        least: The smallest that was seen, 0 or less.
        most: The largest that was seen, 0 or more.
    """
    if least == most:
        return least, least + 1e-6
    tried = [
        (least * low, most * high) for low in (_SHARES if least else (1.0,)) for high in (_SHARES if most else (1.0,))
    ]
    return min(tried, key=lambda ends: _loss(values, *ends))


def _loss(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / _LEVELS
    zero = np.round(-low / step)
    kept = (np.clip(np.round(values / step) + zero, 0, _LEVELS) - zero) * step
    return float(np.square(kept - values).mean())


def _activations(graph: onnx.GraphProto, kinds: set[str]) -> list[str]:
    """Names in the order of the nodes; constants and the photo are none."""
    given = {one.name for one in graph.initializer} | {one.name for one in graph.input}
    ends = (name for node in graph.node if node.op_type in kinds for name in (*node.input, *node.output))
    return list(dict.fromkeys(name for name in ends if name and name not in given))


def _outputs(network: onnx.ModelProto, names: list[str], pictures: np.ndarray) -> Iterator[Any]:
    watched = onnx.ModelProto()
    watched.CopyFrom(network)
    there = {end.name for end in watched.graph.output}
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in there
    )
    session = runtime_session(watched.SerializeToString())
    photo = session.get_inputs()[0].name
    for picture in pictures:  # one at a time: all activations of it are in memory
        yield session.run(names, {photo: picture[np.newaxis].astype(np.float32)})
