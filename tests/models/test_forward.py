import threading
import time
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tellapart.models.forward import BATCH, Forward, Later, Streams, in_batches, side_by_side
from tellapart.out_of_memory import HALVINGS


def doubler() -> bytes:
    """An ONNX file that doubles three numbers, with a line of metadata."""
    shape = ["photos", 3]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["photo", "two"], ["probabilities"])],
        "doubler",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array(2, dtype=np.float32), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    helper.set_model_props(model, {"note": "twice"})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_a_batch_goes_through() -> None:
    forward = Forward(doubler())
    answer = forward(np.array([[1, 2, 3]], dtype=np.uint8))
    assert answer.dtype == np.float32
    assert answer.tolist() == [[2, 4, 6]]
    assert (forward.inputs[0].name, forward.outputs[0].name) == ("photo", "probabilities")


def test_outputs_are_given_by_name() -> None:
    model = onnx.load_from_string(doubler())
    model.graph.node.append(helper.make_node("Neg", ["probabilities"], ["less"]))
    model.graph.output.append(helper.make_tensor_value_info("less", TensorProto.FLOAT, ["photos", 3]))
    forward, batch = Forward(model.SerializeToString()), np.array([[1, 2, 3]])
    assert {name: found.tolist() for name, found in forward.named_outputs(batch).items()} == {
        "probabilities": [[2, 4, 6]],
        "less": [[-2, -4, -6]],
    }
    assert list(forward.named_outputs(batch, ["less", "none of them"])) == ["less"]
    assert forward(batch).tolist() == [[2, 4, 6]]


def test_metadata_is_read() -> None:
    assert Forward(doubler()).metadata == {"note": "twice"}


@pytest.mark.parametrize("n", [0, 1, BATCH, 2 * BATCH + 3])
def test_single_inputs_keep_their_order(n: int) -> None:
    inputs = (np.full(3, number, dtype=np.float32) for number in range(n))
    answers = list(in_batches(Forward(doubler()), inputs))
    assert [answer.tolist() for answer in answers] == [[2 * number] * 3 for number in range(n)]


def test_batches_are_as_large_as_asked_for() -> None:
    sizes: list[int] = []

    class Counting(Forward):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            sizes.append(len(batch))
            return super().__call__(batch)

    list(in_batches(Counting(doubler()), iter(np.ones((7, 3), dtype=np.float32)), batch=3))
    assert sizes == [3, 3, 1]


def test_all_outputs_come_in_the_order_of_the_file() -> None:
    model = onnx.load_from_string(doubler())
    model.graph.node.append(helper.make_node("Add", ["photo", "two"], ["more"]))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["photos", 3]))
    forward, batch = Forward(model.SerializeToString()), np.array([[1, 2, 3]], dtype=np.float32)
    doubled, more = forward.named_outputs(batch).values()
    assert (doubled.tolist(), more.tolist()) == ([[2, 4, 6]], [[3, 4, 5]])
    assert forward(batch).tolist() == [[2, 4, 6]]


@pytest.mark.parametrize("n", [0, 1, 4, 23])
def test_streams_keep_the_order(n: int) -> None:
    sizes: list[int] = []

    def run(batch: np.ndarray) -> np.ndarray:
        time.sleep(0.002 * (len(sizes) % 3))  # the later ones are done first
        sizes.append(len(batch))
        return 2 * batch

    inputs = (np.full(3, number, dtype=np.float32) for number in range(n))
    answers = list(in_batches(Streams(run, streams=3, batch=4), inputs, batch=99))
    assert [answer.tolist() for answer in answers] == [[2 * number] * 3 for number in range(n)]
    assert sorted(sizes, reverse=True) == [4] * (n // 4) + [n % 4] * bool(n % 4)


def test_streams_do_not_read_far_ahead() -> None:
    read: list[int] = []

    def inputs() -> Iterator[np.ndarray]:
        for number in range(1000):
            read.append(number)
            yield np.zeros(1)

    answers = Streams(lambda batch: batch, streams=2, batch=4).each(inputs())
    next(answers)
    assert len(read) <= 4 * 6
    answers.close()  # type: ignore[attr-defined]


def test_streams_work_at_once() -> None:
    both = threading.Barrier(2, timeout=20)

    def run(batch: np.ndarray) -> np.ndarray:
        both.wait()
        return batch

    streams = Streams(run, streams=2, batch=1)
    assert streams(np.arange(4.0)).tolist() == [0, 1, 2, 3]


def test_what_fails_in_a_stream_is_raised() -> None:
    def run(batch: np.ndarray) -> np.ndarray:
        raise ValueError(f"{len(batch)} photos")

    with pytest.raises(ValueError, match="2 photos"):
        list(Streams(run, streams=2, batch=2).each(np.zeros((5, 1))))


def test_a_network_is_opened_once_when_it_is_used() -> None:
    opened: list[int] = []

    def build() -> Streams:
        opened.append(1)
        return Streams(lambda batch: 2 * batch, streams=1, batch=2)

    later = Later(build)
    assert not opened
    assert later(np.ones((3, 1))).tolist() == [[2], [2], [2]]
    assert [float(one[0]) for one in in_batches(later, np.ones((5, 1)))] == [2] * 5
    assert len(opened) == 1


def test_what_is_done_is_given_before_more_is_read() -> None:
    read, done = [], threading.Event()

    def inputs() -> Iterator[int]:
        yield 0
        assert done.wait(20)
        time.sleep(0.05)
        for number in range(1, 9):
            read.append(number)
            yield number

    def work(some: list[int]) -> list[int]:
        done.set()
        return some

    results = side_by_side(work, inputs(), streams=4, batch=1)
    assert next(results) == 0
    assert len(read) <= 1
    assert list(results) == list(range(1, 9))


def test_what_has_not_begun_when_nobody_asks_any_more_is_left() -> None:
    begun: list[int] = []
    read, go = threading.Event(), threading.Event()

    def inputs() -> Iterator[int]:
        for number in range(100):
            if number == 2:
                read.set()
            yield number

    def work(some: list[int]) -> list[int]:
        begun.extend(some)
        assert (read if some == [0] else go).wait(20)
        return some

    results = side_by_side(work, inputs(), streams=1, batch=1)
    assert next(results) == 0
    threading.Timer(0.2, go.set).start()
    results.close()  # type: ignore[attr-defined]
    assert 2 not in begun


def test_streams_halve_a_batch_that_does_not_fit() -> None:
    HALVINGS.told()
    sizes = []

    def run(batch: np.ndarray) -> list[np.ndarray]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise MemoryError
        return list(batch * 2)

    streams = Streams(run, streams=1, batch=8)
    assert [int(found[0]) for found in streams.each(np.array([n]) for n in range(10))] == [2 * n for n in range(10)]
    assert max(sizes) == 8
    assert HALVINGS.told() == "A batch of 8 photos did not fit into memory; it was computed in batches of 2."
