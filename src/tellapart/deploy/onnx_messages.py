"""An ONNX file read as what it is, a Protocol Buffers message, without the package `onnx`.

Only the messages and fields that are checked are described; numbers and types are those of the
public `onnx.proto`. They live in a pool of their own, beside those of an installed `onnx`.
"""

from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE: Final = "tellapart_onnx"
_KINDS: Final = descriptor_pb2.FieldDescriptorProto
# By message: its fields, as name: (number, type), a `*` before what is repeated. A type that begins with a capital
# letter is another message.
# Sub-graphs are read as bytes: that there is one is all that is asked.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Model": {
        "ir_version": (1, "int64"),
        "graph": (7, "Graph"),
        "opset_import": (8, "*OpsetId"),
        "metadata_props": (14, "*Entry"),
        "functions": (25, "*bytes"),
    },
    "OpsetId": {"domain": (1, "string"), "version": (2, "int64")},
    "Entry": {"key": (1, "string"), "value": (2, "string")},
    "Graph": {
        "node": (1, "*Node"),
        "initializer": (5, "*Tensor"),
        "input": (11, "*ValueInfo"),
        "output": (12, "*ValueInfo"),
        "sparse_initializer": (15, "*bytes"),
    },
    "Node": {
        "input": (1, "*string"),
        "output": (2, "*string"),
        "op_type": (4, "string"),
        "attribute": (5, "*Attribute"),
        "domain": (7, "string"),
    },
    "Attribute": {
        "name": (1, "string"),
        "f": (2, "float"),
        "t": (5, "Tensor"),
        "g": (6, "bytes"),
        "floats": (7, "*float"),
        "tensors": (10, "*Tensor"),
        "graphs": (11, "*bytes"),
        "type": (20, "int32"),
        "sparse_tensor": (22, "bytes"),
        "sparse_tensors": (23, "*bytes"),
    },
    "Tensor": {
        "dims": (1, "*int64"),
        "data_type": (2, "int32"),
        "segment": (3, "bytes"),
        "float_data": (4, "*float"),
        "int32_data": (5, "*int32"),
        "string_data": (6, "*bytes"),
        "int64_data": (7, "*int64"),
        "name": (8, "string"),
        "raw_data": (9, "bytes"),
        "double_data": (10, "*double"),
        "uint64_data": (11, "*uint64"),
        "external_data": (13, "*Entry"),
        "data_location": (14, "int32"),
    },
    "ValueInfo": {"name": (1, "string"), "type": (2, "Type")},
    "Type": {"tensor_type": (1, "TensorType")},
    "TensorType": {"elem_type": (1, "int32"), "shape": (2, "Shape")},
    "Shape": {"dim": (1, "*Dimension")},
    "Dimension": {"dim_value": (1, "int64"), "dim_param": (2, "string")},
}


def read_model(content: bytes) -> Any:
    """Read the bytes of an ONNX file; what it holds beside the fields above is kept and not looked at.

    Raises:
        ValueError: They are no such message, or are nested too deeply.
    """
    try:
        return _model_class().FromString(content)
    except DecodeError as problem:
        raise ValueError("it is no ONNX file, or damaged") from problem


@cache
def _model_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_described().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Model"))


def _described() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            one = kind.removeprefix("*")
            label = _KINDS.LABEL_REPEATED if kind.startswith("*") else _KINDS.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            if one in _MESSAGES:
                field.type, field.type_name = _KINDS.TYPE_MESSAGE, f".{_PACKAGE}.{one}"
            else:
                field.type = _KINDS.Type.Value(f"TYPE_{one.upper()}")
    return file
