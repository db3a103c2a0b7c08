"""What a model file may be made of, checked before ONNX Runtime sees it.

Every operator of the standard is a plain function of its inputs: none reads a file, none runs code. Refused are
those that hold further graphs (in which weights and operators would go unseen), those that draw lots, and those
of text and sequences, which no photo needs; and all that is not of the standard. It is a list of what is refused
and not of what is accepted, because networks from a hub use many operators, and one that was forgotten would cost
its user a training. ONNX Runtime itself refuses operators that it does not know.
"""

from collections.abc import Iterable
from math import isnan
from typing import Any, Final

from tellapart.deploy.names import HEAT, STRANGER
from tellapart.deploy.tensors import check_tensor

LARGEST: Final = 1 << 30  # bytes of a model file
_IR: Final = range(7, 15)  # versions of the file format
_OPSETS: Final = range(13, 27)  # versions of the operators
_STANDARD: Final = ("", "ai.onnx")
_UNUSED: Final = "ai.onnx.ml"  # converters name it without using it
_GRAPHS: Final = {"If", "Loop", "Scan", "SequenceMap"}
_LOTS: Final = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip
_OTHERS: Final = {
    "ConcatFromSequence", "ImageDecoder", "Optional", "OptionalGetElement", "OptionalHasElement", "RegexFullMatch",
    "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength",
    "SplitToSequence", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer",
}  # fmt: skip
_REFUSED: Final = _GRAPHS | _LOTS | _OTHERS
_SIDES: Final = {STRANGER: 1, HEAT: 3}  # of an output, photos among them
_FLOAT: Final = 1  # as ONNX numbers its types


def check_structure(model: Any) -> None:
    """Check versions, operators and constants; `model` is what `onnx_messages.read_model` gives.

    Raises:
        ValueError: It is refused; the message says why.
    """
    if not model.HasField("graph"):
        raise ValueError("it holds no network")
    _check_versions(model)
    if model.functions or model.graph.sparse_initializer:
        raise ValueError("it holds functions or sparse weights, which are not accepted")
    names = [tensor.name for tensor in model.graph.initializer]
    if len(set(names)) < len(names):
        raise ValueError("two of its constants have one name")
    for node in model.graph.node:
        _check_node(node)
    for tensor in model.graph.initializer:
        check_tensor(tensor)


def check_ends(model: Any, size: int, classes: int) -> None:
    """Check that input and outputs are those of a classifier of square photos.

    Args:
        model: As above.
        size: Of the photos, in pixels.
        classes: How many there are.

    Raises:
        ValueError: They are not; the message says why.
    """
    inputs, outputs = model.graph.input, model.graph.output
    if [end.name for end in inputs] != ["photo"]:
        raise ValueError(f"its inputs are {_listed(inputs)}; accepted: photo")
    if not outputs or outputs[0].name != "probabilities" or len({end.name for end in outputs}) < len(outputs):
        raise ValueError(f"its outputs are {_listed(outputs)}; accepted: probabilities first")
    if _shape(inputs[0]) != [None, size, size, 3]:
        raise ValueError(f"its photos are {_shape(inputs[0])} and not of {size} pixels, as it says")
    for end in outputs[1:]:
        if len(_shape(end)) != _SIDES.get(end.name, len(_shape(end))):
            raise ValueError(f"its output {end.name} is {_shape(end)}")
    shape = _shape(outputs[0])
    if len(shape) != 2 or shape[1] != classes:
        raise ValueError(f"it has {shape[-1] if shape else 'no'} outputs for {classes} classes")


def _check_versions(model: Any) -> None:
    if model.ir_version not in _IR:
        raise ValueError(f"ONNX format {model.ir_version}; accepted: {_IR[0]} to {_IR[-1]}")
    others = [entry.domain for entry in model.opset_import if entry.domain not in (*_STANDARD, _UNUSED)]
    if others:
        raise ValueError(f"operators of '{others[0][:60]}'; accepted: the standard ones")
    versions = [entry.version for entry in model.opset_import if entry.domain in _STANDARD]
    if len(versions) != 1 or versions[0] not in _OPSETS:
        raise ValueError(f"operators of version {versions}; accepted: one of {_OPSETS[0]} to {_OPSETS[-1]}")


def _check_node(node: Any) -> None:
    kind = node.op_type[:60]
    if node.domain not in _STANDARD:
        raise ValueError(f"the operator {kind} of '{node.domain[:60]}'; accepted: the standard ones")
    if kind in _REFUSED:
        raise ValueError(f"the operator {kind}, which is not accepted")
    for entry in node.attribute:
        if entry.HasField("g") or entry.graphs or entry.HasField("sparse_tensor") or entry.sparse_tensors:
            raise ValueError(f"the operator {kind} holds a graph or sparse weights, which are not accepted")
        if any(isnan(value) for value in (entry.f, *entry.floats)):
            raise ValueError(f"the operator {kind} holds values that are not numbers")
        for tensor in (*([entry.t] if entry.HasField("t") else ()), *entry.tensors):
            check_tensor(tensor)


def _shape(end: Any) -> list[int | None]:
    """The sides of an input or output; None where they are free. Empty where it is not of float32."""
    kind = end.type.tensor_type
    if kind.elem_type != _FLOAT:
        return []
    return [side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim]


def _listed(ends: Iterable[Any]) -> str:
    return ", ".join(end.name[:60] for end in ends) or "none"
