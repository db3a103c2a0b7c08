"""A model file altered by accident or on purpose, and what must come of it."""

import copy
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from drawn_model import CLASSES, drawn_model, drawn_passport, pictures
from onnx import TensorProto, helper

from tellapart.deploy.golden import TOLERANCE
from tellapart.deploy.runtime import Model
from tellapart.deploy.seal import sealed
from tellapart.errors import ModelFileError

Dice = np.random.Generator
# Sides, versions and counts that a file should not have.
NUMBERS: Final = (-1, 0, 1, 2, 3, 7, 255, 65536, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**31), -(2**63))
OPERATORS: Final = tuple(sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}))


def flipped(content: bytes, generator: Dice) -> bytes:
    bits = bytearray(content)
    for place in generator.integers(0, len(content), generator.integers(1, 4)):
        bits[place] ^= 1 << int(generator.integers(0, 8))
    return bytes(bits)


def cut(content: bytes, generator: Dice) -> bytes:
    return content[: int(generator.integers(0, len(content)))]


def shortened(content: bytes, generator: Dice) -> bytes:
    start, length = int(generator.integers(0, len(content))), int(generator.integers(1, 200))
    return content[:start] + content[start + length :]


def zeroed(content: bytes, generator: Dice) -> bytes:
    start, length = int(generator.integers(0, len(content))), int(generator.integers(1, 200))
    return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]


def doubled(content: bytes, generator: Dice) -> bytes:
    start, length = int(generator.integers(0, len(content))), int(generator.integers(1, 200))
    return content[: start + length] + content[start:]


ALTERATIONS: Final = (flipped, flipped, flipped, cut, shortened, zeroed, doubled)


def refused_or_harmless(content: bytes) -> bool:
    """Whether a file is refused; one that is not has to answer its golden photos as the unaltered file does.

    What is refused must be told in one line; nothing but a ModelFileError may be raised.
    """
    try:
        model = Model(content, "m")
        answers = model.answer_pixels(pictures(3))  # it was proved one photo at a time, and may fail for three
    except ModelFileError as problem:
        return is_one_line(str(problem))
    expected = [golden["probabilities"] for golden in drawn_passport_of_all()["golden"]]
    assert model.classes == CLASSES
    assert np.abs(np.array([answer.probabilities for answer in answers]) - expected).max() <= TOLERANCE
    return False


def is_one_line(told: str) -> bool:
    assert "\n" not in told
    assert len(told) < 300
    return True


def drawn_passport_of_all(kept: list[dict[str, Any]] = []) -> dict[str, Any]:  # noqa: B006
    """The unaltered passport, made once."""
    if not kept:
        model = onnx.load_from_string(drawn_model())
        kept.append(drawn_passport(model.SerializeToString()))
    return kept[0]


def altered_network(network: bytes, dice: Dice) -> bytes:
    """A network altered in one to three places of its message, so that it still is one."""
    model = onnx.load_from_string(network)
    for _ in range(int(dice.integers(1, 4))):
        _one_of(NETWORK_ALTERATIONS, dice)(model, dice)
    return bytes(model.SerializeToString())


def sealed_again(network: bytes, passport: dict[str, Any]) -> bytes:
    """A network with its passport and a digest that fits, or as it is where it is no message any more."""
    try:
        return sealed(network, passport)
    except ValueError:
        return network


def altered_passport(passport: dict[str, Any], dice: Dice) -> dict[str, Any]:
    """A passport with a value replaced, at any depth, or two of its classes in each other's place."""
    told: dict[str, Any] = copy.deepcopy(passport)
    if dice.integers(4) == 0:
        told["classes"] = [told["classes"][place] for place in dice.permutation(len(told["classes"]))]
        return told
    inside: Any = told
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = _one_of(keys, dice)
        if isinstance(inside[key], dict | list) and inside[key] and dice.integers(3):
            inside = inside[key]
            continue
        inside[key] = _one_of(VALUES, dice)
        return told


def _one_of(choices: Any, dice: Dice) -> Any:
    return choices[int(dice.integers(len(choices)))]


def _dims(model: Any, dice: Dice) -> None:
    dims = _one_of(model.graph.initializer, dice).dims
    if dims and dice.integers(2):
        dims[int(dice.integers(len(dims)))] = _one_of(NUMBERS, dice)
    else:
        dims.append(_one_of(NUMBERS, dice))


def _type(model: Any, dice: Dice) -> None:
    _one_of(model.graph.initializer, dice).data_type = int(dice.integers(-1, 30))


def _weights(model: Any, dice: Dice) -> None:
    tensor = _one_of(model.graph.initializer, dice)
    if tensor.data_type != TensorProto.FLOAT:
        return
    try:
        values = onnx.numpy_helper.to_array(tensor).copy()
    except Exception:  # an alteration before this one left nothing that can be read: other dims, another place
        return
    if not values.size:
        return
    value = _one_of((np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-40, 0.0, float(dice.normal())), dice)
    values.reshape(-1)[int(dice.integers(values.size)) :: int(dice.integers(1, 5))] = value
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def _external(model: Any, dice: Dice) -> None:
    tensor = _one_of(model.graph.initializer, dice)
    tensor.data_location = int(dice.integers(0, 2))
    tensor.external_data.add(key="location", value=_one_of(("/etc/passwd", "../x", "", "model.onnx"), dice))


def _operator(model: Any, dice: Dice) -> None:
    node = _one_of(model.graph.node, dice)
    if dice.integers(6) == 0:
        node.domain = _one_of(("ai.onnx.contrib", "com.microsoft", "ai.onnx.ml", "x"), dice)
    else:
        node.op_type = _one_of(OPERATORS, dice)


def _attribute(model: Any, dice: Dice) -> None:
    node = _one_of(model.graph.node, dice)
    if node.attribute and dice.integers(3):
        entry = _one_of(node.attribute, dice)
        entry.i = _one_of(NUMBERS, dice)
        entry.f = float(_one_of((np.nan, np.inf, -1.0, 0.0, 1e38), dice))
        if entry.ints:
            entry.ints[int(dice.integers(len(entry.ints)))] = _one_of(NUMBERS, dice)
    else:
        name = _one_of(("axis", "axes", "pads", "kernel_shape", "group", "to", "perm", "strides", "keepdims"), dice)
        values = [_one_of(NUMBERS, dice) for _ in range(int(dice.integers(1, 5)))]
        node.attribute.append(helper.make_attribute(name, values if dice.integers(2) else values[0]))


def _wires(model: Any, dice: Dice) -> None:
    """An input or output of a node that is another's, or nobody's."""
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    node = _one_of(model.graph.node, dice)
    ends = node.input if dice.integers(2) and node.input else node.output
    if ends:
        ends[int(dice.integers(len(ends)))] = _one_of((*names, "", "nobody"), dice)


def _nodes(model: Any, dice: Dice) -> None:
    """A node less, one twice, or two in each other's place."""
    nodes = list(model.graph.node)
    place, way = int(dice.integers(len(nodes))), int(dice.integers(3))
    if way == 0:
        del nodes[place]
    elif way == 1:
        nodes.insert(int(dice.integers(len(nodes))), nodes[place])
    else:
        nodes[0], nodes[place] = nodes[place], nodes[0]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _ends(model: Any, dice: Dice) -> None:
    end = _one_of((*model.graph.input, *model.graph.output), dice)
    way = int(dice.integers(4))
    dims = end.type.tensor_type.shape.dim
    if way == 0:
        end.name = _one_of(("photo", "probabilities", "heat", "stranger", "", "x"), dice)
    elif way == 1:
        end.type.tensor_type.elem_type = int(dice.integers(0, 24))
    elif dims and way == 2:
        dims[int(dice.integers(len(dims)))].dim_value = _one_of(NUMBERS, dice)
    else:
        dims.add().dim_value = _one_of(NUMBERS, dice)


def _versions(model: Any, dice: Dice) -> None:
    if dice.integers(2):
        model.ir_version = int(_one_of(NUMBERS, dice))
    else:
        model.opset_import.add(domain=_one_of(("", "ai.onnx", "x"), dice), version=int(dice.integers(0, 40)))


def _metadata(model: Any, dice: Dice) -> None:
    model.metadata_props.add(
        key=_one_of(("tellapart", "x", ""), dice), value=_one_of(("{}", "[]", "x" * 100_000), dice)
    )


Alteration = Callable[[Any, Dice], None]
NETWORK_ALTERATIONS: Final[tuple[Alteration, ...]] = (
    _dims, _dims, _type, _weights, _weights, _external, _operator, _operator, _attribute, _attribute, _wires, _nodes,
    _ends, _versions, _metadata,
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, 0, -1, 1e308, 2**63, "x", "", [], {}, [None], ["a", "b", "c"], {"a": 1}, True, "9" * 5000, "\ud800", [[]] * 3,
)  # fmt: skip
