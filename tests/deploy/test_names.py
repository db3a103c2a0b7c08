import onnx
from drawn_model import drawn_model

from tellapart.deploy import names, runtime


def test_outputs_are_called_as_the_runtime_asks_for_them() -> None:
    outputs = [end.name for end in onnx.load_from_string(drawn_model()).graph.output]
    assert outputs == [names.PROBABILITIES, names.HEAT]
    assert (runtime.PROBABILITIES, runtime.STRANGER, runtime.HEAT) == (names.PROBABILITIES, names.STRANGER, names.HEAT)
