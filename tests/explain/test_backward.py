"""The walk back through a graph: branches, detours, ends that nothing reaches."""

import numpy as np
import onnx
import pytest
from small_graphs import check, graph_of

from tellapart.explain.backward import gradient_model
from tellapart.explain.model_graph import ModelGraph
from tellapart.explain.writer import NoGradientError
from tellapart.models.forward import runtime_session


def test_what_is_read_twice_gets_the_sum_of_both() -> None:
    check(
        [("Exp", ["photo"], {}), ("Mul", ["0", "photo"], {}), ("Tanh", ["0"], {}), ("Add", ["1", "2"], {})],
        (4,),
    )


def test_between_two_tensors_inside() -> None:
    content = graph_of([("Exp", ["photo"], {}), ("Mul", ["0", "0"], {}), ("Neg", ["1"], {})], (3,))
    graph = ModelGraph(content)
    x = np.array([[0.0, 1.0, 2.0]], np.float32)
    session = runtime_session(gradient_model(graph, "1", "0"))
    (told,) = session.run(None, {"photo": x, "seed": np.ones_like(x)})
    np.testing.assert_allclose(told, 2 * np.exp(x), rtol=1e-6)


def test_branches_that_do_not_lead_there_cost_nothing() -> None:
    content = graph_of([("Exp", ["photo"], {}), ("Sin", ["photo"], {}), ("Add", ["0", "1"], {})], (3,))
    written = onnx.load_from_string(gradient_model(ModelGraph(content), "0", "photo"))
    assert "Sin" not in {node.op_type for node in written.graph.node}
    assert {entry.name for entry in written.graph.output} == {"gradient"}


def test_the_same_graph_gives_the_same_bytes() -> None:
    content = graph_of([("MaxPool", ["photo"], {"kernel_shape": [2, 2], "strides": [2, 2]})], (1, 4, 4))
    assert gradient_model(ModelGraph(content), "0", "photo") == gradient_model(ModelGraph(content), "0", "photo")


def test_what_does_not_depend_on_it_has_no_gradient() -> None:
    graph = ModelGraph(graph_of([("Exp", ["photo"], {}), ("Neg", ["0"], {})], (3,)))
    with pytest.raises(NoGradientError, match="does not depend"):
        gradient_model(graph, "0", "1")
    with pytest.raises(NoGradientError, match="does not depend"):
        gradient_model(graph, "0", "0")


def test_operators_of_other_makers_have_no_rule() -> None:
    model = onnx.load_from_string(graph_of([("Relu", ["photo"], {})], (3,)))
    graph = ModelGraph(bytes(model.SerializeToString()))
    graph.nodes[0].domain = "com.example"
    with pytest.raises(NoGradientError, match="operator Relu"):
        gradient_model(graph, "0", "photo")
