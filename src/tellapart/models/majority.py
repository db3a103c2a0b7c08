"""Always the commonest class: a network that gives the classes' shares, whatever the photo; written without Keras."""

import time

import numpy as np

from tellapart.models.onnx_primitives import dense, global_pool, softmax
from tellapart.models.onnx_writer import Graph
from tellapart.models.task import Fitted, Task, Written
from tellapart.models.training import History
from tellapart.photos.pixels import PixelSpec


def fit_majority(task: Task, size: int) -> Fitted:
    """The recipe `majority`.

    Args:
        task: Gives the photos.
        size: Of the network's photos, in pixels.
    """
    start = time.perf_counter()
    labels = task.labels(task.train)
    shares = np.bincount(labels, minlength=len(task.classes)) / len(labels)
    content = write_majority(shares, size)
    seconds = {"features": 0.0, "train": time.perf_counter() - start}
    train, valid = (np.tile(shares, (len(photos), 1)) for photos in (task.train, task.valid))

    def answer(pictures: np.ndarray) -> np.ndarray:
        return np.tile(shares, (len(pictures), 1)).astype(np.float32)

    network = Written(content, 4 * len(shares), answer)  # three numbers and a bias for each class
    return Fitted("majority", network, PixelSpec(size, scaling="none"), History(), train, valid, seconds, 0)


def write_majority(shares: np.ndarray, size: int) -> bytes:
    """A network from photos (n, size, size, 3) to `probabilities`, which are always the same.

    It takes the mean of each colour, times nothing: an ONNX network has to read its input.

    Args:
        shares: Of each class among the training photos, each over 0.
        size: Of its photos, in pixels.
    """
    graph = Graph((size, size, 3))
    means = global_pool(graph, graph.photo, "Average")
    nothing = np.zeros((3, len(shares)), np.float32)
    answers = softmax(graph, dense(graph, means, nothing, np.log(shares).astype(np.float32)))
    return graph.finished({"probabilities": answers})
