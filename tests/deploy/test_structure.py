from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from drawn_model import CLASSES, SIZE, drawn_model
from onnx import helper, numpy_helper

from tellapart.deploy.onnx_messages import read_model
from tellapart.deploy.runtime import Model
from tellapart.deploy.structure import check_ends, check_structure


def altered(change: Callable[[Any], object]) -> Any:
    model = onnx.load_from_string(drawn_model())
    change(model)
    return read_model(model.SerializeToString())


def constant(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def with_nan(model: Any) -> None:
    weights = numpy_helper.to_array(constant(model, "kernels")).copy()
    weights[0, 0, 0, 0] = np.nan
    constant(model, "kernels").CopyFrom(numpy_helper.from_array(weights, "kernels"))


def hidden_nan(model: Any) -> None:
    tensor = numpy_helper.from_array(np.array([1, np.nan], np.float32))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["hidden"], value=tensor))


def branch(model: Any) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["scale"], ["x"], then_branch=inner, else_branch=inner))


def unknown_holder(model: Any) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(helper.make_node("Relu", ["scale"], ["x"], body=inner))


def function(model: Any) -> None:
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [], [helper.make_opsetid("", 17)]))


def node(kind: str, domain: str = "", **how: Any) -> Callable[[Any], object]:
    return lambda model: model.graph.node.append(helper.make_node(kind, ["scale"], ["x"], domain=domain, **how))


REFUSED: dict[str, tuple[Callable[[Any], object], str]] = {
    "no graph": (lambda m: m.ClearField("graph"), "holds no network"),
    "an old format": (lambda m: setattr(m, "ir_version", 3), "ONNX format 3; accepted: 7 to"),
    "a format to come": (lambda m: setattr(m, "ir_version", 99), "ONNX format 99"),
    "operators to come": (lambda m: setattr(m.opset_import[0], "version", 99), r"operators of version \[99\]"),
    "old operators": (lambda m: setattr(m.opset_import[0], "version", 9), r"operators of version \[9\]"),
    "no operators": (lambda m: m.ClearField("opset_import"), r"operators of version \[\]"),
    "operators twice": (lambda m: m.opset_import.append(helper.make_opsetid("ai.onnx", 18)), r"\[17, 18\]"),
    "operators of others": (lambda m: m.opset_import.append(helper.make_opsetid("com.microsoft", 1)), "com.microsoft"),
    "an operator of others": (node("Inverse", "com.microsoft"), "operator Inverse of 'com.microsoft'"),
    "a branch": (branch, "operator If, which is not accepted"),
    "a loop": (node("Loop"), "operator Loop"),
    "lots": (node("RandomNormalLike"), "operator RandomNormalLike"),
    "text": (node("StringNormalizer"), "operator StringNormalizer"),
    "a graph in an operator": (unknown_holder, "holds a graph"),
    "functions": (function, "functions or sparse"),
    "sparse weights": (lambda m: m.graph.sparse_initializer.add(), "functions or sparse"),
    "a name twice": (lambda m: m.graph.initializer.append(constant(m, "bias")), "one name"),
    "no numbers": (with_nan, "'kernels' holds values that are not numbers"),
    "no numbers in a node": (hidden_nan, "not numbers"),
    "no number beside": (node("LeakyRelu", alpha=float("nan")), "LeakyRelu holds values that are not numbers"),
    "no numbers beside": (node("Upsample", scales=[1.0, float("nan")]), "Upsample holds values that are not numbers"),
    "a wrong size": (lambda m: constant(m, "bias").dims.append(1000), "'bias' is declared as 4×1000 numbers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_structures_that_are_refused(what: str) -> None:
    change, told = REFUSED[what]
    with pytest.raises(ValueError, match=told) as caught:
        check_structure(altered(change))
    assert "\n" not in str(caught.value)


def test_what_was_not_altered_is_accepted() -> None:
    model = altered(lambda _: None)
    check_structure(model)
    check_ends(model, SIZE, len(CLASSES))
    check_structure(altered(lambda m: m.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))))
    assert Model(drawn_model(), "m").classes == CLASSES


def resized(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 17


def fixed(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def flat(model: Any) -> None:
    del model.graph.output[1].type.tensor_type.shape.dim[1:]


ENDS: dict[str, tuple[Callable[[Any], object], str]] = {
    "two inputs": (lambda m: m.graph.input.append(m.graph.input[0]), "inputs are photo, photo; accepted: photo"),
    "another input": (lambda m: setattr(m.graph.input[0], "name", "image"), "inputs are image"),
    "no output": (lambda m: m.graph.ClearField("output"), "outputs are none"),
    "another output first": (lambda m: m.graph.output.reverse(), "outputs are heat, probabilities"),
    "an output twice": (lambda m: m.graph.output.append(m.graph.output[0]), "probabilities first"),
    "heat of one number": (flat, r"output heat is \[None\]"),
    "bytes": (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 2), r"photos are \[\]"),
    "another size": (resized, r"photos are \[None, 17, 16, 3\]"),
    "one photo alone": (fixed, r"photos are \[1, 16, 16, 3\]"),
}


@pytest.mark.parametrize("what", ENDS)
def test_ends_that_are_refused(what: str) -> None:
    change, told = ENDS[what]
    with pytest.raises(ValueError, match=told):
        check_ends(altered(change), SIZE, len(CLASSES))


def test_classes_must_fit_the_outputs() -> None:
    with pytest.raises(ValueError, match="3 outputs for 4 classes"):
        check_ends(altered(lambda _: None), SIZE, 4)
