"""The one engine for everything that only goes forward: ONNX Runtime."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np
import onnxruntime

from tellapart.machine import own_cores
from tellapart.out_of_memory import in_halves

BATCH: Final = 16  # on 2 cores MobileNetV2 is as fast at 8 to 32; less memory for large networks

Run = Callable[[np.ndarray], np.ndarray]
Given = TypeVar("Given")
Found = TypeVar("Found")


class Forward:
    """A network in ONNX form that gives one array a batch.

    Args:
        model: The bytes of an ONNX file; external data is refused.
        threads: That work together on one operator; 0 for one a core. The answers have the same bits (docs/LOG.md).
    """

    def __init__(self, model: bytes, *, threads: int = 0) -> None:
        self._session = runtime_session(model, threads=threads)
        self.inputs = self._session.get_inputs()
        self.outputs = self._session.get_outputs()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run one batch; float32 in, float32 out, photos along the first axis; the first output alone."""
        (found,) = self.named_outputs(batch, [self.outputs[0].name]).values()
        return found

    def named_outputs(self, batch: np.ndarray, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Run one batch and give outputs by their names.

        Args:
            batch: Photos along the first axis.
            names: Which outputs; those that the network does not have are left out. By default all of them.
                ONNX Runtime computes the others all the same (docs/LOG.md); a graph without them does not.

        Raises:
            MemoryShortError: Not even one photo at a time fits into memory.
        """
        wanted = None if names is None else set(names)
        asked = [output.name for output in self.outputs if wanted is None or output.name in wanted]
        name_of_input = self.inputs[0].name

        def run(some: np.ndarray) -> list[np.ndarray]:
            return list(self._session.run(asked, {name_of_input: some.astype(np.float32, copy=False)}))

        found = in_halves(run, batch, lambda first, second: list(map(_joined, first, second)))
        return {name: np.asarray(output) for name, output in zip(asked, found, strict=True)}

    @property
    def metadata(self) -> dict[str, str]:
        """The file's own metadata."""
        return dict(self._session.get_modelmeta().custom_metadata_map)


class Streams:
    """A network that several threads run at once, each on a batch of its own.

    Two threads with a photo each do not wait for each other at every layer, as two threads on one photo do: on two
    cores that is a third more photos a second, and twice as many where something else needs a core (docs/LOG.md).

    Args:
        run: Takes a batch and gives one result a photo; may be called by several threads at once.
        streams: How many threads.
        batch: How many photos a call.
    """

    def __init__(self, run: Callable[[np.ndarray], Iterable[Any]], *, streams: int, batch: int) -> None:
        self._run = run
        self.streams = streams
        self.batch = batch

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run a batch, cut into smaller ones, through a network of one output; photos along the first axis."""
        return np.stack(list(self.each(batch) if len(batch) > self.batch else self._fitting(batch)))

    def each(self, inputs: Iterable[np.ndarray]) -> Iterator[Any]:
        """Run single inputs, in their order; while a result is used the next batches are computed."""
        return side_by_side(lambda some: self._fitting(np.stack(some)), inputs, streams=self.streams, batch=self.batch)

    def _fitting(self, batch: np.ndarray) -> Iterable[Any]:
        return in_halves(self._run, batch, lambda first, second: [*first, *second])


def side_by_side(
    work: Callable[[list[Given]], Iterable[Found]], inputs: Iterable[Given], *, streams: int, batch: int
) -> Iterator[Found]:
    """Work on inputs in several threads, each on a batch of its own.

    Args:
        work: Takes a batch and gives one result an input; called by several threads at once.
        inputs: Any number of them; two batches a thread are read ahead.
        streams: How many threads.
        batch: How many inputs a call.

    Yields:
        The results, in the order of the inputs; what is done is given before a further batch is read.
    """
    waiting: deque[Future[Iterable[Found]]] = deque()
    with ThreadPoolExecutor(streams) as pool:
        try:
            for some in _batches(inputs, batch):
                waiting.append(pool.submit(work, some))
                while waiting and (len(waiting) > 2 * streams or waiting[0].done()):
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # who asked for results goes away: what has not begun is not begun
            for one in waiting:
                one.cancel()


class Later:
    """A network that is opened when it is first used: it takes seconds, and may never be needed."""

    def __init__(self, build: Callable[[], Run]) -> None:
        self.opened = cache(build)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run one batch."""
        return self.opened()(batch)


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second])


def runtime_session(model: bytes, *, optimised: bool = True, threads: int = 0) -> Any:
    """Open a session of ONNX Runtime on the processor; external data is refused.

    Args:
        model: The bytes of an ONNX file.
        optimised: False opens it faster and runs it slower.
        threads: That work together on one operator; 0 for one a core.
    """
    onnxruntime.disable_telemetry_events()  # on Windows the variable that tellapart/__init__.py sets is not heeded
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or own_cores()
    options.log_severity_level = 4  # what goes wrong is raised, and need not be printed as well
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Without this, external data is looked for in the working directory.
    nowhere = os.path.join(os.devnull, "none")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", nowhere)
    # Its fallback is the processor too: it would try the same again, and print that it does.
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def in_batches(forward: Run, inputs: Iterable[np.ndarray], batch: int = BATCH) -> Iterator[np.ndarray]:
    """Run single inputs through a network, some at a time; `Streams` take as many as they were made for.

    Yields:
        One result an input, without the batch axis.
    """
    if isinstance(forward, Later):
        forward = forward.opened()
    if isinstance(forward, Streams):
        yield from forward.each(inputs)
        return
    for some in _batches(inputs, batch):
        yield from forward(np.stack(some))


def _batches(inputs: Iterable[Given], batch: int) -> Iterator[list[Given]]:
    waiting = iter(inputs)
    while some := list(islice(waiting, batch)):
        yield some
