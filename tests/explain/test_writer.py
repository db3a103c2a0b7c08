"""What rules write with."""

import numpy as np
import pytest
from small_graphs import graph_of

from tellapart.errors import UserError
from tellapart.explain.model_graph import ModelGraph
from tellapart.explain.writer import NoGradientError, Step, Writer


def writer() -> Writer:
    graph = ModelGraph(graph_of([("Mul", ["photo", "w"], {})], (3, 4), {"w": np.ones((3, 1), np.float32)}))
    return Writer(graph, {"photo", "0"})


def test_names_are_new_and_equal_constants_are_kept_once() -> None:
    write = writer()
    assert write.node("Neg", "0") != write.node("Neg", "0")
    assert write.constant(1.0) == write.constant(1.0)
    assert len({write.constant(1.0), write.constant(2.0), write.constant([1.0]), write.whole(1)}) == 4
    assert write.shape_of("photo") == write.shape_of("photo")
    assert [node.op_type for node in write.nodes] == ["Neg", "Neg", "Shape"]


def test_a_gradient_is_summed_over_the_axes_that_were_repeated() -> None:
    write = writer()
    assert write.summed("g", (2, 3, 4), "photo") == "g"
    assert not write.nodes
    write.summed("g", (2, 3, 4), "w")
    assert [node.op_type for node in write.nodes] == ["ReduceSum", "Shape", "Reshape"]
    (axes,) = write.constants.values()
    assert axes.tolist() == [0, 2]


def test_what_depends_on_the_photo_has_no_value() -> None:
    write = writer()
    assert write.value("w").shape == (3, 1)
    with pytest.raises(NoGradientError, match="not the same for every photo"):
        write.value("0")


def test_a_step_whose_first_output_has_no_gradient_gives_zeros() -> None:
    write = writer()
    node = write.node("Split", "photo")
    step = Step(write, ModelGraph(graph_of([("Neg", ["photo"], {})], (3,))).nodes[0], [None])
    assert node
    assert step.x == "photo"
    assert step.y == "0"
    assert step.how == {}
    assert step.gradient == write.nodes[-1].output[0]
    assert write.nodes[-1].op_type == "ConstantOfShape"


def test_the_error_is_one_that_a_user_can_mend() -> None:
    told = str(NoGradientError("no rule for X"))
    assert issubclass(NoGradientError, UserError)
    assert told == "The model cannot be differentiated: no rule for X. Next: --method occlusion"
