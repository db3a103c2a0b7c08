from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tellapart.deploy.onnx_messages import read_model
from tellapart.deploy.tensors import check_tensor


def read(tensor: Any) -> Any:
    """The tensor as the checks see it."""
    model = onnx.ModelProto()
    model.graph.initializer.append(tensor)
    return read_model(model.SerializeToString()).graph.initializer[0]


KINDS = (np.float32, np.float64, np.float16, np.int8, np.uint8, np.int32, np.int64, np.uint16, np.uint64, np.bool_)


@pytest.mark.parametrize("kind", KINDS)
def test_constants_of_plain_types_are_accepted(kind: type) -> None:
    values: np.ndarray = np.array([[0, 1, 2], [1, 0, 1]]).astype(kind)
    check_tensor(read(numpy_helper.from_array(values, "w")))
    number = helper.np_dtype_to_tensor_dtype(values.dtype)
    check_tensor(read(helper.make_tensor("w", number, (2, 3), values.ravel().tolist())))
    check_tensor(read(numpy_helper.from_array(np.zeros((0, 3)).astype(kind), "empty")))


def weights(value: float, kind: int, *, raw: bool) -> Any:
    """Three numbers, one of them given."""
    if kind == TensorProto.BFLOAT16:
        bits = (np.array([1, value, 2], np.float32).view(np.uint32) >> 16).astype(np.uint16)
        tensor = TensorProto(name="w", data_type=kind, dims=[3])
        if raw:
            tensor.raw_data = bits.tobytes()
        else:
            tensor.int32_data.extend(bits.tolist())
        return tensor
    values = np.array([1, value, 2]).astype(helper.tensor_dtype_to_np_dtype(kind))
    return numpy_helper.from_array(values, "w") if raw else helper.make_tensor("w", kind, (3,), values.tolist())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(value: float, kind: int, raw: bool) -> None:
    check_tensor(read(weights(3.0, kind, raw=raw)))
    with pytest.raises(ValueError, match="'w' holds values that are not numbers"):
        check_tensor(read(weights(value, kind, raw=raw)))


def test_a_limit_may_be_infinite_and_is_no_nan() -> None:
    check_tensor(read(numpy_helper.from_array(np.float32(np.inf), "limit")))
    with pytest.raises(ValueError, match="not numbers"):
        check_tensor(read(numpy_helper.from_array(np.float32(np.nan), "limit")))


@pytest.mark.parametrize("dims", [[7], [2, 4], [], [6, 10**18], [-6], [-2, -3], [2**62, 4, 2]])
def test_a_size_that_is_not_that_of_the_data_is_refused(dims: list[int]) -> None:
    for tensor in (
        numpy_helper.from_array(np.ones(6, np.float32), "w"),
        helper.make_tensor("w", TensorProto.FLOAT, (6,), [1.0] * 6),
    ):
        tensor.dims[:] = dims
        with pytest.raises(ValueError, match=r"'w' is declared as .* numbers and holds 6"):
            check_tensor(read(tensor))


def test_data_of_other_kinds_is_refused() -> None:
    half = numpy_helper.from_array(np.ones(6, np.float32), "w")
    half.raw_data = half.raw_data[:-1]
    both = numpy_helper.from_array(np.ones(6, np.float32), "w")
    both.float_data.append(1.0)
    other = helper.make_tensor("w", TensorProto.FLOAT, (6,), [1.0] * 6)
    other.data_type = TensorProto.INT64
    text = helper.make_tensor("w", TensorProto.STRING, (1,), ["a"])
    for tensor, told in ((half, "half a number"), (both, "two kinds"), (other, "another type"), (text, "of type 8")):
        with pytest.raises(ValueError, match=told):
            check_tensor(read(tensor))


def test_weights_in_another_file_are_refused() -> None:
    tensor = TensorProto(name="w", data_type=1, dims=[3], data_location=TensorProto.EXTERNAL)
    named = TensorProto(name="w", data_type=1, dims=[3])
    named.external_data.add(key="location", value="/etc/passwd")
    for one in (tensor, named):
        with pytest.raises(ValueError, match="another file"):
            check_tensor(read(one))
