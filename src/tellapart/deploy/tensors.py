"""The constants of a model file: of a plain type, as large as they say, inside the file, and numbers."""

from math import prod
from typing import Any, Final

import numpy as np

_BFLOAT16: Final = 16
# By ONNX's number of the type: how its bytes are read, and the field that holds them where `raw_data` does not.
_TYPES: Final = {
    1: ("<f4", "float_data"),
    2: ("u1", "int32_data"),
    3: ("i1", "int32_data"),
    4: ("<u2", "int32_data"),
    5: ("<i2", "int32_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("u1", "int32_data"),  # truth values
    10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"),
    12: ("<u4", "uint64_data"),
    13: ("<u8", "uint64_data"),
    _BFLOAT16: ("<u2", "int32_data"),
}
_FIELDS: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
_SMALL_FLOATS: Final = (10, _BFLOAT16)  # kept as the bits of whole numbers
_INFINITE: Final = 0x7F80  # the exponent of a bfloat16 that is no number


def check_tensor(tensor: Any) -> None:
    """Check one constant; `tensor` is an `onnx_messages` Tensor.

    Its declared size must be that of its data, so that all constants together are no larger than the file. A
    number that stands alone may be infinite, as a limit can be; weights may not.

    Raises:
        ValueError: It is refused; the message says why.
    """
    if tensor.data_location or tensor.external_data:
        raise ValueError("its weights lie in another file")
    if tensor.data_type not in _TYPES or tensor.HasField("segment"):
        raise ValueError(f"{_named(tensor)} is of type {tensor.data_type}, which is not accepted")
    values = _values(tensor)
    if min(tensor.dims, default=0) < 0 or prod(tensor.dims) != len(values):
        shape = "×".join(str(side) for side in tensor.dims) or "1"
        raise ValueError(f"{_named(tensor)} is declared as {shape} numbers and holds {len(values)}")
    if not _are_numbers(tensor, values):
        raise ValueError(f"{_named(tensor)} holds values that are not numbers")


def _values(tensor: Any) -> np.ndarray:
    """The data as one row; bfloat16 as its bits."""
    kind, field = _TYPES[tensor.data_type]
    typed = [name for name in _FIELDS if len(getattr(tensor, name))]
    if tensor.HasField("raw_data"):
        raw = tensor.raw_data
        if typed or len(raw) % np.dtype(kind).itemsize:
            raise ValueError(f"{_named(tensor)} holds half a number, or two kinds of data")
        return np.frombuffer(raw, kind)
    if set(typed) - {field}:
        raise ValueError(f"{_named(tensor)} holds data of another type than it says")
    if tensor.data_type in _SMALL_FLOATS:
        return np.array(getattr(tensor, field), np.int32).astype(np.uint16).view(kind)
    return np.array(getattr(tensor, field), np.dtype(kind) if tensor.data_type in (1, 11) else np.int64)


def _are_numbers(tensor: Any, values: np.ndarray) -> bool:
    if tensor.data_type == _BFLOAT16:
        return not bool(((values & _INFINITE) == _INFINITE).any())
    if values.dtype.kind != "f" or not values.size:
        return True
    # NaN passes through both, and neither takes an array more.
    ends = values.min(), values.max()
    return bool(np.isfinite(ends).all() or (values.size == 1 and not np.isnan(ends[0])))


def _named(tensor: Any) -> str:
    return f"the constant '{tensor.name[:60]}'" if tensor.name else "a constant"
