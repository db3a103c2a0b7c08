import numpy as np
import onnx
import pytest

from tellapart.models import onnx_bytes


def written(**how: object) -> onnx.ModelProto:
    node = onnx_bytes.node("Any", "Any_0", ["photo", "", "c"], ["out"], how)
    constant = onnx_bytes.constant("c", np.arange(6, dtype=np.float32).reshape(2, 3))
    ends = [onnx_bytes.end(name, ["photos", 3]) for name in ("photo", "out")]
    content = onnx_bytes.model([node], [constant], ends[:1], ends[1:])
    return onnx.load_from_string(content + onnx_bytes.metadata("key", "value"))


def test_the_package_onnx_reads_what_was_written() -> None:
    model = written()
    assert (model.ir_version, model.producer_name, model.graph.name) == (8, "tellapart", "tellapart")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("key", "value")]
    (node,), (constant,), (photo,), (out,) = (
        model.graph.node, model.graph.initializer, model.graph.input, model.graph.output
    )  # fmt: skip
    assert (node.op_type, node.name, list(node.input), list(node.output)) == (
        "Any", "Any_0", ["photo", "", "c"], ["out"]
    )  # fmt: skip
    assert onnx.numpy_helper.to_array(constant).tolist() == [[0, 1, 2], [3, 4, 5]]
    for end, name in ((photo, "photo"), (out, "out")):
        sides = end.type.tensor_type.shape.dim
        assert (end.name, end.type.tensor_type.elem_type) == (name, onnx.TensorProto.FLOAT)
        assert [side.dim_param or side.dim_value for side in sides] == ["photos", 3]


def test_attributes_of_every_kind() -> None:
    how = {"whole": -3, "zero": 0, "share": 0.5, "none": 0.0, "text": "a", "row": (1, -1, 300), "large": 1 << 40}
    (node,) = written(**how).graph.node
    told = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    assert told == {**how, "text": b"a", "row": [1, -1, 300]}
    assert list(told) == sorted(how)


@pytest.mark.parametrize("kind", [np.float32, np.int64])
@pytest.mark.parametrize("shape", [(), (0,), (200,), (2, 0, 3), (3, 4, 5)])
def test_constants_of_every_shape(kind: type, shape: tuple[int, ...]) -> None:
    array: np.ndarray = np.asarray(np.random.default_rng(0).normal(0, 1000, shape), kind)
    told = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(b"".join(onnx_bytes.constant("c", array))))
    assert (told.dtype, told.shape) == (array.dtype, shape)
    assert (told == array).all()


def test_an_array_that_lies_otherwise_in_memory_is_written_in_order() -> None:
    array: np.ndarray = np.arange(6, dtype=np.float32).reshape(2, 3).T.astype(">f4")
    told = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(b"".join(onnx_bytes.constant("c", array))))
    assert (told == array).all()
