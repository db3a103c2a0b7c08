"""A backbone in 8 bits, for features that are computed on this machine alone (`--fast`).

Four things make it nearer to the backbone in float32 than plain quantisation (docs/LOG.md has what each brings):
the ranges that lose least (`ranges.py`); the first layers, whose few weights carry the most, stay in float; weights of
8 bits, where the processor adds their products up without overflow; and each channel of the features is shifted and
scaled to what float32 gives for the same photos.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx

from tellapart.errors import OptionError
from tellapart.machine import has_vnni
from tellapart.models.backbone_file import READ
from tellapart.models.forward import BATCH, Forward
from tellapart.models.quantisation import QUANTISED, WEIGHTED, Pictures, prepare, quietly, scaling_nodes
from tellapart.models.ranges import ranges_of

# The first layers stay in float that together hold this share of all weights. Of networks with depthwise convolutions,
# whose channels differ most in range, those are 15 of the 52 of MobileNetV2; of others next to none.
FIRST_LAYERS: Final = 0.02
FIRST_LAYERS_PLAIN: Final = 0.002
_RAW: Final = "in_8_bits"


def weight_bits() -> int:
    """8 where a processor adds up products of 8 bits in 32; else 7, of which two never overflow 16 bits."""
    return 8 if has_vnni() else 7


def int8_backbone(content: bytes, pictures: np.ndarray) -> bytes:
    """Quantise a backbone.

    Args:
        content: The bytes of its file: `backbone_file.backbone_onnx`.
        pictures: Photos that are learned from, (photos, size, size, 3).

    Returns:
        The bytes of a network with the outputs `features` and, where the backbone has it, `lower`.

    Raises:
        OptionError: Nothing in it can be quantised.
    """
    pooled = _without_maps(content)
    with TemporaryDirectory(prefix="tellapart-") as folder, quietly():
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        prepare(pooled, plain)
        network = onnx.load(plain)
        _quantise(plain, small, network, pictures)
        quantised = onnx.load(small)
    if not any(node.op_type == "QuantizeLinear" for node in quantised.graph.node):
        raise OptionError("Nothing in this backbone can be computed in 8 bits. Next: leave --fast out")
    expected, found = (_answers(Forward(one.SerializeToString()), pictures) for one in (pooled, quantised))
    for name in expected:
        _correct(quantised, name, expected[name], found[name])
    return bytes(quantised.SerializeToString(deterministic=True))


def first_layers(graph: Any) -> list[str]:
    """The nodes up to the layer with which the share of all weights that stays in float is passed, without that one."""
    sizes = {one.name: int(np.prod(one.dims)) for one in graph.initializer}
    weights = {node.name: sizes.get(node.input[1], 0) for node in graph.node if node.op_type in WEIGHTED}
    share = FIRST_LAYERS if any(_is_depthwise(node) for node in graph.node) else FIRST_LAYERS_PLAIN
    most, held, first = share * sum(weights.values()), 0, []
    for node in graph.node:
        held += weights.get(node.name, 0)
        if held > most:
            break
        first.append(node.name)
    return first


def _is_depthwise(node: Any) -> bool:
    return node.op_type == "Conv" and any(one.name == "group" and one.i > 1 for one in node.attribute)


def _without_maps(content: bytes) -> Any:
    network = onnx.load_from_string(content)
    kept = [end for end in network.graph.output if end.name in READ]
    del network.graph.output[:], network.metadata_props[:]
    network.graph.output.extend(kept)
    return network


def _quantise(plain: Path, small: Path, network: Any, pictures: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    ranges = ranges_of(network, pictures, QUANTISED)
    quantize_static(
        str(plain),
        str(small),
        Pictures(pictures[:1]),  # its own ranges are not used
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(QUANTISED),
        per_channel=True,
        reduce_range=weight_bits() == 7,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[*scaling_nodes(network.graph), *first_layers(network.graph)],
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={
            "TensorQuantOverrides": {
                name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges.items()
            }
        },
    )


def _answers(network: Forward, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Each output of a network for some pictures, (pictures, channels)."""
    some = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
    parts = [network.named_outputs(one) for one in some]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _correct(quantised: Any, output: str, expected: np.ndarray, found: np.ndarray) -> None:
    """Shift and scale every channel of an output to what is expected, by least squares."""
    mean, wanted = found.mean(axis=0), expected.mean(axis=0)
    spread = np.square(found - mean).sum(axis=0)
    together = ((found - mean) * (expected - wanted)).sum(axis=0)
    scale = np.divide(together, spread, out=np.ones_like(spread), where=spread > 1e-9)
    graph = quantised.graph
    raw, scaled, *constants = (f"{output}_{what}" for what in (_RAW, "scaled", "scale", "shift"))
    for node in graph.node:
        node.output[:] = [raw if name == output else name for name in node.output]
    for name, value in zip(constants, (scale, wanted - mean * scale), strict=True):
        graph.initializer.append(onnx.numpy_helper.from_array(value.astype(np.float32), name))
    graph.node.extend(
        [
            onnx.helper.make_node("Mul", [raw, constants[0]], [scaled], name=f"{output.title()}_scale"),
            onnx.helper.make_node("Add", [scaled, constants[1]], [output], name=f"{output.title()}_shift"),
        ]
    )
