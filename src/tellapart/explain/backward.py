"""The gradient of one tensor of a model by another, written as a model of its own: reverse mode, in ONNX operators.

It runs wherever the model runs, so that no explanation needs a training framework. The
rules of the operators are in `rules.py` and beside it; this module walks the graph.
"""

from dataclasses import dataclass
from typing import Any, Final

from tellapart.explain.model_graph import ModelGraph, ancestors, depending
from tellapart.explain.rules import RULES
from tellapart.explain.writer import Gradients, NoGradientError, Step, Writer

SEED: Final = "seed"
GRADIENT: Final = "gradient"


@dataclass(frozen=True)
class Written:
    """A way back that was written.

    Attributes:
        forward: The nodes that lead to the tensor that is differentiated.
        write: Holds the nodes and constants of the way back, and the forward nodes that it needs otherwise.
        gradient: Name of the gradient.
    """

    forward: list[Any]
    write: Writer
    gradient: str


def gradient_model(graph: ModelGraph, of: str, at: str) -> bytes:
    """Write the model of d(sum(seed * of)) / d(at).

    Its inputs are the photo and `seed`, which has the shape of `of`; its output, `gradient`, has that of `at`.

    Args:
        graph: The model that is explained.
        of: Name of the tensor that is differentiated.
        at: Name of the tensor by which.

    Raises:
        NoGradientError: An operator between them has no rule.
    """
    written = write_back(graph, of, at, SEED)
    write = written.write
    write.node("Identity", written.gradient, name=GRADIENT)
    nodes = [write.changed.get(node.output[0], node) for node in written.forward]
    return graph.model([*nodes, *write.nodes], write.constants, {"input": [graph.photo, SEED], "output": [GRADIENT]})


def write_back(graph: ModelGraph, of: str, at: str, seed: str) -> Written:
    """Write the nodes of d(sum(seed * of)) / d(at), for any graph that they are to be added to.

    Args:
        graph: The model that is explained.
        of: Name of the tensor that is differentiated.
        at: Name of the tensor by which.
        seed: Name of a tensor of the shape of `of`.

    Raises:
        NoGradientError: An operator between them has no rule.
    """
    forward = ancestors(graph.nodes, of)
    wanted = depending(forward, at)
    if at == of or of not in wanted:
        raise NoGradientError(f"{of} does not depend on {at}")
    write = Writer(graph, wanted)
    gradients = {of: seed}
    for node in reversed(forward):
        reached = [gradients.get(name) for name in node.output]
        if at in node.output or not any(reached) or not wanted & set(node.input):
            continue
        for name, gradient in zip(node.input, _back_through(Step(write, node, reached)), strict=False):
            if gradient is not None and name in wanted:
                gradients[name] = write.node("Add", gradients[name], gradient) if name in gradients else gradient
    return Written(forward, write, gradients[at])


def _back_through(at: Step) -> Gradients:
    kind = str(at.node.op_type)
    if kind not in RULES or at.node.domain not in ("", "ai.onnx"):
        raise NoGradientError(f"there is no rule for the operator {kind}")
    return RULES[kind](at)
