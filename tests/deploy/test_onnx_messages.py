import numpy as np
import onnx
import pytest
from drawn_model import drawn_model
from onnx import numpy_helper

from tellapart.deploy.onnx_messages import _MESSAGES, read_model


def test_fields_have_the_numbers_and_types_of_onnx() -> None:
    of_onnx = {
        "Model": onnx.ModelProto, "OpsetId": onnx.OperatorSetIdProto, "Entry": onnx.StringStringEntryProto,
        "Graph": onnx.GraphProto, "Node": onnx.NodeProto, "Attribute": onnx.AttributeProto,
        "Tensor": onnx.TensorProto, "ValueInfo": onnx.ValueInfoProto, "Type": onnx.TypeProto,
        "TensorType": onnx.TypeProto.Tensor, "Shape": onnx.TensorShapeProto,
        "Dimension": onnx.TensorShapeProto.Dimension,
    }  # fmt: skip
    assert set(of_onnx) == set(_MESSAGES)
    for message, fields in _MESSAGES.items():
        theirs = of_onnx[message].DESCRIPTOR.fields_by_name
        for name, (number, kind) in fields.items():
            assert theirs[name].number == number, (message, name)
            one = kind.removeprefix("*")
            expected = theirs[name].type
            told = {"int64": 3, "uint64": 4, "int32": 5, "float": 2, "double": 1, "string": 9, "bytes": 12}.get(one, 11)
            # Messages may be read as bytes, and the names of numbers as numbers: the wire is the same.
            assert told in {expected, 12 if expected == 11 else -1, 5 if expected == 14 else -1}, (message, name)


def test_what_is_read_is_what_onnx_reads() -> None:
    content = drawn_model()
    ours, theirs = read_model(content), onnx.load_from_string(content)
    assert [node.op_type for node in ours.graph.node] == [node.op_type for node in theirs.graph.node]
    for mine, tensor in zip(ours.graph.initializer, theirs.graph.initializer, strict=True):
        assert mine.name == tensor.name
        values = numpy_helper.to_array(tensor)
        assert (np.frombuffer(mine.raw_data, values.dtype).reshape(tuple(mine.dims)) == values).all()
    assert ours.opset_import[0].version == 17
    assert ours.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 3


@pytest.mark.parametrize("content", [b"\x00" * 20, b"PK\x03\x04", b"\x3a\xff\xff\xff\x7f", b"\x3a\x02" * 300])
def test_what_is_no_message_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match="no ONNX file, or damaged"):
        read_model(content)


def test_an_installed_onnx_is_not_disturbed() -> None:
    message = type(read_model(drawn_model()))
    assert message.DESCRIPTOR.file.pool is not onnx.ModelProto.DESCRIPTOR.file.pool
