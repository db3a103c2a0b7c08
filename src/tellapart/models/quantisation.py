"""What the quantised networks of the model file and of the backbone have in common: tools of ONNX Runtime, tamed."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

WEIGHTED: Final = frozenset({"Conv", "MatMul", "Gemm"})
QUANTISED: Final = (*sorted(WEIGHTED), "Add", "AveragePool", "Clip", "GlobalAveragePool", "MaxPool", "Relu")


def prepare(main: Any, path: Path) -> None:
    """Fold what can be folded (batch norms into convolutions), so that fewer roundings are left."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    onnx.save(main, path)
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)


def scaling_nodes(graph: Any) -> list[str]:
    """The nodes between the photo and the first operator with weights."""
    behind: set[str] = set()
    before = []
    for node in graph.node:
        if node.op_type in WEIGHTED or behind & set(node.input):
            behind |= set(node.output)
        else:
            before.append(node.name)
    return before


class Pictures:
    """What ONNX Runtime's calibration reads: photos, one at a time."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._left: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next photo, or None at the end."""
        picture = next(self._left, None)
        return None if picture is None else {"photo": picture[np.newaxis].astype(np.float32)}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep advice for developers of quantisation from the user."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
