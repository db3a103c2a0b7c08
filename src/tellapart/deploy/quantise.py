"""A network with weights and activations of 8 bits, in the standard operators of ONNX.

`QuantizeLinear` and `DequantizeLinear` stand around what is quantised, so that any runtime runs the file; ONNX Runtime
makes integer kernels of them. What is not on the way to the probabilities (strangers, heat map), the scaling at the
input and the softmax with its temperature stay as they are.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx

from tellapart.deploy.runtime import PROBABILITIES
from tellapart.errors import ModelFileError
from tellapart.models.quantisation import QUANTISED, Pictures, prepare, quietly, scaling_nodes

# Photos to find the ranges with: more bring outliers that make every step coarser (docs/LOG.md).
SAMPLE: Final = 32
# Two products of 8 bits by 8 bits overflow the 16 bits that processors without VNNI add them up in: 2 x 255 x 127 is
# more than 32,767. With 7 bits it is 2 x 255 x 64. On an emulated Haswell a file of 7 bits answered to the last bit as
# here, and one of 8 bits otherwise by up to 0.37 (docs/LOG.md).
WEIGHT_BITS: Final = 7


def quantise(content: bytes, pictures: np.ndarray) -> bytes:
    """Quantise a network: activations to 8 bits each, weights to 7 bits with a scale a channel.

    Args:
        content: The bytes of an ONNX file with the input `photo`.
        pictures: Photos that it learned from, (photos, size, size, 3), to find the range of every activation with.

    Returns:
        The bytes of the quantised network, without metadata.

    Raises:
        ModelFileError: Nothing in it can be quantised.
    """
    whole = onnx.load_from_string(content)
    main, others = _parted(whole)
    with TemporaryDirectory(prefix="tellapart-") as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        with quietly():
            prepare(main, plain)
            _quantise(plain, small, pictures)
        quantised = onnx.load(small)
    if not any(node.op_type == "QuantizeLinear" for node in quantised.graph.node):
        raise ModelFileError("Nothing in this network can be quantised. Next: --format onnx")
    _join(quantised, whole, others)
    onnx.checker.check_model(quantised)
    return bytes(quantised.SerializeToString(deterministic=True))


def _parted(whole: Any) -> tuple[Any, list[Any]]:
    """The network to the probabilities and to what the rest of the file is made from, and the nodes of that rest."""
    wanted, kept = {PROBABILITIES}, []
    for node in reversed(whole.graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node.name)
    names = set(kept)
    others = [node for node in whole.graph.node if node.name not in names]
    made = {name for node in whole.graph.node if node.name in names for name in node.output}
    bridges = sorted(({name for node in others for name in node.input} & made) - {PROBABILITIES})
    main = onnx.ModelProto()
    main.CopyFrom(whole)
    nodes = [node for node in whole.graph.node if node.name in names]
    constants = [one for one in whole.graph.initializer if one.name in wanted]
    ends = [end for end in whole.graph.output if end.name == PROBABILITIES]
    ends += [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in bridges]
    for field, content in (("node", nodes), ("initializer", constants), ("output", ends)):
        del getattr(main.graph, field)[:]
        getattr(main.graph, field).extend(content)
    del main.metadata_props[:]
    return main, others


def _quantise(plain: Path, small: Path, pictures: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(plain),
        str(small),
        Pictures(pictures),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(QUANTISED),
        per_channel=True,
        reduce_range=WEIGHT_BITS == 7,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=scaling_nodes(onnx.load(plain).graph),
        calibrate_method=CalibrationMethod.MinMax,
    )


def _join(quantised: Any, whole: Any, others: list[Any]) -> None:
    """Put what was taken off behind the quantised network, with the constants that it needs, and all outputs."""
    graph = quantised.graph
    graph.node.extend(others)
    there = {one.name for one in graph.initializer}
    needed = {name for node in others for name in node.input} - there
    graph.initializer.extend(one for one in whole.graph.initializer if one.name in needed)
    del graph.output[:]
    graph.output.extend(whole.graph.output)
    del graph.value_info[:]
    # The tools leave notes of their own, and name domains that no node is of.
    del quantised.metadata_props[:], quantised.opset_import[:]
    quantised.opset_import.extend(one for one in whole.opset_import if one.domain in {"", "ai.onnx"})
    quantised.producer_name, quantised.producer_version = "tellapart", ""
    graph.name = "tellapart"
