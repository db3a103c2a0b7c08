"""A request of the Open Inference Protocol, version 2: JSON tensors in, pixels out."""

import json
from typing import Any, Final

import numpy as np

from tellapart.errors import TellapartError

INPUT: Final = "photo"
TYPES: Final[dict[str, type[np.generic]]] = {"FP32": np.float32, "UINT8": np.uint8}
_WHOLE: Final = (
    'accepted: {"inputs": [{"name": "photo", "shape": [...], "datatype": "FP32" or "UINT8", "data": [...]}]}'
)


class TensorsError(TellapartError):
    """A request holds no tensor that the model takes."""


def read_tensors(content: bytes, size: int, most: int) -> tuple[dict[str, Any], np.ndarray]:
    """Read the tensor of a request.

    Args:
        content: The body, JSON.
        size: Of the network's input, in pixels.
        most: Photos in one request.

    Returns:
        `id` and `outputs` as they were asked for, and pixels of shape (photos, size, size, 3), float32 or uint8.

    Raises:
        TensorsError: It is not what the protocol says, or not what the model takes.
    """
    request = _parsed(content)
    tensor = _tensor(request)
    kind = TYPES.get(str(tensor.get("datatype")))
    if kind is None:
        raise TensorsError(f"the datatype of '{INPUT}' is another; accepted: {', '.join(TYPES)}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 4 or shape[1:] != [size, size, 3] or not _counts(shape[0], most):
        raise TensorsError(f"the shape of '{INPUT}' is another; accepted: [1 to {most}, {size}, {size}, 3]")
    return _asked(request), _array(tensor.get("data"), shape, kind)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        request = json.loads(content)
    except (ValueError, RecursionError):
        raise TensorsError(f"the body is not JSON; {_WHOLE}") from None
    if not isinstance(request, dict):
        raise TensorsError(f"the body is not a JSON object; {_WHOLE}")
    return request


def _tensor(request: dict[str, Any]) -> dict[str, Any]:
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise TensorsError(f"there is not exactly one input; {_WHOLE}")
    tensor: dict[str, Any] = inputs[0]
    if tensor.get("name") != INPUT:
        raise TensorsError(f"the input has another name; accepted: '{INPUT}'")
    return tensor


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    name, outputs = request.get("id"), request.get("outputs", [])
    if name is not None and not isinstance(name, str):
        raise TensorsError("the id is no text; accepted: text, or none")
    if not isinstance(outputs, list) or not all(
        isinstance(output, dict) and isinstance(output.get("name"), str) for output in outputs
    ):
        raise TensorsError('the outputs are no list of names; accepted: [{"name": "probabilities"}], or none')
    return {"id": name, "outputs": [output["name"] for output in outputs]}


def _counts(number: Any, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= most


def _array(data: Any, shape: list[int], kind: type[np.generic]) -> np.ndarray:
    try:
        values = np.asarray(data, dtype=np.float64).reshape(shape)
    except (ValueError, TypeError, OverflowError):
        raise TensorsError(f"the data of '{INPUT}' are not as many numbers as its shape says") from None
    if isinstance(data, str) or not ((values >= 0) & (values <= 255)).all():
        raise TensorsError(f"the data of '{INPUT}' hold something else than 0 to 255; accepted: RGB, 0 to 255")
    array: np.ndarray = values.astype(kind)
    if kind is np.uint8 and not (array == values).all():
        raise TensorsError(f"the data of '{INPUT}' are no whole numbers; accepted: those, or the datatype FP32")
    return array
