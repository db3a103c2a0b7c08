import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tellapart.models.forward import BATCH, Forward, in_batches


def doubler() -> bytes:
    """An ONNX file that doubles three numbers, with a line of metadata."""
    shape = ["photos", 3]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["photo", "two"], ["probabilities"])],
        "doubler",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array(2, dtype=np.float32), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    helper.set_model_props(model, {"note": "twice"})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_a_batch_goes_through() -> None:
    forward = Forward(doubler())
    answer = forward(np.array([[1, 2, 3]], dtype=np.uint8))
    assert answer.dtype == np.float32
    assert answer.tolist() == [[2, 4, 6]]
    assert (forward.inputs[0].name, forward.outputs[0].name) == ("photo", "probabilities")


def test_outputs_are_given_by_name() -> None:
    model = onnx.load_from_string(doubler())
    model.graph.node.append(helper.make_node("Neg", ["probabilities"], ["less"]))
    model.graph.output.append(helper.make_tensor_value_info("less", TensorProto.FLOAT, ["photos", 3]))
    forward, batch = Forward(model.SerializeToString()), np.array([[1, 2, 3]])
    assert {name: found.tolist() for name, found in forward.named_outputs(batch).items()} == {
        "probabilities": [[2, 4, 6]],
        "less": [[-2, -4, -6]],
    }
    assert list(forward.named_outputs(batch, ["less", "none of them"])) == ["less"]
    assert forward(batch).tolist() == [[2, 4, 6]]


def test_metadata_is_read() -> None:
    assert Forward(doubler()).metadata == {"note": "twice"}


@pytest.mark.parametrize("n", [0, 1, BATCH, 2 * BATCH + 3])
def test_single_inputs_keep_their_order(n: int) -> None:
    inputs = (np.full(3, number, dtype=np.float32) for number in range(n))
    answers = list(in_batches(Forward(doubler()), inputs))
    assert [answer.tolist() for answer in answers] == [[2 * number] * 3 for number in range(n)]


def test_batches_are_as_large_as_asked_for() -> None:
    sizes: list[int] = []

    class Counting(Forward):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            sizes.append(len(batch))
            return super().__call__(batch)

    list(in_batches(Counting(doubler()), iter(np.ones((7, 3), dtype=np.float32)), batch=3))
    assert sizes == [3, 3, 1]


def test_all_outputs_come_in_the_order_of_the_file() -> None:
    model = onnx.load_from_string(doubler())
    model.graph.node.append(helper.make_node("Add", ["photo", "two"], ["more"]))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["photos", 3]))
    forward, batch = Forward(model.SerializeToString()), np.array([[1, 2, 3]], dtype=np.float32)
    doubled, more = forward.named_outputs(batch).values()
    assert (doubled.tolist(), more.tolist()) == ([[2, 4, 6]], [[3, 4, 5]])
    assert forward(batch).tolist() == [[2, 4, 6]]
